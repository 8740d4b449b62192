-- What fills the change feed: only columns that matter to a request, never
-- updated_at, which statistics touch. While marquee_meta has `quiet`, whoever set
-- it (an import) adds one `everything` itself.

CREATE TRIGGER marquee_module_custom_domains_insert AFTER INSERT ON module_custom_domains
WHEN (SELECT value FROM marquee_meta WHERE key = 'quiet') IS NULL
BEGIN
  INSERT INTO marquee_changes (what, value) SELECT 'name', NEW.domain WHERE NEW.domain IS NOT NULL;
END;
CREATE TRIGGER marquee_module_custom_domains_delete AFTER DELETE ON module_custom_domains
WHEN (SELECT value FROM marquee_meta WHERE key = 'quiet') IS NULL
BEGIN
  INSERT INTO marquee_changes (what, value) SELECT 'name', OLD.domain WHERE OLD.domain IS NOT NULL;
END;
CREATE TRIGGER marquee_module_custom_domains_update AFTER UPDATE OF domain, site_module_installation_id, status, ssl_status, ssl_certificate, ssl_private_key_encrypted, ssl_expires_at, config, white_label ON module_custom_domains
WHEN (SELECT value FROM marquee_meta WHERE key = 'quiet') IS NULL AND (OLD.domain IS NOT NEW.domain
  OR OLD.site_module_installation_id IS NOT NEW.site_module_installation_id
  OR OLD.status IS NOT NEW.status
  OR OLD.ssl_status IS NOT NEW.ssl_status
  OR OLD.ssl_certificate IS NOT NEW.ssl_certificate
  OR OLD.ssl_private_key_encrypted IS NOT NEW.ssl_private_key_encrypted
  OR OLD.ssl_expires_at IS NOT NEW.ssl_expires_at
  OR OLD.config IS NOT NEW.config
  OR OLD.white_label IS NOT NEW.white_label)
BEGIN
  INSERT INTO marquee_changes (what, value) SELECT 'name', NEW.domain WHERE NEW.domain IS NOT NULL;
  INSERT INTO marquee_changes (what, value) SELECT 'name', OLD.domain WHERE OLD.domain IS NOT NEW.domain AND OLD.domain IS NOT NULL;
END;

CREATE TRIGGER marquee_site_module_installations_insert AFTER INSERT ON site_module_installations
WHEN (SELECT value FROM marquee_meta WHERE key = 'quiet') IS NULL
BEGIN
  INSERT INTO marquee_changes (what, value) SELECT 'installation', NEW.id WHERE NEW.id IS NOT NULL;
END;
CREATE TRIGGER marquee_site_module_installations_delete AFTER DELETE ON site_module_installations
WHEN (SELECT value FROM marquee_meta WHERE key = 'quiet') IS NULL
BEGIN
  INSERT INTO marquee_changes (what, value) SELECT 'installation', OLD.id WHERE OLD.id IS NOT NULL;
END;
CREATE TRIGGER marquee_site_module_installations_update AFTER UPDATE OF site_id, module_id, is_enabled ON site_module_installations
WHEN (SELECT value FROM marquee_meta WHERE key = 'quiet') IS NULL AND (OLD.site_id IS NOT NEW.site_id
  OR OLD.module_id IS NOT NEW.module_id
  OR OLD.is_enabled IS NOT NEW.is_enabled)
BEGIN
  INSERT INTO marquee_changes (what, value) SELECT 'installation', NEW.id WHERE NEW.id IS NOT NULL;
END;

CREATE TRIGGER marquee_sites_insert AFTER INSERT ON sites
WHEN (SELECT value FROM marquee_meta WHERE key = 'quiet') IS NULL
BEGIN
  INSERT INTO marquee_changes (what, value) SELECT 'site', NEW.id WHERE NEW.id IS NOT NULL;
  INSERT INTO marquee_changes (what, value) SELECT 'name', NEW.custom_domain WHERE NEW.custom_domain IS NOT NULL;
  INSERT INTO marquee_changes (what, value) SELECT 'label', NEW.subdomain WHERE NEW.subdomain IS NOT NULL;
END;
CREATE TRIGGER marquee_sites_delete AFTER DELETE ON sites
WHEN (SELECT value FROM marquee_meta WHERE key = 'quiet') IS NULL
BEGIN
  INSERT INTO marquee_changes (what, value) SELECT 'site', OLD.id WHERE OLD.id IS NOT NULL;
  INSERT INTO marquee_changes (what, value) SELECT 'name', OLD.custom_domain WHERE OLD.custom_domain IS NOT NULL;
  INSERT INTO marquee_changes (what, value) SELECT 'label', OLD.subdomain WHERE OLD.subdomain IS NOT NULL;
END;
CREATE TRIGGER marquee_sites_update AFTER UPDATE OF client_id, agency_id, subdomain, custom_domain, custom_domain_verified, published ON sites
WHEN (SELECT value FROM marquee_meta WHERE key = 'quiet') IS NULL AND (OLD.client_id IS NOT NEW.client_id
  OR OLD.agency_id IS NOT NEW.agency_id
  OR OLD.subdomain IS NOT NEW.subdomain
  OR OLD.custom_domain IS NOT NEW.custom_domain
  OR OLD.custom_domain_verified IS NOT NEW.custom_domain_verified
  OR OLD.published IS NOT NEW.published)
BEGIN
  INSERT INTO marquee_changes (what, value) SELECT 'site', NEW.id WHERE NEW.id IS NOT NULL;
  INSERT INTO marquee_changes (what, value) SELECT 'name', NEW.custom_domain WHERE NEW.custom_domain IS NOT NULL;
  INSERT INTO marquee_changes (what, value) SELECT 'name', OLD.custom_domain WHERE OLD.custom_domain IS NOT NEW.custom_domain AND OLD.custom_domain IS NOT NULL;
  INSERT INTO marquee_changes (what, value) SELECT 'label', NEW.subdomain WHERE NEW.subdomain IS NOT NULL;
  INSERT INTO marquee_changes (what, value) SELECT 'label', OLD.subdomain WHERE OLD.subdomain IS NOT NEW.subdomain AND OLD.subdomain IS NOT NULL;
END;

CREATE TRIGGER marquee_clients_insert AFTER INSERT ON clients
WHEN (SELECT value FROM marquee_meta WHERE key = 'quiet') IS NULL
BEGIN
  INSERT INTO marquee_changes (what, value) SELECT 'client', NEW.id WHERE NEW.id IS NOT NULL;
END;
CREATE TRIGGER marquee_clients_delete AFTER DELETE ON clients
WHEN (SELECT value FROM marquee_meta WHERE key = 'quiet') IS NULL
BEGIN
  INSERT INTO marquee_changes (what, value) SELECT 'client', OLD.id WHERE OLD.id IS NOT NULL;
END;
CREATE TRIGGER marquee_clients_update AFTER UPDATE OF agency_id, status ON clients
WHEN (SELECT value FROM marquee_meta WHERE key = 'quiet') IS NULL AND (OLD.agency_id IS NOT NEW.agency_id
  OR OLD.status IS NOT NEW.status)
BEGIN
  INSERT INTO marquee_changes (what, value) SELECT 'client', NEW.id WHERE NEW.id IS NOT NULL;
END;

CREATE TRIGGER marquee_agencies_insert AFTER INSERT ON agencies
WHEN (SELECT value FROM marquee_meta WHERE key = 'quiet') IS NULL
BEGIN
  INSERT INTO marquee_changes (what, value) SELECT 'agency', NEW.id WHERE NEW.id IS NOT NULL;
END;
CREATE TRIGGER marquee_agencies_delete AFTER DELETE ON agencies
WHEN (SELECT value FROM marquee_meta WHERE key = 'quiet') IS NULL
BEGIN
  INSERT INTO marquee_changes (what, value) SELECT 'agency', OLD.id WHERE OLD.id IS NOT NULL;
END;
CREATE TRIGGER marquee_agencies_update AFTER UPDATE OF status, subscription_status ON agencies
WHEN (SELECT value FROM marquee_meta WHERE key = 'quiet') IS NULL AND (OLD.status IS NOT NEW.status
  OR OLD.subscription_status IS NOT NEW.subscription_status)
BEGIN
  INSERT INTO marquee_changes (what, value) SELECT 'agency', NEW.id WHERE NEW.id IS NOT NULL;
END;

CREATE TRIGGER marquee_domain_redirects_insert AFTER INSERT ON domain_redirects
WHEN (SELECT value FROM marquee_meta WHERE key = 'quiet') IS NULL
BEGIN
  INSERT INTO marquee_changes (what, value) SELECT 'name', NEW.from_domain WHERE NEW.from_domain IS NOT NULL;
  INSERT INTO marquee_changes (what, value) SELECT 'name', NEW.to_domain WHERE NEW.to_domain IS NOT NULL;
END;
CREATE TRIGGER marquee_domain_redirects_delete AFTER DELETE ON domain_redirects
WHEN (SELECT value FROM marquee_meta WHERE key = 'quiet') IS NULL
BEGIN
  INSERT INTO marquee_changes (what, value) SELECT 'name', OLD.from_domain WHERE OLD.from_domain IS NOT NULL;
  INSERT INTO marquee_changes (what, value) SELECT 'name', OLD.to_domain WHERE OLD.to_domain IS NOT NULL;
END;
CREATE TRIGGER marquee_domain_redirects_update AFTER UPDATE OF site_id, from_domain, to_domain, redirect_type, preserve_path, active ON domain_redirects
WHEN (SELECT value FROM marquee_meta WHERE key = 'quiet') IS NULL AND (OLD.site_id IS NOT NEW.site_id
  OR OLD.from_domain IS NOT NEW.from_domain
  OR OLD.to_domain IS NOT NEW.to_domain
  OR OLD.redirect_type IS NOT NEW.redirect_type
  OR OLD.preserve_path IS NOT NEW.preserve_path
  OR OLD.active IS NOT NEW.active)
BEGIN
  INSERT INTO marquee_changes (what, value) SELECT 'name', NEW.from_domain WHERE NEW.from_domain IS NOT NULL;
  INSERT INTO marquee_changes (what, value) SELECT 'name', OLD.from_domain WHERE OLD.from_domain IS NOT NEW.from_domain AND OLD.from_domain IS NOT NULL;
  INSERT INTO marquee_changes (what, value) SELECT 'name', NEW.to_domain WHERE NEW.to_domain IS NOT NULL;
  INSERT INTO marquee_changes (what, value) SELECT 'name', OLD.to_domain WHERE OLD.to_domain IS NOT NEW.to_domain AND OLD.to_domain IS NOT NULL;
END;

CREATE TRIGGER marquee_proofs_insert AFTER INSERT ON marquee_proofs
WHEN (SELECT value FROM marquee_meta WHERE key = 'quiet') IS NULL
BEGIN
  INSERT INTO marquee_changes (what, value) SELECT 'name', NEW.domain WHERE NEW.domain IS NOT NULL;
END;
CREATE TRIGGER marquee_proofs_delete AFTER DELETE ON marquee_proofs
WHEN (SELECT value FROM marquee_meta WHERE key = 'quiet') IS NULL
BEGIN
  INSERT INTO marquee_changes (what, value) SELECT 'name', OLD.domain WHERE OLD.domain IS NOT NULL;
END;
CREATE TRIGGER marquee_proofs_update AFTER UPDATE OF domain, owner, revoked_at ON marquee_proofs
WHEN (SELECT value FROM marquee_meta WHERE key = 'quiet') IS NULL AND (OLD.domain IS NOT NEW.domain
  OR OLD.owner IS NOT NEW.owner
  OR OLD.revoked_at IS NOT NEW.revoked_at)
BEGIN
  INSERT INTO marquee_changes (what, value) SELECT 'name', NEW.domain WHERE NEW.domain IS NOT NULL;
  INSERT INTO marquee_changes (what, value) SELECT 'name', OLD.domain WHERE OLD.domain IS NOT NEW.domain AND OLD.domain IS NOT NULL;
END;
