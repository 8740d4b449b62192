// Any token: a verdict, and never "none" without our signature. The input is the
// token itself, or (by its first byte) header and payload that are signed here.
#include <openssl/hmac.h>

#include <string>

#include "base/base64.hpp"
#include "identity/token.hpp"
#include "input.hpp"

namespace identity = marquee::identity;

static const std::string kSecret = "0123456789abcdef0123456789abcdef";

static std::string signed_token(std::string_view header, std::string_view payload) {
  std::string input =
      marquee::base::base64url_encode(header) + "." + marquee::base::base64url_encode(payload);
  unsigned char mac[32];
  unsigned size = 0;
  HMAC(EVP_sha256(), kSecret.data(), static_cast<int>(kSecret.size()),
       reinterpret_cast<const unsigned char*>(input.data()), input.size(), mac, &size);
  return input + "." + marquee::base::base64url_encode({reinterpret_cast<char*>(mac), size});
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const identity::TokenIssuer issuer = [] {
    identity::TokenIssuer out;
    out.keys = std::make_shared<const identity::KeySet>(
        identity::KeySet{{"", identity::jose::Key::from_secret(kSecret).key}});
    return out;
  }();
  const Input in(data, size);
  const std::size_t line = in.bytes.find('\n');
  const std::string token =
      in.choice == 0 || line == std::string_view::npos
          ? std::string(in.bytes)
          : signed_token(in.choice == 1 ? R"({"alg":"HS256"})" : in.bytes.substr(0, line),
                         in.bytes.substr(line + 1));
  const auto verdict = identity::verify_token(token, {&issuer, 1}, 1'800'000'000);
  if (verdict.fault != identity::TokenFault::none) {
    require(verdict.token.user.empty() && verdict.token.scopes.empty());
    return 0;
  }
  const std::size_t dot = token.rfind('.');
  require(
      issuer.keys->front().key->verify(std::string_view(token).substr(0, dot),
                                       *marquee::base::base64url_decode(token.substr(dot + 1))));
  const auto word = [](std::string_view s, bool may_be_empty) {
    require(s.size() <= identity::kMostClaim && (may_be_empty || !s.empty()));
    for (const char c : s) require(c > ' ' && c <= '~');
  };
  word(verdict.token.user, false);
  word(verdict.token.role, true);
  word(verdict.token.site, true);
  for (const std::string& scope : verdict.token.scopes) word(scope, false);
  require(verdict.token.expires + issuer.leeway > 1'800'000'000);
  return 0;
}
