-- What rate limits go by: an agency's plan, and what a verified origin's row allows.
-- A change of them is told, too.

DROP TRIGGER marquee_agencies_update;
CREATE TRIGGER marquee_agencies_update AFTER UPDATE OF status, subscription_status, plan ON agencies
WHEN (SELECT value FROM marquee_meta WHERE key = 'quiet') IS NULL AND (OLD.status IS NOT NEW.status
  OR OLD.subscription_status IS NOT NEW.subscription_status
  OR OLD.plan IS NOT NEW.plan)
BEGIN
  INSERT INTO marquee_changes (what, value) SELECT 'agency', NEW.id WHERE NEW.id IS NOT NULL;
END;

DROP TRIGGER marquee_module_allowed_domains_update;
CREATE TRIGGER marquee_module_allowed_domains_update AFTER UPDATE OF site_id, module_id, domain, verified, allow_embed, allow_api, rate_limit ON module_allowed_domains
WHEN (SELECT value FROM marquee_meta WHERE key = 'quiet') IS NULL AND (OLD.site_id IS NOT NEW.site_id
  OR OLD.module_id IS NOT NEW.module_id
  OR OLD.domain IS NOT NEW.domain
  OR OLD.verified IS NOT NEW.verified
  OR OLD.allow_embed IS NOT NEW.allow_embed
  OR OLD.allow_api IS NOT NEW.allow_api
  OR OLD.rate_limit IS NOT NEW.rate_limit)
BEGIN
  INSERT INTO marquee_changes (what, value) VALUES ('module', NEW.module_id);
  INSERT INTO marquee_changes (what, value) SELECT 'module', OLD.module_id WHERE OLD.module_id IS NOT NEW.module_id;
END;
