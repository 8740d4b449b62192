// The same as verify.mjs with nothing but Node itself (18 or newer).
import { createPublicKey, verify as verifySignature } from 'node:crypto';

const decoded = (part) => JSON.parse(Buffer.from(part, 'base64url').toString('utf8'));

export function tenantContext({ jwksUrl, issuer, audience, tolerance = 5 }) {
  let keys = new Map();
  let fetched = -Infinity;

  async function keyOf(kid) {
    const age = (Date.now() - fetched) / 1000;
    // Every five minutes, and for a key that is not known, but not more often than each 5 s.
    if (age > 300 || (!keys.has(kid) && age > 5)) {
      const answer = await fetch(jwksUrl);
      if (!answer.ok) throw new Error(`key set: ${answer.status}`);
      const set = await answer.json();
      keys = new Map(set.keys.filter((k) => k.use === 'sig').map((k) => [k.kid, k]));
      fetched = Date.now();
    }
    const key = keys.get(kid);
    if (!key) throw new Error('no such key');
    return key;
  }

  return async function verify(token) {
    const parts = token.split('.');
    if (parts.length !== 3 || token.length > 8192) throw new Error('not a token');
    const header = decoded(parts[0]);
    const jwk = await keyOf(header.kid);
    // The key says what is done with it; the token may only agree.
    if (header.alg !== jwk.alg || header.crit) throw new Error('another algorithm');
    const key = createPublicKey({ key: jwk, format: 'jwk' });
    const input = Buffer.from(`${parts[0]}.${parts[1]}`);
    const signature = Buffer.from(parts[2], 'base64url');
    const good = jwk.alg === 'EdDSA' ? verifySignature(null, input, key, signature)
      : jwk.alg === 'ES256' ? verifySignature('sha256', input, { key, dsaEncoding: 'ieee-p1363' }, signature)
      : false;
    if (!good) throw new Error('the signature is not good');
    const claims = decoded(parts[1]);
    const now = Date.now() / 1000;
    if (claims.iss !== issuer) throw new Error('another issuer');
    if (claims.aud !== audience) throw new Error('for another module');
    if (!(claims.exp > now - tolerance)) throw new Error('expired');
    if (!(claims.iat <= now + tolerance)) throw new Error('from the future');
    if (!claims.sub || !claims.host) throw new Error('not a tenant context');
    return claims;
  };
}

// node verify_builtin.mjs JWKS_URL ISSUER AUDIENCE TOKEN: prints the claims, or ends with 1.
if (process.argv.length === 6) {
  const [jwksUrl, issuer, audience, token] = process.argv.slice(2);
  try {
    console.log(JSON.stringify(await tenantContext({ jwksUrl, issuer, audience })(token)));
  } catch (error) {
    console.error(`refused: ${error.message}`);
    process.exit(1);
  }
}
