"""`marquee limits` and /v1/limits: what is in force, and single counters."""
import json
import subprocess

import pytest
from harness import Domain, EchoOrigin, Marquee, Upstream, eventually, redis, settings
from harness.marquee import BINARY
from harness.openapi import Description

ONE = Domain("one.test", agency_name="one")
RULES = [{"name": "agency", "key": ["agency"], "rate": "3/m", "burst": 3},
         {"name": "visitor", "key": ["domain", "client_ip"], "rate": "100/m", "shadow": True},
         {"name": "slots", "key": ["domain"], "concurrent": 2}]
KEY = f"agency:agency={ONE.agency}"
VISITOR = f"visitor:agency={ONE.agency},domain=one.test,client_ip=127.0.0.1"


@pytest.fixture(scope="module")
def origin():
    with EchoOrigin() as it:
        yield it


class Node:
    def __init__(self, proxy):
        self.proxy = proxy
        self.description = Description(proxy.admin.call("/v1/openapi.json").body)

    def api(self, method, target):
        answer = self.proxy.admin.call(target, method)
        self.description.check_answer(method, target, answer)
        return answer

    def command(self, *arguments):
        return subprocess.run([str(BINARY), "limits", *arguments, "--socket", self.proxy.admin.path],
                              capture_output=True, text=True, timeout=30)

    def json(self, *arguments):
        done = self.command(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def statuses(self, count):
        with self.proxy.plain() as client:
            return [client.get("/", "one.test").status for _ in range(count)]


def serve(origin, **more):
    return Marquee(domains=[ONE], upstreams=[Upstream("main", [origin.endpoint])], workers=2,
                   rate_limits={"rules": RULES, **more})


def test_the_list(origin):
    with serve(origin) as proxy:
        it = Node(proxy)
        assert it.statuses(5) == [200] * 3 + [429] * 2
        told = it.api("GET", "/v1/limits").json()
        assert told["mode"] == "local" and told["redis"] is None and told["nodes"] == 1
        agency, visitor, slots = told["rules"]
        assert (agency["rate"], agency["burst"], agency["key"]) == ("3/m", 3, ["agency"])
        assert (agency["allowed"], agency["refused"], agency["shadow"]) == (3, 2, False)
        assert visitor["shadow"] and slots["concurrent"] == 2 and slots["rate"] is None
        assert told["top_refused"] == [{"rule": "agency", "tenant": ONE.agency, "count": 2}]
        shown = it.command("show")
        assert shown.returncode == 0, shown.stderr
        assert "mode      local" in shown.stdout and ONE.agency in shown.stdout
        assert it.json("show") == told


def test_a_counter_is_shown_and_forgotten(origin):
    with serve(origin) as proxy:
        it = Node(proxy)
        assert it.json("show", KEY)["local"] == {"remaining": 3, "reset": 0}
        assert it.statuses(4) == [200] * 3 + [429]
        state = it.api("GET", f"/v1/limits/agency?agency={ONE.agency}").json()
        assert state["key"] == KEY and state["redis_answered"] is None and state["leases"] == []
        assert state["local"]["remaining"] == 0 and 55 < state["local"]["reset"] <= 60
        assert it.json("show", "visitor:domain=one.test,client_ip=127.0.0.1")["local"]["remaining"] == 97
        assert it.json("show", "slots:domain=one.test")["in_flight"] == 0
        done = it.command("reset", KEY)
        assert done.returncode == 0 and done.stdout.endswith("forgotten\n"), done.stderr
        assert it.statuses(4) == [200] * 3 + [429]
        assert it.api("DELETE", f"/v1/limits/agency?agency={ONE.agency}").status == 200
        assert it.statuses(1) == [200]


@pytest.mark.parametrize("target,status,words", [
    ("/v1/limits/nothing", 404, "no rule of that name"), ("/v1/limits/agency", 400, "agency is missing"),
    ("/v1/limits/agency?agency=x&agency=y", 400, "once"), ("/v1/limits/agency?site=x", 400, "does not count by site"),
    ("/v1/limits/visitor?domain=a&client_ip=b", 400, "client_ip is no address"), ("/v1/limits/agency?agency=%0a", 400, "Write"),
    ("/v1/limits/agency?agency=x&limit=3", 400, "rules by rows"), ("/v1/limits?rule=x", 400, "takes no query")])
def test_what_is_wrong_is_said(origin, shared, target, status, words):
    answer = shared.api("GET", target)
    assert answer.status == status, answer.body
    assert words in answer.json()["detail"]


@pytest.fixture(scope="module")
def shared(origin):
    with serve(origin) as proxy:
        yield Node(proxy)


def test_wrong_use(shared):
    assert shared.api("DELETE", "/v1/limits/slots?domain=one.test").status == 409
    assert shared.command("show", "agency:").returncode == 2
    assert shared.command("show", "agency:agency").returncode == 2
    assert shared.command("reset").returncode == 2
    failed = shared.command("show", "nothing")
    assert failed.returncode == 1 and "GET /v1/limits" in failed.stderr
    assert "client_ip=ADDRESS" in shared.command("show", "--help").stdout


@pytest.mark.skipif(not redis.available(), reason="redis-server is not installed")
@pytest.mark.parametrize("mode", ["exact", "leased"])
def test_in_redis(origin, mode):
    patient = {"timeout": settings.seconds(0.3)}
    with redis.Redis() as store, serve(origin, redis={"address": store.address, **patient}, mode=mode) as proxy:
        it = Node(proxy)
        eventually(lambda: it.api("GET", "/v1/limits").json()["redis"]["asking"] == 2, 10, "both workers")
        told = it.api("GET", "/v1/limits").json()
        assert told["mode"] == mode
        assert told["redis"]["masters"] is None and told["redis"]["masters_asked"] is None
        assert told["redis"]["breaker"] == "closed" and told["redis"]["address"] == store.address
        results = it.statuses(10)
        assert results.count(429) > 0

        def asked():
            return it.json("show", KEY)

        def debt():  # asked for on and on: what was counted here while Redis was late is no debt there
            it.statuses(1)
            state = asked()
            return state["redis"] and state["redis"]["remaining"] == 0 and state
        state = eventually(debt, 5, "the debt in Redis")
        assert state["redis_answered"] is True and state["redis"]["reset"] > 30
        before = asked()["redis"]["reset"]
        # To look costs nothing and forgives nothing.
        assert 0 <= before - asked()["redis"]["reset"] < 5
        assert it.command("show", "visitor:domain=one.test,client_ip=127.0.0.1").returncode == 1  # no agency
        assert it.json("show", VISITOR)["key"] == "visitor:domain=one.test,client_ip=127.0.0.1/32"
        done = it.command("reset", KEY)
        assert done.returncode == 0, done.stderr
        assert eventually(lambda: asked()["redis"]["remaining"] == 3, 5, "an empty counter")
        assert it.statuses(1) == [200]
        store.kill()
        eventually(lambda: it.api("GET", "/v1/limits").json()["redis"]["breaker"] == "open", 5, "it is gone")
        assert it.json("show", KEY)["redis_answered"] is False
        done = it.command("reset", KEY)
        assert done.returncode == 1 and "in this process only" in done.stderr
