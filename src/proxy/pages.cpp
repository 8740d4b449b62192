#include "proxy/pages.hpp"

#include <algorithm>
#include <array>

#include "base/json_text.hpp"

namespace marquee::proxy {
namespace {

constexpr std::size_t kMaxShown = 128;  // bytes of a request id
constexpr std::size_t kMaxHost = 260;

constexpr std::array kTexts = {
    ErrorText{400, "Bad Request", "The request could not be understood",
              "Something in the request was not in order. Check the address, or try again."},
    ErrorText{403, "Forbidden", "You do not have access to this page",
              "Access to this address is restricted."},
    ErrorText{404, "Not Found", "This page does not exist",
              "Check the address for a slip, or start again from the home page."},
    ErrorText{408, "Request Timeout", "The request took too long to arrive",
              "Check your connection and try again."},
    ErrorText{413, "Content Too Large", "What you sent is too large",
              "Send a smaller file or less data."},
    ErrorText{414, "URI Too Long", "The address is too long", "Use a shorter address."},
    ErrorText{417, "Expectation Failed", "The request could not be accepted",
              "It asks for something that is not supported here."},
    ErrorText{421, "Misdirected Request", "The request reached the wrong place",
              "Reload the page to connect again."},
    ErrorText{426, "Upgrade Required", "Another kind of connection is needed",
              "This address cannot be used in this way. Use a current browser or client."},
    ErrorText{429, "Too Many Requests", "Too many requests", "Wait a moment before you try again."},
    ErrorText{431, "Request Header Fields Too Large", "The request is too large",
              "Delete the cookies of this site and try again."},
    ErrorText{500, "Internal Server Error", "Something went wrong",
              "The fault is on our side. Try again in a moment."},
    ErrorText{501, "Not Implemented", "This is not supported",
              "The request uses something that is not supported here."},
    ErrorText{502, "Bad Gateway", "This site is not answering properly",
              "The fault is on our side. Try again in a moment."},
    ErrorText{503, "Service Unavailable", "This site is not available right now",
              "Try again in a few minutes."},
    ErrorText{504, "Gateway Timeout", "This site took too long to answer",
              "Try again in a moment."},
    ErrorText{505, "HTTP Version Not Supported", "This version of HTTP is not supported",
              "Use a current browser or client."},
};

constexpr std::string_view kStyle =
    ":root{color-scheme:light dark;--ink:#1c1e21;--soft:#5a6068;--paper:#fff}"
    "@media(prefers-color-scheme:dark){:root{--ink:#eceef1;--soft:#a4abb5;--paper:#15171a}}"
    "body{margin:0;min-height:100vh;display:flex;align-items:center;justify-content:center;"
    "background:var(--paper);color:var(--ink);font:1rem/1.6 system-ui,sans-serif}"
    "main{max-width:34rem;padding:2rem;overflow-wrap:anywhere}"
    "h1{font-size:1.6rem;line-height:1.25;margin:0 0 .75rem}p{margin:0 0 .75rem}"
    ".soft{color:var(--soft);font-size:.875rem}";

// Length of the well-formed UTF-8 sequence at the front of `s`, or 0.
std::size_t utf8_length(std::string_view s) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(s[i]); };
  const auto tail = [&](std::size_t i) { return i < s.size() && (byte(i) & 0xC0) == 0x80; };
  const unsigned char c = byte(0);
  if (c < 0x80) return 1;
  if (c >= 0xC2 && c <= 0xDF) return tail(1) ? 2 : 0;
  if (c >= 0xE0 && c <= 0xEF) {
    if (!tail(1) || !tail(2)) return 0;
    if ((c == 0xE0 && byte(1) < 0xA0) || (c == 0xED && byte(1) > 0x9F)) return 0;
    return 3;
  }
  if (c >= 0xF0 && c <= 0xF4) {
    if (!tail(1) || !tail(2) || !tail(3)) return 0;
    if ((c == 0xF0 && byte(1) < 0x90) || (c == 0xF4 && byte(1) > 0x8F)) return 0;
    return 4;
  }
  return 0;
}

// Text content and quoted attribute values alike.
void append_html(std::string& out, std::string_view text) {
  while (!text.empty()) {
    const std::size_t n = utf8_length(text);
    const auto c = static_cast<unsigned char>(text.front());
    if (n == 0 || (n == 1 && (c < 0x20 || c == 0x7F))) {
      out += "\xEF\xBF\xBD";
    } else if (c == '&') {
      out += "&amp;";
    } else if (c == '<') {
      out += "&lt;";
    } else if (c == '>') {
      out += "&gt;";
    } else if (c == '"') {
      out += "&quot;";
    } else if (c == '\'') {
      out += "&#39;";
    } else {
      out += text.substr(0, n);
    }
    text.remove_prefix(std::max<std::size_t>(n, 1));
  }
}

bool is_uuid(std::string_view s) {
  if (s.size() != 36) return false;
  for (std::size_t i = 0; i < s.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    const char c = s[i];
    const bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    if (dash ? c != '-' : !hex) return false;
  }
  return true;
}

std::string html_body(const ErrorText& text, std::string_view id, std::string_view host) {
  std::string out;
  out.reserve(2048);
  out += "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n";
  out += "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n";
  out += "<meta name=\"robots\" content=\"noindex\">\n<title>";
  append_html(out, text.heading);
  out += "</title>\n<style>";
  out += kStyle;
  out += "</style>\n</head>\n<body>\n<main>\n<h1>";
  append_html(out, text.heading);
  out += "</h1>\n<p>";
  append_html(out, text.sentence);
  out += "</p>\n<p class=\"soft\">";
  if (!host.empty()) {
    append_html(out, host);
    out += " · ";
  }
  out += "Error " + std::to_string(text.status);
  if (!id.empty()) {
    out += "<br>\nRequest <code>";
    append_html(out, id);
    out += "</code>";
  }
  out += "</p>\n</main>\n</body>\n</html>\n";
  return out;
}

std::string problem_body(const ErrorText& text, std::string_view id) {
  std::array<char, 2048> buffer;  // six bytes per byte of the id, and the fixed text
  base::JsonText json(buffer.data(), buffer.size());
  json.raw(R"({"type":"about:blank","title":)");
  json.string(text.reason);
  json.raw(R"(,"status":)");
  json.number(static_cast<std::uint64_t>(text.status));
  json.raw(R"(,"detail":)");
  json.string(text.sentence);
  if (is_uuid(id)) {
    json.raw(R"(,"instance":"urn:uuid:)");
    json.raw(id);
    json.raw("\"");
  }
  if (!id.empty()) {
    json.raw(R"(,"request_id":)");
    json.string(id);
  }
  json.raw("}\n");
  return std::string(json.view());
}

}  // namespace

ErrorText error_text(unsigned status) {
  const auto found = std::find_if(kTexts.begin(), kTexts.end(),
                                  [&](const ErrorText& t) { return t.status == status; });
  if (found != kTexts.end()) return *found;
  const bool client = status >= 400 && status < 500;
  ErrorText text = error_text(client ? 400 : 500);
  text.status = static_cast<std::uint16_t>(std::min(status, 999u));
  text.reason = client ? "Client Error" : "Server Error";
  return text;
}

std::string error_body(const ErrorFacts& facts, ErrorFormat format) {
  ErrorText text = error_text(facts.status);
  if (!facts.words.heading.empty()) {
    text.heading = facts.words.heading;
    text.sentence = facts.words.sentence;
  }
  const std::string_view id = facts.request_id.substr(0, kMaxShown);
  if (format == ErrorFormat::problem_json) return problem_body(text, id);
  return html_body(text, id, facts.host.substr(0, kMaxHost));
}

std::string_view error_content_type(ErrorFormat format) {
  return format == ErrorFormat::html ? "text/html; charset=utf-8" : "application/problem+json";
}

}  // namespace marquee::proxy
