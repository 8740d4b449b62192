-- Calls of modules' APIs, recorded by one statement for a batch: the nodes' role gets the
-- right to call this function, and none on the tables. Tables and columns that the
-- database lacks are left out; the catalogue is asked each time.

-- The text if it is a uuid, else null.
CREATE OR REPLACE FUNCTION marquee.uuid_text(p_text text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $f$
  SELECT CASE WHEN p_text ~ '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$' THEN p_text END;
$f$;
REVOKE ALL ON FUNCTION marquee.uuid_text(text) FROM PUBLIC;

-- The rows of one table that `p_calls`, a JSON list, has; returns how many were written.
-- p_columns: pairs of a column and of its value as an expression of text over `c`.
CREATE OR REPLACE FUNCTION marquee.insert_calls(p_table text, p_columns text[], p_calls jsonb)
RETURNS integer
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $f$
DECLARE
  target regclass := to_regclass('public.' || quote_ident(p_table));
  statement text;
  limited jsonb;
  call jsonb;
  written integer := 0;
  attempt integer;
BEGIN
  IF target IS NULL OR jsonb_array_length(p_calls) = 0 THEN
    RETURN 0;
  END IF;
  SELECT format('INSERT INTO %s (%s) SELECT %s FROM jsonb_array_elements($1) AS c', target,
                string_agg(format('%I', a.attname), ', ' ORDER BY n),
                string_agg(format('(%s)::%s', p_columns[n + 1], format_type(a.atttypid, a.atttypmod)),
                           ', ' ORDER BY n))
  INTO statement
  FROM generate_series(1, array_length(p_columns, 1), 2) AS n
  JOIN pg_attribute a ON a.attrelid = target AND a.attname = p_columns[n] AND NOT a.attisdropped
  HAVING count(*) > 0;
  IF statement IS NULL THEN
    RETURN 0;
  END IF;
  BEGIN
    EXECUTE statement USING p_calls;
    RETURN jsonb_array_length(p_calls);
  EXCEPTION WHEN integrity_constraint_violation OR data_exception THEN
    NULL;  -- a row, or the words of auth_type
  END;
  -- That may be limited to the platform's three words.
  SELECT jsonb_agg(CASE WHEN c ->> 'auth' IN ('jwt', 'api_key') THEN c
                        ELSE c || '{"auth": "none"}' END)
  INTO limited FROM jsonb_array_elements(p_calls) c;
  BEGIN
    EXECUTE statement USING limited;
    RETURN jsonb_array_length(p_calls);
  EXCEPTION WHEN integrity_constraint_violation OR data_exception THEN
    NULL;  -- one of them: which one is found out below
  END;
  -- What a row refers to may be gone, or a user of another issuer than auth.users: then
  -- the row goes without it.
  FOR call IN SELECT jsonb_array_elements(limited) LOOP
    FOR attempt IN 1..3 LOOP
      IF attempt = 2 THEN
        call := call - 'user' - 'route';
      ELSIF attempt = 3 THEN
        call := call - 'key';
      END IF;
      BEGIN
        EXECUTE statement USING jsonb_build_array(call);
        written := written + 1;
        EXIT;
      EXCEPTION WHEN integrity_constraint_violation OR data_exception THEN
        NULL;  -- this row alone
      END;
    END LOOP;
  END LOOP;
  RETURN written;
END $f$;
REVOKE ALL ON FUNCTION marquee.insert_calls(text, text[], jsonb) FROM PUBLIC;

-- Adds to the use counters of a table. Rows are locked in the order of their ids, as
-- other nodes count the same ones.
CREATE OR REPLACE FUNCTION marquee.count_uses(p_table text, p_count text, p_last text, p_uses jsonb)
RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $f$
DECLARE
  target regclass := to_regclass('public.' || quote_ident(p_table));
  sets text;
BEGIN
  IF target IS NULL OR jsonb_array_length(p_uses) = 0 THEN
    RETURN;
  END IF;
  SELECT string_agg(CASE WHEN a.attname = p_count
           THEN format('%1$I = least(coalesce(t.%1$I, 0)::numeric + u.calls, %2$s)', a.attname,
                       CASE WHEN a.atttypid = 'int4'::regtype THEN 2147483647
                            ELSE 9223372036854775807 END)
           ELSE format('%1$I = greatest(t.%1$I, u.last)', a.attname) END, ', ')
  INTO sets
  FROM pg_attribute a
  WHERE a.attrelid = target AND a.attname IN (p_count, p_last) AND NOT a.attisdropped;
  IF sets IS NULL THEN
    RETURN;
  END IF;
  EXECUTE format(
    'WITH told AS (SELECT marquee.uuid_text(e ->> ''id'')::uuid AS id, '
    '    sum((e ->> ''calls'')::numeric) AS calls, '
    '    to_timestamp(max((e ->> ''last'')::numeric) / 1000) AS last '
    '  FROM jsonb_array_elements($1) e GROUP BY 1), '
    'u AS (SELECT t.id, told.calls, told.last FROM %1$s t JOIN told ON told.id = t.id '
    '  ORDER BY t.id FOR NO KEY UPDATE OF t) '
    'UPDATE %1$s t SET %2$s FROM u WHERE t.id = u.id', target, sets) USING p_uses;
END $f$;
REVOKE ALL ON FUNCTION marquee.count_uses(text, text, text, jsonb) FROM PUBLIC;

-- {"calls": [...], "keys": [...], "consumers": [...]}; returns how many calls have no row.
CREATE OR REPLACE FUNCTION marquee.record_calls(p_calls json) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $f$
DECLARE
  batch jsonb := p_calls::jsonb;
  calls jsonb := coalesce(batch -> 'calls', '[]');
  logs jsonb;
  requests jsonb;
  written integer;
  name text;
BEGIN
  SELECT coalesce(jsonb_agg(c) FILTER (WHERE c ->> 'auth' <> 'consumer'), '[]'),
         coalesce(jsonb_agg(c) FILTER (WHERE c ->> 'auth' = 'consumer'), '[]')
  INTO logs, requests FROM jsonb_array_elements(calls) c;
  written := marquee.insert_calls('module_api_logs', ARRAY[
      'module_id', 'marquee.uuid_text(c ->> ''module'')',
      'site_id', 'marquee.uuid_text(c ->> ''site'')',
      'route_id', 'marquee.uuid_text(c ->> ''route'')',
      'method', 'c ->> ''method''', 'path', 'c ->> ''path''',
      'auth_type', 'c ->> ''auth''',
      'api_key_id', 'marquee.uuid_text(c ->> ''key'')',
      'user_id', 'marquee.uuid_text(c ->> ''user'')',
      'status_code', 'c ->> ''status''', 'response_time_ms', 'c ->> ''ms''',
      'error_message', 'c ->> ''error''',
      'ip_address', 'c ->> ''client''', 'user_agent', 'c ->> ''agent''',
      'created_at', 'to_timestamp((c ->> ''at'')::numeric / 1000)'], logs)
    + marquee.insert_calls('module_api_requests', ARRAY[
      'consumer_id', 'marquee.uuid_text(c ->> ''consumer'')',
      'api_consumer_id', 'marquee.uuid_text(c ->> ''consumer'')',
      'site_module_installation_id', 'marquee.uuid_text(c ->> ''installation'')',
      'module_id', 'marquee.uuid_text(c ->> ''module'')',
      'site_id', 'marquee.uuid_text(c ->> ''site'')',
      'method', 'c ->> ''method''', 'path', 'c ->> ''path''', 'endpoint', 'c ->> ''path''',
      'status_code', 'c ->> ''status''', 'response_time_ms', 'c ->> ''ms''',
      'error_message', 'c ->> ''error''',
      'ip_address', 'c ->> ''client''', 'user_agent', 'c ->> ''agent''',
      'created_at', 'to_timestamp((c ->> ''at'')::numeric / 1000)'], requests);
  PERFORM marquee.count_uses('module_api_keys', 'request_count', 'last_used_at',
                             coalesce(batch -> 'keys', '[]'));
  PERFORM marquee.count_uses('module_api_consumers', 'total_requests', 'last_request_at',
                             coalesce(batch -> 'consumers', '[]'));
  -- In a database of Marquee's own, rows of more than 30 days go, some at a time. The
  -- platform's are the platform's: schedule its cleanup_old_api_logs().
  IF EXISTS (SELECT 1 FROM pg_trigger WHERE tgname = 'marquee_touch'
             AND tgrelid = to_regclass('public.module_custom_domains')) THEN
    FOREACH name IN ARRAY ARRAY['module_api_logs', 'module_api_requests'] LOOP
      IF to_regclass('public.' || name) IS NOT NULL THEN
        EXECUTE format('DELETE FROM public.%1$I WHERE ctid = ANY (ARRAY(SELECT ctid FROM public.%1$I '
                       'WHERE created_at < now() - interval ''30 days'' ORDER BY created_at LIMIT 500 '
                       'FOR UPDATE SKIP LOCKED))', name);
      END IF;
    END LOOP;
  END IF;
  RETURN jsonb_array_length(calls) - written;
END $f$;
REVOKE ALL ON FUNCTION marquee.record_calls(json) FROM PUBLIC;
