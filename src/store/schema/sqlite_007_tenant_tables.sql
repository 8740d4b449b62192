-- What the platform knows of tenants beside their domains (platform contract 1.8).
-- Lists are JSON arrays of texts.

CREATE TABLE module_allowed_domains (
  id TEXT PRIMARY KEY NOT NULL DEFAULT (lower(hex(randomblob(16)))),
  site_id TEXT NOT NULL REFERENCES sites (id) ON DELETE CASCADE,
  module_id TEXT NOT NULL,
  domain TEXT NOT NULL,
  verified INTEGER DEFAULT 0,
  verification_token TEXT,
  allow_embed INTEGER DEFAULT 1,
  allow_api INTEGER DEFAULT 1,
  embed_types TEXT DEFAULT '[]',
  rate_limit INTEGER DEFAULT 1000,
  created_at TEXT DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  UNIQUE (site_id, module_id, domain)
);

CREATE TABLE module_api_routes (
  id TEXT PRIMARY KEY NOT NULL DEFAULT (lower(hex(randomblob(16)))),
  module_id TEXT NOT NULL,
  path TEXT NOT NULL,
  method TEXT NOT NULL,
  handler_type TEXT DEFAULT 'function' CHECK (handler_type IN ('function', 'proxy', 'static')),
  handler_url TEXT,
  requires_auth INTEGER DEFAULT 1,
  required_scopes TEXT DEFAULT '[]',
  rate_limit_per_minute INTEGER,
  cache_ttl_seconds INTEGER DEFAULT 0,
  is_active INTEGER DEFAULT 1,
  created_at TEXT DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  UNIQUE (module_id, path, method)
);

CREATE INDEX idx_agency_members_user ON agency_members (user_id);

CREATE TRIGGER marquee_agency_members_insert AFTER INSERT ON agency_members
WHEN (SELECT value FROM marquee_meta WHERE key = 'quiet') IS NULL
BEGIN
  INSERT INTO marquee_changes (what, value) VALUES ('member', NEW.user_id);
END;
CREATE TRIGGER marquee_agency_members_delete AFTER DELETE ON agency_members
WHEN (SELECT value FROM marquee_meta WHERE key = 'quiet') IS NULL
BEGIN
  INSERT INTO marquee_changes (what, value) VALUES ('member', OLD.user_id);
END;
CREATE TRIGGER marquee_agency_members_update AFTER UPDATE OF agency_id, user_id, role ON agency_members
WHEN (SELECT value FROM marquee_meta WHERE key = 'quiet') IS NULL AND (OLD.agency_id IS NOT NEW.agency_id
  OR OLD.user_id IS NOT NEW.user_id
  OR OLD.role IS NOT NEW.role)
BEGIN
  INSERT INTO marquee_changes (what, value) VALUES ('member', NEW.user_id);
  INSERT INTO marquee_changes (what, value) SELECT 'member', OLD.user_id WHERE OLD.user_id IS NOT NEW.user_id;
END;

CREATE TRIGGER marquee_module_allowed_domains_insert AFTER INSERT ON module_allowed_domains
WHEN (SELECT value FROM marquee_meta WHERE key = 'quiet') IS NULL
BEGIN
  INSERT INTO marquee_changes (what, value) VALUES ('module', NEW.module_id);
END;
CREATE TRIGGER marquee_module_allowed_domains_delete AFTER DELETE ON module_allowed_domains
WHEN (SELECT value FROM marquee_meta WHERE key = 'quiet') IS NULL
BEGIN
  INSERT INTO marquee_changes (what, value) VALUES ('module', OLD.module_id);
END;
CREATE TRIGGER marquee_module_allowed_domains_update AFTER UPDATE OF site_id, module_id, domain, verified, allow_embed, allow_api ON module_allowed_domains
WHEN (SELECT value FROM marquee_meta WHERE key = 'quiet') IS NULL AND (OLD.site_id IS NOT NEW.site_id
  OR OLD.module_id IS NOT NEW.module_id
  OR OLD.domain IS NOT NEW.domain
  OR OLD.verified IS NOT NEW.verified
  OR OLD.allow_embed IS NOT NEW.allow_embed
  OR OLD.allow_api IS NOT NEW.allow_api)
BEGIN
  INSERT INTO marquee_changes (what, value) VALUES ('module', NEW.module_id);
  INSERT INTO marquee_changes (what, value) SELECT 'module', OLD.module_id WHERE OLD.module_id IS NOT NEW.module_id;
END;

CREATE TRIGGER marquee_module_api_routes_insert AFTER INSERT ON module_api_routes
WHEN (SELECT value FROM marquee_meta WHERE key = 'quiet') IS NULL
BEGIN
  INSERT INTO marquee_changes (what, value) VALUES ('module', NEW.module_id);
END;
CREATE TRIGGER marquee_module_api_routes_delete AFTER DELETE ON module_api_routes
WHEN (SELECT value FROM marquee_meta WHERE key = 'quiet') IS NULL
BEGIN
  INSERT INTO marquee_changes (what, value) VALUES ('module', OLD.module_id);
END;
CREATE TRIGGER marquee_module_api_routes_update AFTER UPDATE OF module_id, path, method, requires_auth, required_scopes, rate_limit_per_minute, cache_ttl_seconds, is_active ON module_api_routes
WHEN (SELECT value FROM marquee_meta WHERE key = 'quiet') IS NULL AND (OLD.module_id IS NOT NEW.module_id
  OR OLD.path IS NOT NEW.path
  OR OLD.method IS NOT NEW.method
  OR OLD.requires_auth IS NOT NEW.requires_auth
  OR OLD.required_scopes IS NOT NEW.required_scopes
  OR OLD.rate_limit_per_minute IS NOT NEW.rate_limit_per_minute
  OR OLD.cache_ttl_seconds IS NOT NEW.cache_ttl_seconds
  OR OLD.is_active IS NOT NEW.is_active)
BEGIN
  INSERT INTO marquee_changes (what, value) VALUES ('module', NEW.module_id);
  INSERT INTO marquee_changes (what, value) SELECT 'module', OLD.module_id WHERE OLD.module_id IS NOT NEW.module_id;
END;
