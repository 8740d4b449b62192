"""Verifies the tenant context that Marquee sends (x-tenant-context), with PyJWT
and cryptography (Debian: python3-jwt, python3-cryptography).

    python3 verify.py JWKS_URL ISSUER AUDIENCE TOKEN

prints the claims, or ends with 1.
"""
import json
import sys

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


class TenantContext:
    """PyJWKClient keeps the key set, and fetches it again for a kid it does not know."""

    def __init__(self, jwks_url, issuer, audience):
        self._keys = jwt.PyJWKClient(jwks_url, cache_keys=False, lifespan=300)
        self._issuer = issuer
        self._audience = audience

    def verify(self, token):
        """The claims; raises jwt.PyJWTError for whatever is not a context for this
        module, now, by this Marquee."""
        key = self._keys.get_signing_key_from_jwt(token)
        # The key says what is done with it; the token may only agree.
        algorithm = "EdDSA" if isinstance(key.key, Ed25519PublicKey) else "ES256"
        claims = jwt.decode(token, key.key, algorithms=[algorithm],
                            issuer=self._issuer, audience=self._audience, leeway=5,
                            options={"require": ["exp", "iat", "iss", "aud", "sub"]})
        if not claims.get("host"):
            raise jwt.InvalidTokenError("not a tenant context")
        return claims


# In front of a module's own views, here with WSGI:
#   tenants = TenantContext(jwks_url, "marquee", MY_MODULE_ID)
#   def application(environ, start_response):
#       try:
#           tenant = tenants.verify(environ.get("HTTP_X_TENANT_CONTEXT", ""))
#       except jwt.PyJWTError:
#           start_response("401 Unauthorized", [("Content-Type", "application/json")])
#           return [b'{"error":"Unauthorized"}']

if __name__ == "__main__":
    jwks_url, issuer, audience, token = sys.argv[1:]
    try:
        print(json.dumps(TenantContext(jwks_url, issuer, audience).verify(token)))
    except jwt.PyJWTError as error:
        sys.exit(f"refused: {error}")
