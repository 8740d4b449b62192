#include "identity/forward.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>

namespace marquee::identity {
namespace {

using Ms = std::chrono::milliseconds;

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

std::string in_lower_case(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), lower);
  return out;
}

bool contains(const std::vector<std::string>& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

std::vector<std::string> names(const std::vector<std::string>& given) {
  std::vector<std::string> out;
  for (const std::string& name : given)
    if (std::string text = in_lower_case(name); !contains(out, text))
      out.push_back(std::move(text));
  return out;
}

// A length before each part: no two lists of parts are one text.
void add(std::string& out, std::string_view part) {
  out.append(std::to_string(part.size())).append(":").append(part);
}

// An id or role as tokens may have them (identity/token.cpp).
bool is_word(std::string_view text) {
  constexpr std::size_t most = 128;
  return !text.empty() && text.size() <= most && std::all_of(text.begin(), text.end(), [](char c) {
    return c > ' ' && c <= '~' && c != '"' && c != '\\' && c != ',';
  });
}

// The value of the only field of that name. False: there are several, or it is no word.
bool read_word(const FieldList& answer, std::string_view name, std::string& out) {
  if (name.empty()) return true;
  bool found = false;
  for (const auto& [n, value] : answer) {
    if (!is_same_field(n, name)) continue;
    if (found) return false;
    found = true;
    if (value.empty()) continue;  // "nobody", as some servers say it
    if (!is_word(value)) return false;
    out = value;
  }
  return true;
}

// RFC 9111 5.2: a server may say for how long, or that nothing is to be kept.
Ms bounded_life(Ms life, std::string_view control) {
  while (!control.empty()) {
    const std::size_t end = std::min(control.find(','), control.size());
    std::string_view word = control.substr(0, end);
    control.remove_prefix(std::min(end + 1, control.size()));
    while (!word.empty() && (word.front() == ' ' || word.front() == '\t')) word.remove_prefix(1);
    while (!word.empty() && (word.back() == ' ' || word.back() == '\t')) word.remove_suffix(1);
    const std::string text = in_lower_case(word);
    if (text.starts_with("no-store") || text.starts_with("no-cache")) return Ms(0);
    constexpr std::string_view max_age = "max-age=";
    if (!text.starts_with(max_age)) continue;
    std::uint32_t seconds = 0;
    const char* const begin = text.data() + max_age.size();
    const auto read = std::from_chars(begin, text.data() + text.size(), seconds);
    if (read.ec == std::errc::result_out_of_range) continue;  // longer than any of ours
    if (read.ec != std::errc() || read.ptr != text.data() + text.size()) return Ms(0);
    life = std::min(life, Ms(std::uint64_t{seconds} * 1000));
  }
  return life;
}

// What follows the first `mark`; empty: there is none.
std::string_view behind(std::string_view text, char mark) {
  const std::size_t at = text.find(mark);
  return at == text.npos ? std::string_view() : text.substr(at + 1);
}

template <typename Each>
void each_part(std::string_view text, char between, Each each) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(between), text.size());
    each(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

}  // namespace

std::vector<Forward> make_forwards(const config::Access& access) {
  std::vector<Forward> out;
  for (const config::ForwardAuth& row : access.forward) {
    Forward f;
    f.name = row.name;
    f.upstream = *row.upstream;
    f.path = row.path;
    f.request_fields = names(row.request_fields);
    f.copy_to_upstream = names(row.copy_to_upstream);
    f.copy_to_client = names(row.copy_to_client);
    f.cookies = std::erase(f.copy_to_client, "set-cookie") > 0;
    f.user_field = in_lower_case(row.user_field);
    f.role_field = in_lower_case(row.role_field);
    f.timeout = row.timeout;
    f.body = row.body;
    f.ttl = row.ttl;
    f.by_method = contains(row.key, "method");
    f.by_path = contains(row.key, "path");
    f.by_query = contains(row.key, "query");
    f.by_client = contains(row.key, "client");
    f.requests = row.requests;
    out.push_back(std::move(f));
  }
  return out;
}

std::vector<std::string> names_of_servers(const std::vector<Forward>& forwards) {
  std::vector<std::string> out;
  const auto take = [&out](const std::string& name) {
    if (!name.empty() && name != "authorization" && name != "cookie" && !contains(out, name))
      out.push_back(name);
  };
  for (const Forward& f : forwards) {
    for (const std::string& name : f.copy_to_upstream) take(name);
    take(f.user_field);
    take(f.role_field);
  }
  return out;
}

bool is_same_field(std::string_view name, std::string_view lower_name) {
  if (name.size() != lower_name.size()) return false;
  const auto fold = [](char c) { return c == '_' ? '-' : lower(c); };
  for (std::size_t i = 0; i < name.size(); ++i)
    if (fold(name[i]) != fold(lower_name[i])) return false;
  return true;
}

bool is_twin_of_judged(const Forward& forward, std::string_view name) {
  bool twin = false;
  for (const std::string& judged : forward.request_fields) {
    if (!is_same_field(name, judged)) continue;
    if (in_lower_case(name) == judged) return false;
    twin = true;
  }
  return twin;
}

std::string said_host(std::string_view host, std::int32_t named, std::uint16_t own, bool secure) {
  std::string out(host);
  if (named == own && own != (secure ? 443 : 80)) out.append(":").append(std::to_string(own));
  return out;
}

Digest digest_of(const Forward& forward, const ForwardQuestion& question, Sha256& sha256) {
  std::string text;
  const std::size_t mark = std::min(question.target.find('?'), question.target.size());
  add(text, forward.name);
  add(text, question.scheme);
  add(text, question.host);
  for (const auto part : {question.agency, question.site, question.module, question.installation})
    add(text, part);
  add(text, forward.by_method ? question.method : "");
  add(text, forward.by_path ? question.target.substr(0, mark) : "");
  add(text, forward.by_query ? question.target.substr(mark) : "");
  add(text, forward.by_client ? question.client : "");
  for (const auto& [name, value] : question.fields) {
    add(text, in_lower_case(name));
    add(text, value);
  }
  return sha256.of(text);
}

std::uint64_t mark_of(const Digest& digest) {
  std::uint64_t out = 0;
  std::memcpy(&out, digest.data(), sizeof out);
  return out;
}

ShownCredentials credentials_of(const Forward& forward, const ForwardQuestion& question,
                                Sha256& sha256) {
  ShownCredentials out;
  const auto add = [&](std::string_view text) {
    if (text.empty() || out.any) return;
    const Digest digest = sha256.of(text);
    // No digest could be made.
    out.any = out.marks.size() == kMostMarks || digest == Digest{};
    if (!out.any) out.marks.push_back(mark_of(digest));
  };
  for (const auto& [name, value] : question.fields) {
    add(value);
    if (is_same_field(name, "cookie")) {
      each_part(value, ';', [&add](std::string_view cookie) {
        while (cookie.starts_with(' ')) cookie.remove_prefix(1);
        const std::string_view text = behind(cookie, '=');
        add(text);
        if (text.size() > 2 && text.front() == '"' && text.back() == '"')
          add(text.substr(1, text.size() - 2));
      });
      continue;
    }
    std::string_view rest = behind(value, ' ');
    while (rest.starts_with(' ')) rest.remove_prefix(1);
    add(rest);
  }
  if (forward.by_query)
    each_part(behind(question.target, '?'), '&',
              [&add](std::string_view parameter) { add(behind(parameter, '=')); });
  return out;
}

ForwardVerdict verdict_of(unsigned status) {
  if (status >= 200 && status < 300) return ForwardVerdict::passes;
  switch (status) {
    case 301:
    case 302:
    case 303:
    case 307:
    case 308:
    case 401:
    case 403:
      return ForwardVerdict::refused;
    default:
      return ForwardVerdict::unusable;
  }
}

std::optional<ForwardPass> pass_of(const Forward& forward, const FieldList& answer,
                                   Sha256& sha256) {
  ForwardPass out;
  out.life = forward.ttl;
  std::size_t bytes = 0;
  for (const auto& [name, value] : answer) {
    const std::string text = in_lower_case(name);
    if (text == "cache-control") out.life = bounded_life(out.life, value);
    if (text == "set-cookie" && forward.cookies) out.cookies.emplace_back(name, value);
    if (!contains(forward.copy_to_upstream, text)) continue;
    bytes += name.size() + value.size();
    out.fields.emplace_back(name, value);
  }
  if (bytes > kMostForwardBytes || out.fields.size() > kMostForwardFields ||
      out.cookies.size() > kMostForwardCookies)
    return std::nullopt;
  // A cookie is for one client, once.
  if (!out.cookies.empty()) out.life = Ms(0);
  if (!read_word(answer, forward.user_field, out.caller.user) ||
      !read_word(answer, forward.role_field, out.caller.role))
    return std::nullopt;
  if (out.caller.user.empty()) out.caller.role.clear();
  out.caller.auth = AuthType::forward;
  std::string who;
  for (const std::string_view part :
       {std::string_view(forward.name), std::string_view(out.caller.user),
        std::string_view(out.caller.role)})
    add(who, part);
  out.caller.digest = sha256.of("forward ", who);
  return out;
}

std::optional<FieldList> refusal_fields(const Forward& forward, const FieldList& answer) {
  FieldList out;
  std::size_t bytes = 0;
  for (const auto& [name, value] : answer) {
    const std::string text = in_lower_case(name);
    // They say what the body is, and go with it.
    if (text == "content-type" || text == "content-encoding") continue;
    if (!(text == "set-cookie" && forward.cookies) && !contains(forward.copy_to_client, text))
      continue;
    bytes += name.size() + value.size();
    out.emplace_back(name, value);
  }
  if (bytes > kMostForwardBytes || out.size() > kMostForwardFields) return std::nullopt;
  return out;
}

}  // namespace marquee::identity
