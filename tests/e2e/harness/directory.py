"""Rows of a directory of domains, as SQL that SQLite and PostgreSQL understand."""
import uuid

_NAMESPACE = uuid.UUID("6ba7b811-9dad-11d1-80b4-00c04fd430c8")


def row_id(kind, name):
    return str(uuid.uuid5(_NAMESPACE, f"{kind}:{name}"))


def quoted(text):
    return "NULL" if text is None else "'" + str(text).replace("'", "''") + "'"


def tenant(agency, status="active", published=True, site=None, custom_domain=None, verified=True):
    """An agency, its client, a site with the label `site`, and one installation."""
    site = site or agency
    a, c, s, i = (row_id(kind, site if kind != "agency" else agency)
                  for kind in ("agency", "client", "site", "installation"))
    return (
        f"INSERT INTO agencies (id, name, status) VALUES ('{a}', {quoted(agency)}, {quoted(status)})"
        " ON CONFLICT DO NOTHING;"
        f"INSERT INTO clients (id, agency_id, name) VALUES ('{c}', '{a}', 'client');"
        "INSERT INTO sites (id, client_id, agency_id, name, subdomain, custom_domain,"
        f" custom_domain_verified, published) VALUES ('{s}', '{c}', '{a}', 'site', {quoted(site)},"
        f" {quoted(custom_domain)}, {str(verified).lower()}, {str(published).lower()});"
        "INSERT INTO site_module_installations (id, site_id, module_id, is_enabled)"
        f" VALUES ('{i}', '{s}', '{row_id('module', site)}', true);")


def module_domain(host, site, status="active", config='{"redirect_to_https": false}'):
    return (
        "INSERT INTO module_custom_domains (id, site_module_installation_id, domain, status,"
        f" ssl_status, config) VALUES ('{row_id('domain', host)}', '{row_id('installation', site)}',"
        f" {quoted(host)}, {quoted(status)}, 'active', {quoted(config)});")


def redirect(source, target, site, kind="301", preserve_path=True):
    return ("INSERT INTO domain_redirects (id, site_id, from_domain, to_domain, redirect_type,"
            f" preserve_path) VALUES ('{row_id('redirect', source)}', '{row_id('site', site)}',"
            f" {quoted(source)}, {quoted(target)}, {quoted(kind)}, {str(preserve_path).lower()});")
