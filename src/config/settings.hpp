// Everything the YAML file says, decoded and with defaults filled in. Plain
// data: no reading, no checking, no behaviour. Durations are milliseconds
// (chrono), sizes are bytes. A Mark is kept where rooms above may find fault.
// Relative paths have been joined to the folder of the file they stand in.
#pragma once
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace marquee::config {

using Ms = std::chrono::milliseconds;

// Where a value stands: index into Settings::files, line and column from 1.
struct Mark {
  std::uint32_t file = 0;
  std::uint32_t line = 0;
  std::uint32_t column = 0;
};

template <typename T>
struct Marked {
  T value{};
  Mark mark{};
  const T& operator*() const { return value; }
  const T* operator->() const { return &value; }
};

// A fault found by a room above the reader: shown as file:line:column: sentence.
struct Problem {
  Mark mark;
  std::string sentence;  // what is wrong, and what to write instead
};

enum class ListenerProtocol : std::uint8_t { http, https };
enum class ProxyProtocol : std::uint8_t { off, v1, v2, any };

struct Listener {
  Mark mark;
  std::string address;  // "0.0.0.0:8443", "[::1]:0", "unix:/path"
  Mark address_mark;
  ListenerProtocol protocol = ListenerProtocol::https;
  ProxyProtocol proxy_protocol = ProxyProtocol::off;
  std::uint16_t public_port =
      0;  // port that clients see (redirects, X-Forwarded-Port); 0 = the bound one
  Marked<std::string> fallback;  // hostname whose domain answers missing/unknown SNI; empty: refuse
  std::uint32_t backlog = 4096;
  bool h2c = false;  // http only: HTTP/2 by prior knowledge (RFC 9113 3.3) beside HTTP/1.1
};

struct TlsPolicy {
  Mark mark;
  std::string min_version = "1.2";  // "1.2" | "1.3"
  std::string max_version = "1.3";
  Mark versions_mark;  // of the later of the two
  std::string ciphers =
      "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
      "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
      "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
  std::string ciphersuites =
      "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
  std::string groups = "X25519:P-256";
  Mark ciphers_mark;  // line 0: the default
  Mark ciphersuites_mark;
  Mark groups_mark;
  bool session_tickets = true;
  Ms ticket_rotation{std::chrono::hours(12)};  // three generations are accepted
  // Failed handshakes per client prefix (/24, /64): bucket size and refill per second.
  std::uint32_t failed_handshake_burst = 100;
  double failed_handshake_rate = 10;
  std::uint64_t certificate_cache = 256u << 20;  // parsed pairs, per process
};

struct CertificateFiles {
  Mark mark;
  std::string cert_file;  // PEM: leaf first, then intermediates
  std::string key_file;   // PEM, unencrypted, PKCS#8 or traditional
  Mark cert_mark;
  Mark key_mark;
};

enum class WwwRule : std::uint8_t { either, www, bare };

using Fields = std::vector<std::pair<std::string, std::string>>;

struct FieldEdits {
  Fields set;  // replaces every field of that name
  Fields add;  // appended beside what is there
  std::vector<std::string> remove;
};

// Who may visit at all, whatever else is asked of them: preview sites, offices.
struct Visitors {
  std::vector<Marked<std::string>> allow;  // CIDR; empty: everybody
  std::vector<Marked<std::string>> deny;
  std::vector<Marked<std::string>> passwords;  // "name:hash", hashes of crypt(3)
  std::string realm = "Preview";
  bool empty() const { return allow.empty() && deny.empty() && passwords.empty(); }
};

// Prefixes of paths, segment-wise.
struct PathLists {
  std::vector<std::string> refused;
  std::vector<std::string> allowed;  // empty: all that is not refused
};

// A tenant's brand, as module_custom_domains.white_label has it. What is no colour or
// no address that a page may name is left out where it is used (brand/brand.hpp).
struct Brand {
  std::string name;
  std::string logo_url;
  std::string favicon_url;
  std::string primary;
  std::string secondary;
  bool hide_powered_by = false;
  std::string css;
};

struct Domain {
  Mark mark;
  Marked<std::string> host;  // "shop.acme.com" or "*.sites.example.com"
  bool pair = true;          // www.<host> is the same domain (never for wildcards)
  std::string installation;
  std::string module;
  std::string site;
  std::string client;
  std::string agency;
  std::string domain_id;
  Marked<std::string> upstream;                // name of a pool
  std::vector<CertificateFiles> certificates;  // one per key type; empty: internal CA
  WwwRule force_www = WwwRule::either;
  Mark force_www_mark;
  bool redirect_to_https = true;
  bool enabled = true;
  bool maintenance = false;
  std::optional<Marked<std::string>> path;  // template; absent: that of the host class
  FieldEdits request_fields;
  FieldEdits response_fields;
  Visitors visitors;  // empty: those of the host class
  Brand brand;
};

enum class Balance : std::uint8_t { least_loaded, round_robin };

struct UpstreamTls {
  Mark mark;            // line 0: no such section
  std::string ca_file;  // empty: the system's roots
  Mark ca_mark;
  std::string server_name;  // SNI and the name to verify; empty: the endpoint's host
  bool verify = true;
};

struct Ejection {
  std::uint32_t consecutive_failures = 5;  // 0: never ejected
  Ms duration{10'000};                     // first ejection; doubles up to ten times
  std::uint32_t max_percent = 50;          // of the pool's endpoints, at least one stays
};

// Towards h2:// and h2c:// endpoints.
struct UpstreamHttp2 {
  std::uint32_t max_connections = 8;         // per worker and endpoint
  std::uint32_t max_streams = 100;           // per connection; the peer may allow fewer
  std::uint32_t tenant_share = 50;           // percent of them, for one agency
  std::uint32_t stream_window = 256u << 10;  // bytes of an answer that nobody has taken yet
  Ms ping_timeout{10'000};                   // a peer that does not answer is dead
};

struct Upstream {
  Mark mark;
  std::string name;
  std::vector<Marked<std::string>> endpoints;  // http(s)://h:p, h2(c)://h:p, unix:/path
  Balance balance = Balance::least_loaded;
  std::uint32_t max_idle = 512;          // idle connections kept, per worker and endpoint
  std::uint32_t max_connections = 4096;  // per worker and endpoint
  Ms idle{60'000};
  Ms connect{2'000};
  Ms first_byte{30'000};
  Ms read_idle{60'000};    // between two reads or writes of a body
  Ms total{0};             // whole exchange; 0: none
  Ms resolve{10'000};      // how often a DNS name is asked again
  std::string host_field;  // empty: the client's host; "endpoint": the endpoint's; else this value
  UpstreamTls tls;
  UpstreamHttp2 http2;
  Ejection ejection;
};

// Which hosts that no domain names belong to the platform itself.
struct HostClasses {
  Mark mark;
  std::vector<Marked<std::string>> app_hosts;
  Marked<std::string> app_upstream;
  Marked<std::string> sites_base;  // "sites.example.com": label.sites.example.com is a client site
  Marked<std::string> sites_upstream;
  Marked<std::string> sites_path{"/site/{label}{path}", {}};
  Marked<std::string> custom_path{"{path}", {}};  // domains without a `path` of their own
  PathLists app_paths;
  PathLists sites_paths{{"/api/cron", "/api/admin"}, {}};
  PathLists custom_paths{{"/api/cron", "/api/admin"}, {}};
  Visitors app_visitors;
  Visitors sites_visitors;
  Visitors custom_visitors;
};

// Sizes and counts, per request unless said otherwise.
struct Limits {
  std::uint32_t head = 32u << 10;
  std::uint32_t fields = 100;
  std::uint32_t target = 8000;
  std::uint32_t chunk_extension = 1024;  // bytes per chunk line
  std::uint32_t trailers = 8u << 10;
  std::uint64_t request_body = 0;             // 0: no limit
  std::uint32_t interim_responses = 100;      // 1xx per answer
  std::uint32_t requests_per_connection = 0;  // 0: no limit
  std::uint32_t connections = 100'000;        // per process
  std::uint32_t connections_per_client = 0;   // per /32 or /64, per process; 0: no limit
  std::uint32_t retry_body = 16u << 10;       // body bytes kept for one retry
  std::uint64_t memory = 0;                   // resident bytes that refuse new connections; 0: auto
};

struct Timeouts {
  Ms handshake{10'000};  // accept to the end of the TLS handshake
  Ms head{10'000};       // first byte of a request head to its end; the first: from accept
  Ms idle{60'000};       // keep-alive connection without a request
  Ms body{10'000};       // window of the body floor
  std::uint32_t body_floor = 500;  // bytes per second over `body`, both ways
  Ms tunnel_idle{300'000};
  Ms drain{30'000};  // SIGTERM to exit
  Ms linger{2'000};  // reading on after an early refusal, so that the answer is seen
};

// What the floor asks for in one window.
constexpr std::uint64_t bytes_per_window(const Timeouts& t) {
  return static_cast<std::uint64_t>(t.body_floor) * static_cast<std::uint64_t>(t.body.count()) /
         1000;
}

enum class DirectoryKind : std::uint8_t { yaml, sqlite, postgres };
enum class Trust : std::uint8_t { unset, yes, no };

// What is remembered of the directory's answers, and for how long (design 7).
struct DirectoryCache {
  Ms ttl{60'000};                         // fresh; then served while one look-up refreshes it
  Ms max_stale{std::chrono::hours(24)};   // served while the directory is down
  Ms negative_ttl{10'000};                // names that nobody has
  std::uint64_t domains = 128u << 20;     // bytes of known domains, per process
  std::uint32_t worker_domains = 4096;    // entries of a worker's own table
  std::uint32_t negative_names = 65'536;  // names, in a space of their own, per process
  std::uint32_t lookups = 256;            // look-ups in flight, per process
  std::uint32_t waiting = 4096;           // names that wait for one, per process
  double unknown_rate = 200;              // names asked for that nobody has, per client network
  std::uint32_t unknown_burst = 2000;     // and at once
  Ms check_interval{std::chrono::minutes(5)};  // generations compared in full
  friend bool operator==(const DirectoryCache&, const DirectoryCache&) = default;
};

// The signed file of domains in use: what a node serves that starts while its
// directory is down.
struct DirectorySnapshot {
  bool enabled = true;
  std::string file;                // empty: <state_dir>/domains.snapshot
  std::string key;                 // 64 hex digits; empty: of <file>.key, which is made
  Ms every{60'000};                // how often it is written
  std::uint32_t domains = 5'000;   // the most used
  std::uint64_t size = 64u << 20;  // bytes of the file
  std::uint32_t warm_up = 1'000;   // certificates that are loaded after a start; 0: none
  friend bool operator==(const DirectorySnapshot&, const DirectorySnapshot&) = default;
};

// Where a class of the directory's rows leads.
struct DirectoryRoute {
  Marked<std::string> upstream;
  Marked<std::string> path;
};

struct Directory {
  Mark mark;
  DirectoryKind kind = DirectoryKind::yaml;
  Mark kind_mark;
  std::string path;  // sqlite: the file; empty: <state_dir>/directory.sqlite
  Mark path_mark;
  std::string url;  // postgres: postgresql://user@host:port,host:port/name?sslmode=verify-full
  Mark url_mark;
  Trust trust_status = Trust::unset;
  std::string encryption_key;  // 64 hex digits, or empty
  Ms poll_interval{250};
  Ms timeout{2'000};  // one look-up
  DirectoryRoute modules{{}, {"/module-render/{installation_id}{path}", {}}};
  DirectoryRoute sites{{}, {"/site/{host}{path}", {}}};
  std::vector<std::string> refused_agencies{"suspended", "cancelled"};  // agencies.status
  std::vector<std::string> refused_subscriptions;  // agencies.subscription_status
  bool serve_unpublished = false;                  // sites.published
  DirectoryCache cache;
  DirectorySnapshot snapshot;
};

// HTTP/2 with clients. Flood limits are per connection; going beyond one ends it
// with ENHANCE_YOUR_CALM.
struct Http2 {
  bool enabled = true;                      // offered by ALPN on https listeners
  std::uint32_t concurrent_streams = 100;   // per connection
  std::uint32_t stream_window = 64u << 10;  // request body bytes in flight, per stream
  std::uint32_t connection_window = 1u << 20;
  std::uint32_t header_list = 32u << 10;  // RFC 9113 6.5.2; more: 431
  std::uint32_t resets = 200;             // a second; one that reached an upstream counts twice
  std::uint32_t control_frames = 500;     // a second, of each kind
  std::uint32_t continuations = 8;        // frames of one field block
};

// How a request may prove who sends it.
enum class Credential : std::uint8_t { api_key, jwt, embed, consumer };

// Requests that must prove who sends them. The first rule that fits decides.
struct AccessRule {
  Mark mark;
  std::vector<std::string> paths;    // prefixes, by whole segments
  std::vector<std::string> hosts;    // custom, site, app; empty: all
  std::vector<std::string> methods;  // empty: all
  std::vector<std::string> open;     // prefixes below `paths` that need no proof
  std::vector<Credential> accept;    // one of them is enough
  Marked<std::string> forward;       // whose server is asked where there is none; empty: nobody
  bool optional = false;             // none is enough, too; a wrong one is not
  std::vector<std::string> scopes;   // all of them are needed
  bool tenant = true;                // a proof that names no tenant is not enough
};

// Who signs tokens (RFC 7519).
struct TokenIssuer {
  Mark mark;
  std::string name;
  std::string secret;  // HS256
  Mark secret_mark;
  std::string keys_file;  // JWKS or a PEM public key
  Mark keys_file_mark;
  std::string jwks_url;  // https
  Mark jwks_url_mark;
  std::string ca_file;  // of jwks_url; empty: the system's roots
  Mark ca_mark;
  std::string issuer;                 // "iss"; empty: not asked for
  std::vector<std::string> audience;  // one of them in "aud"
  Ms leeway{30'000};
  Ms longest{0};  // from iat to exp; 0: any
  std::string user_claim = "sub";
  std::string role_claim = "role";
  std::string agency_claim = "agency_id";
  std::string site_claim = "site_id";
  std::string module_claim = "module_id";
  std::string scope_claim = "scope";
};

struct Tokens {
  std::string cookie;     // that may hold the token; empty: none
  Ms refresh{3'600'000};  // key sets of jwks_url are fetched anew
  Ms refetch{30'000};     // earliest fetch for a key that is not known
  Ms fetch_timeout{5'000};
  std::vector<TokenIssuer> issuers;
};

struct EmbedTokens {
  std::string secret;  // of the signed form; empty: not accepted
  bool legacy = false;
};

// A server of the operator's that is asked about each request of a rule.
struct ForwardAuth {
  Mark mark;
  std::string name;
  Marked<std::string> upstream;
  std::string path = "/";  // and query
  std::vector<std::string> request_fields{"Authorization", "Cookie"};
  std::vector<std::string> copy_to_upstream;  // of its answer, where that lets the request pass
  std::vector<std::string> copy_to_client{"Location", "Set-Cookie", "WWW-Authenticate"};
  std::string user_field;  // of its answer; empty: it does not say who it is
  std::string role_field;
  Ms timeout{5'000};
  std::uint64_t body = 16u << 10;  // of a refusal
  Ms ttl{0};                       // 0: asked for each request
  std::vector<std::string> key{"method", "path", "query", "client"};
  std::uint32_t requests = 256;  // asked and not answered, per worker
};

struct Access {
  Mark mark;
  std::vector<AccessRule> rules;
  Tokens tokens;
  EmbedTokens embed;
  std::vector<ForwardAuth> forward;
  std::uint32_t cache = 4096;  // proofs remembered, per worker
  Ms ttl{60'000};
  Ms negative_ttl{5'000};
  // Wrong proofs per client network: bucket size and refill per second.
  std::uint32_t wrong_burst = 200;
  double wrong_rate = 10;
};

// How often whom may ask (docs/rate-limits.md). What the words of a rule mean is
// decided by limits/rule.hpp.
struct RateRule {
  Mark mark;
  Marked<std::string> name;
  std::vector<Marked<std::string>> key;           // whom it counts by; none: all together
  std::vector<Marked<std::string>> host_classes;  // of these lists, empty is all
  std::vector<Marked<std::string>> paths;
  std::vector<Marked<std::string>> methods;
  std::vector<Marked<std::string>> subscriptions;
  std::vector<Marked<std::string>> plans;
  std::vector<Marked<std::string>> identities;
  Marked<std::string> rate;      // "100/s"; empty: `concurrent`
  std::uint32_t burst = 0;       // 0: the rate's number
  std::uint32_t cost = 1;        // of one request
  std::uint32_t concurrent = 0;  // requests in flight, per process
  bool shadow = false;
  bool fields = false;
  std::vector<Marked<std::string>> exempt;  // CIDR
  std::uint32_t ipv4_prefix = 32;
  std::uint32_t ipv6_prefix = 64;
};

enum class LimitMode : std::uint8_t { exact, leased };
enum class LimitFallback : std::uint8_t { local, open, closed };
enum class RowLimits : std::uint8_t { enforce, shadow, off };

// The store that all nodes share.
struct LimitRedis {
  Mark mark;
  // Where it is: one of `address`, `sentinels` and `cluster`, or none.
  Marked<std::string> address;                 // "host:port" or "unix:/path"
  std::vector<Marked<std::string>> sentinels;  // "host:port"
  Marked<std::string> master;                  // as the sentinels call it
  std::string sentinel_username;
  std::string sentinel_password;
  std::vector<Marked<std::string>> cluster;  // "host:port" of some of its nodes
  bool given() const { return !address->empty() || !sentinels.empty() || !cluster.empty(); }
  std::string username;
  std::string password;
  std::uint32_t database = 0;
  std::string key_prefix = "marquee";
  bool tls = false;
  std::string ca_file;  // empty: the system's roots
  Mark ca_mark;
  std::string server_name;  // empty: the address's host
  Ms timeout{20};           // one answer
};

struct RateLimits {
  Mark mark;
  std::vector<RateRule> rules;
  RowLimits rows = RowLimits::enforce;      // numbers in rows of the directory
  std::vector<Marked<std::string>> exempt;  // CIDR, of all rules
  std::uint64_t memory = 16u << 20;         // of the process's own counters
  LimitMode mode = LimitMode::exact;
  Mark mode_mark;
  LimitFallback on_failure = LimitFallback::local;
  LimitRedis redis;
};

// How brands of domains are applied.
struct Branding {
  bool html = true;  // pages of upstreams are branded
  std::string title_separator = " | ";
  std::vector<std::string> removed_classes{"dramac-branding"};  // with hide_powered_by
  std::vector<std::string> removed_attributes{"data-dramac-branding"};
  std::vector<std::string> removed_texts{"powered by dramac"};
  std::vector<std::string> css_hosts;  // that a tenant's CSS may name in url()
};

// One file of pages.directory, DIRECTORY/SCOPE/NAME.html.
struct PageFile {
  std::string path;
  std::string scope;  // "default", or an agency's id
  std::string name;   // "503", "maintenance"
  std::shared_ptr<const std::string> text;
};

// Pages of our own: errors, and why a domain does not serve.
struct Pages {
  std::string language = "en";                  // where no language of the visitor's is spoken
  Marked<std::string> directory;                // templates of the operator; empty: none
  std::vector<std::string> maintenance;         // ids of agencies; "all": every customer's domain
  Ms retry_after{300'000};                      // told during maintenance
  std::vector<std::uint16_t> replace_upstream;  // statuses of upstreams that become our pages
  std::vector<PageFile> files;                  // what was found in `directory`
};

enum class AnswerScope : std::uint8_t { directory, all, none };
enum class HostRewrite : std::uint8_t { hosts, own_paths, off };

// What becomes of the fields of upstreams' answers on customers' domains.
struct Answers {
  AnswerScope domains = AnswerScope::directory;
  bool security_fields = true;
  Ms hsts{0};  // max-age; 0: no such field
  bool hsts_subdomains = false;
  std::vector<std::string> removed_fields{"Server", "X-Powered-By"};
  std::string server;  // instead of the upstream's; empty: none
  HostRewrite rewrite = HostRewrite::hosts;
  std::vector<std::string> platform_hosts;  // beside those of host_classes and upstreams
  // Of config.custom_headers, beside what no row may set (routing/record_json.cpp).
  std::vector<std::string> allowed_fields;  // empty: all
  std::vector<std::string> denied_fields{"Access-Control-*", "Age", "Date", "ETag", "Vary", "Via"};
};

enum class Compress : std::uint8_t { branded, all, off };

// Content codings of answers, chosen by the client's Accept-Encoding.
struct Compression {
  Compress answers = Compress::branded;
  std::uint64_t least_size = 1024;
  std::uint32_t level = 4;  // 1 is quick, 9 is small
  std::vector<std::string> codings{"br", "zstd", "gzip"};
};

enum class AccessFormat : std::uint8_t { json, combined, off };

struct Log {
  std::string access_file = "stdout";  // stdout | stderr | path
  AccessFormat access_format = AccessFormat::json;
  std::string file = "stderr";
  std::string level = "info";
  std::uint64_t queue = 16u << 20;  // bytes of records waiting for the writer, per process
};

struct Admin {
  Mark mark;
  std::string socket;   // Unix socket path; empty: <state_dir>/admin.sock
  std::string address;  // optional TCP address; needs token
  Mark address_mark;
  std::string token;  // bearer token for TCP
  Mark token_mark;
};

struct Forwarding {
  bool via = false;               // add a Via field
  bool forwarded = true;          // RFC 7239 Forwarded
  bool trust_request_id = false;  // also from untrusted clients
};

// The pool of a module's API.
struct ModuleUpstream {
  Mark mark;
  std::string module;
  Marked<std::string> upstream;
};

// What is asked of the platform's tables beside domains. All of it is off unless said.
struct Tenants {
  Mark mark;
  bool membership = false;  // on app hosts
  std::vector<std::string> member_paths{"/api"};
  std::vector<std::string> public_paths{"/api/auth", "/api/public", "/api/webhook"};
  bool cors = false;             // preflights and answers, by verified origins
  bool frame_ancestors = false;  // of modules' domains, by the same rows
  bool module_apis = false;      // /api/modules/MODULE/api/...
  std::vector<ModuleUpstream> modules;
};

enum class ContextAlgorithm : std::uint8_t { eddsa, es256, hs256 };
enum class ContextKeys : std::uint8_t { automatic, state_dir, directory };

// The signed tenant context (design 9).
struct Context {
  Mark mark;
  bool enabled = true;
  Marked<std::string> issuer{"marquee", {}};
  ContextAlgorithm algorithm = ContextAlgorithm::eddsa;
  Mark algorithm_mark;
  Ms lifetime{60'000};
  Ms rotation{std::chrono::hours(24 * 7)};
  ContextKeys keys = ContextKeys::automatic;
  Mark keys_mark;
  std::string key_file;  // PEM, signs; empty: Marquee makes its keys
  Mark key_mark;
  std::string other_key_file;  // PEM, published beside it while the two are exchanged
  Mark other_key_mark;
  std::string secret;  // HS256
  Mark secret_mark;
  Marked<std::string> jwks_path{"/.well-known/marquee/jwks.json", {}};  // empty: not public
};

struct Settings {
  std::vector<std::string> files;  // files read, the named one first
  std::string state_dir = "/var/lib/marquee";
  std::uint32_t workers = 0;  // 0: one per core
  std::vector<Listener> listeners;
  std::vector<Marked<std::string>> trusted_proxies;  // CIDR
  TlsPolicy tls;
  std::vector<Upstream> upstreams;
  HostClasses hosts;
  std::vector<Domain> domains;
  Directory directory;
  Tenants tenants;
  Limits limits;
  Timeouts timeouts;
  Http2 http2;
  Access access;
  RateLimits rate_limits;
  Forwarding forwarding;
  Branding branding;
  Pages pages;
  Answers answers;
  Compression compression;
  Context context;
  Log log;
  Admin admin;
};

}  // namespace marquee::config
