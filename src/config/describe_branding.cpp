// White label: a domain's brand, how brands are applied, fields of answers.
#include <algorithm>
#include <memory>

#include "config/description.hpp"
#include "config/text.hpp"

namespace marquee::config {
namespace {

bool has_control(std::string_view text, bool lines) {
  return std::any_of(text.begin(), text.end(), [lines](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte < 0x20 && !(lines && (c == '\n' || c == '\r' || c == '\t'))) || byte == 0x7f;
  });
}

std::string name_fault(std::string_view text) {
  if (text.size() <= 200 && !has_control(text, false)) return {};
  return "which is not a name of at most 200 bytes; write one line of text";
}

// As brand/safe_url.hpp has it, in short: the rest is refused there.
std::string url_fault(std::string_view text) {
  if (text.empty() ||
      (text.size() <= 2048 && !has_control(text, false) &&
       (text.starts_with("https://") || (text.starts_with('/') && !text.starts_with("//")))))
    return {};
  return "which a page may not name; write https://HOST/PATH, or a path of the same site";
}

std::string colour_fault(std::string_view text) {
  if (text.size() <= 64 && !has_control(text, false)) return {};
  return "which is not a colour; write for example #8b1e3f";
}

std::string css_fault(std::string_view text) {
  if (text.size() <= (32u << 10) && !has_control(text, true)) return {};
  return "which is longer than 32 KiB, or holds a control character; write less CSS";
}

std::string separator_fault(std::string_view text) {
  if (text.size() <= 16 && !has_control(text, false)) return {};
  return "which is longer than 16 bytes; write for example \" - \"";
}

std::string removed_fault(std::string_view name) {
  constexpr std::string_view kAllowed =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  if (!name.empty() && name.size() <= 64 && name.find_first_not_of(kAllowed) == name.npos)
    return {};
  return "which is not a name to look for; write at most 64 letters, digits, - and _";
}

std::string removed_text_fault(std::string_view text) {
  const bool fits = !text.empty() && text.size() <= 64 && text.find_first_not_of(' ') != text.npos;
  const bool plain = std::all_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) >= 0x20 && c != '<' && c != '&';
  });
  if (fits && plain) return {};
  return "which is not a text to look for; write at most 64 bytes without '<', '&' and control "
         "characters";
}

std::string host_fault(std::string_view name) {
  constexpr std::string_view kAllowed = "abcdefghijklmnopqrstuvwxyz0123456789-.";
  if (!name.empty() && name.size() <= 253 && name.find_first_not_of(kAllowed) == name.npos)
    return {};
  return "which is not a hostname in lower case; write for example fonts.example.com";
}

// A hostname, or all names below one.
std::string platform_host_fault(std::string_view name) {
  if (name.starts_with("*.")) name.remove_prefix(2);
  return host_fault(name);
}

// A field name, or the beginning of one with * behind it.
std::string field_pattern_fault(std::string_view name) {
  if (name == "none") return {};
  if (name.ends_with('*')) name.remove_suffix(1);
  return name.empty() ? std::string() : removed_fault(name);
}

// Removing what belongs to one connection, or to the message, is not for settings.
std::string removable_fault(std::string_view name) {
  return name == "none" ? std::string() : field_name_fault(name);
}

std::string coding_fault(std::string_view name) {
  if (name == "br" || name == "zstd" || name == "gzip") return {};
  return "which is not a content coding that is known here; write br, zstd or gzip";
}

// The first item replaces the default; `none` alone is an empty list.
Texts replacing(std::vector<std::string>& field, Rule rule) {
  auto fresh = std::make_shared<bool>(true);
  return {[&field, fresh](std::string v, Mark) {
            if (*fresh) field.clear();
            *fresh = false;
            if (v != "none") field.push_back(std::move(v));
          },
          rule};
}

}  // namespace

Section describe(Brand& b) {
  return {{
      {"name", text(b.name, name_fault), "Name of the brand, put behind the titles of pages.", "",
       "", "Rose Bakery"},
      {"logo_url", text(b.logo_url, url_fault),
       "Address of the logo: https, or a path of the same site.", "", "", "/brand/logo.svg"},
      {"favicon_url", text(b.favicon_url, url_fault), "Address of the icon, likewise.", "", "",
       "/brand/icon.png"},
      {"primary", text(b.primary, colour_fault),
       "First colour, the variable --brand-primary of pages.", "", "", "\"#8b1e3f\""},
      {"secondary", text(b.secondary, colour_fault), "Second colour, --brand-secondary.", "", "",
       "\"#f4c95d\""},
      {"hide_powered_by", Flag{&b.hide_powered_by},
       "Takes out what branding.removed_classes, removed_attributes and removed_texts name."},
      {"css", text(b.css, css_fault),
       "The tenant's own CSS, served as a stylesheet when it has been made safe.", "", "",
       "\"h1 { letter-spacing: .02em }\""},
  }};
}

Section describe(Branding& b) {
  return {{
      {"html", Flag{&b.html}, "Brands pages (text/html) of upstreams as they stream by."},
      {"title_separator", text(b.title_separator, separator_fault),
       "Stands between a page's title and the name of the brand."},
      {"removed_classes", replacing(b.removed_classes, removed_fault),
       "Elements of these classes are taken out where a brand says hide_powered_by; without it "
       "dramac-branding. none is nothing.",
       "", "", "[dramac-branding]"},
      {"removed_attributes", replacing(b.removed_attributes, removed_fault),
       "Attributes that are taken out likewise; without it data-dramac-branding.", "", "",
       "[data-dramac-branding]"},
      {"removed_texts", replacing(b.removed_texts, removed_text_fault),
       "Texts that are taken out likewise where one is all that stands between two tags, whatever "
       "its case and white space; without it \"powered by dramac\".",
       "", "", "[powered by dramac]"},
      {"css_hosts", replacing(b.css_hosts, host_fault),
       "Hosts that a tenant's CSS may name in url() with https, beside the site itself.", "", "",
       "fonts.example.com"},
  }};
}

Section describe(Answers& a) {
  return {{
      {"domains", choice(a.domains, {"directory", "all", "none"}),
       "Where this section holds: on domains of the directory, also on those of this file, or "
       "nowhere. Never on hosts of the platform itself."},
      {"security_fields", Flag{&a.security_fields},
       "Adds X-Content-Type-Options: nosniff and Referrer-Policy where the upstream says nothing "
       "of it."},
      {"hsts", Duration{&a.hsts, Ms(0), std::chrono::hours(17'520), true},
       "Strict-Transport-Security for so long, over https and where the certificate is not of "
       "Marquee's own CA; 0 is none. The upstream's own is never passed on.",
       "", "", "8760h"},
      {"hsts_subdomains", Flag{&a.hsts_subdomains},
       "Says includeSubDomains with it. A customer's other hosts then need https, too."},
      {"removed_fields", replacing(a.removed_fields, removable_fault),
       "Fields of upstreams that are not passed on; without it Server and X-Powered-By. none is "
       "nothing.",
       "", "", "[Server, X-Powered-By]"},
      {"server", text(a.server, field_value_fault), "What Server says instead.", "", "", "web"},
      {"rewrite", choice(a.rewrite, {"hosts", "own_paths", "off"}),
       "Names of the platform in Location, Content-Location, Refresh, Link and cookies become the "
       "visitor's host: hosts always, own_paths only where the path is one that this domain's "
       "template leads to."},
      {"platform_hosts", replacing(a.platform_hosts, platform_host_fault),
       "Names of the platform, beside those of host_classes and of upstreams; *.NAME is all below.",
       "", "", "[app.example.com, \"*.platform.example\"]"},
      {"allowed_fields", replacing(a.allowed_fields, field_pattern_fault),
       "The only fields that rows of a directory may set (config.custom_headers); NAME* is all "
       "that begin so. Without it all that are not denied.",
       "", "", "[X-*, Content-Security-Policy]"},
      {"denied_fields", replacing(a.denied_fields, field_pattern_fault),
       "Fields that rows may not set, beside those that steer browsers or frame messages; without "
       "it Access-Control-*, Age, Date, ETag, Vary and Via.",
       "", "", "[Access-Control-*]"},
  }};
}

Section describe(Compression& c) {
  return {{
      {"answers", choice(c.answers, {"branded", "all", "off"}),
       "Which are compressed: those of branded domains, whose upstreams are asked for pages that "
       "can be read; those of every domain; none. An answer that its upstream has compressed stays "
       "so, but for branded pages."},
      {"least_size", size(c.least_size, 0, 1u << 20),
       "Answers that are known to be smaller stay as they are.", "", "per answer"},
      {"level", number(c.level, 1, 9), "1 is quick, 9 is small.", "level", "per answer"},
      {"codings", replacing(c.codings, coding_fault),
       "What is offered, best first among those that a client likes equally; without it br, zstd "
       "and gzip.",
       "", "", "[zstd, gzip]"},
  }};
}

}  // namespace marquee::config
