-- A key's limits are remembered with it: a change of them is told, too.

DROP TRIGGER marquee_module_api_keys_update;
CREATE TRIGGER marquee_module_api_keys_update AFTER UPDATE OF module_id, site_id, agency_id, key_hash, scopes, allowed_ips, allowed_origins, rate_limit_per_minute, rate_limit_per_day, is_active, expires_at, revoked_at ON module_api_keys
WHEN (SELECT value FROM marquee_meta WHERE key = 'quiet') IS NULL
BEGIN
  INSERT INTO marquee_changes (what, value) SELECT 'credential', NEW.key_hash;
  INSERT INTO marquee_changes (what, value) SELECT 'credential', OLD.key_hash WHERE OLD.key_hash IS NOT NEW.key_hash;
END;
