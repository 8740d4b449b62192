-- Takes away what is attached to the platform's tables. Schema marquee stays, with
-- its proofs; to forget those, too:  DROP SCHEMA marquee CASCADE
DO $do$
DECLARE
  found record;
BEGIN
  FOR found IN
    SELECT g.tgname, g.tgrelid::regclass AS relation FROM pg_trigger g
    WHERE g.tgname IN ('marquee_insert', 'marquee_update', 'marquee_delete', 'marquee_truncate')
      AND g.tgfoid IN (SELECT oid FROM pg_proc WHERE pronamespace = to_regnamespace('marquee'))
  LOOP
    EXECUTE format('DROP TRIGGER %I ON %s', found.tgname, found.relation);
  END LOOP;
  FOR found IN
    SELECT p.polname, p.polrelid::regclass AS relation FROM pg_policy p
    JOIN pg_class c ON c.oid = p.polrelid
    WHERE p.polname IN ('marquee_select', 'marquee_insert', 'marquee_update', 'marquee_delete')
      AND c.relnamespace = 'public'::regnamespace
      AND c.relname IN ('agencies', 'agency_members', 'clients', 'sites', 'site_module_installations', 'module_custom_domains', 'domain_redirects', 'domain_dns_records', 'domain_ssl_certificates', 'domain_request_logs', 'module_allowed_domains', 'module_api_routes', 'module_api_keys', 'module_embed_tokens', 'module_api_consumers')
  LOOP
    EXECUTE format('DROP POLICY %I ON %s', found.polname, found.relation);
  END LOOP;
  FOR found IN
    SELECT p.oid::regprocedure AS signature FROM pg_proc p
    WHERE p.pronamespace = to_regnamespace('marquee') AND p.proname LIKE 'note\_%'
  LOOP
    EXECUTE format('DROP FUNCTION %s', found.signature);
  END LOOP;
  DROP INDEX IF EXISTS public.marquee_consumer_hash;
  DROP FUNCTION IF EXISTS marquee.api_consumer(text);
  DROP FUNCTION IF EXISTS marquee.record_calls(json);
  DROP FUNCTION IF EXISTS marquee.count_uses(text, text, text, jsonb);
  DROP FUNCTION IF EXISTS marquee.insert_calls(text, text[], jsonb);
  DROP FUNCTION IF EXISTS marquee.uuid_text(text);
  DROP FUNCTION IF EXISTS marquee.sha256_hex(text);
  IF EXISTS (SELECT 1 FROM pg_roles WHERE rolname = {{role_text}}) THEN
    FOR found IN SELECT unnest(ARRAY['agencies', 'agency_members', 'clients', 'sites', 'site_module_installations', 'module_custom_domains', 'domain_redirects', 'domain_dns_records', 'domain_ssl_certificates', 'domain_request_logs', 'module_allowed_domains', 'module_api_routes', 'module_api_keys', 'module_embed_tokens', 'module_api_consumers']) AS relation LOOP
      IF to_regclass('public.' || found.relation) IS NOT NULL THEN
        EXECUTE format('REVOKE ALL ON public.%I FROM {{role}}', found.relation);
      END IF;
    END LOOP;
    REVOKE USAGE ON SCHEMA public FROM {{role}};
    IF to_regnamespace('marquee') IS NOT NULL THEN
      REVOKE ALL ON ALL TABLES IN SCHEMA marquee FROM {{role}};
      REVOKE USAGE ON SCHEMA marquee FROM {{role}};
    END IF;
  END IF;
  IF to_regclass('marquee.schema_steps') IS NOT NULL THEN
    DELETE FROM marquee.schema_steps WHERE number >= 10;
  END IF;
END $do$;
