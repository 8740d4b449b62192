// The top level, and the sections that hold one value for the whole process.
#include "config/address.hpp"
#include "config/description.hpp"
#include "config/text.hpp"

namespace marquee::config {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr std::uint64_t kKiB = 1u << 10;
constexpr std::uint64_t kMiB = 1u << 20;
constexpr std::uint64_t kGiB = 1u << 30;

std::string token_fault(std::string_view text) {
  if (text.size() >= 16) return {};
  return "which is shorter than 16 characters; write a random one, such as that of  openssl rand "
         "-hex 24";
}

std::string openssl_list_fault(std::string_view text) {
  constexpr std::string_view kAllowed =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_:";
  if (!text.empty() && text.find_first_not_of(kAllowed) == std::string_view::npos) return {};
  return "which is not a list of names; write the names with colons between them";
}

// "1.2" or "1.3", kept as text.
Choice tls_version(std::string& field, Mark& mark) {
  return {{"1.2", "1.3"}, field == "1.3" ? 1u : 0u, [&field, &mark](std::size_t i, Mark at) {
            field = i == 0 ? "1.2" : "1.3";
            if (mark.line < at.line) mark = at;
          }};
}

Choice log_level(std::string& field) {
  static const std::vector<std::string_view> words{"trace", "debug", "info",
                                                   "warn",  "error", "off"};
  return {words, 2, [&field](std::size_t i, Mark) { field = std::string(words[i]); }};
}

}  // namespace

Text text(std::string& field, Rule rule, Mark* mark) {
  Text out{field, [&field](std::string v, Mark) { field = std::move(v); }, rule};
  out.mark = mark;
  return out;
}

Text text(Marked<std::string>& field, Rule rule) {
  return {field.value, [&field](std::string v, Mark at) { field = {std::move(v), at}; }, rule};
}

Text path(std::string& field, Mark* mark, std::vector<std::string_view> words) {
  Text out = text(field, nullptr, mark);
  out.path = true;
  out.words = std::move(words);
  return out;
}

std::vector<Key> describe(Settings& s, std::vector<Marked<std::string>>& includes) {
  const auto listener = [&s] { return describe(s.listeners.emplace_back()); };
  const auto domain = [&s] { return describe(s.domains.emplace_back()); };
  const auto find = [&s](const std::string& name) -> const Mark* {
    for (const auto& u : s.upstreams) {
      if (u.name == name) return &u.mark;
    }
    return nullptr;
  };
  const auto upstream = [&s](const std::string& name, Mark at) {
    auto& u = s.upstreams.emplace_back();
    u.name = name;
    u.mark = at;
    return describe(u);
  };
  const auto trusted = [&s](std::string v, Mark at) {
    s.trusted_proxies.push_back({std::move(v), at});
  };
  const auto include = [&includes](std::string v, Mark at) {
    includes.push_back({std::move(v), at});
  };
  return {
      {"include", Texts{include},
       "Other settings files, or patterns such as conf.d/*.yaml, relative to the folder of this "
       "file. Lists and upstreams are joined; any other key may be given in one file only.",
       "", "", "conf.d/*.yaml"},
      {"state_dir", path(s.state_dir),
       "Folder that Marquee owns: the internal CA, its keys, the admin socket. It is made if it "
       "does not exist. A change needs a restart.",
       "", "", "/var/lib/marquee"},
      {"workers", number(s.workers, 0, 1024, "auto"),
       "Threads that serve; auto is one for each core. A change needs a restart.", "threads",
       "per process", "auto"},
      {"listeners", Items{listener}, "Addresses to accept connections on. At least one."},
      {"trusted_proxies", Texts{trusted},
       "Networks (CIDR) whose X-Forwarded-* and PROXY protocol headers are believed and appended "
       "to.",
       "", "", "10.0.0.0/8"},
      {"tls", describe(s.tls), "TLS towards clients, for all https listeners."},
      {"upstreams", Named{find, upstream, "NAME"},
       "Pools of servers by name. An endpoint or a list of endpoints alone is enough."},
      {"host_classes", describe(s.hosts),
       "Hosts that belong to the platform itself, without an entry under domains."},
      {"domains", Items{domain}, "Customers' hostnames, and what each leads to."},
      {"directory", describe(s.directory),
       "Where domains are found that do not stand in this file. Where its rows lead and which of "
       "them are refused follows a reload; a change of the rest needs a restart."},
      {"tenants", describe(s.tenants), "What is asked of the directory's tables beside domains."},
      {"limits", describe(s.limits), "Bounds on what clients and upstreams may send."},
      {"timeouts", describe(s.timeouts),
       "Bounds on time. Those of upstreams stand under upstreams."},
      {"http2", describe(s.http2), "HTTP/2 with clients."},
      {"access", describe(s.access), "Who may ask: proofs that requests have to bring."},
      {"rate_limits", describe(s.rate_limits), "How often whom may ask."},
      {"forwarding", describe(s.forwarding), "Fields that tell upstreams about the client."},
      {"branding", describe(s.branding),
       "How the brands of domains are applied to pages of upstreams."},
      {"pages", describe(s.pages),
       "Pages of Marquee's own: errors, maintenance, suspended domains."},
      {"answers", describe(s.answers),
       "What becomes of the fields of upstreams' answers on customers' domains."},
      {"compression", describe(s.compression), "Content codings of answers."},
      {"context", describe(s.context),
       "The signed tenant context, x-tenant-context: proof for upstreams of whose request it is."},
      {"log", describe(s.log), "Access log and diagnostic log."},
      {"admin", describe(s.admin), "The admin interface: status, metrics, reload."},
  };
}

Section describe(Listener& l) {
  return {{
              {"address", text(l.address, nullptr, &l.address_mark),
               "IP address and port, or unix:/path. Port 0 lets the kernel choose.", "", "",
               "0.0.0.0:8443", true},
              {"protocol", choice(l.protocol, {"http", "https"}), "What clients speak here."},
              {"proxy_protocol", choice(l.proxy_protocol, {"off", "v1", "v2", "any"}),
               "PROXY protocol header in front of each connection, from trusted_proxies "
               "or over a Unix socket only."},
              {"public_port", number(l.public_port, 0),
               "Port that clients see, for redirects and X-Forwarded-Port; 0 is the port of the "
               "address.",
               "port"},
              {"fallback", text(l.fallback),
               "Hostname of the domain that answers clients without SNI or with an unknown one "
               "(https only). Without it they are refused.",
               "", "", "www.example.com"},
              {"backlog", number(l.backlog, 1, 65535), "Connections that wait to be accepted.",
               "connections", "per worker"},
              {"h2c", Flag{&l.h2c},
               "Takes HTTP/2 without TLS from clients that begin with its preface (http only)."},
          },
          &l.mark};
}

Section describe(TlsPolicy& t) {
  return {
      {
          {"min_version", tls_version(t.min_version, t.versions_mark), "Lowest TLS version."},
          {"max_version", tls_version(t.max_version, t.versions_mark), "Highest TLS version."},
          {"ciphers", text(t.ciphers, openssl_list_fault, &t.ciphers_mark),
           "TLS 1.2 cipher suites, best first, in OpenSSL's names. Only AEAD with ECDHE."},
          {"ciphersuites", text(t.ciphersuites, openssl_list_fault, &t.ciphersuites_mark),
           "TLS 1.3 cipher suites, best first."},
          {"groups", text(t.groups, openssl_list_fault, &t.groups_mark),
           "Key exchange groups, best first."},
          {"session_tickets", Flag{&t.session_tickets}, "Lets clients resume sessions by tickets."},
          {"ticket_rotation", Duration{&t.ticket_rotation, seconds(1), hours(48)},
           "Age at which the ticket key is replaced. Three generations are accepted, and RFC 8446 "
           "4.6.1 ends a ticket after 7 days.",
           "", "per process"},
          {"failed_handshake_burst", number(t.failed_handshake_burst, 1, 1'000'000),
           "Failed handshakes that one client network (/24 or /64) may make at once before it is "
           "refused.",
           "handshakes", "per worker"},
          {"failed_handshake_rate", Decimal{&t.failed_handshake_rate, 0.01, 100'000},
           "Failed handshakes that one client network earns back.", "per second", "per worker"},
          {"certificate_cache", size(t.certificate_cache, 64 * kKiB, 64 * kGiB),
           "Memory for parsed certificates and keys; the least used leave.", "", "per process"},
      },
      &t.mark};
}

Section describe(Limits& l) {
  return {{
      {"head", size(l.head, kKiB, kMiB),
       "Request or response head: first line and all fields. More: 431, or 502 from an upstream.",
       "", "per request"},
      {"fields", number(l.fields, 8, 10'000), "Fields in a head. More: 431.", "fields",
       "per request"},
      {"target", size(l.target, 64, 64 * kKiB), "Request target. More: 414.", "", "per request"},
      {"chunk_extension", size(l.chunk_extension, 0, 64 * kKiB),
       "Chunk extensions, for each chunk.", "", "per request"},
      {"trailers", size(l.trailers, 0, kMiB), "Trailer fields after a chunked body.", "",
       "per request"},
      {"request_body", size(l.request_body, 0, 1024 * kGiB),
       "Request body; 0 is no limit. More: 413.", "", "per request"},
      {"interim_responses", number(l.interim_responses, 0, 10'000),
       "1xx responses before the final one. More: 502.", "responses", "per request"},
      {"requests_per_connection", number(l.requests_per_connection, 0),
       "Requests after which a client's connection is closed; 0 is no limit.", "requests",
       "per connection"},
      {"connections", number(l.connections, 1, 10'000'000),
       "Client connections. More are refused and counted.", "connections", "per process"},
      {"memory", size(l.memory, 16 * kMiB, 16 * 1024 * kGiB, "auto"),
       "Resident memory from which new connections are refused and idle ones ended, until an "
       "eighth of it is free again. auto is 90 % of what the control group allows, or of the "
       "machine's memory.",
       "", "per process", "auto"},
      {"connections_per_client", number(l.connections_per_client, 0, 10'000'000),
       "Connections of one client (IPv4 address, IPv6 /64); 0 is no limit. Trusted proxies have "
       "none; behind a PROXY header it is that client's.",
       "connections", "per process"},
      {"retry_body", size(l.retry_body, 0, kMiB),
       "Request body kept so that a request can be sent again when a reused upstream connection "
       "dies.",
       "", "per request"},
  }};
}

Section describe(Timeouts& t) {
  return {{
      {"handshake", Duration{&t.handshake, Ms(100), minutes(5)},
       "From accept to the end of the TLS handshake."},
      {"head", Duration{&t.head, Ms(100), minutes(5)},
       "From the first byte of a request head to its end. Then: 408. A connection's first head "
       "has its time from accept; behind a TLS handshake or PROXY header it must be complete "
       "within head or handshake of accept, whichever is longer."},
      {"idle", Duration{&t.idle, Ms(100), hours(1)}, "A keep-alive connection without a request."},
      {"body", Duration{&t.body, Ms(100), minutes(10)},
       "Window over which body_floor is measured."},
      {"body_floor", number(t.body_floor, 0, 1'000'000'000),
       "Slowest body, of a request or an answer; 0 is no floor. Slower: 408, or the connection is "
       "closed.",
       "bytes per second", "per request"},
      {"tunnel_idle", Duration{&t.tunnel_idle, Ms(100), hours(24)},
       "A tunnel (WebSocket) without a byte either way."},
      {"drain", Duration{&t.drain, Ms(0), hours(1)},
       "From SIGTERM until connections still open are cut."},
      {"linger", Duration{&t.linger, Ms(0), minutes(1)},
       "Reading on after an early refusal, so that the client sees the answer."},
  }};
}

Section describe(Http2& h) {
  return {{
      {"enabled", Flag{&h.enabled}, "Offers HTTP/2 on https listeners (ALPN h2)."},
      {"concurrent_streams", number(h.concurrent_streams, 1, 10'000),
       "Requests at one time. More are refused.", "streams", "per connection"},
      {"stream_window", size(h.stream_window, 16 * kKiB, 16 * kMiB),
       "Request body bytes that a client may send ahead of the upstream.", "", "per request"},
      {"connection_window", size(h.connection_window, 64 * kKiB, 256 * kMiB),
       "The same for all requests of a connection together.", "", "per connection"},
      {"header_list", size(h.header_list, 4 * kKiB, 64 * kKiB),
       "Request fields, decoded, with 32 bytes for each (SETTINGS_MAX_HEADER_LIST_SIZE). More: "
       "431.",
       "", "per request"},
      {"resets", number(h.resets, 10, 1'000'000),
       "Requests that a client takes back, or makes us reset. One that had reached an upstream "
       "counts twice. More: the connection ends with ENHANCE_YOUR_CALM.",
       "per second", "per connection"},
      {"control_frames", number(h.control_frames, 10, 1'000'000),
       "Frames without use: of SETTINGS, PING, PRIORITY, empty DATA, unknown kinds, and "
       "WINDOW_UPDATE beyond what the answers call for; each kind by itself.",
       "per second", "per connection"},
      {"continuations", number(h.continuations, 2, 1000), "CONTINUATION frames of one field block.",
       "frames", "per request"},
  }};
}

Section describe(Forwarding& f) {
  return {{
      {"via", Flag{&f.via}, "Adds a Via field."},
      {"forwarded", Flag{&f.forwarded}, "Adds Forwarded (RFC 7239) beside X-Forwarded-*."},
      {"trust_request_id", Flag{&f.trust_request_id},
       "Keeps X-Request-Id also of clients that are not trusted proxies."},
  }};
}

Section describe(Log& l) {
  const Section access{{
      {"file", path(l.access_file, nullptr, {"stdout", "stderr"}), "stdout, stderr, or a file."},
      {"format", choice(l.access_format, {"json", "combined", "off"}),
       "One JSON object a line, the combined format of web servers, or nothing."},
  }};
  return {{
      {"access", access, "One record for each request."},
      {"file", path(l.file, nullptr, {"stdout", "stderr"}),
       "Diagnostic log: stdout, stderr, or a file."},
      {"level", log_level(l.level), "Least severe line of the diagnostic log."},
      {"queue", size(l.queue, 64 * kKiB, kGiB),
       "Access records that wait for the disk. More are dropped and counted. A change needs a "
       "restart.",
       "", "per process"},
  }};
}

Section describe(Admin& a) {
  Text token = text(a.token, token_fault, &a.token_mark);
  token.secret = true;
  const auto store = token.store;
  return {{
              {"socket", path(a.socket),
               "Unix socket; empty is admin.sock in state_dir. A change needs a restart.", "", "",
               "/run/marquee/admin.sock"},
              {"address", text(a.address, nullptr, &a.address_mark),
               "TCP address beside the socket. It needs a token. A change needs a restart.", "", "",
               "127.0.0.1:9180"},
              {"token", token, "Bearer token for the TCP address, 16 characters or more.", "", "",
               "${MARQUEE_ADMIN_TOKEN}"},
              {"token_file", SecretFile{store, "token", token_fault, &a.token_mark},
               "File that holds the token; one newline at its end is cut.", "", "",
               "/run/secrets/marquee-admin"},
          },
          &a.mark};
}

}  // namespace marquee::config
