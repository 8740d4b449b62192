#include "tls/policy_lists.hpp"

#include <algorithm>
#include <memory>
#include <string>

namespace marquee::tls {
namespace {

using Scratch = std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)>;

std::vector<std::string> split(const std::string& list) {
  std::vector<std::string> names;
  for (std::size_t at = 0; at <= list.size();) {
    const std::size_t end = std::min(list.find(':', at), list.size());
    if (end > at) names.push_back(list.substr(at, end - at));
    at = end + 1;
  }
  return names;
}

// OpenSSL leaves out names that it does not know, takes classes of ciphers for
// names, and knows more than we allow; so each is asked for alone.
const SSL_CIPHER* cipher_named(SSL_CTX* scratch, const std::string& name, bool tls13) {
  const int set = tls13 ? SSL_CTX_set_ciphersuites(scratch, name.c_str())
                        : SSL_CTX_set_cipher_list(scratch, name.c_str());
  if (set != 1) return nullptr;
  const STACK_OF(SSL_CIPHER)* ciphers = SSL_CTX_get_ciphers(scratch);
  for (int i = 0; i < sk_SSL_CIPHER_num(ciphers); ++i)
    if (name == SSL_CIPHER_get_name(sk_SSL_CIPHER_value(ciphers, i)))
      return sk_SSL_CIPHER_value(ciphers, i);
  return nullptr;
}

std::string cipher_fault(SSL_CTX* scratch, const std::string& name, bool tls13) {
  const SSL_CIPHER* cipher = cipher_named(scratch, name, tls13);
  if (!cipher)
    return "cipher " + name + " is not known; write one of `openssl ciphers`, such as " +
           (tls13 ? "TLS_AES_128_GCM_SHA256" : "ECDHE-ECDSA-AES128-GCM-SHA256");
  const int exchange = SSL_CIPHER_get_kx_nid(cipher);
  if (SSL_CIPHER_is_aead(cipher) && exchange == (tls13 ? NID_kx_any : NID_kx_ecdhe)) return {};
  return "cipher " + name + " is not allowed; write ECDHE ciphers with GCM or CHACHA20 only";
}

}  // namespace

std::vector<config::Problem> set_lists(SSL_CTX* context, const config::TlsPolicy& policy) {
  std::vector<config::Problem> problems;
  const auto fault = [&](const config::Mark& at, std::string sentence) {
    problems.push_back({at.line ? at : policy.mark, std::move(sentence)});
  };
  const Scratch scratch(SSL_CTX_new(TLS_server_method()), &SSL_CTX_free);
  if (!scratch) {
    fault(policy.mark, "no TLS context: " + take_openssl_error());
    return problems;
  }
  for (const auto& name : split(policy.ciphers))
    if (auto wrong = cipher_fault(scratch.get(), name, false); !wrong.empty())
      fault(policy.ciphers_mark, std::move(wrong));
  for (const auto& name : split(policy.ciphersuites))
    if (auto wrong = cipher_fault(scratch.get(), name, true); !wrong.empty())
      fault(policy.ciphersuites_mark, std::move(wrong));
  for (const auto& name : split(policy.groups))
    if (!SSL_CTX_set1_groups_list(scratch.get(), name.c_str()))
      fault(policy.groups_mark, "group " + name + " is not known; write X25519, P-256 or P-384");
  ERR_clear_error();
  if (!problems.empty()) return problems;
  if (!SSL_CTX_set_cipher_list(context, policy.ciphers.c_str()) ||
      !SSL_CTX_set_ciphersuites(context, policy.ciphersuites.c_str()))
    fault(policy.ciphers_mark, "the cipher lists are not understood (" + take_openssl_error() +
                                   "); write OpenSSL's cipher names with ':' between them");
  if (!SSL_CTX_set1_groups_list(context, policy.groups.c_str()))
    fault(policy.groups_mark, "groups \"" + policy.groups +
                                  "\" are not understood; write X25519, P-256, P-384 with ':' "
                                  "between them");
  return problems;
}

}  // namespace marquee::tls
