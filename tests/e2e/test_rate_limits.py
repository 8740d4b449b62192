"""Rate limits without Redis: the process's own counters, exact over its workers."""
import concurrent.futures
import re
import threading
import time

import pytest
from harness import Domain, EchoOrigin, Marquee, Upstream, eventually

ONE = Domain("one.test", agency_name="one")
TWO = Domain("two.test", agency_name="two")


def limits(*rules, **more):
    return {"rules": list(rules), **more}


@pytest.fixture(scope="module")
def origin():
    with EchoOrigin() as it:
        yield it


def serve(origin, *rules, **more):
    sections = {k: more.pop(k) for k in ("workers", "trusted_proxies", "host_classes") if k in more}
    return Marquee(domains=[ONE, TWO], upstreams=[Upstream("main", [origin.endpoint])],
                   rate_limits=limits(*rules, **more), **sections)


def statuses(proxy, count, host="one.test", target="/", **more):
    with proxy.plain() as client:
        return [client.get(target, host, **more).status for _ in range(count)]


def test_refusal_tells_everything(origin):
    rule = {"name": "per-agency", "key": ["agency"], "rate": "3/m"}
    with serve(origin, rule) as proxy, proxy.plain() as client:
        before = int(time.time())
        assert [client.get("/", "one.test").status for _ in range(3)] == [200] * 3
        answer = client.get("/", "one.test")
        assert answer.status == 429
        assert answer.field("ratelimit-policy") == '"per-agency";q=3;w=60'
        state = re.fullmatch(r'"per-agency";r=0;t=(\d+)', answer.field("ratelimit"))
        assert 58 <= int(state[1]) <= 60
        assert 18 <= int(answer.field("retry-after")) <= 20
        assert answer.field("x-ratelimit-limit") == "3"
        assert answer.field("x-ratelimit-remaining") == "0"
        assert before + 57 <= int(answer.field("x-ratelimit-reset")) <= before + 63
        assert answer.field("content-type") == "application/json"
        body = answer.json()
        assert body == {"error": "Rate limit exceeded", "code": "RATE_LIMITED",
                        "retryAfter": int(answer.field("retry-after")), "limit": "per-agency"}
        # The connection goes on, and the other tenant has a count of its own.
        assert client.get("/", "two.test").status == 200
        assert client.get("/", "one.test").status == 429
        assert proxy.metrics().sum("marquee_limits_decisions_total", rule="per-agency", result="allowed") == 4
        assert proxy.metrics().sum("marquee_limits_decisions_total", rule="per-agency", result="refused") == 2
        # Its record is written when the request is over, perhaps after its answer was read.
        eventually(lambda: proxy.metrics().sum("marquee_refusals_total", cause="rate_limited") == 2, 5, "both records")
        refused = proxy.access.wait(lambda r: r["status"] == 429)[-1]
        assert (refused["refusal"], refused["limit"]) == ("rate_limited", "per-agency")
        assert proxy.metrics().sum("marquee_limits_top_refused", rule="per-agency", tenant=ONE.agency) == 2


def test_visitors_get_a_page(origin):
    with serve(origin, {"name": "all", "rate": "1/h"}) as proxy, proxy.plain() as client:
        client.get("/", "one.test")
        answer = client.get("/", "one.test", fields=[("Accept", "text/html")])
        assert answer.status == 429
        assert answer.field("content-type").startswith("text/html")
        assert answer.field("retry-after")
        assert answer.field("ratelimit").startswith('"all";r=0')


def test_fields_of_allowed_answers(origin):
    loud = {"name": "loud", "rate": "10/s", "burst": 5, "fields": True}
    quiet = {"name": "quiet", "rate": "100/s"}
    with serve(origin, loud, quiet) as proxy, proxy.plain() as client:
        answer = client.get("/", "one.test")
        assert answer.status == 200
        assert answer.field("ratelimit-policy") == '"loud";q=5;w=1'
        assert answer.field("ratelimit") == '"loud";r=4;t=1'
        assert answer.field("x-ratelimit-remaining") == "4"
        assert answer.field("retry-after") is None


def test_shadow_refuses_nobody(origin):
    rule = {"name": "tried", "rate": "2/h", "shadow": True, "fields": True}
    with serve(origin, rule) as proxy:
        assert statuses(proxy, 5) == [200] * 5
        assert proxy.metrics().sum("marquee_limits_decisions_total", rule="tried", result="allowed") == 2
        assert proxy.metrics().sum("marquee_limits_decisions_total", rule="tried", result="shadow_refused") == 3


def test_exempt_networks(origin):
    with serve(origin, {"name": "all", "rate": "1/h", "exempt": ["127.0.0.0/8"]}) as proxy:
        assert statuses(proxy, 3) == [200] * 3
    with serve(origin, {"name": "all", "rate": "1/h"}, exempt=["127.0.0.1"]) as proxy:
        assert statuses(proxy, 3) == [200] * 3
    with serve(origin, {"name": "all", "rate": "1/h"}, exempt=["10.0.0.0/8"]) as proxy:
        assert statuses(proxy, 3) == [200, 429, 429]


def test_match(origin):
    rule = {"name": "writes", "rate": "1/h", "match": {"path": "/api/", "method": "POST", "host_class": "custom"}}
    with serve(origin, rule) as proxy:
        assert statuses(proxy, 3, target="/api/x") == [200] * 3
        assert statuses(proxy, 3, target="/x", method="POST", body=b"x") == [200] * 3
        assert statuses(proxy, 2, target="/api/x", method="POST", body=b"x") == [200, 429]


def test_exact_over_workers_and_connections(origin):
    with serve(origin, {"name": "all", "rate": "1/h", "burst": 100}, workers=2) as proxy:
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            results = [s for r in pool.map(lambda _: statuses(proxy, 25), range(8)) for s in r]
        assert results.count(200) == 100
        assert results.count(429) == 100


def test_counters_outlive_a_reload(origin):
    with serve(origin, {"name": "all", "rate": "3/h"}) as proxy:
        assert statuses(proxy, 2) == [200, 200]
        proxy.sections["rate_limits"]["rules"].append({"name": "new", "rate": "1/h", "key": ["domain"]})
        proxy.reload()
        assert statuses(proxy, 2, host="two.test") == [200, 429]
        proxy.sections["rate_limits"]["rules"].clear()
        proxy.reload()
        assert statuses(proxy, 3) == [200] * 3
        proxy.wait_one_snapshot()


def test_requests_in_flight(origin):
    go = threading.Event()

    def slow(connection):
        connection.read_body()
        go.wait(20)
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    rule = {"name": "slots", "key": ["domain"], "concurrent": 2}
    with serve(origin, rule) as proxy, origin.answering(slow):
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            mark = origin.mark()
            held = [pool.submit(statuses, proxy, 1) for _ in range(2)]
            origin.wait_requests(2, mark)
            with proxy.plain() as client:
                answer = client.get("/", "one.test")
                assert answer.status == 429
                assert answer.field("ratelimit-policy") == '"slots";q=2;qu="concurrent-requests"'
                assert answer.json()["limit"] == "slots"
                assert answer.field("retry-after") == "1"
            other = pool.submit(statuses, proxy, 1, "two.test")
            go.set()
            assert [f.result() for f in (*held, other)] == [[200]] * 3
        assert statuses(proxy, 3) == [200] * 3
        # A client that leaves gives its place back, too.
        go.clear()
        mark = origin.mark()
        clients = [proxy.plain() for _ in range(2)]
        for client in clients:
            client.send(b"GET / HTTP/1.1\r\nHost: one.test\r\n\r\n")
        origin.wait_requests(2, mark)
        assert statuses(proxy, 1) == [429]
        for client in clients:
            client.reset()
        go.set()
        eventually(lambda: statuses(proxy, 1) == [200], 5, "their places given back")
        eventually(lambda: proxy.metrics().sum("marquee_refusals_total", cause="too_many_in_flight") >= 2, 5, "records")


def test_check_says_what_is_wrong(origin, tmp_path):
    proxy = serve(origin, {"name": "all", "rate": "often"})
    with pytest.raises(AssertionError, match=r"rate_limits.rules\[0\].rate is \"often\".*write for example 100/s"):
        proxy.start()
    proxy.forget()
