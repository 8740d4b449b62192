// A domain's brand, ready for requests: made once for each plan, immutable, shared by
// all answers under it. The stylesheet itself is not kept (a tenant's CSS has up to 32
// KiB, and each worker has thousands of plans): it is made anew where it is asked for,
// which its immutable caching makes rare.
#pragma once
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "brand/brand.hpp"
#include "config/settings.hpp"
#include "routing/domain_record.hpp"

namespace marquee::proxy {

// Stylesheets are served below this path; the digest of the content follows.
inline constexpr std::string_view kSheetPrefix = "/.well-known/marquee/brand-";
inline constexpr std::string_view kSheetSuffix = ".css";
inline constexpr std::size_t kSheetDigest = 32;  // hex digits

// An x-white-label value is not longer than this: many upstreams take 8 KiB of head.
inline constexpr std::size_t kMaxWhiteLabelField = 4096;

struct DomainBrand {
  brand::BrandPlan plan;
  std::string sheet_path;              // empty: no colours and no CSS
  std::vector<std::string> css_hosts;  // of the settings that it was made under
  std::string tag;    // eight hex digits; another one where a page would be another
  std::string field;  // x-white-label
  // Checked; for pages of our own.
  std::string name;
  std::string logo_url;
  std::string icon_url;
  std::string primary;  // "#rrggbb"

  bool rewrites() const { return !plan.empty(); }
};

// Nothing if the row says nothing that could be used.
std::shared_ptr<const DomainBrand> make_domain_brand(const routing::WhiteLabel& row,
                                                     const config::Branding& settings);

// The content of the domain's stylesheet; empty where it has none.
std::string stylesheet_of(const routing::WhiteLabel& row,
                          const std::vector<std::string>& css_hosts);

// The digest in the path that asks for a domain's stylesheet; empty: another path.
std::string_view sheet_digest(std::string_view path);

// The field edits of a branded domain: a Content-Security-Policy among them lets the
// stylesheet in.
config::FieldEdits with_brand(const config::FieldEdits& edits, const DomainBrand& brand);

}  // namespace marquee::proxy
