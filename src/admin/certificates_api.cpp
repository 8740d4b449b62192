#include "admin/certificates_api.hpp"

#include <openssl/crypto.h>

#include <boost/json.hpp>
#include <charconv>
#include <ctime>
#include <optional>

namespace marquee::admin {
namespace {

namespace json = boost::json;
constexpr std::string_view kRoot = "/v1/certificates";

ApiAnswer problem(unsigned status, std::string detail) { return {status, {}, std::move(detail)}; }

std::string rfc3339(WallTime time) {
  const std::time_t seconds =
      std::chrono::floor<std::chrono::seconds>(time.time_since_epoch()).count();
  std::tm parts{};
  char text[32];
  ::gmtime_r(&seconds, &parts);
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

json::object entry_json(const CertificateEntry& entry) {
  json::array certificates;
  for (const CertificateFacts& c : entry.certificates) {
    json::array names;
    for (const std::string& name : c.names) names.emplace_back(name);
    certificates.push_back(json::object{{"key_type", c.key_type},
                                        {"issuer", c.issuer},
                                        {"not_before", rfc3339(c.not_before)},
                                        {"not_after", rfc3339(c.not_after)},
                                        {"names", std::move(names)}});
  }
  return {{"host", entry.host},
          {"source", entry.source},
          {"certificates", std::move(certificates)},
          {"fault", entry.fault.empty() ? json::value(nullptr) : json::value(entry.fault)}};
}

// "%41" and "+" of a query; nothing if it is malformed.
std::optional<std::string> decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    unsigned value = 0;
    const char* const from = text.data() + i + 1;
    if (i + 2 >= text.size() || std::from_chars(from, from + 2, value, 16).ptr != from + 2)
      return std::nullopt;
    out += static_cast<char>(value);
    i += 2;
  }
  return out;
}

// Calls `take(key, value)` for each part of the query; false: malformed or not taken.
template <typename Take>
bool read_query(std::string_view target, Take take) {
  const std::size_t mark = target.find('?');
  if (mark == target.npos) return true;
  std::string_view rest = target.substr(mark + 1);
  while (!rest.empty()) {
    const std::string_view part = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(rest.size(), part.size() + 1));
    const std::size_t equals = part.find('=');
    const auto value =
        equals == part.npos ? std::optional<std::string>("") : decoded(part.substr(equals + 1));
    if (!value || !take(part.substr(0, equals), *value)) return false;
  }
  return true;
}

void list(CertificatePort& port, const ApiRequest& request, std::function<void(ApiAnswer)> done) {
  CertificateQuery query;
  const bool good = read_query(request.target, [&](std::string_view key, const std::string& value) {
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
    done({200,
          {},
          json::serialize(json::object{
              {"certificates", std::move(entries)},
              {"next", page.next.empty() ? json::value(nullptr) : json::value(page.next)}})});
  });
}

void show(CertificatePort& port, const std::string& host, const ApiRequest& request,
          std::function<void(ApiAnswer)> done) {
  bool with_key = false;
  const bool good = read_query(request.target, [&](std::string_view key, const std::string& value) {
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
    done({200, {}, json::serialize(out)});
  });
}

const std::string* text_at(const json::object& object, std::string_view key, std::string& out) {
  const json::value* const value = object.if_contains(key);
  if (!value || !value->is_string()) return nullptr;
  out.assign(value->as_string().data(), value->as_string().size());
  return &out;
}

void put(CertificatePort& port, const std::string& host, const ApiRequest& request,
         std::function<void(ApiAnswer)> done) {
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
                done({200, {}, json::serialize(entry_json(answer.entry))});
              });
}

}  // namespace

bool is_certificates_path(std::string_view target) {
  const std::string_view path = target.substr(0, target.find('?'));
  return path == kRoot || path.starts_with("/v1/certificates/");
}

void answer_certificates(CertificatePort& port, const ApiRequest& request,
                         std::function<void(ApiAnswer)> done) {
  const std::string_view path = request.target.substr(0, request.target.find('?'));
  const auto wrong_method = [&](std::string allow) {
    std::string detail = "This path answers " + allow + " only.";
    done({405, std::move(allow), std::move(detail)});
  };
  const bool read = request.method == "GET" || request.method == "HEAD";
  if (path == kRoot) return read ? list(port, request, std::move(done)) : wrong_method("GET, HEAD");
  const auto host = decoded(path.substr(kRoot.size() + 1));
  if (!host || host->empty() || host->size() > 255)
    return done(problem(400, "Write /v1/certificates/HOST."));
  if (read) return show(port, *host, request, std::move(done));
  if (request.method == "PUT") return put(port, *host, request, std::move(done));
  wrong_method("GET, HEAD, PUT");
}

}  // namespace marquee::admin
