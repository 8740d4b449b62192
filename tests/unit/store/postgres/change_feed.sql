-- Marquee's own schema as src/store/postgres/notifications.hpp describes it.
CREATE SCHEMA marquee;
CREATE TABLE marquee.meta (key text PRIMARY KEY, value text NOT NULL);
INSERT INTO marquee.meta VALUES ('lineage', (floor(random() * 1e15)::bigint + 1)::text);
CREATE TABLE marquee.proofs (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  record_kind text NOT NULL,
  record_id text NOT NULL,
  domain text NOT NULL,
  owner text NOT NULL,
  revoked_at timestamptz,
  UNIQUE (record_kind, record_id, domain, owner)
);
CREATE TABLE marquee.changes (
  generation bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
  what text NOT NULL,
  value text NOT NULL DEFAULT '',
  at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX changes_xid ON marquee.changes (xid);
CREATE VIEW marquee.generations AS
SELECT (SELECT value::bigint FROM marquee.meta WHERE key = 'lineage') AS lineage,
  coalesce((SELECT generation FROM marquee.changes
    WHERE xid < pg_snapshot_xmin(pg_current_snapshot())
    ORDER BY generation DESC LIMIT 1), 0) AS generation;

-- Arguments: what is told, as word:column with commas between; the columns that
-- matter. Runs with its owner's rights, as those who write the tables have none here.
CREATE FUNCTION marquee.note_changes() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  part text;
  parts text[] := '{}';
  differs text;
  told bigint;
BEGIN
  IF TG_OP = 'TRUNCATE' THEN
    INSERT INTO marquee.changes (what) VALUES ('everything');
    PERFORM pg_notify('marquee_changes', 'changed');
    RETURN NULL;
  END IF;
  SELECT string_agg(format('o.%1$I IS DISTINCT FROM n.%1$I', c), ' OR ') INTO differs
    FROM unnest(string_to_array(TG_ARGV[1], ',')) c;
  FOREACH part IN ARRAY string_to_array(TG_ARGV[0], ',') LOOP
    IF TG_OP <> 'DELETE' THEN
      parts := parts || format('SELECT %L AS what, n.%I::text AS value FROM new_rows n',
        split_part(part, ':', 1), split_part(part, ':', 2));
    END IF;
    IF TG_OP = 'UPDATE' THEN
      parts[cardinality(parts)] := parts[cardinality(parts)] ||
        format(' JOIN old_rows o ON o.id = n.id WHERE %s', differs);
      parts := parts || format(
        'SELECT %L, o.%I::text FROM old_rows o LEFT JOIN new_rows n ON o.id = n.id WHERE %s',
        split_part(part, ':', 1), split_part(part, ':', 2), differs);
    ELSIF TG_OP = 'DELETE' THEN
      parts := parts || format('SELECT %L AS what, o.%I::text AS value FROM old_rows o',
        split_part(part, ':', 1), split_part(part, ':', 2));
    END IF;
  END LOOP;
  EXECUTE format(
    'WITH found AS MATERIALIZED (SELECT what, left(value, 300) AS value FROM (%s) a
       WHERE value IS NOT NULL GROUP BY 1, 2 LIMIT 1001),
     many AS (SELECT count(*) > 1000 AS yes FROM found),
     written AS (INSERT INTO marquee.changes (what, value)
       SELECT what, value FROM found, many WHERE NOT yes
       UNION ALL SELECT ''everything'', '''' FROM many WHERE yes RETURNING 1)
     SELECT count(*) FROM written', array_to_string(parts, ' UNION ALL ')) INTO told;
  IF told > 0 THEN PERFORM pg_notify('marquee_changes', 'changed'); END IF;
  RETURN NULL;
END $$;

DO $$
DECLARE t record;
BEGIN
  FOR t IN SELECT * FROM (VALUES
    ('public.module_custom_domains', 'name:domain', 'domain,site_module_installation_id,status,'
      'ssl_status,ssl_certificate,ssl_private_key_encrypted,ssl_expires_at,config,white_label'),
    ('public.site_module_installations', 'installation:id', 'site_id,module_id,is_enabled'),
    ('public.sites', 'site:id,name:custom_domain,label:subdomain',
      'client_id,agency_id,subdomain,custom_domain,custom_domain_verified,published'),
    ('public.clients', 'client:id', 'agency_id,status'),
    ('public.agencies', 'agency:id', 'status,subscription_status'),
    ('public.domain_redirects', 'name:from_domain,name:to_domain',
      'site_id,from_domain,to_domain,redirect_type,preserve_path,active'),
    ('marquee.proofs', 'name:domain', 'record_kind,record_id,domain,owner,revoked_at')
  ) v(name, told, columns) LOOP
    EXECUTE format('CREATE TRIGGER marquee_insert AFTER INSERT ON %s REFERENCING NEW TABLE AS '
      'new_rows FOR EACH STATEMENT EXECUTE FUNCTION marquee.note_changes(%L, %L)',
      t.name, t.told, t.columns);
    EXECUTE format('CREATE TRIGGER marquee_update AFTER UPDATE ON %s REFERENCING OLD TABLE AS '
      'old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION '
      'marquee.note_changes(%L, %L)', t.name, t.told, t.columns);
    EXECUTE format('CREATE TRIGGER marquee_delete AFTER DELETE ON %s REFERENCING OLD TABLE AS '
      'old_rows FOR EACH STATEMENT EXECUTE FUNCTION marquee.note_changes(%L, %L)',
      t.name, t.told, t.columns);
    EXECUTE format('CREATE TRIGGER marquee_truncate AFTER TRUNCATE ON %s FOR EACH STATEMENT '
      'EXECUTE FUNCTION marquee.note_changes(%L, %L)', t.name, t.told, t.columns);
  END LOOP;
END $$;
