-- Clients of a module's API mode (platform contract 1.8), for a database that Marquee made itself. In the platform's own database nothing is
-- done here, whatever it has or lacks.

DO $do$ BEGIN
IF NOT EXISTS (SELECT 1 FROM pg_trigger WHERE tgname = 'marquee_touch'
               AND tgrelid = to_regclass('public.module_custom_domains')) THEN
  RETURN;
END IF;
CREATE TABLE IF NOT EXISTS public.module_api_consumers (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  site_module_installation_id uuid NOT NULL REFERENCES public.site_module_installations (id) ON DELETE CASCADE,
  name text,
  api_key text NOT NULL UNIQUE,
  scopes text[] DEFAULT '{read}',
  allowed_endpoints text[] DEFAULT '{*}',
  rate_limit_per_minute integer DEFAULT 60,
  rate_limit_per_day integer DEFAULT 10000,
  allowed_ips inet[],
  is_active boolean DEFAULT true,
  total_requests bigint DEFAULT 0,
  last_request_at timestamptz,
  created_at timestamptz DEFAULT now()
);
CREATE INDEX IF NOT EXISTS idx_api_consumers_site_module
  ON public.module_api_consumers (site_module_installation_id);
ALTER TABLE public.module_api_consumers ENABLE ROW LEVEL SECURITY;
END $do$;
