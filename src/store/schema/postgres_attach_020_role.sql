-- The role that a node connects as: it sees and writes what Marquee needs and
-- nothing else, by column, and policies of its own let it do so under row-level
-- security. It is made without a password; give it one, or let it in by
-- certificate:  ALTER ROLE {{role}} PASSWORD '...'
DO $do$ BEGIN
IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = {{role_text}}) THEN
  CREATE ROLE {{role}} LOGIN;
END IF;
END $do$;
GRANT USAGE ON SCHEMA public, marquee TO {{role}};
GRANT SELECT ON ALL TABLES IN SCHEMA marquee TO {{role}};
GRANT INSERT, UPDATE, DELETE ON marquee.proofs, marquee.leases, marquee.changes TO {{role}};

GRANT SELECT (id, status, subscription_status, plan)
  ON public.agencies TO {{role}};
DROP POLICY IF EXISTS marquee_select ON public.agencies;
CREATE POLICY marquee_select ON public.agencies FOR SELECT TO {{role}} USING (true);

GRANT SELECT (agency_id, user_id, role)
  ON public.agency_members TO {{role}};
DROP POLICY IF EXISTS marquee_select ON public.agency_members;
CREATE POLICY marquee_select ON public.agency_members FOR SELECT TO {{role}} USING (true);

GRANT SELECT (id, status)
  ON public.clients TO {{role}};
DROP POLICY IF EXISTS marquee_select ON public.clients;
CREATE POLICY marquee_select ON public.clients FOR SELECT TO {{role}} USING (true);

GRANT SELECT (id, client_id, agency_id, subdomain, custom_domain, custom_domain_verified, domain_verification_token, published)
  ON public.sites TO {{role}};
DROP POLICY IF EXISTS marquee_select ON public.sites;
CREATE POLICY marquee_select ON public.sites FOR SELECT TO {{role}} USING (true);

GRANT SELECT (id, site_id, module_id, is_enabled)
  ON public.site_module_installations TO {{role}};
DROP POLICY IF EXISTS marquee_select ON public.site_module_installations;
CREATE POLICY marquee_select ON public.site_module_installations FOR SELECT TO {{role}} USING (true);

GRANT SELECT (id, site_module_installation_id, domain, status, verification_method,
    verification_token, verification_value, verified_at, ssl_status, ssl_provider, ssl_certificate,
    ssl_private_key_encrypted, ssl_expires_at, ssl_auto_renew, config, white_label, total_requests,
    bandwidth_bytes, created_at, updated_at),
  UPDATE (status, verified_at, ssl_status, ssl_certificate, ssl_private_key_encrypted,
    ssl_expires_at, total_requests, bandwidth_bytes, updated_at)
  ON public.module_custom_domains TO {{role}};
DROP POLICY IF EXISTS marquee_select ON public.module_custom_domains;
CREATE POLICY marquee_select ON public.module_custom_domains FOR SELECT TO {{role}} USING (true);
DROP POLICY IF EXISTS marquee_update ON public.module_custom_domains;
CREATE POLICY marquee_update ON public.module_custom_domains FOR UPDATE TO {{role}} USING (true) WITH CHECK (true);

GRANT SELECT (id, site_id, from_domain, to_domain, redirect_type, preserve_path, active, hit_count),
  UPDATE (hit_count, last_hit_at)
  ON public.domain_redirects TO {{role}};
DROP POLICY IF EXISTS marquee_select ON public.domain_redirects;
CREATE POLICY marquee_select ON public.domain_redirects FOR SELECT TO {{role}} USING (true);
DROP POLICY IF EXISTS marquee_update ON public.domain_redirects;
CREATE POLICY marquee_update ON public.domain_redirects FOR UPDATE TO {{role}} USING (true) WITH CHECK (true);

GRANT SELECT, UPDATE (is_verified, last_checked_at)
  ON public.domain_dns_records TO {{role}};
DROP POLICY IF EXISTS marquee_select ON public.domain_dns_records;
CREATE POLICY marquee_select ON public.domain_dns_records FOR SELECT TO {{role}} USING (true);
DROP POLICY IF EXISTS marquee_update ON public.domain_dns_records;
CREATE POLICY marquee_update ON public.domain_dns_records FOR UPDATE TO {{role}} USING (true) WITH CHECK (true);

GRANT SELECT, INSERT, UPDATE (status, revoked_at)
  ON public.domain_ssl_certificates TO {{role}};
DROP POLICY IF EXISTS marquee_select ON public.domain_ssl_certificates;
CREATE POLICY marquee_select ON public.domain_ssl_certificates FOR SELECT TO {{role}} USING (true);
DROP POLICY IF EXISTS marquee_insert ON public.domain_ssl_certificates;
CREATE POLICY marquee_insert ON public.domain_ssl_certificates FOR INSERT TO {{role}} WITH CHECK (true);
DROP POLICY IF EXISTS marquee_update ON public.domain_ssl_certificates;
CREATE POLICY marquee_update ON public.domain_ssl_certificates FOR UPDATE TO {{role}} USING (true) WITH CHECK (true);

GRANT SELECT (id, domain_id, created_at), INSERT, DELETE
  ON public.domain_request_logs TO {{role}};
DROP POLICY IF EXISTS marquee_select ON public.domain_request_logs;
CREATE POLICY marquee_select ON public.domain_request_logs FOR SELECT TO {{role}} USING (true);
DROP POLICY IF EXISTS marquee_insert ON public.domain_request_logs;
CREATE POLICY marquee_insert ON public.domain_request_logs FOR INSERT TO {{role}} WITH CHECK (true);
DROP POLICY IF EXISTS marquee_delete ON public.domain_request_logs;
CREATE POLICY marquee_delete ON public.domain_request_logs FOR DELETE TO {{role}} USING (true);
