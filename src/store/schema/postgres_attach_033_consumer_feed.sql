-- Clients of a module's API mode: their keys are stored as they are, so that the nodes'
-- role reads them by a function that gives and takes hashes, and the change feed tells
-- hashes. Tables that the database does not have are left out; the next `db migrate`
-- finds them.

CREATE OR REPLACE FUNCTION marquee.sha256_hex(p_text text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $f$
  SELECT encode(sha256(convert_to(p_text, 'UTF8')), 'hex');
$f$;

DO $do$ BEGIN
IF to_regclass('public.module_api_consumers') IS NOT NULL THEN
  CREATE INDEX IF NOT EXISTS marquee_consumer_hash
    ON public.module_api_consumers (marquee.sha256_hex(api_key));
END IF;
END $do$;

-- Nothing, where there is no such table. Lists come as JSON, addresses as networks.
CREATE OR REPLACE FUNCTION marquee.api_consumer(p_hash text)
RETURNS TABLE (consumer_id text, key_hash text, module_id text, site_id text, agency_id text,
               scopes text, allowed_endpoints text, allowed_ips text, is_active boolean,
               rate_limit_per_minute integer, rate_limit_per_day integer)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $f$
#variable_conflict use_column
BEGIN
  IF to_regclass('public.module_api_consumers') IS NULL THEN
    RETURN;
  END IF;
  RETURN QUERY
    SELECT c.id::text, marquee.sha256_hex(c.api_key), i.module_id::text, i.site_id::text,
           s.agency_id::text, to_json(c.scopes)::text,
           to_json(coalesce(c.allowed_endpoints, '{*}'))::text,
           (SELECT json_agg(network(a)) FROM unnest(c.allowed_ips) AS a)::text,
           c.is_active, c.rate_limit_per_minute, c.rate_limit_per_day
    FROM public.module_api_consumers c
    JOIN public.site_module_installations i ON i.id = c.site_module_installation_id
    JOIN public.sites s ON s.id = i.site_id
    WHERE marquee.sha256_hex(c.api_key) = p_hash;
END $f$;
REVOKE ALL ON FUNCTION marquee.api_consumer(text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION marquee.note_module_api_consumers() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $f$
BEGIN
  IF TG_OP = 'INSERT' THEN
    WITH told(what, value) AS (SELECT 'credential'::text, marquee.sha256_hex(api_key) FROM new_rows),
    kept AS (SELECT DISTINCT what, value FROM told WHERE value IS NOT NULL LIMIT 1001)
    INSERT INTO marquee.changes (what, value)
    SELECT what, value FROM kept WHERE (SELECT count(*) FROM kept) <= 1000
    UNION ALL SELECT 'everything', '' WHERE (SELECT count(*) FROM kept) > 1000;
  ELSIF TG_OP = 'DELETE' THEN
    WITH told(what, value) AS (SELECT 'credential'::text, marquee.sha256_hex(api_key) FROM old_rows),
    kept AS (SELECT DISTINCT what, value FROM told WHERE value IS NOT NULL LIMIT 1001)
    INSERT INTO marquee.changes (what, value)
    SELECT what, value FROM kept WHERE (SELECT count(*) FROM kept) <= 1000
    UNION ALL SELECT 'everything', '' WHERE (SELECT count(*) FROM kept) > 1000;
  ELSE
    WITH changed AS (
      SELECT o.api_key AS o_key, n.api_key AS n_key
      FROM old_rows o FULL JOIN new_rows n ON n.id = o.id
      WHERE (o.site_module_installation_id, o.api_key, o.scopes, o.allowed_endpoints, o.rate_limit_per_minute, o.rate_limit_per_day, o.allowed_ips, o.is_active)
        IS DISTINCT FROM (n.site_module_installation_id, n.api_key, n.scopes, n.allowed_endpoints, n.rate_limit_per_minute, n.rate_limit_per_day, n.allowed_ips, n.is_active)),
    told(what, value) AS (SELECT 'credential'::text, marquee.sha256_hex(o_key) FROM changed
                          UNION ALL SELECT 'credential'::text, marquee.sha256_hex(n_key) FROM changed),
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
IF to_regclass('public.module_api_consumers') IS NULL THEN RETURN; END IF;
DROP TRIGGER IF EXISTS marquee_insert ON public.module_api_consumers;
DROP TRIGGER IF EXISTS marquee_update ON public.module_api_consumers;
DROP TRIGGER IF EXISTS marquee_delete ON public.module_api_consumers;
CREATE TRIGGER marquee_insert AFTER INSERT ON public.module_api_consumers
  REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION marquee.note_module_api_consumers();
CREATE TRIGGER marquee_update AFTER UPDATE ON public.module_api_consumers
  REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION marquee.note_module_api_consumers();
CREATE TRIGGER marquee_delete AFTER DELETE ON public.module_api_consumers
  REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION marquee.note_module_api_consumers();
END $do$;
