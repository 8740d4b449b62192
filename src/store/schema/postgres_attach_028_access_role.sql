-- What the nodes' role reads of stored credentials: hashes, never a key. Tables
-- that the database does not have are left out.
DO $do$ BEGIN
IF to_regclass('public.module_api_keys') IS NULL THEN RETURN; END IF;
GRANT SELECT (id, module_id, site_id, agency_id, key_hash, scopes, allowed_ips, allowed_origins,
    rate_limit_per_minute, rate_limit_per_day, is_active, expires_at, revoked_at)
  ON public.module_api_keys TO {{role}};
DROP POLICY IF EXISTS marquee_select ON public.module_api_keys;
CREATE POLICY marquee_select ON public.module_api_keys FOR SELECT TO {{role}} USING (true);
END $do$;

DO $do$ BEGIN
IF to_regclass('public.module_embed_tokens') IS NULL THEN RETURN; END IF;
GRANT SELECT (id, site_id, module_id, token_hash, is_revoked, expires_at, allowed_domains)
  ON public.module_embed_tokens TO {{role}};
DROP POLICY IF EXISTS marquee_select ON public.module_embed_tokens;
CREATE POLICY marquee_select ON public.module_embed_tokens FOR SELECT TO {{role}} USING (true);
END $do$;
