"""A session ticket taken to another name (design 4; RFC 8446 4.6.1 leaves the
binding to the server): OpenSSL would resume the first tenant's session under
the second's SNI. The bond is TLS policy + agency + pair."""
import ssl

import pytest
from harness import pki

VERSIONS = {"tls1_2": ssl.TLSVersion.TLSv1_2, "tls1_3": ssl.TLSVersion.TLSv1_3}


def session_from(proxy, name, context):
    with proxy.tls(name, context=context) as client:
        assert client.get("/", name).status == 200  # a TLS 1.3 ticket comes after the handshake
        assert client.sock.session is not None and client.sock.session.has_ticket
        return client.sock.session


@pytest.fixture(params=VERSIONS, ids=VERSIONS)
def context(request, proxy):
    version = VERSIONS[request.param]
    return pki.client_context(proxy.ca_file, minimum=version, maximum=version)


def test_resumes_under_its_own_name(proxy, context):
    """The control, without which the attacks below prove nothing."""
    for _ in range(4):  # workers share the ticket keys
        session = session_from(proxy, "bakery.test", context)
        with proxy.tls("bakery.test", context=context, session=session) as client:
            assert client.sock.session_reused
            assert client.get("/", "bakery.test").status == 200


def test_resumes_under_its_pair(proxy, context):
    """www and bare are one domain with one certificate."""
    session = session_from(proxy, "bakery.test", context)
    with proxy.tls("www.bakery.test", context=context, session=session) as client:
        assert client.get("/", "www.bakery.test").status == 200


@pytest.mark.parametrize("other", ["clinic.test", "cakes.test", "one.wild.test"],
                         ids=["other_agency", "same_agency", "wildcard"])
def test_full_handshake_elsewhere(proxy, context, other):
    session = session_from(proxy, "bakery.test", context)
    with proxy.tls(other, context=context, session=session) as client:
        assert not client.sock.session_reused
        assert any(n in (other, "*.wild.test") for n in client.certificate_names)
        assert client.get("/", other).status == 200


def test_unknown_name_is_refused_with_a_ticket(proxy, context):
    """Resumption must not go round admission."""
    session = session_from(proxy, "bakery.test", context)
    with pytest.raises(ssl.SSLError, match="(?i)unrecognized.name"):
        proxy.tls("unknown.test", context=context, session=session)
