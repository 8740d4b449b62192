-- The platform's tables, by its names and columns (platform contract 1), for a
-- database that has none. What exists already is left exactly as it is: neither
-- column nor index nor constraint is added to it.

DO $do$ BEGIN
IF to_regclass('public.agencies') IS NULL THEN
  CREATE TABLE public.agencies (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name text,
    slug text,
    owner_id uuid,
    plan text,
    status text DEFAULT 'active',
    subscription_status text DEFAULT 'free',
    subscription_plan text,
    subscription_tier text,
    white_label_enabled boolean DEFAULT false,
    custom_branding jsonb,
    created_at timestamptz DEFAULT now(),
    updated_at timestamptz DEFAULT now()
  );
END IF;
END $do$;

DO $do$ BEGIN
IF to_regclass('public.agency_members') IS NULL THEN
  CREATE TABLE public.agency_members (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    agency_id uuid NOT NULL REFERENCES public.agencies (id) ON DELETE CASCADE,
    user_id uuid NOT NULL,
    role text NOT NULL DEFAULT 'member',
    created_at timestamptz DEFAULT now(),
    UNIQUE (agency_id, user_id)
  );
END IF;
END $do$;

DO $do$ BEGIN
IF to_regclass('public.clients') IS NULL THEN
  CREATE TABLE public.clients (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    agency_id uuid NOT NULL REFERENCES public.agencies (id) ON DELETE CASCADE,
    name text,
    status text DEFAULT 'active',
    created_at timestamptz DEFAULT now(),
    updated_at timestamptz DEFAULT now()
  );
  CREATE INDEX idx_clients_agency ON public.clients (agency_id);
END IF;
END $do$;

DO $do$ BEGIN
IF to_regclass('public.sites') IS NULL THEN
  CREATE TABLE public.sites (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    client_id uuid NOT NULL REFERENCES public.clients (id) ON DELETE CASCADE,
    agency_id uuid NOT NULL REFERENCES public.agencies (id) ON DELETE CASCADE,
    name text,
    subdomain text UNIQUE,
    custom_domain text,
    custom_domain_verified boolean DEFAULT false,
    domain_verification_token text,
    domain_last_checked timestamptz,
    published boolean DEFAULT false,
    settings jsonb,
    robots_txt text,
    created_at timestamptz DEFAULT now(),
    updated_at timestamptz DEFAULT now()
  );
  CREATE UNIQUE INDEX idx_sites_custom_domain ON public.sites (custom_domain)
    WHERE custom_domain IS NOT NULL;
  CREATE INDEX idx_sites_agency ON public.sites (agency_id);
  CREATE INDEX idx_sites_client ON public.sites (client_id);
END IF;
END $do$;

DO $do$ BEGIN
IF to_regclass('public.site_module_installations') IS NULL THEN
  CREATE TABLE public.site_module_installations (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    site_id uuid NOT NULL REFERENCES public.sites (id) ON DELETE CASCADE,
    module_id uuid NOT NULL,
    is_enabled boolean DEFAULT true,
    settings jsonb DEFAULT '{}',
    agency_subscription_id uuid,
    client_installation_id uuid,
    created_at timestamptz DEFAULT now(),
    UNIQUE (site_id, module_id)
  );
END IF;
END $do$;

DO $do$ BEGIN
IF to_regclass('public.module_custom_domains') IS NULL THEN
  CREATE TABLE public.module_custom_domains (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    site_module_installation_id uuid NOT NULL
      REFERENCES public.site_module_installations (id) ON DELETE CASCADE,
    domain text NOT NULL UNIQUE,
    subdomain text,
    status text DEFAULT 'pending' CHECK (status IN ('pending', 'verifying', 'verified',
      'provisioning', 'active', 'failed', 'expired', 'disabled')),
    verification_method text CHECK (verification_method IN ('cname', 'txt', 'file', 'meta')),
    verification_token text,
    verification_value text,
    verified_at timestamptz,
    ssl_status text DEFAULT 'none' CHECK (ssl_status IN ('none', 'pending', 'provisioning',
      'active', 'expired', 'failed')),
    ssl_provider text DEFAULT 'letsencrypt',
    ssl_certificate text,
    ssl_private_key_encrypted text,
    ssl_expires_at timestamptz,
    ssl_auto_renew boolean DEFAULT true,
    config jsonb DEFAULT '{}',
    white_label jsonb DEFAULT '{}',
    total_requests bigint DEFAULT 0,
    bandwidth_bytes bigint DEFAULT 0,
    created_at timestamptz DEFAULT now(),
    updated_at timestamptz DEFAULT now()
  );
  CREATE INDEX idx_module_custom_domains_installation
    ON public.module_custom_domains (site_module_installation_id);
  CREATE INDEX idx_module_custom_domains_status ON public.module_custom_domains (status);
  CREATE INDEX idx_module_custom_domains_ssl_expiry ON public.module_custom_domains (ssl_expires_at)
    WHERE ssl_status = 'active' AND ssl_auto_renew;
  CREATE TRIGGER marquee_touch BEFORE UPDATE ON public.module_custom_domains
    FOR EACH ROW EXECUTE FUNCTION marquee.touch_updated_at();
END IF;
END $do$;

DO $do$ BEGIN
IF to_regclass('public.domain_dns_records') IS NULL THEN
  CREATE TABLE public.domain_dns_records (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    domain_id uuid NOT NULL REFERENCES public.module_custom_domains (id) ON DELETE CASCADE,
    record_type text NOT NULL,
    host text NOT NULL,
    value text NOT NULL,
    is_verified boolean DEFAULT false,
    last_checked_at timestamptz,
    created_at timestamptz DEFAULT now()
  );
  CREATE INDEX idx_domain_dns_records_domain ON public.domain_dns_records (domain_id);
END IF;
END $do$;

DO $do$ BEGIN
IF to_regclass('public.domain_ssl_certificates') IS NULL THEN
  CREATE TABLE public.domain_ssl_certificates (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    domain_id uuid NOT NULL REFERENCES public.module_custom_domains (id) ON DELETE CASCADE,
    serial_number text,
    issuer text,
    subject text,
    san text[],
    issued_at timestamptz,
    expires_at timestamptz,
    status text DEFAULT 'active' CHECK (status IN ('active', 'expired', 'revoked')),
    revoked_at timestamptz,
    created_at timestamptz DEFAULT now()
  );
  CREATE INDEX idx_domain_ssl_certificates_domain ON public.domain_ssl_certificates (domain_id);
END IF;
END $do$;

DO $do$ BEGIN
IF to_regclass('public.domain_request_logs') IS NULL THEN
  CREATE TABLE public.domain_request_logs (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    domain_id uuid NOT NULL REFERENCES public.module_custom_domains (id) ON DELETE CASCADE,
    path text,
    method text,
    status_code int,
    response_time_ms int,
    bytes_sent int,
    ip_address inet,
    user_agent text,
    country_code text,
    created_at timestamptz DEFAULT now()
  );
  CREATE INDEX idx_domain_request_logs_domain
    ON public.domain_request_logs (domain_id, created_at DESC);
  CREATE INDEX idx_domain_request_logs_created ON public.domain_request_logs (created_at DESC);
END IF;
END $do$;

DO $do$ BEGIN
IF to_regclass('public.domain_redirects') IS NULL THEN
  CREATE TABLE public.domain_redirects (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    site_id uuid REFERENCES public.sites (id) ON DELETE CASCADE,
    from_domain text NOT NULL UNIQUE,
    to_domain text NOT NULL,
    -- 308 is Marquee's own addition; the platform's table knows the first two.
    redirect_type text DEFAULT '301' CHECK (redirect_type IN ('301', '302', '308')),
    preserve_path boolean DEFAULT true,
    active boolean DEFAULT true,
    hit_count int DEFAULT 0,
    last_hit_at timestamptz,
    created_at timestamptz DEFAULT now()
  );
  CREATE INDEX idx_domain_redirects_from ON public.domain_redirects (from_domain) WHERE active;
  CREATE INDEX idx_domain_redirects_site ON public.domain_redirects (site_id);
END IF;
END $do$;
