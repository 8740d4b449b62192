-- The platform's tables as the adapter reads them (platform contract 1), with
-- nothing that it does not read.
CREATE TABLE agencies (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  status text DEFAULT 'active',
  subscription_status text DEFAULT 'free'
);
CREATE TABLE clients (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  agency_id uuid NOT NULL REFERENCES agencies ON DELETE CASCADE,
  status text DEFAULT 'active'
);
CREATE TABLE sites (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  client_id uuid NOT NULL REFERENCES clients ON DELETE CASCADE,
  agency_id uuid NOT NULL REFERENCES agencies ON DELETE CASCADE,
  subdomain text UNIQUE,
  custom_domain text,
  custom_domain_verified boolean DEFAULT false,
  published boolean DEFAULT false
);
CREATE UNIQUE INDEX idx_sites_custom_domain ON sites (custom_domain)
  WHERE custom_domain IS NOT NULL;
CREATE TABLE site_module_installations (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  site_id uuid NOT NULL REFERENCES sites ON DELETE CASCADE,
  module_id uuid NOT NULL,
  is_enabled boolean DEFAULT true,
  UNIQUE (site_id, module_id)
);
CREATE TABLE module_custom_domains (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  site_module_installation_id uuid NOT NULL REFERENCES site_module_installations ON DELETE CASCADE,
  domain text NOT NULL UNIQUE,
  status text DEFAULT 'pending',
  ssl_status text DEFAULT 'none',
  ssl_certificate text,
  ssl_private_key_encrypted text,
  ssl_expires_at timestamptz,
  config jsonb DEFAULT '{}',
  white_label jsonb DEFAULT '{}',
  total_requests bigint DEFAULT 0,
  bandwidth_bytes bigint DEFAULT 0,
  updated_at timestamptz DEFAULT now()
);
CREATE TABLE domain_redirects (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  site_id uuid REFERENCES sites ON DELETE CASCADE,
  from_domain text NOT NULL UNIQUE,
  to_domain text NOT NULL,
  redirect_type text DEFAULT '301',
  preserve_path boolean DEFAULT true,
  active boolean DEFAULT true,
  hit_count int DEFAULT 0
);
