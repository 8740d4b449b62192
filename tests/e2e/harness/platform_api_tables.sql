-- The platform's tables of API keys, consumers and recorded calls, after
-- platform_schema.sql. Columns of module_api_requests beside consumer_id and created_at
-- are likely ones.
CREATE TABLE auth.users (id uuid PRIMARY KEY);
CREATE TABLE public.module_api_keys (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(), module_id uuid NOT NULL,
  site_id uuid NOT NULL REFERENCES public.sites ON DELETE CASCADE,
  agency_id uuid NOT NULL REFERENCES public.agencies ON DELETE CASCADE, name text, key_prefix text NOT NULL,
  key_hash text NOT NULL UNIQUE, scopes text[] DEFAULT '{}', rate_limit_per_minute int DEFAULT 60,
  rate_limit_per_day int DEFAULT 10000, allowed_ips text[] DEFAULT '{}', allowed_origins text[] DEFAULT '{}',
  is_active boolean DEFAULT true, expires_at timestamptz, revoked_at timestamptz, last_used_at timestamptz,
  request_count int DEFAULT 0, created_at timestamptz DEFAULT now());
CREATE TABLE public.module_api_consumers (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  site_module_installation_id uuid NOT NULL REFERENCES public.site_module_installations ON DELETE CASCADE,
  name text, api_key text NOT NULL UNIQUE, scopes text[] DEFAULT '{read}', allowed_endpoints text[] DEFAULT '{*}',
  rate_limit_per_minute int DEFAULT 60, rate_limit_per_day int DEFAULT 10000, allowed_ips inet[],
  is_active boolean DEFAULT true, oauth_client_id uuid, total_requests bigint DEFAULT 0, last_request_at timestamptz,
  created_at timestamptz DEFAULT now());
CREATE TABLE public.module_api_logs (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(), module_id uuid NOT NULL,
  site_id uuid REFERENCES public.sites ON DELETE CASCADE, route_id uuid, method text NOT NULL, path text NOT NULL,
  query_params jsonb, auth_type text CHECK (auth_type IN ('jwt', 'api_key', 'none')),
  api_key_id uuid REFERENCES public.module_api_keys ON DELETE SET NULL, user_id uuid REFERENCES auth.users,
  status_code int NOT NULL, response_time_ms int, error_message text, ip_address text, user_agent text,
  created_at timestamptz DEFAULT now());
CREATE TABLE public.module_api_requests (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  consumer_id uuid NOT NULL REFERENCES public.module_api_consumers ON DELETE CASCADE, endpoint text, method text,
  status_code int, response_time_ms int, ip_address inet, created_at timestamptz DEFAULT now());
DO $$ DECLARE t text; BEGIN
  FOREACH t IN ARRAY ARRAY['module_api_keys', 'module_api_consumers', 'module_api_logs', 'module_api_requests'] LOOP
    EXECUTE format('ALTER TABLE public.%I ENABLE ROW LEVEL SECURITY', t);
    EXECUTE format('CREATE POLICY service_all ON public.%I FOR ALL USING (auth.jwt() ->> ''role'' = ''service_role'')', t);
  END LOOP;
END $$;
