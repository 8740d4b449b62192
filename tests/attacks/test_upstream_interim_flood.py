"""1xx answers without end (default bound: 100 an answer): 502 before the
visitor's parser or our memory pays for it."""
from harness.attack import canary


def interim(count):
    return b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n" * count


def test_more_than_the_bound(proxy, origin):
    from harness import ConnectionEnded, reply
    with origin.answering(reply(interim(150) + b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison")):
        with proxy.plain() as client:
            try:
                answer = client.get(canary())
                assert answer.status == 502 and len(answer.interim) <= 100
            except ConnectionEnded:
                pass  # cut in the middle: as good, since nothing false was completed
    with proxy.plain() as client:
        target = canary()
        assert client.get(target).json()["target"] == target


def test_up_to_the_bound_passes(proxy, origin):
    from harness import reply
    with origin.answering(reply(interim(100) + b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")):
        with proxy.plain() as client:
            answer = client.get(canary())
    assert answer.status == 200 and len(answer.interim) == 100


def test_interim_heads_are_judged_too(proxy, origin):
    from harness.attack import bad_gateway
    bad_gateway(proxy, origin, b"HTTP/1.1 103 Early Hints\r\nX : poison\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
