// Settings of who asks: access rules, the platform's tables, the signed context.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "config/mark.hpp"

namespace marquee::config {

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

// The pool of a module's API.
struct ModuleUpstream {
  Mark mark;
  std::string module;
  Marked<std::string> upstream;
};

// What is written of calls of modules' APIs: rows and use counters, counters, nothing.
enum class RecordCalls : std::uint8_t { all, counts, off };

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
  RecordCalls record_calls = RecordCalls::all;
  Mark record_calls_mark;
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

}  // namespace marquee::config
