-- What the platform has beside its domains (platform contract 1.8) and the tenant
-- session of its row-level security, for a database that Marquee made itself. In the
-- platform's own database nothing is done here, whatever it has or lacks.
DO $do$ BEGIN
IF NOT EXISTS (SELECT 1 FROM pg_trigger WHERE tgname = 'marquee_touch'
               AND tgrelid = to_regclass('public.module_custom_domains')) THEN
  RETURN;
END IF;

CREATE TABLE IF NOT EXISTS public.module_allowed_domains (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  site_id uuid NOT NULL REFERENCES public.sites (id) ON DELETE CASCADE,
  module_id uuid NOT NULL,
  domain text NOT NULL,
  verified boolean DEFAULT false,
  verification_token text,
  allow_embed boolean DEFAULT true,
  allow_api boolean DEFAULT true,
  embed_types text[] DEFAULT '{}',
  rate_limit int DEFAULT 1000,
  created_at timestamptz DEFAULT now(),
  UNIQUE (site_id, module_id, domain)
);

CREATE TABLE IF NOT EXISTS public.module_api_routes (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  module_id uuid NOT NULL,
  path text NOT NULL,
  method text NOT NULL,
  handler_type text DEFAULT 'function' CHECK (handler_type IN ('function', 'proxy', 'static')),
  handler_url text,
  requires_auth boolean DEFAULT true,
  required_scopes text[] DEFAULT '{}',
  rate_limit_per_minute int,
  cache_ttl_seconds int DEFAULT 0,
  is_active boolean DEFAULT true,
  created_at timestamptz DEFAULT now(),
  UNIQUE (module_id, path, method)
);

CREATE INDEX IF NOT EXISTS idx_agency_members_user ON public.agency_members (user_id);

-- Says for whom this transaction works; what it says is gone at its end, so that a
-- pooled connection carries nothing to the next request. Whoever calls it vouches for
-- the values: they are to come from a verified x-tenant-context.
CREATE OR REPLACE FUNCTION public.set_tenant_context(p_agency_id uuid, p_site_id uuid DEFAULT NULL,
                                                     p_user_id uuid DEFAULT NULL)
RETURNS void LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $f$
  SELECT set_config('app.current_agency_id', coalesce(p_agency_id::text, ''), true),
         set_config('app.current_site_id', coalesce(p_site_id::text, ''), true),
         set_config('app.current_user_id', coalesce(p_user_id::text, ''), true);
$f$;

-- NULL, and so equal to no row's, where nothing was said.
CREATE OR REPLACE FUNCTION public.current_agency_id() RETURNS uuid
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $f$
  SELECT nullif(current_setting('app.current_agency_id', true), '')::uuid;
$f$;
CREATE OR REPLACE FUNCTION public.current_site_id() RETURNS uuid
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $f$
  SELECT nullif(current_setting('app.current_site_id', true), '')::uuid;
$f$;
CREATE OR REPLACE FUNCTION public.current_user_id() RETURNS uuid
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $f$
  SELECT nullif(current_setting('app.current_user_id', true), '')::uuid;
$f$;

-- These read tables that the session's role need not see.
CREATE OR REPLACE FUNCTION public.user_has_site_access(p_site_id uuid) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $f$
  SELECT EXISTS (
    SELECT 1 FROM public.sites s
    JOIN public.agency_members m ON m.agency_id = s.agency_id
    WHERE s.id = p_site_id AND m.user_id = public.current_user_id());
$f$;
CREATE OR REPLACE FUNCTION public.is_agency_admin(p_agency_id uuid) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $f$
  SELECT EXISTS (
    SELECT 1 FROM public.agency_members m
    WHERE m.agency_id = p_agency_id AND m.user_id = public.current_user_id()
      AND m.role IN ('owner', 'admin'));
$f$;
END $do$;
