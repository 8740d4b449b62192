-- API keys and embed tokens (platform contract 1.8), for a database that has none.
-- What exists already is left exactly as it is.

DO $do$ BEGIN
IF to_regclass('public.module_api_keys') IS NULL THEN
  CREATE TABLE public.module_api_keys (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    module_id uuid NOT NULL,
    site_id uuid NOT NULL REFERENCES public.sites (id) ON DELETE CASCADE,
    agency_id uuid NOT NULL REFERENCES public.agencies (id) ON DELETE CASCADE,
    name text,
    key_prefix text NOT NULL,
    key_hash text NOT NULL UNIQUE,
    scopes text[] DEFAULT '{}',
    rate_limit_per_minute integer DEFAULT 60,
    rate_limit_per_day integer DEFAULT 10000,
    allowed_ips text[] DEFAULT '{}',
    allowed_origins text[] DEFAULT '{}',
    is_active boolean DEFAULT true,
    expires_at timestamptz,
    revoked_at timestamptz,
    last_used_at timestamptz,
    request_count bigint DEFAULT 0,
    created_at timestamptz DEFAULT now()
  );
  CREATE INDEX idx_module_api_keys_site ON public.module_api_keys (site_id);
  ALTER TABLE public.module_api_keys ENABLE ROW LEVEL SECURITY;
END IF;
END $do$;

DO $do$ BEGIN
IF to_regclass('public.module_embed_tokens') IS NULL THEN
  CREATE TABLE public.module_embed_tokens (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    site_id uuid NOT NULL REFERENCES public.sites (id) ON DELETE CASCADE,
    module_id uuid NOT NULL,
    token_hash text NOT NULL,
    is_revoked boolean DEFAULT false,
    expires_at timestamptz,
    allowed_domains text[] DEFAULT '{}',
    created_at timestamptz DEFAULT now(),
    UNIQUE (site_id, module_id)
  );
  ALTER TABLE public.module_embed_tokens ENABLE ROW LEVEL SECURITY;
END IF;
END $do$;
