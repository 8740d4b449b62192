-- Calls of modules' APIs (platform contract 1.8): those of consumers in
-- module_api_requests, all others in module_api_logs. For a database that Marquee made
-- itself; in the platform's own database nothing is done here, whatever it has or lacks.

DO $do$ BEGIN
IF NOT EXISTS (SELECT 1 FROM pg_trigger WHERE tgname = 'marquee_touch'
               AND tgrelid = to_regclass('public.module_custom_domains')) THEN
  RETURN;
END IF;
IF to_regclass('public.module_api_logs') IS NULL THEN
  CREATE TABLE public.module_api_logs (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    module_id uuid NOT NULL,
    site_id uuid NOT NULL REFERENCES public.sites (id) ON DELETE CASCADE,
    route_id uuid,
    method text,
    path text,
    query_params jsonb,
    auth_type text,
    api_key_id uuid,
    user_id uuid,
    status_code integer,
    response_time_ms integer,
    error_message text,
    ip_address text,
    user_agent text,
    created_at timestamptz DEFAULT now()
  );
  CREATE INDEX idx_module_api_logs_site ON public.module_api_logs (site_id, created_at DESC);
  CREATE INDEX idx_module_api_logs_created ON public.module_api_logs (created_at);
  ALTER TABLE public.module_api_logs ENABLE ROW LEVEL SECURITY;
END IF;
IF to_regclass('public.module_api_requests') IS NULL THEN
  CREATE TABLE public.module_api_requests (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    consumer_id uuid NOT NULL REFERENCES public.module_api_consumers (id) ON DELETE CASCADE,
    site_module_installation_id uuid,
    method text,
    path text,
    status_code integer,
    response_time_ms integer,
    error_message text,
    ip_address inet,
    user_agent text,
    created_at timestamptz DEFAULT now()
  );
  CREATE INDEX idx_module_api_requests_consumer
    ON public.module_api_requests (consumer_id, created_at DESC);
  CREATE INDEX idx_module_api_requests_created ON public.module_api_requests (created_at);
  ALTER TABLE public.module_api_requests ENABLE ROW LEVEL SECURITY;
END IF;
END $do$;
