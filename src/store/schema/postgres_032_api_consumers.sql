-- Clients of a module's API mode, and calls of modules' APIs (platform contract 1.8),
-- for a database that Marquee made itself. In the platform's own database nothing is
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

CREATE TABLE IF NOT EXISTS public.module_api_logs (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  module_id uuid NOT NULL,
  site_id uuid,
  route_id uuid REFERENCES public.module_api_routes (id) ON DELETE SET NULL,
  method text NOT NULL,
  path text NOT NULL,
  query_params jsonb,
  auth_type text,
  api_key_id uuid REFERENCES public.module_api_keys (id) ON DELETE SET NULL,
  user_id uuid,
  status_code integer,
  response_time_ms integer,
  error_message text,
  ip_address text,
  user_agent text,
  created_at timestamptz DEFAULT now()
);
CREATE INDEX IF NOT EXISTS idx_api_logs_module ON public.module_api_logs (module_id, created_at DESC);
CREATE INDEX IF NOT EXISTS idx_api_logs_date ON public.module_api_logs (created_at DESC);
ALTER TABLE public.module_api_logs ENABLE ROW LEVEL SECURITY;

CREATE TABLE IF NOT EXISTS public.module_api_requests (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  consumer_id uuid REFERENCES public.module_api_consumers (id) ON DELETE SET NULL,
  site_module_installation_id uuid NOT NULL REFERENCES public.site_module_installations (id) ON DELETE CASCADE,
  method text NOT NULL CHECK (method IN ('GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS')),
  path text NOT NULL,
  query_params jsonb,
  status_code integer,
  response_time_ms integer,
  response_size_bytes integer,
  ip_address inet,
  user_agent text,
  created_at timestamptz DEFAULT now()
);
CREATE INDEX IF NOT EXISTS idx_api_requests_consumer
  ON public.module_api_requests (consumer_id, created_at DESC);
CREATE INDEX IF NOT EXISTS idx_api_requests_module
  ON public.module_api_requests (site_module_installation_id, created_at DESC);
ALTER TABLE public.module_api_requests ENABLE ROW LEVEL SECURITY;
END $do$;
