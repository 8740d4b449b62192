// White label: a domain's brand, and how brands are applied.
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

std::string host_fault(std::string_view name) {
  constexpr std::string_view kAllowed = "abcdefghijklmnopqrstuvwxyz0123456789-.";
  if (!name.empty() && name.size() <= 253 && name.find_first_not_of(kAllowed) == name.npos)
    return {};
  return "which is not a hostname in lower case; write for example fonts.example.com";
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
       "Takes out what branding.removed_classes and removed_attributes name."},
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
      {"css_hosts", replacing(b.css_hosts, host_fault),
       "Hosts that a tenant's CSS may name in url() with https, beside the site itself.", "", "",
       "fonts.example.com"},
  }};
}

}  // namespace marquee::config
