#include "proxy/branding/domain_brand.hpp"

#include <algorithm>
#include <array>

#include "base/base64.hpp"
#include "base/json_text.hpp"
#include "brand/colour.hpp"
#include "brand/css_sanitiser.hpp"
#include "brand/safe_url.hpp"
#include "proxy/branding/content_policy.hpp"
#include "proxy/http/field_id.hpp"
#include "tls/digest.hpp"

namespace marquee::proxy {
namespace {

std::string hex_of(const tls::Digest& digest, std::size_t digits) {
  std::string out;
  for (std::size_t i = 0; i < digits / 2; ++i) {
    out += "0123456789abcdef"[digest[i] >> 4];
    out += "0123456789abcdef"[digest[i] & 15];
  }
  return out;
}

brand::Brand brand_of(const routing::WhiteLabel& row, const config::Branding& settings) {
  brand::Brand out;
  out.name = row.brand_name;
  out.logo_url = row.logo_url;
  out.favicon_url = row.favicon_url;
  out.primary = row.primary_color;
  out.secondary = row.secondary_color;
  out.title_separator = settings.title_separator;
  if (row.hide_powered_by) {
    out.removed_classes = settings.removed_classes;
    out.removed_attributes = settings.removed_attributes;
    out.removed_texts = settings.removed_texts;
  }
  return out;
}

std::string css_colour(const std::string& text) {
  const auto colour = brand::parse_colour(text);
  return colour ? brand::to_css(*colour) : std::string();
}

// What is left of a row when everything that could not be used is gone.
struct Usable {
  std::string_view name;
  std::string logo;
  std::string icon;
  std::string primary;
  std::string secondary;
  bool hide = false;
};

std::string json_of(const Usable& u, std::string_view sheet, bool urls) {
  std::array<char, 16384> buffer;
  base::JsonText json(buffer.data(), buffer.size());
  const char* comma = "";
  const auto key = [&](std::string_view name) {
    json.raw(comma);
    json.string(name);
    json.raw(":");
    comma = ",";
  };
  const auto text = [&](std::string_view name, std::string_view value) {
    if (value.empty()) return;
    key(name);
    json.string(value);
  };
  json.raw("{");
  text("brand_name", u.name);
  if (urls) text("logo_url", u.logo);
  if (urls) text("favicon_url", u.icon);
  if (!u.primary.empty() || !u.secondary.empty()) {
    key("brand_colors");
    json.raw("{");
    comma = "";
    text("primary", u.primary);
    text("secondary", u.secondary);
    json.raw("}");
    comma = ",";
  }
  key("hide_powered_by");
  json.raw(u.hide ? "true" : "false");
  text("stylesheet", sheet);
  json.raw("}");
  return json.overflowed() ? std::string() : std::string(json.view());
}

// Long addresses go first: the upstream has them in its own database as well.
std::string white_label_field(const Usable& u, std::string_view sheet) {
  for (const bool urls : {true, false}) {
    const std::string json = json_of(u, sheet, urls);
    std::string field = base::base64url_encode(json);
    if (!json.empty() && field.size() <= kMaxWhiteLabelField) return field;
  }
  return {};
}

}  // namespace

std::string stylesheet_of(const routing::WhiteLabel& row,
                          const std::vector<std::string>& css_hosts) {
  brand::Brand colours;
  colours.primary = row.primary_color;
  colours.secondary = row.secondary_color;
  brand::CssPolicy policy;
  policy.hosts = css_hosts;
  return brand::brand_stylesheet(colours, row.custom_css, policy).css;
}

std::shared_ptr<const DomainBrand> make_domain_brand(const routing::WhiteLabel& row,
                                                     const config::Branding& settings) {
  if (row == routing::WhiteLabel{}) return nullptr;
  auto out = std::make_shared<DomainBrand>();
  brand::Brand brand = brand_of(row, settings);
  const std::string sheet = stylesheet_of(row, settings.css_hosts);
  out->css_hosts = settings.css_hosts;
  if (!sheet.empty()) {
    out->sheet_path = std::string(kSheetPrefix) +
                      hex_of(tls::digest_of({"marquee stylesheet", sheet}), kSheetDigest) +
                      std::string(kSheetSuffix);
    brand.stylesheet_path = out->sheet_path;
  }
  Usable u;
  u.name = row.brand_name;
  u.logo = brand::safe_url(row.logo_url).value_or(std::string());
  u.icon = brand::safe_url(row.favicon_url).value_or(std::string());
  u.primary = css_colour(row.primary_color);
  u.secondary = css_colour(row.secondary_color);
  u.hide = row.hide_powered_by;
  out->field = white_label_field(u, out->sheet_path);
  out->name = row.brand_name.substr(0, brand::kMaxName);
  if (settings.html) out->plan = brand::BrandPlan(brand);
  const auto& plan = out->plan;
  std::string removed;
  for (const auto* names :
       {&plan.removed_classes, &plan.removed_attributes, &plan.removed_texts.texts()})
    for (const std::string& name : *names) removed.append(name).append("\n");
  out->tag = hex_of(
      tls::digest_of({"marquee page", plan.head, plan.title_suffix, plan.title_alone, removed}), 8);
  out->logo_url = std::move(u.logo);
  out->icon_url = std::move(u.icon);
  out->primary = std::move(u.primary);
  return out;
}

std::string_view sheet_digest(std::string_view path) {
  if (!path.starts_with(kSheetPrefix)) return {};
  path.remove_prefix(kSheetPrefix.size());
  if (path.size() != kSheetDigest + kSheetSuffix.size() || !path.ends_with(kSheetSuffix)) return {};
  path.remove_suffix(kSheetSuffix.size());
  const bool hex = std::all_of(path.begin(), path.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
  });
  return hex ? path : std::string_view();
}

config::FieldEdits with_brand(const config::FieldEdits& edits, const DomainBrand& brand) {
  config::FieldEdits out = edits;
  if (!brand.rewrites() || brand.sheet_path.empty()) return out;
  for (config::Fields* fields : {&out.set, &out.add})
    for (auto& [name, value] : *fields)
      if (http::iequals(name, "content-security-policy"))
        if (auto wider = allow_in_policy(value, {ContentKind::style, "'self'", {}})) value = *wider;
  return out;
}

}  // namespace marquee::proxy
