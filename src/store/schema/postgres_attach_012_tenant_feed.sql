-- The change feed of what is known of tenants beside their domains: who is a member,
-- and a module's origins and API routes. Tables that the database does not
-- have are left out; the next `db migrate` finds them.

-- TG_ARGV: the word of the feed, the column whose value is told, and the columns that
-- matter, with commas.
CREATE OR REPLACE FUNCTION marquee.note_tenant() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $f$
DECLARE
  told text;
  noted bigint;
BEGIN
  IF TG_OP = 'INSERT' THEN
    told := format('SELECT %I::text AS value FROM new_rows', TG_ARGV[1]);
  ELSIF TG_OP = 'DELETE' THEN
    told := format('SELECT %I::text AS value FROM old_rows', TG_ARGV[1]);
  ELSE
    told := format(
      'SELECT unnest(ARRAY[o.%1$I::text, n.%1$I::text]) AS value
       FROM old_rows o FULL JOIN new_rows n ON n.id = o.id
       WHERE (%2$s) IS DISTINCT FROM (%3$s)', TG_ARGV[1],
      (SELECT string_agg('o.' || quote_ident(c), ', ') FROM unnest(string_to_array(TG_ARGV[2], ',')) c),
      (SELECT string_agg('n.' || quote_ident(c), ', ') FROM unnest(string_to_array(TG_ARGV[2], ',')) c));
  END IF;
  EXECUTE format(
    'WITH kept AS (SELECT DISTINCT value FROM (%s) t WHERE value IS NOT NULL LIMIT 1001)
     INSERT INTO marquee.changes (what, value)
     SELECT %L, value FROM kept WHERE (SELECT count(*) FROM kept) <= 1000
     UNION ALL SELECT ''everything'', '''' WHERE (SELECT count(*) FROM kept) > 1000', told, TG_ARGV[0]);
  GET DIAGNOSTICS noted = ROW_COUNT;
  IF noted > 0 THEN
    PERFORM pg_notify('marquee_changes', '');
  END IF;
  RETURN NULL;
END $f$;

DO $do$
DECLARE
  t record;
  columns text;
BEGIN
  FOR t IN SELECT * FROM (VALUES
      ('agency_members', 'member', 'user_id', 'agency_id,user_id,role'),
      ('module_allowed_domains', 'module', 'module_id',
        'site_id,module_id,domain,verified,allow_embed,allow_api,rate_limit'),
      ('module_api_routes', 'module', 'module_id',
        'module_id,path,method,requires_auth,required_scopes,rate_limit_per_minute,cache_ttl_seconds,is_active')
    ) AS tables (name, what, told, columns) LOOP
    -- Another table of that name (contract 1.8 tells of one) is not ours to follow.
    IF to_regclass('public.' || t.name) IS NULL OR EXISTS (
        SELECT FROM unnest(string_to_array('id,' || t.columns, ',')) c
        WHERE NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = to_regclass('public.' || t.name)
                          AND a.attname = c AND NOT a.attisdropped)) THEN
      CONTINUE;
    END IF;
    EXECUTE format('DROP TRIGGER IF EXISTS marquee_insert ON public.%1$I;
      DROP TRIGGER IF EXISTS marquee_update ON public.%1$I;
      DROP TRIGGER IF EXISTS marquee_delete ON public.%1$I;
      DROP TRIGGER IF EXISTS marquee_truncate ON public.%1$I;
      CREATE TRIGGER marquee_insert AFTER INSERT ON public.%1$I REFERENCING NEW TABLE AS new_rows
        FOR EACH STATEMENT EXECUTE FUNCTION marquee.note_tenant(%2$L, %3$L, %4$L);
      CREATE TRIGGER marquee_update AFTER UPDATE ON public.%1$I
        REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
        FOR EACH STATEMENT EXECUTE FUNCTION marquee.note_tenant(%2$L, %3$L, %4$L);
      CREATE TRIGGER marquee_delete AFTER DELETE ON public.%1$I REFERENCING OLD TABLE AS old_rows
        FOR EACH STATEMENT EXECUTE FUNCTION marquee.note_tenant(%2$L, %3$L, %4$L);
      CREATE TRIGGER marquee_truncate AFTER TRUNCATE ON public.%1$I
        FOR EACH STATEMENT EXECUTE FUNCTION marquee.note_truncate()',
      t.name, t.what, t.told, t.columns);
  END LOOP;
END $do$;

-- Whoever followed the feed before has missed what was not noted.
INSERT INTO marquee.changes (what) VALUES ('everything');
