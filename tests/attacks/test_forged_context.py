"""Copies of the fields by which the edge speaks to upstreams (design 9): every
one a client sends is removed, in any case, doubled, with its underscore twin,
and also when named in Connection. CGI-like origins read `_` and `-` as one."""
import pytest
from harness.attack import canary

SET = ["x-tenant-agency-id", "x-tenant-client-id", "x-tenant-site-id", "x-site-id", "x-module-id",
       "x-site-module-installation-id", "x-custom-domain", "x-domain-id", "x-request-start",
       "x-tenant-context", "x-real-ip",
       "forwarded", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-port"]
ONLY_STRIPPED = ["x-tenant-user-id", "x-tenant-role", "x-tenant-anything", "x-white-label",
                 "x-forwarded-server", "x-forwarded-prefix", "x-forwarded-ssl", "x-forwarded-whatever"]
NAMES = SET + ONLY_STRIPPED


def spellings(name):
    twin = name.replace("-", "_")
    yield name, "plain"
    yield name.upper(), "upper"
    yield name.title(), "title"
    if twin != name:
        yield twin, "underscore"
        yield name.replace("-", "_", 1), "first_underscore"
        yield twin.title(), "underscore_title"


CASES = [pytest.param(name, spelling, id=f"{name}-{kind}") for name in NAMES for spelling, kind in spellings(name)]


def forged_values(fields):
    return [(n, v) for n, v in fields if "FORGED" in v.upper() or "6.6.6.6" in v]


@pytest.mark.parametrize("name,spelling", CASES)
def test_stripped(proxy, origin, name, spelling):
    value = "6.6.6.6" if "for" in name or "ip" in name else "FORGED"
    with proxy.plain() as client:
        answer = client.get(canary(), fields=[(spelling, value), ("X-Kept", "1"), (spelling, value)])
    assert answer.status == 200
    fields = answer.json()["fields"]
    assert not forged_values(fields), forged_values(fields)
    names = [n.lower() for n, _ in fields]
    assert "x-kept" in names
    same = [n for n in names if n.replace("_", "-") == name]
    assert len(same) == (1 if name in SET else 0), same


@pytest.mark.parametrize("name", SET)
def test_connection_option_cannot_remove_ours(proxy, origin, tenants, name):
    """`Connection: x-site-id` makes hop-by-hop stripping remove what the edge
    itself set, if it is done last ("hop-by-hop header abuse", 2019)."""
    with proxy.plain() as client:
        answer = client.get(canary(), fields=[("Connection", f"close, {name}"), (name, "FORGED")])
    fields = answer.json()["fields"]
    assert name in [n.lower() for n, _ in fields]
    assert not forged_values(fields)


def test_all_at_once_over_tls(proxy, origin, tenants):
    fields = [(s, "FORGED") for n in NAMES for s, kind in spellings(n) if kind in ("plain", "underscore")]
    with proxy.tls("bakery.test") as client:
        answer = client.get(canary(), fields=fields)
    assert answer.status == 200, "48 forged fields are below the limit of 100"
    seen = answer.json()["fields"]
    assert not forged_values(seen), forged_values(seen)
    sent = {n.lower(): v for n, v in seen}
    for name, value in tenants["bakery.test"].tenant_fields().items():
        assert sent[name] == value


@pytest.mark.parametrize("name", NAMES + ["x_tenant_site_id", "x_site_id", "X_Forwarded_For"])
def test_stripped_from_answers(proxy, origin, name):
    """An upstream's copies do not leak to visitors either."""
    from harness import reply
    with origin.answering(reply(f"HTTP/1.1 200 OK\r\n{name}: internal\r\nX-Kept: 1\r\nContent-Length: 2\r\n\r\nok".encode())):
        with proxy.plain() as client:
            answer = client.get(canary())
    assert answer.status == 200 and answer.body == b"ok" and answer.field("x-kept") == "1"
    assert "internal" not in [v for _, v in answer.fields], answer.fields
