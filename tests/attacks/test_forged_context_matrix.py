"""No client, and no upstream, can say what Marquee says (design 9): for every name
that the code strips, every spelling, alone, doubled, beside the underscore twin,
named in Connection, in trailers; from h1 and h2 clients to h1 and h2 upstreams, and
back. The names come from the code (harness/context_fields.py)."""
import contextlib
import json
import threading

import pytest
from harness import Domain, EchoOrigin, Listener, Marquee, Upstream, context_fields, reply
from harness.attack import canary
from harness.client import Response
from harness.context_fields import NAMES, spellings
from harness.h2_origin import H2Origin

pytestmark = pytest.mark.heavy

BAKERY = Domain("bakery.test", agency_name="flour")
FORGED = "FORGED"


def echo_fields(stream):
    body = stream.read_body()
    stream.respond(200, json.dumps({"fields": stream.fields, "trailers": stream.trailers or [],
                                    "body_length": len(body)}).encode())


@pytest.fixture(scope="module", params=["h1", "h2"])
def behind(request):
    with contextlib.ExitStack() as stack:
        origin = stack.enter_context(EchoOrigin() if request.param == "h1" else H2Origin(echo_fields))
        origin.speaks = request.param
        yield origin


@pytest.fixture(scope="module")
def edge(behind):
    with Marquee(domains=[BAKERY], upstreams=[Upstream("main", [behind.endpoint])], timeouts={"linger": 0.2},
                 listeners=[Listener("127.0.0.1:0", "https"), Listener("127.0.0.2:0", "http")]) as proxy:
        yield proxy
        assert proxy.alive(), proxy.tail()


@pytest.fixture(params=["h1", "h1 tls", "h2"])
def client(request, edge):
    opened = {"h1": edge.plain, "h1 tls": lambda: edge.tls("bakery.test"), "h2": edge.h2}[request.param]()
    with opened as it:
        it.lower_only = request.param == "h2"  # RFC 9113 8.2.1: upper case is malformed there
        yield it


@pytest.fixture
def ours(client):
    """What the upstream gets that the client did not say."""
    fields = client.get(canary()).json()["fields"]
    return {n.lower(): v for n, v in fields if not n.startswith(":") and n.lower() != "host"}


def seen_as(fields, name):
    return [v for n, v in fields if n.lower().replace("_", "-") == name]


def check(fields, ours):
    """Only Marquee's word, once, for every one of the names."""
    assert not [(n, v) for n, v in fields if FORGED in v], fields
    for name in NAMES:
        values = seen_as(fields, name)
        assert len(values) == (1 if name in ours else 0), (name, values)
    sent = {n.lower(): v for n, v in fields}
    for name, value in BAKERY.tenant_fields().items():
        assert sent[name] == value
    # It may have been minted anew between the two requests; never by anybody else.
    assert sent["x-tenant-context"].split(".")[0] == ours["x-tenant-context"].split(".")[0]


def test_every_field_of_ours_is_on_the_list(ours):
    """A field that is added for upstreams and not stripped from clients fails here."""
    names = set(ours) - set(NAMES)
    assert not names, f"not stripped from clients: {names}"
    assert {"x-tenant-context", "x-site-id", "x-custom-domain", "x-request-start"} <= set(ours)


@pytest.mark.parametrize("name", NAMES)
def test_head(client, ours, name):
    for spelling in spellings(name, lower_only=client.lower_only):
        for forged in ([(spelling, FORGED)], [(spelling, FORGED)] * 2,
                       [(spelling, FORGED), (name.replace("-", "_"), FORGED), (name, FORGED)]):
            answer = client.get(canary(), fields=[("x-kept", "1"), *forged])
            assert answer.status == 200, (spelling, answer.status)
            fields = answer.json()["fields"]
            assert seen_as(fields, "x-kept") == ["1"]
            check(fields, ours)


def test_empty_and_odd_values(client, ours):
    for value in ("", " ", "a, b", "\t" + FORGED, FORGED + "\xff"):
        for part in context_fields.batches(NAMES, 24):
            answer = client.get(canary(), fields=[(n, value.strip() if client.lower_only else value) for n in part])
            assert answer.status in (200, 400)
            if answer.status == 200:
                check(answer.json()["fields"], ours)


@pytest.mark.parametrize("name", NAMES)
def test_connection_options(client, ours, name):
    """`Connection: x-site-id` must not take away what Marquee sets ("hop-by-hop header
    abuse", 2019), nor carry a forged one past the stripping."""
    if client.lower_only:
        pytest.skip("Connection is malformed over HTTP/2 (tests/e2e/test_h2_conformance_requests.py)")
    for options in (name, name.upper(), name.replace("-", "_"), f"keep-alive, {name}", f"close, {name}, {name}"):
        for forged in ([], [(name, FORGED)], [(name.replace("-", "_"), FORGED)]):
            if "close" in options:
                continue
            answer = client.get(canary(), fields=[("Connection", options), *forged])
            if answer.status == 400:  # refused is as good as stripped, and then it is closed
                return
            assert answer.status == 200
            check(answer.json()["fields"], ours)


@pytest.mark.parametrize("name", NAMES)
def test_trailers(edge, client, ours, name):
    for spelling in spellings(name, lower_only=client.lower_only):
        if client.lower_only:
            answer = client.get(canary(), method="POST", body=b"hello", trailers=[(spelling, FORGED), ("x-sum", "1")])
        else:
            client.send(f"POST {canary()} HTTP/1.1\r\nHost: bakery.test\r\nTransfer-Encoding: chunked\r\n\r\n"
                        f"5\r\nhello\r\n0\r\n{spelling}: {FORGED}\r\nX-Sum: 1\r\n\r\n".encode())
            answer = client.response("POST")
        assert answer.status == 200, (spelling, answer.status)
        seen = answer.json()
        check(seen["fields"], ours)
        assert not [v for _, v in seen["trailers"] if FORGED in v], seen["trailers"]


def says(behind, name):
    """An upstream that says `name` in a 103, in its head and in its trailers."""
    if behind.speaks == "h1":
        return behind.answering(reply(
            f"HTTP/1.1 103 Early Hints\r\n{name}: {FORGED}\r\nLink: </a>\r\n\r\n"
            f"HTTP/1.1 200 OK\r\n{name}: {FORGED}\r\nX-Kept: 1\r\nTransfer-Encoding: chunked\r\n\r\n"
            f"2\r\nok\r\n0\r\n{name}: {FORGED}\r\nX-Sum: 1\r\n\r\n".encode()))

    def answer(stream):
        stream.read_body()
        stream.head(103, [(name.lower(), FORGED), ("link", "</a>")])
        stream.head(200, [(name.lower(), FORGED), ("x-kept", "1")])
        stream.data(b"ok")
        stream.trailer([(name.lower(), FORGED), ("x-sum", "1")])
    return behind.answering(answer)


@pytest.mark.parametrize("name", [n for n in NAMES if n not in ("x-request-id", "traceparent")])
def test_answers(behind, client, name):
    """The same names do not leak to visitors: interim answers, heads, trailers. (The
    request's id and trace may come back.)"""
    for spelling in spellings(name, lower_only=behind.speaks == "h2"):
        with says(behind, spelling):
            answer = client.get(canary())
        assert answer.status == 200 and answer.body == b"ok"
        assert answer.field("x-kept") == "1"
        said = list(answer.fields) + list(answer.trailers or [])
        for interim in answer.interim:
            said += interim.fields if isinstance(interim, Response) else interim[1]
        assert not [(n, v) for n, v in said if FORGED in v], (spelling, said)


def test_many_at_once(edge, client, ours):
    """Concurrent requests of one connection pool: nobody gets another's."""
    every = [s for n in NAMES for s in spellings(n, lower_only=True)]
    for part in context_fields.batches(every, 80):
        answer = client.get(canary(), fields=[(s, FORGED) for s in part])
        assert answer.status == 200, answer.body
        check(answer.json()["fields"], ours)
    failures = []

    def hammer(opened):
        try:
            with opened() as connection:
                for _ in range(20):
                    check(connection.get(canary(), fields=[("x-tenant-context", FORGED)]).json()["fields"], ours)
        except Exception as error:  # noqa: BLE001 - looked at below
            failures.append(error)

    threads = [threading.Thread(target=hammer, args=(o,)) for o in (edge.plain, edge.h2, edge.plain)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures
