"""What the end-to-end and attack tests are written in: a Marquee process with
real sockets, origins whose bytes are scripted, and a client that believes
nothing it reads."""
from .client import RawClient, Response, request
from .deadline import Deadline, eventually
from .marquee import FULL, Marquee
from .origin import (EchoOrigin, OriginConnection, ScriptedOrigin, chunk, echo, reply)
from .settings import Domain, Listener, Upstream
from .wire import ConnectionEnded, Truncated, WireError

__all__ = [
    "ConnectionEnded", "Deadline", "Domain", "EchoOrigin", "FULL", "Listener", "Marquee",
    "OriginConnection", "RawClient", "Response", "ScriptedOrigin", "Truncated", "Upstream",
    "WireError", "chunk", "echo", "eventually", "reply", "request",
]
