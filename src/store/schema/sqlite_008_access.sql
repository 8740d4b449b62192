-- API keys and embed tokens (platform contract 1.8). Lists are JSON.

CREATE TABLE module_api_keys (
  id TEXT PRIMARY KEY NOT NULL DEFAULT (lower(hex(randomblob(16)))),
  module_id TEXT NOT NULL,
  site_id TEXT NOT NULL REFERENCES sites (id) ON DELETE CASCADE,
  agency_id TEXT NOT NULL REFERENCES agencies (id) ON DELETE CASCADE,
  name TEXT,
  key_prefix TEXT NOT NULL,
  key_hash TEXT NOT NULL UNIQUE,
  scopes TEXT DEFAULT '[]',
  rate_limit_per_minute INTEGER DEFAULT 60,
  rate_limit_per_day INTEGER DEFAULT 10000,
  allowed_ips TEXT DEFAULT '[]',
  allowed_origins TEXT DEFAULT '[]',
  is_active INTEGER DEFAULT 1,
  expires_at TEXT,
  revoked_at TEXT,
  last_used_at TEXT,
  request_count INTEGER DEFAULT 0,
  created_at TEXT DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
);
CREATE INDEX idx_module_api_keys_site ON module_api_keys (site_id);

CREATE TABLE module_embed_tokens (
  id TEXT PRIMARY KEY NOT NULL DEFAULT (lower(hex(randomblob(16)))),
  site_id TEXT NOT NULL REFERENCES sites (id) ON DELETE CASCADE,
  module_id TEXT NOT NULL,
  token_hash TEXT NOT NULL,
  is_revoked INTEGER DEFAULT 0,
  expires_at TEXT,
  allowed_domains TEXT DEFAULT '[]',
  created_at TEXT DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  UNIQUE (site_id, module_id)
);

-- The hash is told, as it was and as it is: whoever remembers a credential forgets it.
-- Use counters change nothing of what a key opens.
CREATE TRIGGER marquee_module_api_keys_insert AFTER INSERT ON module_api_keys
WHEN (SELECT value FROM marquee_meta WHERE key = 'quiet') IS NULL
BEGIN
  INSERT INTO marquee_changes (what, value) SELECT 'credential', NEW.key_hash;
END;
CREATE TRIGGER marquee_module_api_keys_delete AFTER DELETE ON module_api_keys
WHEN (SELECT value FROM marquee_meta WHERE key = 'quiet') IS NULL
BEGIN
  INSERT INTO marquee_changes (what, value) SELECT 'credential', OLD.key_hash;
END;
CREATE TRIGGER marquee_module_api_keys_update AFTER UPDATE OF module_id, site_id, agency_id, key_hash, scopes, allowed_ips, allowed_origins, is_active, expires_at, revoked_at ON module_api_keys
WHEN (SELECT value FROM marquee_meta WHERE key = 'quiet') IS NULL
BEGIN
  INSERT INTO marquee_changes (what, value) SELECT 'credential', NEW.key_hash;
  INSERT INTO marquee_changes (what, value) SELECT 'credential', OLD.key_hash WHERE OLD.key_hash IS NOT NEW.key_hash;
END;

CREATE TRIGGER marquee_module_embed_tokens_insert AFTER INSERT ON module_embed_tokens
WHEN (SELECT value FROM marquee_meta WHERE key = 'quiet') IS NULL
BEGIN
  INSERT INTO marquee_changes (what, value) SELECT 'credential', NEW.token_hash;
END;
CREATE TRIGGER marquee_module_embed_tokens_delete AFTER DELETE ON module_embed_tokens
WHEN (SELECT value FROM marquee_meta WHERE key = 'quiet') IS NULL
BEGIN
  INSERT INTO marquee_changes (what, value) SELECT 'credential', OLD.token_hash;
END;
CREATE TRIGGER marquee_module_embed_tokens_update AFTER UPDATE OF site_id, module_id, token_hash, is_revoked, expires_at, allowed_domains ON module_embed_tokens
WHEN (SELECT value FROM marquee_meta WHERE key = 'quiet') IS NULL
BEGIN
  INSERT INTO marquee_changes (what, value) SELECT 'credential', NEW.token_hash;
  INSERT INTO marquee_changes (what, value) SELECT 'credential', OLD.token_hash WHERE OLD.token_hash IS NOT NEW.token_hash;
END;
