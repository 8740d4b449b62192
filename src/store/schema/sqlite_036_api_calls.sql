-- Calls of modules' APIs (platform contract 1.8): those of consumers in
-- module_api_requests, all others in module_api_logs.

CREATE TABLE module_api_logs (
  id TEXT PRIMARY KEY NOT NULL DEFAULT (lower(hex(randomblob(16)))),
  module_id TEXT NOT NULL,
  site_id TEXT NOT NULL REFERENCES sites (id) ON DELETE CASCADE,
  route_id TEXT,
  method TEXT,
  path TEXT,
  query_params TEXT,
  auth_type TEXT,
  api_key_id TEXT,
  user_id TEXT,
  status_code INTEGER,
  response_time_ms INTEGER,
  error_message TEXT,
  ip_address TEXT,
  user_agent TEXT,
  created_at TEXT DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
);
CREATE INDEX idx_module_api_logs_site ON module_api_logs (site_id, created_at DESC);
CREATE INDEX idx_module_api_logs_created ON module_api_logs (created_at);

CREATE TABLE module_api_requests (
  id TEXT PRIMARY KEY NOT NULL DEFAULT (lower(hex(randomblob(16)))),
  consumer_id TEXT NOT NULL REFERENCES module_api_consumers (id) ON DELETE CASCADE,
  site_module_installation_id TEXT,
  method TEXT,
  path TEXT,
  status_code INTEGER,
  response_time_ms INTEGER,
  error_message TEXT,
  ip_address TEXT,
  user_agent TEXT,
  created_at TEXT DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
);
CREATE INDEX idx_module_api_requests_consumer ON module_api_requests (consumer_id, created_at DESC);
CREATE INDEX idx_module_api_requests_created ON module_api_requests (created_at);
