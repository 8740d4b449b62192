// Names of HTTP methods in lists of an operator, as the servers behind us read them.
// RFC 9110 9.1 has them differ by case, but many servers write what came in capitals
// before they look at it: "post" is a POST there.
#pragma once
#include <algorithm>
#include <string_view>

namespace marquee::base {

inline bool is_method(std::string_view method, std::string_view name) {
  const auto upper = [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; };
  return std::equal(method.begin(), method.end(), name.begin(), name.end(),
                    [&upper](char a, char b) { return upper(a) == upper(b); });
}

// Of a list that guards: a HEAD is a GET whose answer has no body (RFC 9110 9.3.2).
template <typename Names>
bool covers_method(const Names& names, std::string_view method) {
  return std::any_of(names.begin(), names.end(), [method](std::string_view name) {
    return is_method(method, name) || (is_method(name, "GET") && is_method(method, "HEAD"));
  });
}

}  // namespace marquee::base
