#include "proxy/http/forwarding.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <optional>

#include "base/hostname.hpp"

namespace marquee::proxy {
namespace {

// Fills the caller's buffer; a value that does not fit whole comes back empty.
class Writer {
 public:
  explicit Writer(std::span<char> buffer) : at_(buffer.data()), end_(at_ + buffer.size()) {}
  void begin() {
    start_ = at_;
    overflow_ = false;
  }
  void add(std::string_view text) {
    overflow_ = overflow_ || text.size() > static_cast<std::size_t>(end_ - at_);
    if (overflow_ || text.empty()) return;
    std::memcpy(at_, text.data(), text.size());
    at_ += text.size();
  }
  void add_number(std::uint16_t n) {
    char digits[5];
    add({digits, static_cast<std::size_t>(std::to_chars(digits, digits + 5, n).ptr - digits)});
  }
  void add_lines(FieldLines lines) {
    for (const std::string_view line : lines) {
      if (line.empty()) continue;
      if (at_ != start_) add(", ");
      add(line);
    }
  }
  std::string_view take() {
    if (overflow_) at_ = start_;
    return {start_, static_cast<std::size_t>(at_ - start_)};
  }
  bool something() const { return at_ != start_; }

 private:
  char* at_;
  char* end_;
  char* start_ = at_;
  bool overflow_ = false;
};

bool is_digit(char c) { return c >= '0' && c <= '9'; }

constexpr std::array<bool, 256> kTokenChars = [] {
  std::array<bool, 256> t{};
  for (char c = '0'; c <= '9'; ++c) t[static_cast<unsigned char>(c)] = true;
  for (char c = 'a'; c <= 'z'; ++c) t[static_cast<unsigned char>(c)] = true;
  for (char c = 'A'; c <= 'Z'; ++c) t[static_cast<unsigned char>(c)] = true;
  for (const char c : {'!', '#', '$', '%', '&', '\'', '*', '+', '-', '.', '^', '_', '`', '|', '~'})
    t[static_cast<unsigned char>(c)] = true;
  return t;
}();
inline bool is_token_char(char c) { return kTokenChars[static_cast<unsigned char>(c)]; }

bool is_token(std::string_view s) {
  return !s.empty() && std::all_of(s.begin(), s.end(), [](char c) { return is_token_char(c); });
}

void skip_space(std::string_view& s) {
  while (!s.empty() && (s.front() == ' ' || s.front() == '\t')) s.remove_prefix(1);
}

std::string_view trim(std::string_view s) {
  skip_space(s);
  while (!s.empty() && (s.back() == ' ' || s.back() == '\t')) s.remove_suffix(1);
  return s;
}

// Size of the lines joined by ", ".
std::size_t joined_size(FieldLines lines) {
  std::size_t size = 0;
  for (const std::string_view line : lines) size += line.size() + 2;
  return size;
}

std::optional<std::uint16_t> parse_port(std::string_view s) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(s.data(), s.data() + s.size(), port);
  if (s.empty() || !is_digit(s[0]) || error != std::errc() || end != s.data() + s.size()) {
    return std::nullopt;
  }
  return port;
}

std::optional<base::IpAddress> parse_node(std::string_view s) {
  if (s.starts_with('[')) {
    const std::size_t end = s.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view rest = s.substr(end + 1);
    if (!rest.empty() && (rest[0] != ':' || !parse_port(rest.substr(1)))) return std::nullopt;
    s = s.substr(1, end - 1);
    if (s.find(':') == std::string_view::npos) return std::nullopt;
  } else if (std::count(s.begin(), s.end(), ':') == 1) {
    const std::size_t colon = s.find(':');
    if (!parse_port(s.substr(colon + 1))) return std::nullopt;
    s = s.substr(0, colon);
  }
  return base::IpAddress::parse(s);
}

// ---- Forwarded, RFC 7239 section 4 ----

bool take_value(std::string_view& s) {
  if (!s.starts_with('"')) {
    const auto end = std::find_if_not(s.begin(), s.end(), [](char c) { return is_token_char(c); });
    const auto n = static_cast<std::size_t>(end - s.begin());
    s.remove_prefix(n);
    return n != 0;
  }
  s.remove_prefix(1);
  while (!s.empty() && s.front() != '"') {
    if (s.front() == '\\') s.remove_prefix(1);
    if (s.empty()) return false;
    const auto c = static_cast<unsigned char>(s.front());
    if ((c < 0x20 && c != '\t') || c == 0x7F) return false;
    s.remove_prefix(1);
  }
  if (s.empty()) return false;
  s.remove_prefix(1);
  return true;
}

// One bit per registered parameter: none may come twice in an element.
unsigned parameter_bit(std::string_view name) {
  constexpr std::string_view kNames[] = {"for", "by", "host", "proto"};
  unsigned bit = 1;
  for (const std::string_view known : kNames) {
    const bool same =
        name.size() == known.size() && std::equal(name.begin(), name.end(), known.begin(),
                                                  [](char a, char b) { return (a | 0x20) == b; });
    if (same) return bit;
    bit <<= 1;
  }
  return 0;
}

bool is_forwarded_line(std::string_view s) {
  unsigned seen = 0;
  skip_space(s);
  while (!s.empty()) {
    if (s.front() == ',' || s.front() == ';') {  // the grammar allows empty parts
      if (s.front() == ',') seen = 0;
      s.remove_prefix(1);
      skip_space(s);
      continue;
    }
    const auto equals = s.find('=');
    if (equals == std::string_view::npos || !is_token(s.substr(0, equals))) return false;
    const unsigned bit = parameter_bit(s.substr(0, equals));
    if ((seen & bit) != 0) return false;
    seen |= bit;
    s.remove_prefix(equals + 1);
    if (!take_value(s)) return false;
    skip_space(s);
    if (!s.empty() && s.front() != ',' && s.front() != ';') return false;
  }
  return true;
}

void add_forwarded_element(Writer& out, const ForwardingFacts& facts, std::string_view peer) {
  out.add("for=");
  if (!facts.peer_known) {
    out.add("unknown");
  } else if (facts.peer.is_v4()) {
    out.add(peer);
  } else {
    out.add("\"[");
    out.add(peer);
    out.add("]\"");
  }
  const bool host_is_safe = facts.authority.find_first_of("\"\\\r\n") == std::string_view::npos;
  if (!facts.authority.empty() && host_is_safe) {
    const bool token = is_token(facts.authority);
    out.add(token ? ";host=" : ";host=\"");
    out.add(facts.authority);
    if (!token) out.add("\"");
  }
  out.add(";proto=");
  out.add(facts.scheme);
}

// ---- what a trusted proxy said ----

void keep_proto_host_port(const ExistingForwarding& in, Writer& out, ForwardingValues& v) {
  if (!in.x_forwarded_proto.empty()) {
    const std::string_view proto = trim(in.x_forwarded_proto[0]);
    const bool good = in.x_forwarded_proto.size() == 1 && (proto == "http" || proto == "https");
    if (good) v.x_forwarded_proto = proto == "http" ? "http" : "https";
    v.existing_dropped |= !good;
  }
  if (!in.x_forwarded_host.empty()) {
    base::HostBuffer text;
    const std::string_view host = trim(in.x_forwarded_host[0]);
    const auto n =
        in.x_forwarded_host.size() == 1 ? base::normalise_into(host, text) : base::NormalisedHost{};
    if (n) {
      out.begin();
      out.add(n.text);
      if (n.port >= 0) {
        out.add(":");
        out.add_number(static_cast<std::uint16_t>(n.port));
      }
      v.x_forwarded_host = out.take();
    }
    v.existing_dropped |= !n;
  }
  if (!in.x_forwarded_port.empty()) {
    const bool single = in.x_forwarded_port.size() == 1;
    const std::uint16_t port = single ? parse_port(trim(in.x_forwarded_port[0])).value_or(0) : 0;
    if (port != 0) {
      out.begin();
      out.add_number(port);
      v.x_forwarded_port = out.take();
    }
    v.existing_dropped |= port == 0;
  }
}

}  // namespace

ForwardedFor read_forwarded_for(FieldLines lines, const base::CidrList& trusted) {
  if (joined_size(lines) > kMaxForwardedFor + 2) return {};
  ForwardedFor result;
  std::size_t hops = 0;
  bool decided = false;
  for (std::size_t i = lines.size(); i-- > 0;) {
    std::string_view rest = lines[i];
    for (bool more = true; more;) {
      const std::size_t comma = rest.rfind(',');
      more = comma != std::string_view::npos;
      const auto address = parse_node(trim(more ? rest.substr(comma + 1) : rest));
      if (!address || ++hops > kMaxHops) return {};
      if (more) rest = rest.substr(0, comma);
      if (decided) continue;  // the rest must be well formed all the same
      result.client = *address;
      decided = !trusted.contains(*address);
    }
  }
  result.valid = hops != 0;
  return result;
}

bool is_forwarded(FieldLines lines) {
  return joined_size(lines) <= kMaxForwarded + 2 &&
         std::all_of(lines.begin(), lines.end(), is_forwarded_line);
}

ForwardingValues compute_forwarding(const ForwardingFacts& facts, const base::CidrList& trusted,
                                    std::span<char> buffer) {
  Writer out(buffer);
  ForwardingValues v;
  v.client = facts.peer;
  v.client_known = facts.peer_known;
  char peer_text[base::IpAddress::kTextSize];
  const std::string_view peer =
      facts.peer_known ? facts.peer.format(peer_text) : std::string_view();

  FieldLines kept_for;
  FieldLines kept_forwarded;
  if (facts.peer_trusted) {
    const ExistingForwarding& in = facts.existing;
    if (!in.x_forwarded_for.empty()) {
      const ForwardedFor read = read_forwarded_for(in.x_forwarded_for, trusted);
      if (read.valid) {
        kept_for = in.x_forwarded_for;
        v.client = read.client;
        v.client_known = true;
      }
      v.existing_dropped |= !read.valid;
    }
    if (facts.want_forwarded && is_forwarded(in.forwarded)) {
      kept_forwarded = in.forwarded;
    } else {
      v.existing_dropped |= facts.want_forwarded;
    }
    keep_proto_host_port(in, out, v);
  }

  out.begin();
  out.add_lines(kept_for);
  if (out.something() && !peer.empty()) out.add(", ");
  out.add(peer);
  v.x_forwarded_for = out.take();
  if (v.client_known) {
    char text[base::IpAddress::kTextSize];
    out.begin();
    out.add(kept_for.empty() ? peer : v.client.format(text));
    v.x_real_ip = out.take();
  }
  if (facts.want_forwarded) {
    out.begin();
    out.add_lines(kept_forwarded);
    if (out.something()) out.add(", ");
    add_forwarded_element(out, facts, peer);
    v.forwarded = out.take();
  }
  if (v.x_forwarded_proto.empty()) v.x_forwarded_proto = facts.scheme;
  if (v.x_forwarded_host.empty()) v.x_forwarded_host = facts.authority;
  if (v.x_forwarded_port.empty()) {
    out.begin();
    out.add_number(facts.port);
    v.x_forwarded_port = out.take();
  }
  return v;
}

std::string_view via_value(std::string_view version, std::string_view pseudonym,
                           std::span<char> buffer) {
  if (!is_token(version) || !is_token(pseudonym)) return {};
  Writer out(buffer);
  out.begin();
  out.add(version);
  out.add(" ");
  out.add(pseudonym);
  return out.take();
}

}  // namespace marquee::proxy
