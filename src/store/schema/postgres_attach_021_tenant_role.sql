-- What the node's role reads of tenants beside their domains, by column, where the
-- database has it.
DO $do$
DECLARE
  t record;
BEGIN
  FOR t IN SELECT * FROM (VALUES
      ('module_allowed_domains', 'site_id,module_id,domain,verified,allow_embed,allow_api,rate_limit'),
      ('module_api_routes',
        'id,module_id,path,method,requires_auth,required_scopes,rate_limit_per_minute,cache_ttl_seconds,is_active')
    ) AS tables (name, columns) LOOP
    IF to_regclass('public.' || t.name) IS NULL OR EXISTS (
        SELECT FROM unnest(string_to_array(t.columns, ',')) c
        WHERE NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = to_regclass('public.' || t.name)
                          AND a.attname = c AND NOT a.attisdropped)) THEN
      CONTINUE;
    END IF;
    EXECUTE format('GRANT SELECT (%s) ON public.%I TO %I', t.columns, t.name, {{role_text}});
    EXECUTE format('DROP POLICY IF EXISTS marquee_select ON public.%I', t.name);
    EXECUTE format('CREATE POLICY marquee_select ON public.%I FOR SELECT TO %I USING (true)', t.name,
                   {{role_text}});
  END LOOP;
END $do$;
