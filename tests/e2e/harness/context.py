"""The signed tenant context as an upstream reads it: PyJWT, and forgers."""
import base64
import json
import time

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def parts(token):
    """Header and claims, nothing verified."""
    return tuple(json.loads(base64.urlsafe_b64decode(p + "=" * (-len(p) % 4))) for p in token.split(".")[:2])


def token_of(answer):
    """The one of an echoed request, or None."""
    found = [v for n, v in answer.json()["fields"] if n.lower() == "x-tenant-context"]
    assert len(found) <= 1, found
    return found[0] if found else None


def key_set(proxy, path="/.well-known/marquee/jwks.json", host="bakery.test"):
    with proxy.plain() as client:
        answer = client.get(path, host=host)
    assert answer.status == 200, answer
    return answer.json()


def verified(token, keys, audience, issuer="marquee", **more):
    """The claims; raises as PyJWT does."""
    kid = jwt.get_unverified_header(token)["kid"]
    [key] = [k for k in keys["keys"] if k["kid"] == kid]
    return jwt.decode(token, jwt.PyJWK(key).key, algorithms=[key["alg"]], issuer=issuer, audience=audience,
                      options={"require": ["exp", "iat", "iss", "aud", "sub"]}, **more)


class Signer:
    """A key pair of ours, in a file that Marquee can sign with."""

    def __init__(self, folder, name, algorithm="EdDSA"):
        self.algorithm = algorithm
        self.private = (ed25519.Ed25519PrivateKey.generate() if algorithm == "EdDSA"
                        else ec.generate_private_key(ec.SECP256R1()))
        self.file = folder / f"{name}.pem"
        self.file.write_bytes(self.private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
        self.public_pem = self.private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)

    def sign(self, claims, kid, **header):
        return jwt.encode(claims, self.private, algorithm=self.algorithm, headers={"kid": kid, **header})


def hmac_token(header, claims, secret):
    """HS256 by hand: PyJWT refuses to sign with a public key's text."""
    import hashlib
    import hmac
    signed = f"{b64(json.dumps(header).encode())}.{b64(json.dumps(claims).encode())}"
    return f"{signed}.{b64(hmac.new(secret, signed.encode(), hashlib.sha256).digest())}"


def now():
    return int(time.time())
