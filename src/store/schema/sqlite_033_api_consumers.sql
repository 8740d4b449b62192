-- Clients of a module's API mode (platform contract 1.8).
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

-- SQLite has no hash to tell, and a key is not to be copied: that any changed is told,
-- and all that is remembered of credentials is forgotten.
CREATE TRIGGER marquee_module_api_consumers_insert AFTER INSERT ON module_api_consumers
WHEN (SELECT value FROM marquee_meta WHERE key = 'quiet') IS NULL
BEGIN
  INSERT INTO marquee_changes (what, value) SELECT 'credential', 'any';
END;
CREATE TRIGGER marquee_module_api_consumers_delete AFTER DELETE ON module_api_consumers
WHEN (SELECT value FROM marquee_meta WHERE key = 'quiet') IS NULL
BEGIN
  INSERT INTO marquee_changes (what, value) SELECT 'credential', 'any';
END;
CREATE TRIGGER marquee_module_api_consumers_update AFTER UPDATE OF site_module_installation_id, api_key, scopes, allowed_endpoints, rate_limit_per_minute, rate_limit_per_day, allowed_ips, is_active ON module_api_consumers
WHEN (SELECT value FROM marquee_meta WHERE key = 'quiet') IS NULL
BEGIN
  INSERT INTO marquee_changes (what, value) SELECT 'credential', 'any';
END;
