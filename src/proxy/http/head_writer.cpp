#include "proxy/http/head_writer.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>

namespace marquee::proxy {

void FieldBlock::add(std::string_view name, std::string_view value) {
  fields_.emplace_back(name, value);
  h1_.append(name).append(": ").append(value).append("\r\n");
  std::string lower(name);
  for (char& c : lower)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
  lower_.emplace_back(std::move(lower), value);
}

bool Additions::remove(std::string_view name) {
  std::size_t kept = 0;
  for (std::size_t i = 0; i < count_; ++i)
    if (!http::iequals(added_[i].name, name)) added_[kept++] = added_[i];
  count_ = kept;
  kept = 0;
  bool fits = true;
  for (std::size_t i = 0; i < blocks_; ++i) {
    const auto& fields = block_[i]->fields();
    const auto named = [name](const auto& f) { return http::iequals(f.first, name); };
    if (std::none_of(fields.begin(), fields.end(), named)) {
      block_[kept++] = block_[i];
      continue;
    }
    for (const auto& f : fields) {
      if (named(f)) continue;
      fits = fits && count_ < capacity;
      add(f.first, f.second);
    }
  }
  blocks_ = kept;
  return fits;
}

namespace http {
namespace {

// Room for start line, framing and connection fields beside the variable parts.
constexpr std::size_t fixed_bound = 256;

class Out {
 public:
  explicit Out(char* p) : begin_(p), p_(p) {}
  Out& put(std::string_view s) {
    std::memcpy(p_, s.data(), s.size());
    p_ += s.size();
    return *this;
  }
  Out& put(char c) {
    *p_++ = c;
    return *this;
  }
  Out& number(std::uint64_t n) {
    p_ = std::to_chars(p_, p_ + 20, n).ptr;
    return *this;
  }
  Out& field(std::string_view name, std::string_view value) {
    put(name);
    std::memcpy(p_, ": ", 2);
    p_ += 2;
    put(value);
    std::memcpy(p_, "\r\n", 2);
    p_ += 2;
    return *this;
  }
  std::size_t size() const { return static_cast<std::size_t>(p_ - begin_); }

 private:
  char* begin_;
  char* p_;
};

std::size_t fields_bound(const FieldTable* fields, const Additions* additions) {
  std::size_t n = 0;
  if (fields)
    for (const Field& f : *fields) n += f.name.size() + f.value.size() + 4;
  if (additions) {
    for (const AddedField& f : additions->fields()) n += f.name.size() + f.value.size() + 4;
    for (const FieldBlock* b : additions->blocks()) n += b->h1().size();
  }
  return n;
}

void put_fields(Out& out, const FieldTable* fields, const Additions* additions) {
  if (fields)
    for (const Field& f : *fields)
      if (!f.dropped) out.field(f.name, f.value);
  if (additions) {
    for (const FieldBlock* b : additions->blocks()) out.put(b->h1());
    for (const AddedField& f : additions->fields()) out.field(f.name, f.value);
  }
}

void put_framing(Out& out, const BodyFraming& body) {
  if (body.kind == BodyKind::chunked)
    out.put("Transfer-Encoding: chunked\r\n");
  else if (body.kind == BodyKind::length)
    out.put("Content-Length: ").number(body.length).put("\r\n");
}

}  // namespace

std::size_t head_bound(const OutgoingRequest& h) {
  return fixed_bound + h.method.size() + h.target.size() + h.host.size() + h.upgrade_to.size() +
         fields_bound(h.fields, h.additions);
}

std::size_t head_bound(const OutgoingResponse& h) {
  return fixed_bound + h.reason.size() + h.upgrade_to.size() + fields_bound(h.fields, h.additions);
}

std::size_t compose(const OutgoingRequest& h, char* to) {
  Out out(to);
  out.put(h.method).put(' ').put(h.target).put(" HTTP/1.1\r\nHost: ").put(h.host).put("\r\n");
  put_fields(out, h.fields, h.additions);
  put_framing(out, h.body);
  if (!h.upgrade_to.empty())
    out.put("Connection: Upgrade\r\nUpgrade: ").put(h.upgrade_to).put("\r\n");
  out.put("\r\n");
  return out.size();
}

std::size_t compose(const OutgoingResponse& h, Persistence persistence, char* to) {
  Out out(to);
  out.put("HTTP/1.1 ").number(h.status).put(' ');
  out.put(h.reason.empty() ? reason_phrase(h.status) : h.reason).put("\r\n");
  put_fields(out, h.fields, h.additions);
  if (!h.bodiless) put_framing(out, h.body);
  if (!h.upgrade_to.empty())
    out.put("Connection: Upgrade\r\nUpgrade: ").put(h.upgrade_to).put("\r\n");
  else if (h.status >= 200 && persistence == Persistence::close)
    out.put("Connection: close\r\n");
  else if (h.status >= 200 && persistence == Persistence::keep_explicit)
    out.put("Connection: keep-alive\r\n");
  out.put("\r\n");
  return out.size();
}

std::string_view reason_phrase(unsigned status) {
  switch (status) {
    case 100:
      return "Continue";
    case 101:
      return "Switching Protocols";
    case 103:
      return "Early Hints";
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 206:
      return "Partial Content";
    case 301:
      return "Moved Permanently";
    case 302:
      return "Found";
    case 303:
      return "See Other";
    case 304:
      return "Not Modified";
    case 307:
      return "Temporary Redirect";
    case 308:
      return "Permanent Redirect";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 417:
      return "Expectation Failed";
    case 421:
      return "Misdirected Request";
    case 426:
      return "Upgrade Required";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "";
  }
}

}  // namespace http
}  // namespace marquee::proxy
