// Rate limits.
#include <algorithm>

#include "config/description.hpp"

namespace marquee::config {
namespace {

constexpr std::uint64_t kMiB = 1u << 20;
constexpr std::uint64_t kGiB = 1u << 30;

// It stands in fields of answers, in metrics and in keys.
std::string rule_name_fault(std::string_view name) {
  const bool plain = std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
  });
  if (plain && !name.empty() && name.size() <= 64) return {};
  return "which is not a name; write up to 64 small letters, digits, dots and dashes, such as "
         "per-visitor";
}

std::string prefix_fault(std::string_view text) {
  constexpr std::string_view kRefused = "{}*?[] \t";
  if (!text.empty() && text.size() <= 64 && text.find_first_of(kRefused) == text.npos) return {};
  return "which is not a prefix of keys; write up to 64 characters without spaces, braces and "
         "wildcards";
}

Texts list(std::vector<Marked<std::string>>& field) {
  return {[&field](std::string v, Mark at) { field.push_back({std::move(v), at}); }};
}

Section match(RateRule& r) {
  return {{
      {"host_class", list(r.host_classes),
       "custom (customers' domains), site (below the sites base), app.", "", "", "[custom, site]"},
      {"path", list(r.paths),
       "How the path begins, compared after its escapes and dots were resolved. With several, "
       "each is a route of its own for key: [route].",
       "", "", "[/api/, /login]"},
      {"method", list(r.methods),
       "Methods, in capitals; requests are compared in any case, and GET is HEAD, too.", "", "",
       "[POST, PUT]"},
      {"subscription", list(r.subscriptions),
       "agencies.subscription_status values, from the directory.", "", "", "[free, trialing]"},
      {"plan", list(r.plans), "agencies.plan values, from the directory; in small letters.", "", "",
       "[starter]"},
      {"identity", list(r.identities), "Who is known to ask: anonymous, user, api_key.", "", "",
       "[anonymous]"},
  }};
}

Section describe(RateRule& r) {
  return {
      {
          {"name", text(r.name, rule_name_fault),
           "Name of the rule: in answers, metrics and keys. Counters are kept by it.", "", "",
           "per-visitor", true},
          {"match", match(r), "Which requests it is about; all that is given must hold."},
          {"key", list(r.key),
           "Whom it counts by, any of agency, client, site, installation, domain, route, "
           "api_key, user, client_ip, caller (API key, else user, else client_ip), api_route, "
           "origin. Without it all requests count together.",
           "", "", "[agency, client_ip]"},
          {"rate", text(r.rate), "How often: N/s, N/m, N/h or N/d.", "", "", "100/s"},
          {"burst", number(r.burst, 0, 100'000'000),
           "Requests that may come at once after a rest; 0 is the number of the rate.", "requests"},
          {"cost", number(r.cost, 1, 1'000'000), "What one request takes of it.", "requests",
           "per request"},
          {"concurrent", number(r.concurrent, 0, 1'000'000),
           "Instead of a rate: requests in flight.", "requests", "per process"},
          {"shadow", Flag{&r.shadow}, "Counts and reports, and never refuses."},
          {"fields", Flag{&r.fields},
           "Tells in answers to requests that were let through, too, what is left."},
          {"exempt", list(r.exempt), "Networks (CIDR) that it is not about.", "", "",
           "[192.0.2.0/24]"},
          {"ipv4_prefix", number(r.ipv4_prefix, 8, 32),
           "Length of the network that client_ip counts as one.", "bits"},
          {"ipv6_prefix", number(r.ipv6_prefix, 16, 128),
           "The same for IPv6; a customer has at least a /64.", "bits"},
      },
      &r.mark};
}

Section describe(LimitRedis& r) {
  Text password = text(r.password);
  password.secret = true;
  const auto store = password.store;
  Text sentinel_password = text(r.sentinel_password);
  sentinel_password.secret = true;
  const auto store_sentinel = sentinel_password.store;
  return {{
              {"address", text(r.address), "host:port or unix:/path.", "", "", "127.0.0.1:6379"},
              {"sentinels", list(r.sentinels),
               "Instead of an address: host:port of the sentinels that know the master.", "", "",
               "[10.0.0.1:26379, 10.0.0.2:26379]"},
              {"master", text(r.master), "What the sentinels call it.", "", "", "mymaster"},
              {"sentinel_username", text(r.sentinel_username),
               "Of the sentinels' own ACL; empty is the default user."},
              {"sentinel_password", sentinel_password,
               "Sent with AUTH to sentinels; password is for the master only.", "", "",
               "${SENTINEL_PASSWORD}"},
              {"sentinel_password_file", SecretFile{store_sentinel, "sentinel_password"},
               "File that holds the sentinels' password.", "", "", "/run/secrets/marquee-sentinel"},
              {"cluster", list(r.cluster),
               "Instead of an address: host:port of some nodes of a Redis Cluster, which tells of "
               "the others.",
               "", "", "[10.0.0.1:6379, 10.0.0.2:6379]"},
              {"username", text(r.username), "Of an ACL; empty is the default user."},
              {"password", password, "Sent with AUTH.", "", "", "${REDIS_PASSWORD}"},
              {"password_file", SecretFile{store, "password"}, "File that holds the password.", "",
               "", "/run/secrets/marquee-redis"},
              {"database", number(r.database, 0, 1'000'000), "Chosen with SELECT.", "number"},
              {"key_prefix", text(r.key_prefix, prefix_fault), "What all keys begin with."},
              {"tls", Flag{&r.tls}, "Speaks TLS, and checks the certificate."},
              {"ca_file", path(r.ca_file, &r.ca_mark),
               "PEM file of the authorities to trust; without it those of the system.", "", "",
               "/etc/marquee/redis-ca.crt"},
              {"server_name", text(r.server_name),
               "Name sent as SNI and expected in the certificate; without it the address's host."},
              {"timeout", Duration{&r.timeout, Ms(1), Ms(1000)},
               "Longest wait for an answer. Then on_failure decides, at once for all requests "
               "until it answers again."},
          },
          &r.mark,
          "address"};
}

}  // namespace

Section describe(RateLimits& l) {
  const auto rule = [&l] { return describe(l.rules.emplace_back()); };
  return {
      {
          {"rules", Items{rule}, "The rules, 16 at most; a request meets all of those that match."},
          {"rows", choice(l.rows, {"enforce", "shadow", "off"}),
           "The numbers in rows of the directory: those of API keys and consumers per minute and "
           "day, of module API routes per minute, of verified origins per hour. shadow counts "
           "and reports, and never refuses."},
          {"exempt", list(l.exempt), "Networks (CIDR) that no rule is about.", "", "",
           "[10.0.0.0/8]"},
          {"memory", size(l.memory, kMiB, 64 * kGiB),
           "Memory for the process's own counters, 18 bytes each; those that are idle leave "
           "first. A change needs a restart.",
           "", "per process"},
          {"redis", describe(l.redis),
           "A Redis that all nodes count in. Without it each counts by itself. A change needs "
           "a restart."},
          {"mode", choice(l.mode, {"exact", "leased"}, &l.mode_mark),
           "exact asks Redis for each request; leased borrows ahead and decides at once. A change "
           "needs a restart."},
          {"on_failure", choice(l.on_failure, {"local", "open", "closed"}),
           "While Redis does not answer: local limits to this node's share, open lets "
           "everything through, closed refuses what a rule is about with 503."},
      },
      &l.mark};
}

}  // namespace marquee::config
