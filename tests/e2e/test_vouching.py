"""Where the directory's status is not believed, an operator may give his word for a
domain: explicit, written as a proof with the domain, logged, and taken back."""
import json
import sqlite3
import subprocess

import pytest
from harness import EchoOrigin, Listener, Marquee, Upstream, eventually
from harness.marquee import BINARY
from harness.openapi import Description
from harness.postgres import Postgres, binaries
from harness.settings import Domain

POSTGRES = pytest.param("postgres", marks=pytest.mark.skipif(binaries() is None, reason="no PostgreSQL"))
WAYS = {"modules": {"upstream": "main", "path": "{path}"}, "sites": {"upstream": "main"},
        "trust_directory_status": False}


class Node:
    """A running node, and SQL beside it."""

    def __init__(self, proxy, sql, proofs):
        self.proxy, self.sql, self.proofs = proxy, sql, proofs
        self.description = Description(proxy.admin.call("/v1/openapi.json").body)

    def call(self, method, target, body=None, if_match=None):
        fields = [("If-Match", if_match)] if if_match else []
        answer = self.proxy.admin.call(target, method, json.dumps(body).encode() if body is not None else None,
                                       fields=fields)
        self.description.check_answer(method, target, answer)
        return answer

    def command(self, *arguments, code=0):
        done = subprocess.run([BINARY, "domains", *arguments, "--socket", self.proxy.admin.path], capture_output=True,
                              text=True, timeout=60, check=False)
        assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
        return done

    def status(self, host):
        with self.proxy.plain() as client:
            return client.get("/", host).status

    def methods(self, host):
        """Of the proofs that hold."""
        return self.sql(f"SELECT method FROM {self.proofs} WHERE domain = '{host}' AND revoked_at IS NULL"
                        " ORDER BY method")


@pytest.fixture(scope="module", params=["sqlite", POSTGRES])
def node(request):
    def settings(**directory):
        return {"upstreams": [Upstream("main", [origin.endpoint])], "listeners": [Listener("127.0.0.1:0", "http")],
                "domains": [Domain("settled.test", redirect_to_https=False)], "directory": {**directory, **WAYS}}

    with EchoOrigin() as origin:
        if request.param == "sqlite":
            with Marquee(**settings(kind="sqlite")) as proxy:
                def lite(statement):
                    database = sqlite3.connect(proxy.folder / "state/directory.sqlite", timeout=10,
                                               isolation_level=None)
                    try:
                        return [row[0] for row in database.execute(statement).fetchall()]
                    finally:
                        database.close()

                eventually(lambda: proxy.admin.metrics().sum("marquee_directory_feed_live") == 1, 15, "a live feed")
                yield Node(proxy, lite, "marquee_proofs")
            return
        with Postgres() as server:
            url = server.create("vouched")
            subprocess.run([BINARY, "db", "migrate", "--url", url], check=True, capture_output=True, timeout=60)
            with Marquee(**settings(kind="postgres", url=url)) as proxy:
                eventually(lambda: proxy.admin.metrics().sum("marquee_directory_feed_live") == 1, 15, "a live feed")
                yield Node(proxy, lambda text: server.sql(text, "vouched").split(), "marquee.proofs")


PLAIN = {"redirect_to_https": False}


def test_it_is_never_implied(node):
    made = node.call("POST", "/v1/domains", {"host": "silent.test", "config": PLAIN})
    assert made.status == 201 and made.json()["state"] == "not_live" and made.json()["proven"] is False
    assert node.status("silent.test") == 404 and node.methods("silent.test") == []
    done = node.command("add", "quiet.test")
    assert "(not_live," in done.stdout and "marquee domains vouch quiet.test" in done.stderr
    node.call("PATCH", "/v1/domains/" + made.json()["id"], {"status": "disabled"}, "*")
    node.call("PATCH", "/v1/domains/" + made.json()["id"], {"status": "active"}, "*")
    assert node.methods("silent.test") == []


def test_with_the_domain_and_taken_back(node):
    done = node.command("add", "word.test", "--vouched", "--domain-config", json.dumps(PLAIN))
    assert "added: word.test (serving," in done.stdout and not done.stderr
    assert node.status("word.test") == 200 and node.methods("word.test") == ["operator"]
    assert "vouched for no longer: word.test" in node.command("unvouch", "word.test").stdout
    assert node.status("word.test") == 404 and node.methods("word.test") == []
    # Given again it is the same proof, in force again.
    assert "vouched for: word.test" in node.command("vouch", "word.test").stdout
    assert node.status("word.test") == 200 and node.methods("word.test") == ["operator"]
    told = [line for line in node.proxy.stderr().splitlines() if "word.test" in line and "vouches" in line]
    assert len(told) == 3 and "no longer" in told[1] and all("unix socket" in line for line in told), told


def test_what_else_proves_it_stays(node):
    made = node.call("POST", "/v1/domains", {"host": "both.test", "config": PLAIN}).json()
    node.sql(f"INSERT INTO {node.proofs} (record_kind, record_id, domain, owner, method) VALUES ('module_domain', "
             f"'{made['id']}', 'both.test', '{made['installation']}', 'dns')")
    eventually(lambda: node.status("both.test") == 200, 5, "the proof")
    node.command("vouch", "both.test")
    node.command("unvouch", "both.test")
    assert node.methods("both.test") == ["dns"] and node.status("both.test") == 200


def test_it_is_for_one_tenant(node):
    """A domain that moves is vouched for anew, or not served."""
    made = node.call("POST", "/v1/domains", {"host": "moves.test", "vouched": True, "config": PLAIN}).json()
    other = node.call("POST", "/v1/domains", {"host": "owner.test", "vouched": True}).json()
    path = "/v1/domains/" + made["id"]
    moved = node.call("PATCH", path, {"installation": other["installation"]}, "*").json()
    assert moved["proven"] is False and node.status("moves.test") == 404
    assert node.call("PATCH", path, {"installation": made["installation"], "vouched": None}, "*").json()["proven"] is False
    again = node.call("PATCH", path, {"installation": other["installation"], "vouched": True}, "*").json()
    assert again["proven"] is True and node.status("moves.test") == 200


def test_what_is_there_is_not_vouched_for_in_passing(node):
    made = node.call("POST", "/v1/domains", {"host": "there.test"}).json()
    refused = node.call("POST", "/v1/domains", {"host": "there.test", "vouched": True})
    assert refused.status == 409 and refused.json()["field"] == "vouched" and refused.json()["existing"] == made["id"]
    assert "marquee domains vouch there.test" in refused.json()["detail"]
    node.command("vouch", "there.test")
    assert node.call("POST", "/v1/domains", {"host": "there.test", "vouched": True}).status == 200


def test_in_a_batch_each_by_itself(node):
    answer = node.call("POST", "/v1/domains:batch", {"domains": [
        {"host": "one.batch.test", "vouched": True, "config": PLAIN}, {"host": "two.batch.test", "config": PLAIN},
        {"host": "three.batch.test", "vouched": "yes"}]}).json()
    assert [r["result"] for r in answer["results"]] == ["created", "created", "error"]
    assert answer["results"][2]["problem"]["field"] == "vouched"
    assert node.status("one.batch.test") == 200 and node.status("two.batch.test") == 404


def test_without_its_proof_nothing_is_written(node):
    """Domain and proof are one transaction."""
    before = node.call("POST", "/v1/domains", {"host": "before.test", "config": PLAIN}).json()
    if node.proofs == "marquee_proofs":
        node.sql("CREATE TRIGGER stop BEFORE INSERT ON marquee_proofs BEGIN SELECT RAISE(ABORT, 'no'); END")
    else:
        node.sql("ALTER TABLE marquee.proofs ADD CONSTRAINT stop CHECK (method <> 'operator') NOT VALID")
    try:
        assert node.call("POST", "/v1/domains", {"host": "half.test", "vouched": True}).status >= 400
        assert node.call("GET", "/v1/domains?host=half.test").json()["domains"] == []
        refused = node.call("PATCH", "/v1/domains/" + before["id"], {"vouched": True, "status": "disabled"}, "*")
        assert refused.status >= 400, refused.body
        assert node.call("GET", "/v1/domains/" + before["id"]).json()["status"] == "active"
    finally:
        node.sql("DROP TRIGGER stop" if node.proofs == "marquee_proofs" else
                 "ALTER TABLE marquee.proofs DROP CONSTRAINT stop")
