#include "routing/record_json.hpp"

#include <boost/json.hpp>
#include <cmath>
#include <optional>

#include "config/field_rules.hpp"
#include "config/text.hpp"

namespace marquee::routing {
namespace {

namespace json = boost::json;

constexpr std::size_t kMostFaults = 8;
constexpr std::size_t kMostHeaders = 32;
constexpr std::size_t kMostUrl = 2048;
constexpr std::size_t kMostText = 256;
constexpr std::size_t kMostCss = 32u << 10;

class Reader {
 public:
  Reader(std::string_view column, std::string_view text, std::vector<std::string>& faults)
      : column_(column), faults_(faults) {
    parse(text);
  }

  const json::value* member(std::string_view key) const { return member(value_, key); }
  static const json::value* member(const json::value& in, std::string_view key) {
    const json::object* object = in.if_object();
    const json::value* found = object ? object->if_contains({key.data(), key.size()}) : nullptr;
    return found && !found->is_null() ? found : nullptr;
  }

  std::optional<bool> boolean(std::string_view key) {
    const json::value* found = member(key);
    if (!found) return std::nullopt;
    if (const bool* value = found->if_bool()) return *value;
    fault(key, "is not true, false or null");
    return std::nullopt;
  }

  // Text without control characters (CSS may have line ends and tabs).
  std::string text(const json::value* found, std::string_view key, std::size_t most, bool lines) {
    if (!found) return {};
    const json::string* value = found->if_string();
    if (!value) {
      fault(key, "is not text");
      return {};
    }
    if (value->size() > most) {
      fault(key, "is longer than " + std::to_string(most) + " bytes");
      return {};
    }
    for (const char c : *value) {
      const bool allowed = lines && (c == '\n' || c == '\r' || c == '\t');
      if ((static_cast<unsigned char>(c) >= 0x20 && c != 0x7f) || allowed) continue;
      fault(key, "has a control character");
      return {};
    }
    return std::string(value->data(), value->size());
  }
  std::string text(std::string_view key, std::size_t most, bool lines = false) {
    return text(member(key), key, most, lines);
  }

  void fault(std::string_view key, std::string_view what) {
    fault(std::string(key) + " " + std::string(what));
  }
  void fault(const std::string& sentence) {
    if (faults_.size() < kMostFaults) faults_.push_back(std::string(column_) + " " + sentence);
  }

 private:
  void parse(std::string_view text) {
    if (text.empty()) return;
    if (text.size() > kMostJson) return fault("is larger than 64 KiB");
    json::parse_options options;
    options.max_depth = 8;
    boost::system::error_code ec;
    value_ = json::parse({text.data(), text.size()}, ec, {}, options);
    if (ec) {
      value_ = nullptr;
      return fault("is not valid JSON");
    }
    if (!value_.is_object() && !value_.is_null()) fault("is not an object");
  }

  std::string_view column_;
  std::vector<std::string>& faults_;
  json::value value_;
};

// Fields that would speak for the platform (D12), its rate limits among them, or steer
// the browser elsewhere;
// framing and hop-by-hop names are field_name_fault's.
bool reserved(std::string name) {
  for (char& c : name)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  for (const std::string_view other :
       {"set-cookie", "set-cookie2", "location", "strict-transport-security", "content-type",
        "content-encoding", "www-authenticate", "clear-site-data", "alt-svc", "refresh",
        "retry-after", "ratelimit", "ratelimit-policy", "x-ratelimit-limit",
        "x-ratelimit-remaining", "x-ratelimit-reset"})
    if (name == other) return true;
  return false;
}

void read_headers(Reader& in, DomainConfig& out) {
  const json::value* found = in.member("custom_headers");
  if (!found) return;
  const json::object* object = found->if_object();
  if (!object) return in.fault("custom_headers", "is not an object");
  for (const auto& member : *object) {
    const std::string key(member.key());
    const json::string* value = member.value().if_string();
    const std::string_view text = value ? std::string_view(value->data(), value->size()) : "";
    if (key.size() > kMostText || !value || text.size() > kMostUrl || reserved(key) ||
        !config::field_name_fault(key).empty() || !config::field_value_fault(text).empty()) {
      in.fault("custom_headers",
               "has the field " + config::in_quotes(key.substr(0, 64)) + ", which may not be set");
      continue;
    }
    if (out.custom_headers.size() == kMostHeaders)
      return in.fault("custom_headers", "has more than 32 fields");
    out.custom_headers.emplace_back(key, text);
  }
}

void read_ttl(Reader& in, DomainConfig& out) {
  const json::value* found = in.member("cache_ttl");
  if (!found) return;
  boost::system::error_code ec;
  const auto seconds = found->is_number() ? found->to_number<std::int64_t>(ec) : -1;
  if (ec || seconds < 0 || seconds > 86400)
    return in.fault("cache_ttl", "is not a number of seconds from 0 to 86400");
  out.cache_ttl = std::chrono::seconds(seconds);
}

}  // namespace

DomainConfig read_config(std::string_view text, std::vector<std::string>& faults) {
  Reader in("config", text, faults);
  DomainConfig out;
  out.redirect_to_https = in.boolean("redirect_to_https").value_or(true);
  if (const auto www = in.boolean("force_www"))
    out.force_www = *www ? config::WwwRule::www : config::WwwRule::bare;
  out.enable_cdn = in.boolean("enable_cdn").value_or(false);
  out.maintenance = in.boolean("maintenance").value_or(false);
  read_headers(in, out);
  read_ttl(in, out);
  return out;
}

WhiteLabel read_white_label(std::string_view text, std::vector<std::string>& faults) {
  Reader in("white_label", text, faults);
  WhiteLabel out;
  out.logo_url = in.text("logo_url", kMostUrl);
  out.favicon_url = in.text("favicon_url", kMostUrl);
  out.brand_name = in.text("brand_name", kMostText);
  if (const json::value* colors = in.member("brand_colors")) {
    if (!colors->is_object()) in.fault("brand_colors", "is not an object");
    out.primary_color =
        in.text(Reader::member(*colors, "primary"), "brand_colors.primary", kMostText, false);
    out.secondary_color =
        in.text(Reader::member(*colors, "secondary"), "brand_colors.secondary", kMostText, false);
  }
  out.hide_powered_by = in.boolean("hide_powered_by").value_or(false);
  out.custom_css = in.text("custom_css", kMostCss, true);
  return out;
}

std::span<const std::string_view> config_keys() {
  static constexpr std::string_view keys[] = {"redirect_to_https", "force_www",  "custom_headers",
                                              "cache_ttl",         "enable_cdn", "maintenance"};
  return keys;
}

std::span<const std::string_view> white_label_keys() {
  static constexpr std::string_view keys[] = {"logo_url",     "favicon_url",     "brand_name",
                                              "brand_colors", "hide_powered_by", "custom_css"};
  return keys;
}

}  // namespace marquee::routing
