"""JSON Web Tokens of the tests, signed by the standard library and the openssl
command."""
import base64
import hashlib
import hmac
import json
import subprocess
import time


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
