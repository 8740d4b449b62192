-- The platform's tables, by its names and columns (platform contract 1), for a
-- directory of Marquee's own. Ids are texts, times ISO 8601 in UTC, JSON is text.

CREATE TABLE agencies (
  id TEXT PRIMARY KEY NOT NULL,
  name TEXT,
  slug TEXT,
  owner_id TEXT,
  plan TEXT,
  status TEXT DEFAULT 'active',
  subscription_status TEXT DEFAULT 'free',
  subscription_plan TEXT,
  subscription_tier TEXT,
  white_label_enabled INTEGER DEFAULT 0,
  custom_branding TEXT,
  created_at TEXT DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  updated_at TEXT DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
);

CREATE TABLE agency_members (
  id TEXT PRIMARY KEY NOT NULL DEFAULT (lower(hex(randomblob(16)))),
  agency_id TEXT NOT NULL REFERENCES agencies (id) ON DELETE CASCADE,
  user_id TEXT NOT NULL,
  role TEXT NOT NULL DEFAULT 'member',
  created_at TEXT DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  UNIQUE (agency_id, user_id)
);

CREATE TABLE clients (
  id TEXT PRIMARY KEY NOT NULL,
  agency_id TEXT NOT NULL REFERENCES agencies (id) ON DELETE CASCADE,
  name TEXT,
  status TEXT DEFAULT 'active',
  created_at TEXT DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  updated_at TEXT DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
);

CREATE TABLE sites (
  id TEXT PRIMARY KEY NOT NULL,
  client_id TEXT NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
  agency_id TEXT NOT NULL REFERENCES agencies (id) ON DELETE CASCADE,
  name TEXT,
  subdomain TEXT UNIQUE,
  custom_domain TEXT,
  custom_domain_verified INTEGER DEFAULT 0,
  domain_verification_token TEXT,
  domain_last_checked TEXT,
  published INTEGER DEFAULT 0,
  settings TEXT,
  robots_txt TEXT,
  created_at TEXT DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  updated_at TEXT DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
);
CREATE UNIQUE INDEX idx_sites_custom_domain ON sites (custom_domain)
  WHERE custom_domain IS NOT NULL;
CREATE INDEX idx_sites_agency ON sites (agency_id);
CREATE INDEX idx_sites_client ON sites (client_id);

CREATE TABLE site_module_installations (
  id TEXT PRIMARY KEY NOT NULL,
  site_id TEXT NOT NULL REFERENCES sites (id) ON DELETE CASCADE,
  module_id TEXT NOT NULL,
  is_enabled INTEGER DEFAULT 1,
  settings TEXT DEFAULT '{}',
  agency_subscription_id TEXT,
  client_installation_id TEXT,
  created_at TEXT DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  UNIQUE (site_id, module_id)
);

CREATE TABLE module_custom_domains (
  id TEXT PRIMARY KEY NOT NULL,
  site_module_installation_id TEXT NOT NULL
    REFERENCES site_module_installations (id) ON DELETE CASCADE,
  domain TEXT NOT NULL UNIQUE,
  subdomain TEXT,
  status TEXT DEFAULT 'pending' CHECK (status IN ('pending', 'verifying', 'verified',
    'provisioning', 'active', 'failed', 'expired', 'disabled')),
  verification_method TEXT CHECK (verification_method IN ('cname', 'txt', 'file', 'meta')),
  verification_token TEXT,
  verification_value TEXT,
  verified_at TEXT,
  ssl_status TEXT DEFAULT 'none' CHECK (ssl_status IN ('none', 'pending', 'provisioning',
    'active', 'expired', 'failed')),
  ssl_provider TEXT DEFAULT 'letsencrypt',
  ssl_certificate TEXT,
  ssl_private_key_encrypted TEXT,
  ssl_expires_at TEXT,
  ssl_auto_renew INTEGER DEFAULT 1,
  config TEXT DEFAULT '{}',
  white_label TEXT DEFAULT '{}',
  total_requests INTEGER DEFAULT 0,
  bandwidth_bytes INTEGER DEFAULT 0,
  created_at TEXT DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  updated_at TEXT DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
);
CREATE INDEX idx_module_custom_domains_installation
  ON module_custom_domains (site_module_installation_id);
CREATE INDEX idx_module_custom_domains_ssl_expiry ON module_custom_domains (ssl_expires_at)
  WHERE ssl_status = 'active' AND ssl_auto_renew;

CREATE TABLE domain_dns_records (
  id TEXT PRIMARY KEY NOT NULL DEFAULT (lower(hex(randomblob(16)))),
  domain_id TEXT NOT NULL REFERENCES module_custom_domains (id) ON DELETE CASCADE,
  record_type TEXT NOT NULL,
  host TEXT NOT NULL,
  value TEXT NOT NULL,
  is_verified INTEGER DEFAULT 0,
  last_checked_at TEXT,
  created_at TEXT DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
);
CREATE INDEX idx_domain_dns_records_domain ON domain_dns_records (domain_id);

CREATE TABLE domain_ssl_certificates (
  id TEXT PRIMARY KEY NOT NULL DEFAULT (lower(hex(randomblob(16)))),
  domain_id TEXT NOT NULL REFERENCES module_custom_domains (id) ON DELETE CASCADE,
  serial_number TEXT,
  issuer TEXT,
  subject TEXT,
  san TEXT,
  issued_at TEXT,
  expires_at TEXT,
  status TEXT DEFAULT 'active' CHECK (status IN ('active', 'expired', 'revoked')),
  revoked_at TEXT,
  created_at TEXT DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
);
CREATE INDEX idx_domain_ssl_certificates_domain ON domain_ssl_certificates (domain_id);

CREATE TABLE domain_request_logs (
  id TEXT PRIMARY KEY NOT NULL DEFAULT (lower(hex(randomblob(16)))),
  domain_id TEXT NOT NULL REFERENCES module_custom_domains (id) ON DELETE CASCADE,
  path TEXT,
  method TEXT,
  status_code INTEGER,
  response_time_ms INTEGER,
  bytes_sent INTEGER,
  ip_address TEXT,
  user_agent TEXT,
  country_code TEXT,
  created_at TEXT DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
);
CREATE INDEX idx_domain_request_logs_domain ON domain_request_logs (domain_id, created_at DESC);
CREATE INDEX idx_domain_request_logs_created ON domain_request_logs (created_at DESC);

CREATE TABLE domain_redirects (
  id TEXT PRIMARY KEY NOT NULL DEFAULT (lower(hex(randomblob(16)))),
  site_id TEXT REFERENCES sites (id) ON DELETE CASCADE,
  from_domain TEXT NOT NULL UNIQUE,
  to_domain TEXT NOT NULL,
  -- 308 is Marquee's own addition; the platform's table knows the first two.
  redirect_type TEXT DEFAULT '301' CHECK (redirect_type IN ('301', '302', '308')),
  preserve_path INTEGER DEFAULT 1,
  active INTEGER DEFAULT 1,
  hit_count INTEGER DEFAULT 0,
  last_hit_at TEXT,
  created_at TEXT DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
);
CREATE INDEX idx_domain_redirects_site ON domain_redirects (site_id);

-- SQLite has no stored functions: these are views of the same names.
--   SELECT * FROM get_module_by_domain WHERE p_domain = ?
--   SELECT * FROM get_domains_for_ssl_renewal WHERE days_left < 30
--   INSERT INTO increment_domain_stats (p_domain_id, p_requests, p_bytes) VALUES (?, ?, ?)
CREATE VIEW get_module_by_domain AS
SELECT d.domain AS p_domain, d.site_module_installation_id, i.module_id, i.site_id, d.config,
  d.white_label
FROM module_custom_domains d
JOIN site_module_installations i ON i.id = d.site_module_installation_id
WHERE d.status = 'active' AND d.ssl_status = 'active';

CREATE VIEW get_domains_for_ssl_renewal AS
SELECT id, domain, ssl_expires_at,
  julianday(ssl_expires_at) - julianday('now') AS days_left
FROM module_custom_domains
WHERE ssl_status = 'active' AND ssl_auto_renew;

CREATE VIEW increment_domain_stats AS
SELECT id AS p_domain_id, 0 AS p_requests, 0 AS p_bytes FROM module_custom_domains;
CREATE TRIGGER marquee_increment_domain_stats INSTEAD OF INSERT ON increment_domain_stats
BEGIN
  UPDATE module_custom_domains SET
    total_requests = total_requests + coalesce(NEW.p_requests, 1),
    bandwidth_bytes = bandwidth_bytes + coalesce(NEW.p_bytes, 0),
    updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
  WHERE id = NEW.p_domain_id;
END;
