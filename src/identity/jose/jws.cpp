#include "identity/jose/jws.hpp"

#include <boost/json.hpp>

#include "base/base64.hpp"

namespace marquee::identity::jose {
namespace {

namespace json = boost::json;

// False: there, and not a text.
bool take_text(const json::object& object, std::string_view name, std::string& out) {
  const json::value* value = object.if_contains(name);
  if (!value) return true;
  const json::string* text = value->if_string();
  if (!text || text->size() > 256) return false;
  out.assign(text->data(), text->size());
  return true;
}

}  // namespace

std::optional<CompactParts> split_compact(std::string_view token) {
  if (token.size() > kMostToken) return std::nullopt;
  const std::size_t first = token.find('.');
  if (first == std::string_view::npos) return std::nullopt;
  const std::size_t second = token.find('.', first + 1);
  if (second == std::string_view::npos) return std::nullopt;
  CompactParts out;
  out.signed_part = token.substr(0, second);
  out.header = token.substr(0, first);
  out.payload = token.substr(first + 1, second - first - 1);
  out.signature = token.substr(second + 1);
  if (out.header.empty() || out.payload.empty() ||
      out.signature.find('.') != std::string_view::npos)
    return std::nullopt;
  return out;
}

std::optional<Header> parse_header(std::string_view encoded) {
  const std::optional<std::string> text = base::base64url_decode(encoded);
  if (!text) return std::nullopt;
  json::error_code error;
  const json::value document = json::parse(*text, error);
  const json::object* object = error ? nullptr : document.if_object();
  if (!object || object->contains("crit") || object->contains("b64")) return std::nullopt;
  Header out;
  std::string algorithm;
  if (!take_text(*object, "alg", algorithm) || !take_text(*object, "kid", out.kid) ||
      !take_text(*object, "typ", out.typ))
    return std::nullopt;
  out.algorithm = parse_algorithm(algorithm);
  return out;
}

bool verify_compact(const CompactParts& parts, const Header& header, const Key& key) {
  if (!header.algorithm || *header.algorithm != key.algorithm()) return false;
  const std::optional<std::string> signature = base::base64url_decode(parts.signature);
  return signature && key.verify(parts.signed_part, *signature);
}

std::string encode_header(const Key& key, std::string_view kid) {
  json::object header;
  header["alg"] = name(key.algorithm());
  header["kid"] = kid;
  header["typ"] = "JWT";
  return base::base64url_encode(json::serialize(header));
}

std::optional<std::string> sign_compact(const Key& key, std::string_view encoded_header,
                                        std::string_view payload_json) {
  std::string token(encoded_header);
  token += '.';
  token += base::base64url_encode(payload_json);
  const std::optional<std::string> signature = key.sign(token);
  if (!signature) return std::nullopt;
  token += '.';
  token += base::base64url_encode(*signature);
  return token;
}

}  // namespace marquee::identity::jose
