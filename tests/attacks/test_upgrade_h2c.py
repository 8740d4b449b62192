"""Upgrade: h2c (obsolete by RFC 9113 3.1; "h2c smuggling", 2020): ignored, not
passed on, no tunnel, and the connection goes on as HTTP/1.1."""
import pytest
from harness.attack import canary

CASES = {
    "plain": [("Connection", "Upgrade, HTTP2-Settings"), ("Upgrade", "h2c"), ("HTTP2-Settings", "AAMAAABkAARAAAAAAAIAAAAA")],
    "no_settings": [("Connection", "Upgrade"), ("Upgrade", "h2c")],
    "unnamed_settings": [("Connection", "Upgrade"), ("Upgrade", "h2c"), ("HTTP2-Settings", "AAMAAABk")],
    "case": [("connection", "upgrade"), ("upgrade", "H2C")],
    "list": [("Connection", "Upgrade"), ("Upgrade", "h2c, websocket")],
    "list_after": [("Connection", "Upgrade"), ("Upgrade", "websocket, h2c")],
    "h2": [("Connection", "Upgrade"), ("Upgrade", "h2")],
    "http_2_0": [("Connection", "Upgrade"), ("Upgrade", "HTTP/2.0")],
    "without_connection": [("Upgrade", "h2c")],
}


@pytest.mark.parametrize("fields", CASES.values(), ids=CASES.keys())
def test_not_passed_on(proxy, origin, fields):
    target = canary()
    with proxy.plain() as client:
        answer = client.get(target, fields=fields)
        if answer.status == 400:
            client.assert_closed()
            return
        assert answer.status == 200
        for name, value in answer.json()["fields"]:
            assert name.lower() != "http2-settings"
            assert not (name.lower() == "upgrade" and "h2" in value.lower()), (name, value)
            assert not (name.lower() == "upgrade" and "HTTP/2" in value), (name, value)
        client.assert_open()
