// Verifies the tenant context that Marquee sends (x-tenant-context), with jose:
//   npm install jose
// `jose` fetches the key set, keeps it, and fetches it again for a kid it does not know.
import { createRemoteJWKSet, jwtVerify } from 'jose';

export function tenantContext({ jwksUrl, issuer, audience }) {
  const keys = createRemoteJWKSet(new URL(jwksUrl), { cooldownDuration: 5_000, cacheMaxAge: 300_000 });
  // Throws for whatever is not a context for this module, now, by this Marquee.
  return async function verify(token) {
    const { payload } = await jwtVerify(token, keys, {
      issuer,
      audience,
      algorithms: ['EdDSA', 'ES256'],  // never from the token alone
      maxTokenAge: 60,  // with this, jose also refuses an `iat` of the future
      clockTolerance: 5,
    });
    for (const claim of ['exp', 'sub', 'host'])
      if (!payload[claim]) throw new Error(`no ${claim}`);
    return payload;  // { sub: installation, agency, client, site, host, user?, role?, ... }
  };
}

// As a handler in front of a module's own:
//   const verify = tenantContext({ jwksUrl, issuer: 'marquee', audience: MY_MODULE_ID });
//   app.use(async (req, res, next) => {
//     try { req.tenant = await verify(req.get('x-tenant-context') ?? ''); next(); }
//     catch { res.status(401).json({ error: 'Unauthorized' }); }
//   });

// node verify.mjs JWKS_URL ISSUER AUDIENCE TOKEN: prints the claims, or ends with 1.
if (process.argv.length === 6) {
  const [jwksUrl, issuer, audience, token] = process.argv.slice(2);
  try {
    console.log(JSON.stringify(await tenantContext({ jwksUrl, issuer, audience })(token)));
  } catch (error) {
    console.error(`refused: ${error.code ?? error.message}`);
    process.exit(1);
  }
}
