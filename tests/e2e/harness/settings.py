"""The only place that knows how the settings file spells things. Tests speak
in Domain, Upstream, Listener and plain keyword sections; times are seconds."""
import dataclasses
import uuid

from .yaml import Text

_NAMESPACE = uuid.UUID("6ba7b810-9dad-11d1-80b4-00c04fd430c8")


def _id(kind, name):
    return str(uuid.uuid5(_NAMESPACE, f"{kind}:{name}"))


@dataclasses.dataclass
class Domain:
    """One hostname of one tenant; ids derive from the host and the agency's
    name, so that two domains with one agency share that id only."""
    host: str
    upstream: str = "main"
    agency_name: str = ""
    pair: bool = True
    force_www: str = ""           # "" | "www" | "bare"
    redirect_to_https: bool = False
    enabled: bool = True
    maintenance: bool = False
    path: str = ""
    certificate: object = "internal"  # or a list of (cert_file, key_file)
    request_fields: dict = dataclasses.field(default_factory=dict)
    response_fields: dict = dataclasses.field(default_factory=dict)
    visitors: dict = dataclasses.field(default_factory=dict)  # allow, deny, passwords, realm
    brand: dict = dataclasses.field(default_factory=dict)

    @property
    def installation(self):
        return _id("installation", self.host)

    @property
    def module(self):
        return _id("module", self.host)

    @property
    def site(self):
        return _id("site", self.host)

    @property
    def client(self):
        return _id("client", self.host)

    @property
    def agency(self):
        return _id("agency", self.agency_name or self.host)

    @property
    def domain_id(self):
        return _id("domain", self.host)

    def tenant_fields(self):
        """What its upstream must be told (platform contract 2.3)."""
        return {
            "x-tenant-agency-id": self.agency,
            "x-tenant-client-id": self.client,
            "x-tenant-site-id": self.site,
            "x-custom-domain": self.host,
            "x-site-module-installation-id": self.installation,
            "x-module-id": self.module,
            "x-site-id": self.site,
            "x-domain-id": self.domain_id,
        }


@dataclasses.dataclass
class Upstream:
    """A pool. Times are seconds."""
    name: str
    endpoints: list
    connect: float = 1.0
    first_byte: float = 5.0
    read_idle: float = 10.0
    total: float = 0.0
    idle: float = 30.0
    max_idle: int = 64
    balance: str = ""
    host_field: str = ""
    tls: dict = dataclasses.field(default_factory=dict)  # ca_file, server_name, verify
    http2: dict = dataclasses.field(default_factory=dict)   # max_streams, tenant_share, ...
    # Off unless a test is about it: one test's dead origin must not eject another's.
    ejection: dict = dataclasses.field(default_factory=lambda: {"consecutive_failures": 0})


@dataclasses.dataclass
class Listener:
    address: str = "127.0.0.1:0"
    protocol: str = "http"
    proxy_protocol: str = ""
    fallback: str = ""
    h2c: bool = False


def seconds(value):
    return Text(f"{round(value * 1000)}ms")


_TIMES = {"duration", "ticket_rotation", "ping_timeout"}


def _section(values, all_times=False):
    return {key: seconds(value) if all_times and isinstance(value, (int, float)) or key in _TIMES
            else value for key, value in values.items()}


def _domain(d):
    out = {"host": d.host, "pair": d.pair, "installation": d.installation, "module": d.module,
           "site": d.site, "client": d.client, "agency": d.agency, "domain_id": d.domain_id,
           "upstream": d.upstream, "redirect_to_https": d.redirect_to_https}
    if d.certificate == "internal":
        out["certificate"] = "internal"
    else:
        out["certificate"] = [{"cert_file": c, "key_file": k} for c, k in d.certificate]
    if not d.enabled:
        out["enabled"] = False
    if d.maintenance:
        out["maintenance"] = True
    if d.force_www:
        out["force_www"] = d.force_www == "www"
    if d.path:
        out["path"] = d.path
    if d.request_fields:
        out["request_fields"] = d.request_fields
    if d.response_fields:
        out["response_fields"] = d.response_fields
    if d.visitors:
        out["visitors"] = d.visitors
    if d.brand:
        out["brand"] = d.brand
    if d.host.startswith("*."):
        del out["pair"]
    return out


def _upstream(u):
    out = {"endpoints": list(u.endpoints),
           "connect": seconds(u.connect), "first_byte": seconds(u.first_byte),
           "read_idle": seconds(u.read_idle), "idle": seconds(u.idle), "max_idle": u.max_idle,
           "ejection": _section(u.ejection)}
    if u.total:
        out["total"] = seconds(u.total)
    if u.balance:
        out["balance"] = u.balance
    if u.host_field:
        out["host_field"] = u.host_field
    if u.tls:
        out["tls"] = u.tls
    if u.http2:
        out["http2"] = _section(u.http2)
    return out


def _listener(li):
    out = {"address": li.address, "protocol": li.protocol}
    if li.proxy_protocol:
        out["proxy_protocol"] = li.proxy_protocol
    if li.fallback:
        out["fallback"] = li.fallback
    if li.h2c:
        out["h2c"] = True
    return out


def document(*, state_dir, admin_socket, access_log, listeners, upstreams, domains, workers=2,
             trusted_proxies=(), tls=None, limits=None, timeouts=None, forwarding=None,
             host_classes=None, access_format="json", directory=None, tenants=None, access=None,
             rate_limits=None, branding=None, answers=None, context=None, pages=None, http2=None):
    """The settings file as a tree, ready for yaml.dump. timeouts: seconds by
    name (body_floor is bytes per second)."""
    times = dict(timeouts or {})
    floor = times.pop("body_floor", None)
    # Tests fail handshakes on purpose, and all of them come from one prefix.
    tls = {"failed_handshake_burst": 100000, "failed_handshake_rate": 100000, **(tls or {})}
    out = {
        "state_dir": state_dir,
        "workers": workers,
        "listeners": [_listener(li) for li in listeners],
        "upstreams": {u.name: _upstream(u) for u in upstreams},
        "domains": [_domain(d) for d in domains],
        "tls": _section(tls),
        "log": {"access": {"file": access_log, "format": access_format}, "level": "info"},
        "admin": {"socket": admin_socket},
    }
    if trusted_proxies:
        out["trusted_proxies"] = list(trusted_proxies)
    if limits:
        out["limits"] = dict(limits)
    if times or floor is not None:
        out["timeouts"] = _section(times, all_times=True)
        if floor is not None:
            out["timeouts"]["body_floor"] = floor
    if forwarding:
        out["forwarding"] = dict(forwarding)
    if directory:
        out["directory"] = dict(directory)
    if access:
        out["access"] = dict(access)
    if rate_limits:
        out["rate_limits"] = dict(rate_limits)
    if answers:
        out["answers"] = dict(answers)
    if http2:
        out["http2"] = dict(http2)
    if branding:
        out["branding"] = dict(branding)
    if pages:
        out["pages"] = {k: seconds(v) if k == "retry_after" else v for k, v in pages.items()}
    if context:
        out["context"] = {k: seconds(v) if k in ("lifetime", "rotation") else v for k, v in context.items()}
    if tenants:
        out["tenants"] = tenants
    if host_classes:
        out["host_classes"] = host_classes
    return out
