#include "app/demo_page.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <cctype>

#include "base/base64.hpp"
#include "brand/escape.hpp"

namespace marquee::app {
namespace {

constexpr std::string_view page_start = R"(<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Demo module</title>
<link rel="icon" href="/mark.svg?text=D&amp;colour=4338ca">
<style>
:root { --brand-primary: #4338ca; color-scheme: light dark; --ink: #1c1917; --soft: #78716c;
  --paper: #fafaf9; --card: #fff; --line: #e7e5e4; }
@media (prefers-color-scheme: dark) { :root { --ink: #f5f5f4; --soft: #a8a29e; --paper: #1c1917;
  --card: #292524; --line: #44403c; --brand-primary: #a5b4fc; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, sans-serif; }
main { max-width: 60rem; margin: 0 auto; padding: 2.5rem 1.25rem 4rem; }
h1 { font-size: 2rem; line-height: 1.2; margin: 0 0 .25rem; overflow-wrap: anywhere; }
header { height: .5rem; background: var(--brand-primary); }
#logo { height: 3.5rem; margin: 0 0 1rem; display: block; }
h1 em { color: var(--brand-primary); font-style: normal; }
h2 { font-size: 1.05rem; margin: 2.25rem 0 .6rem; }
p { margin: 0 0 .75rem; color: var(--soft); }
table { width: 100%; border-collapse: collapse; background: var(--card);
  border: 1px solid var(--line); border-radius: .5rem; overflow: hidden; }
th, td { text-align: left; vertical-align: top; padding: .45rem .9rem;
  border-top: 1px solid var(--line); font-size: .92rem; }
tr:first-child > * { border-top: 0; }
th { width: 15rem; font-weight: 600; }
td { overflow-wrap: anywhere; font-family: ui-monospace, monospace; }
a { color: var(--brand-primary); }
@media (max-width: 40rem) { th, td { display: block; width: auto; padding: .3rem .9rem; }
  td { border-top: 0; padding-top: 0; } }
</style>
</head>
<body>
<header></header>
<main>
<img id="logo" alt="" src="/mark.svg?text=D&amp;colour=4338ca">
<script>
const brand = document.querySelector('meta[name="brand-logo"]');
if (brand) document.getElementById('logo').src = brand.content;
</script>
)";

constexpr std::string_view page_end = R"(<h2>Try</h2>
<p><a href="/echo">/echo</a> &middot; <a href="/stream?n=10">/stream?n=10</a> &middot;
<a href="/bytes/1000">/bytes/1000</a> &middot; <a href="/slow?ms=500">/slow?ms=500</a> &middot;
<a href="/hints">/hints</a> &middot; PUT /upload &middot; /ws</p>
</main>
<footer class="dramac-branding"><p>Powered by the demo module</p></footer>
</body>
</html>
)";

std::string escaped(std::string_view text) {
  std::string out;
  brand::append_escaped(out, text);
  return out;
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

// What Marquee adds about the tenant (docs: the tenant context).
bool tenant_field(std::string_view lower_name) {
  constexpr std::string_view names[] = {"x-site-id",       "x-module-id",
                                        "x-custom-domain", "x-domain-id",
                                        "x-white-label",   "x-site-module-installation-id"};
  return lower_name.starts_with("x-tenant-") ||
         std::find(std::begin(names), std::end(names), lower_name) != std::end(names);
}

std::string value_of(const DemoRequest& request, std::string_view lower_name) {
  for (const auto& [name, value] : request.fields) {
    if (lower(name) == lower_name) return value;
  }
  return "";
}

void row(std::string& page, std::string_view name, std::string_view value) {
  page += "<tr><th>" + escaped(name) + "</th><td>" + escaped(value) + "</td></tr>\n";
}

void table(std::string& page, const DemoRequest& request, bool tenant) {
  page += "<table>\n";
  bool any = false;
  for (const auto& [name, value] : request.fields) {
    if (tenant_field(lower(name)) != tenant) continue;
    row(page, name, value);
    any = true;
  }
  if (!any)
    row(page, tenant ? "none" : "no fields", tenant ? "this request came without Marquee" : "");
  page += "</table>\n";
}

}  // namespace

std::string demo_mark(std::string_view text, std::string_view colour) {
  const auto all = [](std::string_view s, auto good) {
    return !s.empty() && std::all_of(s.begin(), s.end(), good);
  };
  const auto letter = [](unsigned char c) { return std::isalnum(c) != 0; };
  const auto digit = [](unsigned char c) { return std::isxdigit(c) != 0; };
  if (text.size() > 3 || !all(text, letter)) text = "?";
  if (colour.size() != 6 || !all(colour, digit)) colour = "78716c";
  std::string out =
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"64\" height=\"64\" viewBox=\"0 0 64 64\">"
      "<rect width=\"64\" height=\"64\" rx=\"14\" fill=\"#";
  out.append(colour).append("\"/><text x=\"32\" y=\"44\" font-size=\"34\" text-anchor=\"middle\" ");
  out.append("font-family=\"system-ui,sans-serif\" font-weight=\"700\" fill=\"#fff\">");
  return out.append(text).append("</text></svg>\n");
}

std::string decoded_context(const DemoRequest& request) {
  const std::string token = value_of(request, "x-tenant-context");
  const std::size_t first = token.find('.');
  const std::size_t second = first == std::string::npos ? first : token.find('.', first + 1);
  if (second == std::string::npos) return "null";
  const std::string_view text = token;
  boost::json::object out;
  for (const auto& [name, part] : {std::pair{"header", text.substr(0, first)},
                                   {"claims", text.substr(first + 1, second - first - 1)}}) {
    boost::system::error_code error;
    auto value = boost::json::parse(base::base64url_decode(part).value_or(""), error);
    if (error) return "null";
    out[name] = std::move(value);
  }
  return boost::json::serialize(out);
}

std::string demo_page(const DemoRequest& request) {
  std::string host = value_of(request, "x-forwarded-host");
  if (host.empty()) host = value_of(request, "host");
  std::string page(page_start);
  page += "<h1>This is <em>" + escaped(host.empty() ? "a module" : host) + "</em></h1>\n";
  page += "<p>A demo module runtime. It shows what reached it, and nothing else.</p>\n";
  page += "<h2>Tenant</h2>\n";
  table(page, request, true);
  if (const std::string context = decoded_context(request); context != "null") {
    page += "<h2>Signed context, decoded</h2>\n<table>\n";
    row(page, "x-tenant-context", context);
    page += "</table>\n";
  }
  page += "<h2>Request</h2>\n<table>\n";
  row(page, "Method", request.method);
  row(page, "Target", request.target);
  page += "</table>\n<h2>Other fields</h2>\n";
  table(page, request, false);
  page += page_end;
  return page;
}

}  // namespace marquee::app
