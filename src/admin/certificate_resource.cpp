#include "admin/certificate_resource.hpp"

#include <openssl/crypto.h>

#include <boost/json.hpp>
#include <charconv>
#include <ctime>
#include <optional>

namespace marquee::admin {
namespace {

namespace json = boost::json;

Response problem(unsigned status, std::string detail) {
  return problem_response({status, std::move(detail), {}, {}});
}

Response as_json(const json::object& object) {
  Response out;
  out.body = json::serialize(object);
  return out;
}

std::string rfc3339(WallTime time) {
  const std::time_t seconds =
      std::chrono::floor<std::chrono::seconds>(time.time_since_epoch()).count();
  std::tm parts{};
  char text[32];
  ::gmtime_r(&seconds, &parts);
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

// Null: it has none before it is made.
json::value time_json(WallTime time) {
  return time == WallTime{} ? json::value(nullptr) : json::value(rfc3339(time));
}

json::object entry_json(const CertificateEntry& entry) {
  json::array certificates;
  for (const CertificateFacts& c : entry.certificates) {
    json::array names;
    for (const std::string& name : c.names) names.emplace_back(name);
    certificates.push_back(json::object{{"key_type", c.key_type},
                                        {"issuer", c.issuer},
                                        {"not_before", time_json(c.not_before)},
                                        {"not_after", time_json(c.not_after)},
                                        {"names", std::move(names)}});
  }
  return {{"host", entry.host},
          {"source", entry.source},
          {"certificates", std::move(certificates)},
          {"fault", entry.fault.empty() ? json::value(nullptr) : json::value(entry.fault)}};
}

// Calls `take(key, value)` for each part of the query; false: malformed or not taken.
template <typename Take>
bool read_query(std::string_view rest, Take take) {
  while (!rest.empty()) {
    const std::string_view part = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(rest.size(), part.size() + 1));
    const std::size_t equals = part.find('=');
    const auto value = equals == part.npos ? std::optional<std::string>("")
                                           : percent_decoded(part.substr(equals + 1));
    if (!value || !take(part.substr(0, equals), *value)) return false;
  }
  return true;
}

void list(CertificatePort& port, const Request& request, Respond done) {
  CertificateQuery query;
  const bool good = read_query(request.query, [&](std::string_view key, const std::string& value) {
    if (key == "cursor") query.cursor = value;
    if (key == "contains") query.contains = value;
    if (key == "limit") {
      const char* const end = value.data() + value.size();
      return std::from_chars(value.data(), end, query.limit).ptr == end && query.limit >= 1 &&
             query.limit <= 200;
    }
    return key == "cursor" || key == "contains";
  });
  if (!good)
    return done(problem(400, "Write /v1/certificates?limit=1..200&cursor=NEXT&contains=TEXT."));
  port.list(query, [done = std::move(done)](const CertificatePage& page) {
    if (page.status != 200) return done(problem(page.status, page.problem));
    json::array entries;
    for (const CertificateEntry& entry : page.entries) entries.push_back(entry_json(entry));
    done(as_json({{"certificates", std::move(entries)},
                  {"next", page.next.empty() ? json::value(nullptr) : json::value(page.next)}}));
  });
}

void show(CertificatePort& port, const std::string& host, const Request& request, Respond done) {
  bool with_key = false;
  const bool good = read_query(request.query, [&](std::string_view key, const std::string& value) {
    with_key = value == "true";
    return key == "with_key" && (value == "true" || value == "false");
  });
  if (!good) return done(problem(400, "The only query is with_key=true."));
  if (with_key && !request.local)
    return done(problem(403,
                        "Private keys are given on the Unix socket only; run "
                        "marquee certs export --with-key on the node."));
  port.show(host, with_key, [done = std::move(done)](CertificateAnswer answer) {
    if (answer.status != 200) return done(problem(answer.status, answer.problem));
    json::object out = entry_json(answer.entry);
    out["chain"] = answer.entry.chain;
    if (!answer.entry.key.empty()) {
      out["key"] = answer.entry.key;
      OPENSSL_cleanse(answer.entry.key.data(), answer.entry.key.size());
    }
    done(as_json(out));
  });
}

const std::string* text_at(const json::object& object, std::string_view key, std::string& out) {
  const json::value* const value = object.if_contains(key);
  if (!value || !value->is_string()) return nullptr;
  out.assign(value->as_string().data(), value->as_string().size());
  return &out;
}

void put(CertificatePort& port, const std::string& host, const Request& request, Respond done) {
  boost::system::error_code error;
  const json::value body = json::parse({request.body.data(), request.body.size()}, error);
  const json::object* const object = error ? nullptr : body.if_object();
  std::string chain, key;
  if (!object || object->size() != 2 || !text_at(*object, "certificate", chain) ||
      !text_at(*object, "key", key))
    return done(problem(
        400, R"(Send {"certificate":"-----BEGIN CERTIFICATE-----...","key":"-----BEGIN ..."}.)"));
  port.import(host, std::move(chain), std::move(key),
              [done = std::move(done)](const CertificateAnswer& answer) {
                if (answer.status != 200) return done(problem(answer.status, answer.problem));
                done(as_json(entry_json(answer.entry)));
              });
}

void remove(CertificatePort& port, const std::string& host, const Request& request, Respond done) {
  port.remove(host, request.local, [done = std::move(done)](const CertificateAnswer& answer) {
    if (answer.status != 200) return done(problem(answer.status, answer.problem));
    done({204, {}, {}, {}});
  });
}

}  // namespace

std::vector<Route> certificate_routes(CertificatePort& port) {
  using Act = void (*)(CertificatePort&, const std::string&, const Request&, Respond);
  const auto of_host = [&port](Act act) {
    return [&port, act](const Request& request, Respond respond) {
      if (request.id.empty() || request.id.size() > 255)
        return respond(problem(400, "Write /v1/certificates/HOST."));
      act(port, request.id, request, std::move(respond));
    };
  };
  return {{"GET", "/v1/certificates",
           [&port](const Request& request, Respond respond) {
             list(port, request, std::move(respond));
           }},
          {"GET", "/v1/certificates/{id}", of_host(show)},
          {"PUT", "/v1/certificates/{id}", of_host(put)},
          {"DELETE", "/v1/certificates/{id}", of_host(remove)}};
}

}  // namespace marquee::admin
