-- Clients of a module's API mode, and calls of modules' APIs (platform contract 1.8).
-- Lists are JSON.

CREATE TABLE module_api_consumers (
  id TEXT PRIMARY KEY NOT NULL DEFAULT (lower(hex(randomblob(16)))),
  site_module_installation_id TEXT NOT NULL REFERENCES site_module_installations (id) ON DELETE CASCADE,
  name TEXT,
  api_key TEXT NOT NULL UNIQUE,
  scopes TEXT DEFAULT '["read"]',
  allowed_endpoints TEXT DEFAULT '["*"]',
  rate_limit_per_minute INTEGER DEFAULT 60,
  rate_limit_per_day INTEGER DEFAULT 10000,
  allowed_ips TEXT,
  is_active INTEGER DEFAULT 1,
  total_requests INTEGER DEFAULT 0,
  last_request_at TEXT,
  created_at TEXT DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
);
CREATE INDEX idx_api_consumers_site_module ON module_api_consumers (site_module_installation_id);
-- By what is no secret yet; the hashes of the whole keys are compared.
CREATE INDEX marquee_consumer_prefix ON module_api_consumers (substr(api_key, 1, 11));

CREATE TABLE module_api_logs (
  id TEXT PRIMARY KEY NOT NULL DEFAULT (lower(hex(randomblob(16)))),
  module_id TEXT NOT NULL,
  site_id TEXT,
  route_id TEXT REFERENCES module_api_routes (id) ON DELETE SET NULL,
  method TEXT NOT NULL,
  path TEXT NOT NULL,
  query_params TEXT,
  auth_type TEXT,
  api_key_id TEXT REFERENCES module_api_keys (id) ON DELETE SET NULL,
  user_id TEXT,
  status_code INTEGER,
  response_time_ms INTEGER,
  error_message TEXT,
  ip_address TEXT,
  user_agent TEXT,
  created_at TEXT DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
);
CREATE INDEX idx_api_logs_module ON module_api_logs (module_id, created_at DESC);
CREATE INDEX idx_api_logs_date ON module_api_logs (created_at DESC);

CREATE TABLE module_api_requests (
  id TEXT PRIMARY KEY NOT NULL DEFAULT (lower(hex(randomblob(16)))),
  consumer_id TEXT REFERENCES module_api_consumers (id) ON DELETE SET NULL,
  site_module_installation_id TEXT NOT NULL REFERENCES site_module_installations (id) ON DELETE CASCADE,
  method TEXT NOT NULL,
  path TEXT NOT NULL,
  query_params TEXT,
  status_code INTEGER,
  response_time_ms INTEGER,
  response_size_bytes INTEGER,
  ip_address TEXT,
  user_agent TEXT,
  created_at TEXT DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
);
CREATE INDEX idx_api_requests_consumer ON module_api_requests (consumer_id, created_at DESC);
CREATE INDEX idx_api_requests_module ON module_api_requests (site_module_installation_id, created_at DESC);

-- SQLite has no hash to tell, and a key is not to be copied: that any changed is told,
-- and all that is remembered of credentials is forgotten.
CREATE TRIGGER marquee_module_api_consumers_insert AFTER INSERT ON module_api_consumers
WHEN (SELECT value FROM marquee_meta WHERE key = 'quiet') IS NULL
BEGIN
  INSERT INTO marquee_changes (what, value) SELECT 'credential', '';
END;
CREATE TRIGGER marquee_module_api_consumers_delete AFTER DELETE ON module_api_consumers
WHEN (SELECT value FROM marquee_meta WHERE key = 'quiet') IS NULL
BEGIN
  INSERT INTO marquee_changes (what, value) SELECT 'credential', '';
END;
CREATE TRIGGER marquee_module_api_consumers_update AFTER UPDATE OF site_module_installation_id, api_key, scopes, allowed_endpoints, rate_limit_per_minute, rate_limit_per_day, allowed_ips, is_active ON module_api_consumers
WHEN (SELECT value FROM marquee_meta WHERE key = 'quiet') IS NULL
BEGIN
  INSERT INTO marquee_changes (what, value) SELECT 'credential', '';
END;
