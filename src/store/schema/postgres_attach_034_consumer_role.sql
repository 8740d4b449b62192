-- What the nodes' role may of API consumers and of the records of calls: hashes by a
-- function, counters, new rows. Never a key. Tables that the database does not have are
-- left out.
GRANT EXECUTE ON FUNCTION marquee.api_consumer(text) TO {{role}};

DO $do$ BEGIN
IF to_regclass('public.module_api_consumers') IS NULL THEN RETURN; END IF;
GRANT SELECT (id, total_requests, last_request_at), UPDATE (total_requests, last_request_at)
  ON public.module_api_consumers TO {{role}};
DROP POLICY IF EXISTS marquee_select ON public.module_api_consumers;
CREATE POLICY marquee_select ON public.module_api_consumers FOR SELECT TO {{role}} USING (true);
DROP POLICY IF EXISTS marquee_update ON public.module_api_consumers;
CREATE POLICY marquee_update ON public.module_api_consumers FOR UPDATE TO {{role}} USING (true) WITH CHECK (true);
END $do$;

DO $do$ BEGIN
IF to_regclass('public.module_api_keys') IS NULL THEN RETURN; END IF;
GRANT SELECT (request_count, last_used_at), UPDATE (request_count, last_used_at)
  ON public.module_api_keys TO {{role}};
DROP POLICY IF EXISTS marquee_update ON public.module_api_keys;
CREATE POLICY marquee_update ON public.module_api_keys FOR UPDATE TO {{role}} USING (true) WITH CHECK (true);
END $do$;

DO $do$ BEGIN
IF to_regclass('public.module_api_logs') IS NULL THEN RETURN; END IF;
GRANT INSERT (module_id, site_id, route_id, method, path, auth_type, api_key_id, user_id,
    status_code, response_time_ms, ip_address, user_agent, created_at)
  ON public.module_api_logs TO {{role}};
DROP POLICY IF EXISTS marquee_insert ON public.module_api_logs;
CREATE POLICY marquee_insert ON public.module_api_logs FOR INSERT TO {{role}} WITH CHECK (true);
END $do$;

DO $do$ BEGIN
IF to_regclass('public.module_api_requests') IS NULL THEN RETURN; END IF;
GRANT INSERT (consumer_id, site_module_installation_id, method, path, status_code,
    response_time_ms, response_size_bytes, ip_address, user_agent, created_at)
  ON public.module_api_requests TO {{role}};
DROP POLICY IF EXISTS marquee_insert ON public.module_api_requests;
CREATE POLICY marquee_insert ON public.module_api_requests FOR INSERT TO {{role}} WITH CHECK (true);
END $do$;
