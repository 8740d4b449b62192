#include "proxy/access_format.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstring>
#include <string_view>

namespace marquee::proxy {
namespace {

// Output bytes that one field may take. Their sum and the fixed text stay
// below AccessFormatter::max_line.
constexpr std::size_t target_budget = 16u << 10;
constexpr std::size_t long_budget = 4096;  // user agent, referer
constexpr std::size_t host_budget = 1536;  // host, sni: 253 bytes, escaped
constexpr std::size_t short_budget = 512;  // everything else
constexpr std::size_t fixed_text = 1024;   // keys, punctuation, numbers
constexpr std::size_t worst_growth = 6;    // one byte -> \u00XX
constexpr std::size_t slack = 16;          // the word-wise copy writes past its end
constexpr std::size_t short_fields = 21;
static_assert(target_budget + 2 * long_budget + 2 * host_budget + short_fields * short_budget +
                  fixed_text + slack <=
              AccessFormatter::max_line);

constexpr char hex[] = "0123456789abcdef";
constexpr char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

template <std::size_t N>
char* put(char* out, const char (&text)[N]) {
  std::memcpy(out, text, N - 1);
  return out + N - 1;
}

char* put(char* out, std::uint64_t n) { return std::to_chars(out, out + 20, n).ptr; }

void two_digits(char* out, unsigned n) {
  out[0] = static_cast<char>('0' + n / 10 % 10);
  out[1] = static_cast<char>('0' + n % 10);
}

// --- Which bytes need care -------------------------------------------------

bool plain(unsigned char c) { return c >= 0x20 && c < 0x7f && c != '"' && c != '\\'; }

// Copies 16 plain bytes, or says that one of them is not. A signed comparison
// finds control bytes and bytes above 0x7f at once.
using Lanes = signed char __attribute__((vector_size(16)));
bool copy_plain_16(const char* from, char* out) {
  Lanes v;
  std::memcpy(&v, from, 16);
  const Lanes bad = (v < 0x20) | (v == '"') | (v == '\\') | (v == 0x7f);
  std::memcpy(out, &v, 16);
  std::uint64_t words[2];
  std::memcpy(words, &bad, 16);
  return (words[0] | words[1]) == 0;
}

// --- JSON ------------------------------------------------------------------

char* u_escape(char* out, unsigned code) {
  out[0] = '\\';
  out[1] = 'u';
  out[2] = hex[code >> 12 & 15];
  out[3] = hex[code >> 8 & 15];
  out[4] = hex[code >> 4 & 15];
  out[5] = hex[code & 15];
  return out + 6;
}

// Length of the well-formed UTF-8 sequence at the start of `s` (Unicode table
// 3-7), 0 when there is none. `s` starts with a byte >= 0x80.
std::size_t utf8_length(std::string_view s, unsigned& code) {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(s[i]); };
  const unsigned lead = at(0);
  const std::size_t n = lead >= 0xc2 && lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  if (lead < 0xc2 || lead > 0xf4 || s.size() < n) return 0;
  code = n == 2 ? lead & 0x1f : n == 3 ? lead & 0x0f : lead & 0x07;
  for (std::size_t i = 1; i < n; ++i) {
    if ((at(i) & 0xc0) != 0x80) return 0;
    code = code << 6 | (at(i) & 0x3fu);
  }
  if (n == 3 && (code < 0x800 || (code >= 0xd800 && code < 0xe000))) return 0;
  if (n == 4 && (code < 0x10000 || code > 0x10ffff)) return 0;
  return n;
}

// Writes the character at the start of `s`; returns how many bytes it took.
std::size_t json_character(std::string_view s, char*& out) {
  const auto c = static_cast<unsigned char>(s[0]);
  if (plain(c)) {
    *out++ = s[0];
    return 1;
  }
  if (c == '"' || c == '\\') {
    *out++ = '\\';
    *out++ = s[0];
    return 1;
  }
  if (c < 0x80) {
    out = u_escape(out, c);
    return 1;
  }
  unsigned code = 0;
  const std::size_t n = utf8_length(s, code);
  if (n == 0) {
    out = put(out, "\\ufffd");
    return 1;
  }
  // Some readers take these for the end of a line, terminals for commands.
  if (code < 0xa0 || code == 0x2028 || code == 0x2029) {
    out = u_escape(out, code);
  } else {
    std::memcpy(out, s.data(), n);
    out += n;
  }
  return n;
}

std::size_t clf_character(std::string_view s, char*& out) {
  const auto c = static_cast<unsigned char>(s[0]);
  if (plain(c)) {
    *out++ = s[0];
  } else {
    *out++ = '\\';
    *out++ = 'x';
    *out++ = hex[c >> 4];
    *out++ = hex[c & 15];
  }
  return 1;
}

std::size_t share(std::string_view s, std::size_t budget) {
  return std::min((s.size() + 1) * worst_growth, budget);
}

// One word of type Word at `from` to `out`; the result has a bit set if a byte
// of it is not plain (Hacker's Delight 6-1). It may call a plain byte bad beside
// a bad one, never the other way round.
template <typename Word>
Word copy_word(const char* from, char* out) {
  constexpr Word ones = static_cast<Word>(0x0101010101010101u);
  Word v;
  std::memcpy(&v, from, sizeof v);
  std::memcpy(out, &v, sizeof v);
  const Word quote = v ^ (ones * '"');
  const Word backslash = v ^ (ones * '\\');
  return (v | (v - ones * 0x20) | (v + ones) | ((quote - ones) & ~quote) |
          ((backslash - ones) & ~backslash)) &
         (ones * 0x80);
}

// The usual text has nothing to escape: copies all of it, the last word
// overlapping the one before, and asks once at the end whether that was right.
bool copy_plain(const char* from, char* out, std::size_t n) {
  if (n >= 16) {
    bool good = copy_plain_16(from + n - 16, out + n - 16);
    for (std::size_t i = 0; i + 16 < n; i += 16) good &= copy_plain_16(from + i, out + i);
    return good;
  }
  if (n >= 8) {
    return (copy_word<std::uint64_t>(from, out) |
            copy_word<std::uint64_t>(from + n - 8, out + n - 8)) == 0;
  }
  if (n >= 4) {
    return (copy_word<std::uint32_t>(from, out) |
            copy_word<std::uint32_t>(from + n - 4, out + n - 4)) == 0;
  }
  bool good = true;
  for (std::size_t i = 0; i < n; ++i) {
    out[i] = from[i];
    good &= plain(static_cast<unsigned char>(from[i]));
  }
  return good;
}

// Copies `s`, plain stretches by words, the rest by `character`. Stops, and
// sets `cut`, before more than `budget` bytes are written.
template <std::size_t character(std::string_view, char*&)>
char* escape(char* out, std::string_view s, std::size_t budget, bool& cut) {
  if (s.size() + worst_growth <= budget && copy_plain(s.data(), out, s.size())) {
    return out + s.size();
  }
  const char* const last = out + share(s, budget) - worst_growth;  // one more character fits
  std::size_t i = 0;
  while (i < s.size()) {
    const std::size_t left = s.size() - i;
    const auto room = last - out;
    if (left >= 16 && room >= 16 && copy_plain_16(s.data() + i, out)) {
      i += 16;
      out += 16;
    } else if (left >= 8 && room >= 8 && copy_word<std::uint64_t>(s.data() + i, out) == 0) {
      i += 8;
      out += 8;
    } else if (room < 0) {
      cut = true;
      break;
    } else {
      // Up to a word's length byte by byte, so that one bad byte in a long
      // text does not make every following try fail at the same place.
      const std::size_t until = i + std::min<std::size_t>(left, 8);
      while (i < until && out <= last) i += character(s.substr(i), out);
    }
  }
  return out;
}

// ,"key":"value" when there is a value. KEY is the literal ,"key":"
#define MARQUEE_TEXT(KEY, VALUE, BUDGET)                   \
  if (!(VALUE).empty()) {                                  \
    out = put(out, KEY);                                   \
    out = escape<json_character>(out, VALUE, BUDGET, cut); \
    *out++ = '"';                                          \
  }
#define MARQUEE_TIME(KEY, VALUE)                       \
  if ((VALUE) >= 0) {                                  \
    out = put(out, KEY);                               \
    out = put(out, static_cast<std::uint64_t>(VALUE)); \
  }

char* json_times(const AccessTimes& t, char* out) {
  MARQUEE_TIME(",\"handshake_us\":", t.handshake)
  MARQUEE_TIME(",\"first_byte_us\":", t.first_byte)
  MARQUEE_TIME(",\"total_us\":", t.total)
  MARQUEE_TIME(",\"connect_us\":", t.connect)
  MARQUEE_TIME(",\"upstream_us\":", t.upstream)
  return out;
}

}  // namespace

std::size_t AccessFormatter::bound(const AccessRecord& r) {
  const std::string_view shorts[] = {
      r.request_id, r.trace_id, r.client_address, r.alpn,     r.tls_version,     r.method,
      r.protocol,   r.upstream, r.domain_id,      r.site_id,  r.installation_id, r.client_id,
      r.agency_id,  r.user_id,  r.api_key,        r.consumer, r.api_route,       r.refusal,
      r.failure,    r.auth,     r.limit};
  static_assert(std::size(shorts) == short_fields);
  std::size_t size =
      r.target.size() + r.user_agent.size() + r.referer.size() + r.host.size() + r.sni.size();
  for (const std::string_view s : shorts) size += s.size();
  // The usual line is far from every budget.
  constexpr std::size_t usual = 1024;
  if (size <= usual) return fixed_text + slack + (size + short_fields + 5) * worst_growth;
  std::size_t n = fixed_text + slack + share(r.target, target_budget) +
                  share(r.user_agent, long_budget) + share(r.referer, long_budget) +
                  share(r.host, host_budget) + share(r.sni, host_budget);
  for (const std::string_view s : shorts) n += share(s, short_budget);
  return n;
}

std::size_t AccessFormatter::format(const AccessRecord& r, char* out) {
  // The year must keep four digits, whatever the clock says.
  const std::int64_t us = std::clamp<std::int64_t>(r.time_us, 0, 253402300799'999'999);
  const std::int64_t second = us / 1'000'000;
  if (second != second_) refresh(second);
  char* end = format_ == Format::json
                  ? json(r, static_cast<std::uint32_t>(us % 1'000'000 / 1000), out)
                  : combined(r, out);
  *end++ = '\n';
  return static_cast<std::size_t>(end - out);
}

void AccessFormatter::refresh(std::int64_t second) {
  namespace chr = std::chrono;
  const chr::sys_seconds now{chr::seconds{second}};
  const auto day = chr::floor<chr::days>(now);
  const chr::year_month_day date{day};
  const chr::hh_mm_ss clock{now - day};
  const auto year = static_cast<unsigned>(static_cast<int>(date.year()));
  const auto month = static_cast<unsigned>(date.month());

  std::memcpy(rfc3339_.data(), "0000-00-00T00:00:00.", rfc3339_.size());
  std::memcpy(clf_.data(), "[00/Jan/0000:00:00:00 +0000]", clf_.size());
  std::memcpy(clf_.data() + 4, months + (month - 1) * 3, 3);
  for (char* at : {rfc3339_.data(), clf_.data() + 8}) {
    two_digits(at, year / 100);
    two_digits(at + 2, year % 100);
  }
  two_digits(rfc3339_.data() + 5, month);
  two_digits(rfc3339_.data() + 8, static_cast<unsigned>(date.day()));
  two_digits(clf_.data() + 1, static_cast<unsigned>(date.day()));
  for (char* at : {rfc3339_.data() + 11, clf_.data() + 13}) {
    two_digits(at, static_cast<unsigned>(clock.hours().count()));
    two_digits(at + 3, static_cast<unsigned>(clock.minutes().count()));
    two_digits(at + 6, static_cast<unsigned>(clock.seconds().count()));
  }
  second_ = second;
}

char* AccessFormatter::json(const AccessRecord& r, std::uint32_t millisecond, char* out) const {
  bool cut = false;
  out = put(out, "{\"time\":\"");
  std::memcpy(out, rfc3339_.data(), rfc3339_.size());
  out += rfc3339_.size();
  *out++ = static_cast<char>('0' + millisecond / 100);
  two_digits(out, millisecond % 100);
  out = put(out + 2, "Z\"");

  MARQUEE_TEXT(",\"request_id\":\"", r.request_id, short_budget)
  MARQUEE_TEXT(",\"trace_id\":\"", r.trace_id, short_budget)
  MARQUEE_TEXT(",\"client\":\"", r.client_address, short_budget)
  if (r.client_port != 0) out = put(put(out, ",\"client_port\":"), r.client_port);
  MARQUEE_TEXT(",\"host\":\"", r.host, host_budget)
  MARQUEE_TEXT(",\"method\":\"", r.method, short_budget)
  MARQUEE_TEXT(",\"target\":\"", r.target, target_budget)
  MARQUEE_TEXT(",\"protocol\":\"", r.protocol, short_budget)
  out = put(put(out, ",\"status\":"), r.status);
  out = put(put(out, ",\"bytes_in\":"), r.bytes_in);
  out = put(put(out, ",\"bytes_out\":"), r.bytes_out);
  out = json_times(r.times, out);
  MARQUEE_TEXT(",\"upstream\":\"", r.upstream, short_budget)
  if (r.retries != 0) out = put(put(out, ",\"retries\":"), r.retries);
  MARQUEE_TEXT(",\"refusal\":\"", r.refusal, short_budget)
  MARQUEE_TEXT(",\"limit\":\"", r.limit, short_budget)
  MARQUEE_TEXT(",\"failure\":\"", r.failure, short_budget)
  MARQUEE_TEXT(",\"sni\":\"", r.sni, host_budget)
  MARQUEE_TEXT(",\"alpn\":\"", r.alpn, short_budget)
  if (!r.tls_version.empty()) {
    MARQUEE_TEXT(",\"tls\":\"", r.tls_version, short_budget)
    out = r.resumed ? put(out, ",\"resumed\":true") : put(out, ",\"resumed\":false");
  }
  MARQUEE_TEXT(",\"domain_id\":\"", r.domain_id, short_budget)
  MARQUEE_TEXT(",\"installation_id\":\"", r.installation_id, short_budget)
  MARQUEE_TEXT(",\"site_id\":\"", r.site_id, short_budget)
  MARQUEE_TEXT(",\"client_id\":\"", r.client_id, short_budget)
  MARQUEE_TEXT(",\"agency_id\":\"", r.agency_id, short_budget)
  MARQUEE_TEXT(",\"auth\":\"", r.auth, short_budget)
  MARQUEE_TEXT(",\"user_id\":\"", r.user_id, short_budget)
  MARQUEE_TEXT(",\"api_key_id\":\"", r.api_key, short_budget)
  MARQUEE_TEXT(",\"consumer_id\":\"", r.consumer, short_budget)
  MARQUEE_TEXT(",\"api_route\":\"", r.api_route, short_budget)
  MARQUEE_TEXT(",\"user_agent\":\"", r.user_agent, long_budget)
  MARQUEE_TEXT(",\"referer\":\"", r.referer, long_budget)
  if (cut) out = put(out, ",\"truncated\":true");
  *out++ = '}';
  return out;
}

char* AccessFormatter::combined(const AccessRecord& r, char* out) const {
  bool cut = false;
  const auto text = [&](std::string_view s, std::size_t budget) {
    if (s.empty()) s = "-";
    out = escape<clf_character>(out, s, budget, cut);
  };
  text(r.client_address, short_budget);
  out = put(out, " - - ");
  std::memcpy(out, clf_.data(), clf_.size());
  out = put(out + clf_.size(), " \"");
  text(r.method, short_budget);
  if (!r.target.empty()) {
    *out++ = ' ';
    text(r.target, target_budget);
  }
  if (!r.protocol.empty()) {
    *out++ = ' ';
    text(r.protocol, short_budget);
  }
  out = put(put(out, "\" "), r.status);
  *out++ = ' ';
  out = put(out, r.bytes_out);
  out = put(out, " \"");
  text(r.referer, long_budget);
  out = put(out, "\" \"");
  text(r.user_agent, long_budget);
  *out++ = '"';
  return out;
}

}  // namespace marquee::proxy
