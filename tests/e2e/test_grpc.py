"""gRPC through the proxy: a real server and a real client (python3-grpcio), both
over HTTP/2; methods by name, messages are bytes."""
import concurrent.futures
import contextlib
import queue
import socket
import threading
import time

import pytest
from harness import Domain, Marquee, Upstream

grpc = pytest.importorskip("grpc")

RAW = {"request_deserializer": None, "response_serializer": None}
cancelled = threading.Event()


def _unary(request, context):
    context.set_trailing_metadata((("x-sum", str(len(request))),))
    return request


def _server_stream(request, context):
    for i in range(int(request)):
        yield b"%d" % i


def _client_stream(requests, context):
    return b",".join(requests)


def _bidi(requests, context):
    for request in requests:
        yield b"re:" + request


def _fail(request, context):
    context.abort(grpc.StatusCode.FAILED_PRECONDITION, "not like this")


def _fail_midway(request, context):
    yield b"one"
    context.abort(grpc.StatusCode.DATA_LOSS, "gone")


def _wait(request, context):
    cancelled.clear()
    context.add_callback(cancelled.set)
    cancelled.wait(20)
    return b""


def _metadata(request, context):
    got = dict(context.invocation_metadata())
    return repr(sorted(got.items())).encode()


def _handlers():
    return grpc.method_handlers_generic_handler("test.Echo", {
        "Unary": grpc.unary_unary_rpc_method_handler(_unary, **RAW),
        "Metadata": grpc.unary_unary_rpc_method_handler(_metadata, **RAW),
        "Fail": grpc.unary_unary_rpc_method_handler(_fail, **RAW),
        "Wait": grpc.unary_unary_rpc_method_handler(_wait, **RAW),
        "ServerStream": grpc.unary_stream_rpc_method_handler(_server_stream, **RAW),
        "FailMidway": grpc.unary_stream_rpc_method_handler(_fail_midway, **RAW),
        "ClientStream": grpc.stream_unary_rpc_method_handler(_client_stream, **RAW),
        "Bidi": grpc.stream_stream_rpc_method_handler(_bidi, **RAW),
    })


@contextlib.contextmanager
def server():
    big = [("grpc.max_receive_message_length", 64 << 20), ("grpc.max_send_message_length", 64 << 20)]
    instance = grpc.server(concurrent.futures.ThreadPoolExecutor(64), options=big)
    instance.add_generic_rpc_handlers((_handlers(),))
    port = instance.add_insecure_port("127.0.0.1:0")
    instance.start()
    try:
        yield port
    finally:
        instance.stop(None)


@pytest.fixture(scope="module")
def proxy():
    with server() as port, Marquee(workers=1, domains=[Domain("bakery.test", agency_name="flour")], upstreams=[
            Upstream("main", [f"h2c://127.0.0.1:{port}"], first_byte=10, read_idle=10)]) as marquee:
        yield marquee
        assert marquee.alive(), marquee.tail()


@pytest.fixture
def channel(proxy):
    with open(proxy.ca_file, "rb") as file:
        credentials = grpc.ssl_channel_credentials(file.read())
    host, port = proxy.address(protocol="https")
    big = [("grpc.max_receive_message_length", 64 << 20), ("grpc.max_send_message_length", 64 << 20),
           ("grpc.ssl_target_name_override", "bakery.test"), ("grpc.default_authority", "bakery.test")]
    with grpc.secure_channel(f"{host}:{port}", credentials, options=big) as made:
        yield made


@pytest.mark.parametrize("size", [0, 1, 1000, 100_000, 8 << 20])
def test_unary(channel, size):
    answer, call = channel.unary_unary("/test.Echo/Unary").with_call(b"x" * size, timeout=20)
    assert answer == b"x" * size
    assert call.code() == grpc.StatusCode.OK
    assert dict(call.trailing_metadata())["x-sum"] == str(size)


def test_server_streaming(channel):
    got = list(channel.unary_stream("/test.Echo/ServerStream")(b"500", timeout=20))
    assert got == [b"%d" % i for i in range(500)]
    assert list(channel.unary_stream("/test.Echo/ServerStream")(b"0", timeout=20)) == []


def test_client_streaming(channel):
    parts = [b"p%d" % i for i in range(300)]
    assert channel.stream_unary("/test.Echo/ClientStream")(iter(parts), timeout=20) == b",".join(parts)
    assert channel.stream_unary("/test.Echo/ClientStream")(iter(()), timeout=20) == b""


def test_bidirectional_in_lockstep(channel):
    """Each message waits for the answer to the one before: nothing is held back."""
    ready = threading.Semaphore(1)

    def ask():
        for i in range(100):
            assert ready.acquire(timeout=10)
            yield b"m%d" % i
    for i, answer in enumerate(channel.stream_stream("/test.Echo/Bidi")(ask(), timeout=30)):
        assert answer == b"re:m%d" % i
        ready.release()
    assert i == 99


def test_metadata_passes_and_tenant_fields_are_ours(channel, proxy):
    told = channel.unary_unary("/test.Echo/Metadata")(
        b"", timeout=10, metadata=(("x-mine", "1"), ("x-raw-bin", b"\x00\xff"), ("x-tenant-agency-id", "forged"))).decode()
    assert "('x-mine', '1')" in told and "forged" not in told
    assert repr(b"\x00\xff") in told
    assert proxy.domains[0].agency in told


def test_errors_pass(channel):
    with pytest.raises(grpc.RpcError) as failed:
        channel.unary_unary("/test.Echo/Fail")(b"", timeout=10)
    assert failed.value.code() == grpc.StatusCode.FAILED_PRECONDITION
    assert failed.value.details() == "not like this"
    with pytest.raises(grpc.RpcError) as failed:
        channel.unary_unary("/test.Echo/Nothing")(b"", timeout=10)
    assert failed.value.code() == grpc.StatusCode.UNIMPLEMENTED
    got = []
    with pytest.raises(grpc.RpcError) as failed:
        got.extend(channel.unary_stream("/test.Echo/FailMidway")(b"", timeout=10))
    assert failed.value.code() == grpc.StatusCode.DATA_LOSS and failed.value.details() == "gone"


def test_a_deadline_reaches_the_server(channel):
    with pytest.raises(grpc.RpcError) as failed:
        channel.unary_unary("/test.Echo/Wait")(b"", timeout=0.5)
    assert failed.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    assert cancelled.wait(5)


def test_a_cancel_reaches_the_server(channel):
    cancelled.clear()
    call = channel.unary_unary("/test.Echo/Wait").future(b"", timeout=15)
    time.sleep(0.3)  # on its way
    call.cancel()
    assert cancelled.wait(5)


def test_many_calls_at_once(channel):
    calls = [channel.unary_unary("/test.Echo/Unary").future(b"%d" % i * 100, timeout=30) for i in range(200)]
    assert [c.result() for c in calls] == [b"%d" % i * 100 for i in range(200)]


def test_a_slow_reader_gets_all_of_a_long_stream(channel):
    got = 0
    for answer in channel.unary_stream("/test.Echo/ServerStream")(b"20000", timeout=60):
        assert answer == b"%d" % got
        got += 1
        if got % 5000 == 0:
            time.sleep(0.2)
    assert got == 20000


def test_a_server_that_is_gone_is_unavailable():
    """The error is an HTTP status, which gRPC maps (503, 502: UNAVAILABLE)."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
        with Marquee(workers=1, upstreams=[Upstream("main", [f"h2c://127.0.0.1:{port}"])]) as proxy:
            with open(proxy.ca_file, "rb") as file:
                credentials = grpc.ssl_channel_credentials(file.read())
            host, own = proxy.address(protocol="https")
            options = [("grpc.ssl_target_name_override", "bakery.test"), ("grpc.default_authority", "bakery.test")]
            with grpc.secure_channel(f"{host}:{own}", credentials, options=options) as channel:
                with pytest.raises(grpc.RpcError) as failed:
                    channel.unary_unary("/test.Echo/Unary")(b"a", timeout=10)
                assert failed.value.code() == grpc.StatusCode.UNAVAILABLE


class Conversation:
    """A bidirectional stream, message by message."""

    def __init__(self, channel):
        self._messages = queue.Queue()
        self.answers = channel.stream_stream("/test.Echo/Bidi")(iter(self._messages.get, None), timeout=30)

    def ask(self, message):
        self._messages.put(message)
        assert next(self.answers) == b"re:" + message

    def end(self):
        self._messages.put(None)


def test_a_stream_may_rest_and_has_its_own_idle_limit():
    """With the answer begun the floor of request bodies (0.4 s here) is no limit;
    silence both ways for read_idle is."""
    floor, idle = 0.4, 2.0
    with server() as port, Marquee(
            workers=1, timeouts={"body": floor, "body_floor": 500},
            upstreams=[Upstream("main", [f"h2c://127.0.0.1:{port}"], read_idle=idle)]) as marquee:
        with open(marquee.ca_file, "rb") as file:
            credentials = grpc.ssl_channel_credentials(file.read())
        host, own = marquee.address(protocol="https")
        options = [("grpc.ssl_target_name_override", "bakery.test"), ("grpc.default_authority", "bakery.test")]
        with grpc.secure_channel(f"{host}:{own}", credentials, options=options) as made:
            good = Conversation(made)
            for i in range(4):  # each message begins the time anew: longer than read_idle in all
                good.ask(b"m%d" % i)
                time.sleep(3 * floor)  # the client's own pace
            good.end()
            assert list(good.answers) == [] and good.answers.code() == grpc.StatusCode.OK

            before = marquee.metrics()
            stalled = Conversation(made)
            stalled.ask(b"hello")
            begun = time.monotonic()
            with pytest.raises(grpc.RpcError) as failed:
                next(stalled.answers)
            took = time.monotonic() - begun
            stalled.end()
            assert failed.value.code() == grpc.StatusCode.CANCELLED
            assert idle * 0.8 < took < idle + 5, f"ended after {took:.2f} s"
            grown = marquee.metrics().changed(before)
            assert grown[("marquee_client_losses_total", (("how", "idle"),))] == 1, grown
            assert Conversation(made).ask(b"and on") is None  # the connection is unharmed
