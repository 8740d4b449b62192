"""A server that decides about requests for a proxy, as Authelia or oauth2-proxy
do: sessions by a cookie, a login page elsewhere, fields that say who it is."""
import threading
from http.cookies import SimpleCookie

from .origin import ScriptedOrigin, reply

LOGIN = "https://login.test/"


def answer(status, fields=(), body=b""):
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}"] + [f"{n}: {v}" for n, v in fields]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class AuthServer(ScriptedOrigin):
    """sessions: value of the cookie `sid` -> (user, groups). A test may put another
    handler in for a time (`answering`)."""

    def __init__(self, **more):
        self.sessions = {"s-alice": ("alice", "admins,staff"), "s-bob": ("bob", "")}
        self.extra = []  # fields of answers that let pass
        super().__init__(self._decide, **more)

    def _decide(self, connection):
        request = connection.request
        connection.read_body()
        sid = SimpleCookie(request.field("cookie") or "").get("sid")
        known = self.sessions.get(sid.value if sid else "")
        if known is None:
            back = f"{request.field('x-forwarded-proto')}://{request.field('x-forwarded-host')}{request.field('x-forwarded-uri')}"
            connection.send(answer(302, [("Location", f"{LOGIN}?rd={back}"), ("Set-Cookie", "state=1; Path=/"),
                                         ("X-Internal", "secret"), ("Content-Type", "text/html")], b"<a>log in</a>"))
        elif request.field("x-forwarded-uri").startswith("/admin/secret") and known[0] != "alice":
            connection.send(answer(403, [("Content-Type", "text/plain"), ("X-Internal", "secret")], b"not for you"))
        else:
            user, groups = known
            connection.send(answer(200, [("Remote-User", user), ("Remote-Groups", groups), ("X-Internal", "secret"),
                                         *self.extra]))


class Gate:
    """A handler that answers when it is told to."""

    def __init__(self, raw=None):
        self.raw = raw or answer(200, [("Remote-User", "late")])
        self.go = threading.Event()

    def __call__(self, connection):
        connection.read_body()
        assert self.go.wait(20)
        connection.send(self.raw)


__all__ = ["AuthServer", "Gate", "LOGIN", "answer", "reply"]
