-- The platform's own tables, as the contract describes them: constraints,
-- functions, row-level security and the managed database's default grants.
DO $$ BEGIN
  IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'anon') THEN CREATE ROLE anon; END IF;
  IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'authenticated') THEN CREATE ROLE authenticated; END IF;
  IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'service_role') THEN CREATE ROLE service_role BYPASSRLS; END IF;
END $$;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON TABLES TO anon, authenticated, service_role;
CREATE SCHEMA auth;
GRANT USAGE ON SCHEMA auth TO anon, authenticated, service_role;
CREATE FUNCTION auth.jwt() RETURNS jsonb LANGUAGE sql STABLE AS
  $$ SELECT coalesce(nullif(current_setting('request.jwt.claims', true), ''), '{}')::jsonb $$;
CREATE FUNCTION auth.uid() RETURNS uuid LANGUAGE sql STABLE AS
  $$ SELECT nullif(auth.jwt() ->> 'sub', '')::uuid $$;

CREATE TABLE public.agencies (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(), name text NOT NULL, slug text, owner_id uuid, plan text,
  status text DEFAULT 'active', subscription_status text DEFAULT 'free', subscription_plan text,
  subscription_tier text, white_label_enabled boolean, custom_branding jsonb,
  created_at timestamptz DEFAULT now(), updated_at timestamptz DEFAULT now());
CREATE TABLE public.agency_members (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(), agency_id uuid NOT NULL REFERENCES public.agencies ON DELETE CASCADE,
  user_id uuid NOT NULL, role text NOT NULL CHECK (role IN ('owner', 'admin', 'member')), UNIQUE (agency_id, user_id));
CREATE TABLE public.clients (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(), agency_id uuid NOT NULL REFERENCES public.agencies ON DELETE CASCADE,
  name text NOT NULL, status text DEFAULT 'active', created_at timestamptz DEFAULT now());
CREATE TABLE public.sites (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(), client_id uuid NOT NULL REFERENCES public.clients ON DELETE CASCADE,
  agency_id uuid NOT NULL REFERENCES public.agencies ON DELETE CASCADE, name text NOT NULL, subdomain text UNIQUE,
  custom_domain text, custom_domain_verified boolean DEFAULT false, domain_verification_token text,
  domain_last_checked timestamptz, published boolean DEFAULT false, settings jsonb, robots_txt text,
  created_at timestamptz DEFAULT now());
CREATE UNIQUE INDEX sites_custom_domain_key ON public.sites (custom_domain) WHERE custom_domain IS NOT NULL;
CREATE TABLE public.site_module_installations (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(), site_id uuid NOT NULL REFERENCES public.sites ON DELETE CASCADE,
  module_id uuid NOT NULL, is_enabled boolean DEFAULT true, settings jsonb, agency_subscription_id uuid,
  client_installation_id uuid, UNIQUE (site_id, module_id));

CREATE TABLE public.module_custom_domains (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  site_module_installation_id uuid NOT NULL REFERENCES public.site_module_installations (id) ON DELETE CASCADE,
  domain text NOT NULL UNIQUE, subdomain text,
  status text DEFAULT 'pending' CHECK (status IN ('pending', 'verifying', 'verified', 'provisioning', 'active',
    'failed', 'expired', 'disabled')),
  verification_method text CHECK (verification_method IN ('cname', 'txt', 'file', 'meta')),
  verification_token text, verification_value text, verified_at timestamptz,
  ssl_status text DEFAULT 'none' CHECK (ssl_status IN ('none', 'pending', 'provisioning', 'active', 'expired', 'failed')),
  ssl_provider text DEFAULT 'letsencrypt', ssl_certificate text, ssl_private_key_encrypted text,
  ssl_expires_at timestamptz, ssl_auto_renew boolean DEFAULT true, config jsonb DEFAULT '{}',
  white_label jsonb DEFAULT '{}', total_requests bigint DEFAULT 0, bandwidth_bytes bigint DEFAULT 0,
  created_at timestamptz DEFAULT now(), updated_at timestamptz DEFAULT now(),
  CONSTRAINT valid_domain CHECK (domain ~ '^[a-zA-Z0-9][a-zA-Z0-9-]*\.[a-zA-Z0-9.-]+$'));
CREATE INDEX idx_custom_domains_installation ON public.module_custom_domains (site_module_installation_id);
CREATE INDEX idx_custom_domains_domain ON public.module_custom_domains (domain);
CREATE FUNCTION public.update_domain_timestamp() RETURNS trigger LANGUAGE plpgsql AS
  $$ BEGIN NEW.updated_at = now(); RETURN NEW; END $$;
CREATE TRIGGER update_domain_timestamp BEFORE UPDATE ON public.module_custom_domains
  FOR EACH ROW EXECUTE FUNCTION public.update_domain_timestamp();
CREATE TABLE public.domain_dns_records (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  domain_id uuid NOT NULL REFERENCES public.module_custom_domains (id) ON DELETE CASCADE, record_type text NOT NULL,
  host text NOT NULL, value text NOT NULL, is_verified boolean DEFAULT false, last_checked_at timestamptz,
  created_at timestamptz DEFAULT now());
CREATE TABLE public.domain_ssl_certificates (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  domain_id uuid NOT NULL REFERENCES public.module_custom_domains (id) ON DELETE CASCADE, serial_number text,
  issuer text, subject text, san text[], issued_at timestamptz, expires_at timestamptz,
  status text DEFAULT 'active' CHECK (status IN ('active', 'expired', 'revoked')), revoked_at timestamptz,
  created_at timestamptz DEFAULT now());
CREATE TABLE public.domain_request_logs (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  domain_id uuid NOT NULL REFERENCES public.module_custom_domains (id) ON DELETE CASCADE, path text, method text,
  status_code int, response_time_ms int, bytes_sent int, ip_address inet, user_agent text, country_code text,
  created_at timestamptz DEFAULT now());
CREATE TABLE public.domain_redirects (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(), site_id uuid REFERENCES public.sites ON DELETE CASCADE,
  from_domain text NOT NULL UNIQUE, to_domain text NOT NULL,
  redirect_type text DEFAULT '301' CHECK (redirect_type IN ('301', '302')), preserve_path boolean DEFAULT true,
  active boolean DEFAULT true, hit_count int DEFAULT 0, last_hit_at timestamptz, created_at timestamptz DEFAULT now());
CREATE INDEX idx_domain_redirects_from ON public.domain_redirects (from_domain) WHERE active;

CREATE FUNCTION public.get_module_by_domain(p_domain text)
RETURNS TABLE (site_module_installation_id uuid, module_id uuid, site_id uuid, config jsonb, white_label jsonb)
LANGUAGE plpgsql AS $$ BEGIN RETURN QUERY
  SELECT mcd.site_module_installation_id, smi.module_id, smi.site_id, mcd.config, mcd.white_label
  FROM public.module_custom_domains mcd JOIN public.site_module_installations smi ON smi.id = mcd.site_module_installation_id
  WHERE mcd.domain = p_domain AND mcd.status = 'active' AND mcd.ssl_status = 'active'; END $$;
CREATE FUNCTION public.increment_domain_stats(p_domain_id uuid, p_requests int DEFAULT 1, p_bytes bigint DEFAULT 0)
RETURNS void LANGUAGE plpgsql AS $$ BEGIN UPDATE public.module_custom_domains
  SET total_requests = total_requests + p_requests, bandwidth_bytes = bandwidth_bytes + p_bytes, updated_at = now()
  WHERE id = p_domain_id; END $$;
CREATE FUNCTION public.get_domains_for_ssl_renewal(p_days_before_expiry int DEFAULT 30)
RETURNS TABLE (id uuid, domain text, ssl_expires_at timestamptz) LANGUAGE plpgsql AS $$ BEGIN RETURN QUERY
  SELECT mcd.id, mcd.domain, mcd.ssl_expires_at FROM public.module_custom_domains mcd
  WHERE mcd.ssl_status = 'active' AND mcd.ssl_auto_renew
    AND mcd.ssl_expires_at < now() + (p_days_before_expiry || ' days')::interval; END $$;

DO $$ DECLARE t text; BEGIN
  FOREACH t IN ARRAY ARRAY['agencies', 'agency_members', 'clients', 'sites', 'site_module_installations',
      'module_custom_domains', 'domain_dns_records', 'domain_ssl_certificates', 'domain_request_logs', 'domain_redirects']
  LOOP
    EXECUTE format('ALTER TABLE public.%I ENABLE ROW LEVEL SECURITY', t);
    EXECUTE format('CREATE POLICY service_all ON public.%I FOR ALL USING (auth.jwt() ->> ''role'' = ''service_role'')', t);
  END LOOP;
END $$;
CREATE POLICY members_read ON public.agency_members FOR SELECT USING (user_id = auth.uid());
CREATE POLICY members_read ON public.agencies FOR SELECT USING (
  id IN (SELECT agency_id FROM public.agency_members WHERE user_id = auth.uid()));
CREATE POLICY members_read ON public.sites FOR SELECT USING (
  agency_id IN (SELECT agency_id FROM public.agency_members WHERE user_id = auth.uid()));
CREATE POLICY members_read ON public.site_module_installations FOR SELECT USING (
  site_id IN (SELECT id FROM public.sites));
CREATE POLICY members_read ON public.module_custom_domains FOR SELECT USING (
  site_module_installation_id IN (SELECT id FROM public.site_module_installations));
CREATE POLICY owners_write ON public.module_custom_domains FOR ALL USING (
  site_module_installation_id IN (
    SELECT smi.id FROM public.site_module_installations smi JOIN public.sites s ON s.id = smi.site_id
    JOIN public.agency_members am ON am.agency_id = s.agency_id
    WHERE am.user_id = auth.uid() AND am.role IN ('owner', 'admin')));
CREATE POLICY "service role" ON public.domain_redirects FOR ALL USING (true) WITH CHECK (true);
