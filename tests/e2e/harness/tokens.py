"""JSON Web Tokens of the tests, signed by the standard library and the openssl
command; and a server that publishes their keys."""
import base64
import hashlib
import hmac
import json
import socket
import ssl
import subprocess
import threading
import time

from .pki import Authority


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _parts(header, claims):
    return ".".join(b64(json.dumps(p).encode() if not isinstance(p, (bytes, str)) else
                        p.encode() if isinstance(p, str) else p) for p in (header, claims))


def claims(**more):
    """A platform access token's (contract 2.7), good for an hour."""
    now = int(time.time())
    return {"sub": "user-1", "type": "access", "iat": now, "exp": now + 3600, **more}


def hs256(secret, payload, header=None):
    signed = _parts(header or {"alg": "HS256", "typ": "JWT"}, payload)
    mac = hmac.new(secret.encode() if isinstance(secret, str) else secret, signed.encode(),
                   hashlib.sha256)
    return f"{signed}.{b64(mac.digest())}"


class SigningKey:
    """An ES256 key in a folder."""

    def __init__(self, folder, kid):
        self.kid = kid
        self.file = folder / f"{kid}.key"
        self._openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256",
                      "-out", str(self.file))
        self.pem = self._openssl("pkey", "-in", str(self.file), "-pubout")
        der = self._openssl("pkey", "-in", str(self.file), "-pubout", "-outform", "DER")
        self.jwk = {"kty": "EC", "crv": "P-256", "kid": kid, "use": "sig", "alg": "ES256",
                    "x": b64(der[-64:-32]), "y": b64(der[-32:])}

    @staticmethod
    def _openssl(*args, data=None):
        return subprocess.run(["openssl", *args], check=True, capture_output=True, input=data,
                              timeout=30).stdout

    def token(self, payload, header=None):
        signed = _parts(header or {"alg": "ES256", "kid": self.kid}, payload)
        der = self._openssl("dgst", "-sha256", "-sign", str(self.file), data=signed.encode())
        return f"{signed}.{b64(_raw(der))}"


def _raw(der):
    """R and S of an ECDSA signature in DER, 32 bytes each."""
    at, out = 2, b""
    for _ in range(2):
        size = der[at + 1]
        out += der[at + 2:at + 2 + size].lstrip(b"\0").rjust(32, b"\0")
        at += 2 + size
    return out


class KeyServer:
    """A JWKS behind TLS on localhost: what it says may change, and it may be away."""

    def __init__(self, folder):
        self.ca = Authority(folder)
        self.context = self.ca.server_context("localhost")
        self.keys, self.asked, self.status = [], 0, 200
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"https://localhost:{self.listener.getsockname()[1]}/keys.json"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            try:
                with self.context.wrap_socket(connection, server_side=True) as tls:
                    tls.settimeout(5)
                    tls.recv(4096)
                    self.asked += 1
                    body = json.dumps({"keys": self.keys}).encode()
                    tls.sendall(b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%b" % (self.status, len(body), body))
            except (OSError, ssl.SSLError):
                pass

    def close(self):
        self.listener.close()
