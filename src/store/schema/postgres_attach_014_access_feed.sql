-- The change feed of stored credentials: hashes, as they were and as they are. Use
-- counters (last_used_at, request_count) tell nothing.
-- Tables that the database does not have are left out; the next `db migrate` finds them.

CREATE OR REPLACE FUNCTION marquee.note_module_api_keys() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $f$
BEGIN
  IF TG_OP = 'INSERT' THEN
    WITH told(what, value) AS (SELECT 'credential'::text, key_hash::text FROM new_rows),
    kept AS (SELECT DISTINCT what, value FROM told WHERE value IS NOT NULL LIMIT 1001)
    INSERT INTO marquee.changes (what, value)
    SELECT what, value FROM kept WHERE (SELECT count(*) FROM kept) <= 1000
    UNION ALL SELECT 'everything', '' WHERE (SELECT count(*) FROM kept) > 1000;
  ELSIF TG_OP = 'DELETE' THEN
    WITH told(what, value) AS (SELECT 'credential'::text, key_hash::text FROM old_rows),
    kept AS (SELECT DISTINCT what, value FROM told WHERE value IS NOT NULL LIMIT 1001)
    INSERT INTO marquee.changes (what, value)
    SELECT what, value FROM kept WHERE (SELECT count(*) FROM kept) <= 1000
    UNION ALL SELECT 'everything', '' WHERE (SELECT count(*) FROM kept) > 1000;
  ELSE
    WITH changed AS (
      SELECT o.key_hash::text AS o_hash, n.key_hash::text AS n_hash
      FROM old_rows o FULL JOIN new_rows n ON n.id = o.id
      WHERE (o.module_id, o.site_id, o.agency_id, o.key_hash, o.scopes, o.allowed_ips, o.allowed_origins, o.rate_limit_per_minute, o.rate_limit_per_day, o.is_active, o.expires_at, o.revoked_at)
        IS DISTINCT FROM (n.module_id, n.site_id, n.agency_id, n.key_hash, n.scopes, n.allowed_ips, n.allowed_origins, n.rate_limit_per_minute, n.rate_limit_per_day, n.is_active, n.expires_at, n.revoked_at)),
    told(what, value) AS (SELECT 'credential'::text, o_hash FROM changed UNION ALL SELECT 'credential'::text, n_hash FROM changed),
    kept AS (SELECT DISTINCT what, value FROM told WHERE value IS NOT NULL LIMIT 1001)
    INSERT INTO marquee.changes (what, value)
    SELECT what, value FROM kept WHERE (SELECT count(*) FROM kept) <= 1000
    UNION ALL SELECT 'everything', '' WHERE (SELECT count(*) FROM kept) > 1000;
  END IF;
  IF FOUND THEN
    PERFORM pg_notify('marquee_changes', '');
  END IF;
  RETURN NULL;
END $f$;
DO $do$ BEGIN
IF to_regclass('public.module_api_keys') IS NULL THEN RETURN; END IF;
DROP TRIGGER IF EXISTS marquee_insert ON public.module_api_keys;
DROP TRIGGER IF EXISTS marquee_update ON public.module_api_keys;
DROP TRIGGER IF EXISTS marquee_delete ON public.module_api_keys;
CREATE TRIGGER marquee_insert AFTER INSERT ON public.module_api_keys
  REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION marquee.note_module_api_keys();
CREATE TRIGGER marquee_update AFTER UPDATE ON public.module_api_keys
  REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION marquee.note_module_api_keys();
CREATE TRIGGER marquee_delete AFTER DELETE ON public.module_api_keys
  REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION marquee.note_module_api_keys();
END $do$;

CREATE OR REPLACE FUNCTION marquee.note_module_embed_tokens() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $f$
BEGIN
  IF TG_OP = 'INSERT' THEN
    WITH told(what, value) AS (SELECT 'credential'::text, token_hash::text FROM new_rows),
    kept AS (SELECT DISTINCT what, value FROM told WHERE value IS NOT NULL LIMIT 1001)
    INSERT INTO marquee.changes (what, value)
    SELECT what, value FROM kept WHERE (SELECT count(*) FROM kept) <= 1000
    UNION ALL SELECT 'everything', '' WHERE (SELECT count(*) FROM kept) > 1000;
  ELSIF TG_OP = 'DELETE' THEN
    WITH told(what, value) AS (SELECT 'credential'::text, token_hash::text FROM old_rows),
    kept AS (SELECT DISTINCT what, value FROM told WHERE value IS NOT NULL LIMIT 1001)
    INSERT INTO marquee.changes (what, value)
    SELECT what, value FROM kept WHERE (SELECT count(*) FROM kept) <= 1000
    UNION ALL SELECT 'everything', '' WHERE (SELECT count(*) FROM kept) > 1000;
  ELSE
    WITH changed AS (
      SELECT o.token_hash::text AS o_hash, n.token_hash::text AS n_hash
      FROM old_rows o FULL JOIN new_rows n ON n.id = o.id
      WHERE (o.site_id, o.module_id, o.token_hash, o.is_revoked, o.expires_at, o.allowed_domains)
        IS DISTINCT FROM (n.site_id, n.module_id, n.token_hash, n.is_revoked, n.expires_at, n.allowed_domains)),
    told(what, value) AS (SELECT 'credential'::text, o_hash FROM changed UNION ALL SELECT 'credential'::text, n_hash FROM changed),
    kept AS (SELECT DISTINCT what, value FROM told WHERE value IS NOT NULL LIMIT 1001)
    INSERT INTO marquee.changes (what, value)
    SELECT what, value FROM kept WHERE (SELECT count(*) FROM kept) <= 1000
    UNION ALL SELECT 'everything', '' WHERE (SELECT count(*) FROM kept) > 1000;
  END IF;
  IF FOUND THEN
    PERFORM pg_notify('marquee_changes', '');
  END IF;
  RETURN NULL;
END $f$;
DO $do$ BEGIN
IF to_regclass('public.module_embed_tokens') IS NULL THEN RETURN; END IF;
DROP TRIGGER IF EXISTS marquee_insert ON public.module_embed_tokens;
DROP TRIGGER IF EXISTS marquee_update ON public.module_embed_tokens;
DROP TRIGGER IF EXISTS marquee_delete ON public.module_embed_tokens;
CREATE TRIGGER marquee_insert AFTER INSERT ON public.module_embed_tokens
  REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION marquee.note_module_embed_tokens();
CREATE TRIGGER marquee_update AFTER UPDATE ON public.module_embed_tokens
  REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION marquee.note_module_embed_tokens();
CREATE TRIGGER marquee_delete AFTER DELETE ON public.module_embed_tokens
  REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION marquee.note_module_embed_tokens();
END $do$;
