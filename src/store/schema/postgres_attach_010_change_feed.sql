-- What fills the change feed: triggers for each statement, over the columns that
-- matter to a request and never updated_at, which statistics touch. However many
-- rows a statement changes, it leaves at most a thousand entries, and a
-- transaction one notification. The functions are the owner's (SECURITY DEFINER),
-- as whoever writes the platform's rows need not be able to see schema marquee.

CREATE OR REPLACE FUNCTION marquee.note_module_custom_domains() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $f$
BEGIN
  IF TG_OP = 'INSERT' THEN
    WITH told(what, value) AS (SELECT 'name'::text, domain::text FROM new_rows),
    kept AS (SELECT DISTINCT what, value FROM told WHERE value IS NOT NULL LIMIT 1001)
    INSERT INTO marquee.changes (what, value)
    SELECT what, value FROM kept WHERE (SELECT count(*) FROM kept) <= 1000
    UNION ALL SELECT 'everything', '' WHERE (SELECT count(*) FROM kept) > 1000;
  ELSIF TG_OP = 'DELETE' THEN
    WITH told(what, value) AS (SELECT 'name'::text, domain::text FROM old_rows),
    kept AS (SELECT DISTINCT what, value FROM told WHERE value IS NOT NULL LIMIT 1001)
    INSERT INTO marquee.changes (what, value)
    SELECT what, value FROM kept WHERE (SELECT count(*) FROM kept) <= 1000
    UNION ALL SELECT 'everything', '' WHERE (SELECT count(*) FROM kept) > 1000;
  ELSE
    WITH changed AS (
      SELECT o.domain::text AS o_domain, n.domain::text AS n_domain
      FROM old_rows o FULL JOIN new_rows n ON n.id = o.id
      WHERE (o.domain, o.site_module_installation_id, o.status, o.ssl_status, o.ssl_certificate, o.ssl_private_key_encrypted, o.ssl_expires_at, o.config, o.white_label)
        IS DISTINCT FROM (n.domain, n.site_module_installation_id, n.status, n.ssl_status, n.ssl_certificate, n.ssl_private_key_encrypted, n.ssl_expires_at, n.config, n.white_label)),
    told(what, value) AS (SELECT 'name'::text, o_domain FROM changed UNION ALL SELECT 'name'::text, n_domain FROM changed),
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
DROP TRIGGER IF EXISTS marquee_insert ON public.module_custom_domains;
DROP TRIGGER IF EXISTS marquee_update ON public.module_custom_domains;
DROP TRIGGER IF EXISTS marquee_delete ON public.module_custom_domains;
CREATE TRIGGER marquee_insert AFTER INSERT ON public.module_custom_domains
  REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION marquee.note_module_custom_domains();
CREATE TRIGGER marquee_update AFTER UPDATE ON public.module_custom_domains
  REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION marquee.note_module_custom_domains();
CREATE TRIGGER marquee_delete AFTER DELETE ON public.module_custom_domains
  REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION marquee.note_module_custom_domains();

CREATE OR REPLACE FUNCTION marquee.note_site_module_installations() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $f$
BEGIN
  IF TG_OP = 'INSERT' THEN
    WITH told(what, value) AS (SELECT 'installation'::text, id::text FROM new_rows),
    kept AS (SELECT DISTINCT what, value FROM told WHERE value IS NOT NULL LIMIT 1001)
    INSERT INTO marquee.changes (what, value)
    SELECT what, value FROM kept WHERE (SELECT count(*) FROM kept) <= 1000
    UNION ALL SELECT 'everything', '' WHERE (SELECT count(*) FROM kept) > 1000;
  ELSIF TG_OP = 'DELETE' THEN
    WITH told(what, value) AS (SELECT 'installation'::text, id::text FROM old_rows),
    kept AS (SELECT DISTINCT what, value FROM told WHERE value IS NOT NULL LIMIT 1001)
    INSERT INTO marquee.changes (what, value)
    SELECT what, value FROM kept WHERE (SELECT count(*) FROM kept) <= 1000
    UNION ALL SELECT 'everything', '' WHERE (SELECT count(*) FROM kept) > 1000;
  ELSE
    WITH changed AS (
      SELECT o.id::text AS o_id, n.id::text AS n_id
      FROM old_rows o FULL JOIN new_rows n ON n.id = o.id
      WHERE (o.site_id, o.module_id, o.is_enabled)
        IS DISTINCT FROM (n.site_id, n.module_id, n.is_enabled)),
    told(what, value) AS (SELECT 'installation'::text, o_id FROM changed UNION ALL SELECT 'installation'::text, n_id FROM changed),
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
DROP TRIGGER IF EXISTS marquee_insert ON public.site_module_installations;
DROP TRIGGER IF EXISTS marquee_update ON public.site_module_installations;
DROP TRIGGER IF EXISTS marquee_delete ON public.site_module_installations;
CREATE TRIGGER marquee_insert AFTER INSERT ON public.site_module_installations
  REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION marquee.note_site_module_installations();
CREATE TRIGGER marquee_update AFTER UPDATE ON public.site_module_installations
  REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION marquee.note_site_module_installations();
CREATE TRIGGER marquee_delete AFTER DELETE ON public.site_module_installations
  REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION marquee.note_site_module_installations();

CREATE OR REPLACE FUNCTION marquee.note_sites() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $f$
BEGIN
  IF TG_OP = 'INSERT' THEN
    WITH told(what, value) AS (SELECT 'site'::text, id::text FROM new_rows UNION ALL SELECT 'name'::text, custom_domain::text FROM new_rows UNION ALL SELECT 'label'::text, subdomain::text FROM new_rows),
    kept AS (SELECT DISTINCT what, value FROM told WHERE value IS NOT NULL LIMIT 1001)
    INSERT INTO marquee.changes (what, value)
    SELECT what, value FROM kept WHERE (SELECT count(*) FROM kept) <= 1000
    UNION ALL SELECT 'everything', '' WHERE (SELECT count(*) FROM kept) > 1000;
  ELSIF TG_OP = 'DELETE' THEN
    WITH told(what, value) AS (SELECT 'site'::text, id::text FROM old_rows UNION ALL SELECT 'name'::text, custom_domain::text FROM old_rows UNION ALL SELECT 'label'::text, subdomain::text FROM old_rows),
    kept AS (SELECT DISTINCT what, value FROM told WHERE value IS NOT NULL LIMIT 1001)
    INSERT INTO marquee.changes (what, value)
    SELECT what, value FROM kept WHERE (SELECT count(*) FROM kept) <= 1000
    UNION ALL SELECT 'everything', '' WHERE (SELECT count(*) FROM kept) > 1000;
  ELSE
    WITH changed AS (
      SELECT o.custom_domain::text AS o_custom_domain, n.custom_domain::text AS n_custom_domain, o.id::text AS o_id, n.id::text AS n_id, o.subdomain::text AS o_subdomain, n.subdomain::text AS n_subdomain
      FROM old_rows o FULL JOIN new_rows n ON n.id = o.id
      WHERE (o.client_id, o.agency_id, o.subdomain, o.custom_domain, o.custom_domain_verified, o.published)
        IS DISTINCT FROM (n.client_id, n.agency_id, n.subdomain, n.custom_domain, n.custom_domain_verified, n.published)),
    told(what, value) AS (SELECT 'site'::text, o_id FROM changed UNION ALL SELECT 'site'::text, n_id FROM changed UNION ALL SELECT 'name'::text, o_custom_domain FROM changed UNION ALL SELECT 'name'::text, n_custom_domain FROM changed UNION ALL SELECT 'label'::text, o_subdomain FROM changed UNION ALL SELECT 'label'::text, n_subdomain FROM changed),
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
DROP TRIGGER IF EXISTS marquee_insert ON public.sites;
DROP TRIGGER IF EXISTS marquee_update ON public.sites;
DROP TRIGGER IF EXISTS marquee_delete ON public.sites;
CREATE TRIGGER marquee_insert AFTER INSERT ON public.sites
  REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION marquee.note_sites();
CREATE TRIGGER marquee_update AFTER UPDATE ON public.sites
  REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION marquee.note_sites();
CREATE TRIGGER marquee_delete AFTER DELETE ON public.sites
  REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION marquee.note_sites();

CREATE OR REPLACE FUNCTION marquee.note_clients() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $f$
BEGIN
  IF TG_OP = 'INSERT' THEN
    WITH told(what, value) AS (SELECT 'client'::text, id::text FROM new_rows),
    kept AS (SELECT DISTINCT what, value FROM told WHERE value IS NOT NULL LIMIT 1001)
    INSERT INTO marquee.changes (what, value)
    SELECT what, value FROM kept WHERE (SELECT count(*) FROM kept) <= 1000
    UNION ALL SELECT 'everything', '' WHERE (SELECT count(*) FROM kept) > 1000;
  ELSIF TG_OP = 'DELETE' THEN
    WITH told(what, value) AS (SELECT 'client'::text, id::text FROM old_rows),
    kept AS (SELECT DISTINCT what, value FROM told WHERE value IS NOT NULL LIMIT 1001)
    INSERT INTO marquee.changes (what, value)
    SELECT what, value FROM kept WHERE (SELECT count(*) FROM kept) <= 1000
    UNION ALL SELECT 'everything', '' WHERE (SELECT count(*) FROM kept) > 1000;
  ELSE
    WITH changed AS (
      SELECT o.id::text AS o_id, n.id::text AS n_id
      FROM old_rows o FULL JOIN new_rows n ON n.id = o.id
      WHERE (o.status)
        IS DISTINCT FROM (n.status)),
    told(what, value) AS (SELECT 'client'::text, o_id FROM changed UNION ALL SELECT 'client'::text, n_id FROM changed),
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
DROP TRIGGER IF EXISTS marquee_insert ON public.clients;
DROP TRIGGER IF EXISTS marquee_update ON public.clients;
DROP TRIGGER IF EXISTS marquee_delete ON public.clients;
CREATE TRIGGER marquee_insert AFTER INSERT ON public.clients
  REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION marquee.note_clients();
CREATE TRIGGER marquee_update AFTER UPDATE ON public.clients
  REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION marquee.note_clients();
CREATE TRIGGER marquee_delete AFTER DELETE ON public.clients
  REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION marquee.note_clients();

CREATE OR REPLACE FUNCTION marquee.note_agencies() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $f$
BEGIN
  IF TG_OP = 'INSERT' THEN
    WITH told(what, value) AS (SELECT 'agency'::text, id::text FROM new_rows),
    kept AS (SELECT DISTINCT what, value FROM told WHERE value IS NOT NULL LIMIT 1001)
    INSERT INTO marquee.changes (what, value)
    SELECT what, value FROM kept WHERE (SELECT count(*) FROM kept) <= 1000
    UNION ALL SELECT 'everything', '' WHERE (SELECT count(*) FROM kept) > 1000;
  ELSIF TG_OP = 'DELETE' THEN
    WITH told(what, value) AS (SELECT 'agency'::text, id::text FROM old_rows),
    kept AS (SELECT DISTINCT what, value FROM told WHERE value IS NOT NULL LIMIT 1001)
    INSERT INTO marquee.changes (what, value)
    SELECT what, value FROM kept WHERE (SELECT count(*) FROM kept) <= 1000
    UNION ALL SELECT 'everything', '' WHERE (SELECT count(*) FROM kept) > 1000;
  ELSE
    WITH changed AS (
      SELECT o.id::text AS o_id, n.id::text AS n_id
      FROM old_rows o FULL JOIN new_rows n ON n.id = o.id
      WHERE (o.status, o.subscription_status, o.plan)
        IS DISTINCT FROM (n.status, n.subscription_status, n.plan)),
    told(what, value) AS (SELECT 'agency'::text, o_id FROM changed UNION ALL SELECT 'agency'::text, n_id FROM changed),
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
DROP TRIGGER IF EXISTS marquee_insert ON public.agencies;
DROP TRIGGER IF EXISTS marquee_update ON public.agencies;
DROP TRIGGER IF EXISTS marquee_delete ON public.agencies;
CREATE TRIGGER marquee_insert AFTER INSERT ON public.agencies
  REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION marquee.note_agencies();
CREATE TRIGGER marquee_update AFTER UPDATE ON public.agencies
  REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION marquee.note_agencies();
CREATE TRIGGER marquee_delete AFTER DELETE ON public.agencies
  REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION marquee.note_agencies();

CREATE OR REPLACE FUNCTION marquee.note_domain_redirects() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $f$
BEGIN
  IF TG_OP = 'INSERT' THEN
    WITH told(what, value) AS (SELECT 'name'::text, from_domain::text FROM new_rows UNION ALL SELECT 'name'::text, to_domain::text FROM new_rows),
    kept AS (SELECT DISTINCT what, value FROM told WHERE value IS NOT NULL LIMIT 1001)
    INSERT INTO marquee.changes (what, value)
    SELECT what, value FROM kept WHERE (SELECT count(*) FROM kept) <= 1000
    UNION ALL SELECT 'everything', '' WHERE (SELECT count(*) FROM kept) > 1000;
  ELSIF TG_OP = 'DELETE' THEN
    WITH told(what, value) AS (SELECT 'name'::text, from_domain::text FROM old_rows UNION ALL SELECT 'name'::text, to_domain::text FROM old_rows),
    kept AS (SELECT DISTINCT what, value FROM told WHERE value IS NOT NULL LIMIT 1001)
    INSERT INTO marquee.changes (what, value)
    SELECT what, value FROM kept WHERE (SELECT count(*) FROM kept) <= 1000
    UNION ALL SELECT 'everything', '' WHERE (SELECT count(*) FROM kept) > 1000;
  ELSE
    WITH changed AS (
      SELECT o.from_domain::text AS o_from_domain, n.from_domain::text AS n_from_domain, o.to_domain::text AS o_to_domain, n.to_domain::text AS n_to_domain
      FROM old_rows o FULL JOIN new_rows n ON n.id = o.id
      WHERE (o.site_id, o.from_domain, o.to_domain, o.redirect_type, o.preserve_path, o.active)
        IS DISTINCT FROM (n.site_id, n.from_domain, n.to_domain, n.redirect_type, n.preserve_path, n.active)),
    told(what, value) AS (SELECT 'name'::text, o_from_domain FROM changed UNION ALL SELECT 'name'::text, n_from_domain FROM changed UNION ALL SELECT 'name'::text, o_to_domain FROM changed UNION ALL SELECT 'name'::text, n_to_domain FROM changed),
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
DROP TRIGGER IF EXISTS marquee_insert ON public.domain_redirects;
DROP TRIGGER IF EXISTS marquee_update ON public.domain_redirects;
DROP TRIGGER IF EXISTS marquee_delete ON public.domain_redirects;
CREATE TRIGGER marquee_insert AFTER INSERT ON public.domain_redirects
  REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION marquee.note_domain_redirects();
CREATE TRIGGER marquee_update AFTER UPDATE ON public.domain_redirects
  REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION marquee.note_domain_redirects();
CREATE TRIGGER marquee_delete AFTER DELETE ON public.domain_redirects
  REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION marquee.note_domain_redirects();

CREATE OR REPLACE FUNCTION marquee.note_proofs() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $f$
BEGIN
  IF TG_OP = 'INSERT' THEN
    WITH told(what, value) AS (SELECT 'name'::text, domain::text FROM new_rows),
    kept AS (SELECT DISTINCT what, value FROM told WHERE value IS NOT NULL LIMIT 1001)
    INSERT INTO marquee.changes (what, value)
    SELECT what, value FROM kept WHERE (SELECT count(*) FROM kept) <= 1000
    UNION ALL SELECT 'everything', '' WHERE (SELECT count(*) FROM kept) > 1000;
  ELSIF TG_OP = 'DELETE' THEN
    WITH told(what, value) AS (SELECT 'name'::text, domain::text FROM old_rows),
    kept AS (SELECT DISTINCT what, value FROM told WHERE value IS NOT NULL LIMIT 1001)
    INSERT INTO marquee.changes (what, value)
    SELECT what, value FROM kept WHERE (SELECT count(*) FROM kept) <= 1000
    UNION ALL SELECT 'everything', '' WHERE (SELECT count(*) FROM kept) > 1000;
  ELSE
    WITH changed AS (
      SELECT o.domain::text AS o_domain, n.domain::text AS n_domain
      FROM old_rows o FULL JOIN new_rows n ON n.id = o.id
      WHERE (o.domain, o.owner, o.revoked_at)
        IS DISTINCT FROM (n.domain, n.owner, n.revoked_at)),
    told(what, value) AS (SELECT 'name'::text, o_domain FROM changed UNION ALL SELECT 'name'::text, n_domain FROM changed),
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
DROP TRIGGER IF EXISTS marquee_insert ON marquee.proofs;
DROP TRIGGER IF EXISTS marquee_update ON marquee.proofs;
DROP TRIGGER IF EXISTS marquee_delete ON marquee.proofs;
CREATE TRIGGER marquee_insert AFTER INSERT ON marquee.proofs
  REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION marquee.note_proofs();
CREATE TRIGGER marquee_update AFTER UPDATE ON marquee.proofs
  REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION marquee.note_proofs();
CREATE TRIGGER marquee_delete AFTER DELETE ON marquee.proofs
  REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION marquee.note_proofs();

-- TRUNCATE has no rows to tell of.
CREATE OR REPLACE FUNCTION marquee.note_truncate() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $f$
BEGIN
  INSERT INTO marquee.changes (what) VALUES ('everything');
  PERFORM pg_notify('marquee_changes', '');
  RETURN NULL;
END $f$;
DROP TRIGGER IF EXISTS marquee_truncate ON public.module_custom_domains;
CREATE TRIGGER marquee_truncate AFTER TRUNCATE ON public.module_custom_domains
  FOR EACH STATEMENT EXECUTE FUNCTION marquee.note_truncate();
DROP TRIGGER IF EXISTS marquee_truncate ON public.site_module_installations;
CREATE TRIGGER marquee_truncate AFTER TRUNCATE ON public.site_module_installations
  FOR EACH STATEMENT EXECUTE FUNCTION marquee.note_truncate();
DROP TRIGGER IF EXISTS marquee_truncate ON public.sites;
CREATE TRIGGER marquee_truncate AFTER TRUNCATE ON public.sites
  FOR EACH STATEMENT EXECUTE FUNCTION marquee.note_truncate();
DROP TRIGGER IF EXISTS marquee_truncate ON public.clients;
CREATE TRIGGER marquee_truncate AFTER TRUNCATE ON public.clients
  FOR EACH STATEMENT EXECUTE FUNCTION marquee.note_truncate();
DROP TRIGGER IF EXISTS marquee_truncate ON public.agencies;
CREATE TRIGGER marquee_truncate AFTER TRUNCATE ON public.agencies
  FOR EACH STATEMENT EXECUTE FUNCTION marquee.note_truncate();
DROP TRIGGER IF EXISTS marquee_truncate ON public.domain_redirects;
CREATE TRIGGER marquee_truncate AFTER TRUNCATE ON public.domain_redirects
  FOR EACH STATEMENT EXECUTE FUNCTION marquee.note_truncate();
DROP TRIGGER IF EXISTS marquee_truncate ON marquee.proofs;
CREATE TRIGGER marquee_truncate AFTER TRUNCATE ON marquee.proofs
  FOR EACH STATEMENT EXECUTE FUNCTION marquee.note_truncate();

-- Whoever followed the feed before has missed what was not noted.
INSERT INTO marquee.changes (what) VALUES ('everything');
