#include "brand/pages/page.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "brand/colour.hpp"

namespace marquee::brand {
namespace {

constexpr std::size_t kMaxId = 128;
constexpr std::size_t kMaxHost = 260;
constexpr std::size_t kMaxName = 256;

// As it looks on white: its parts are seen on grounds of both colour schemes, and what
// can be read on it must not depend on them.
Colour opaque(Colour c) {
  const auto over_white = [&](std::uint8_t part) {
    return static_cast<std::uint8_t>(255 - (255 - part) * c.alpha / 255);
  };
  return {over_white(c.red), over_white(c.green), over_white(c.blue), 255};
}

// Where the picture is loaded from, as a source of a policy. A checked address has no
// byte in its origin that means something there.
std::string_view source_of(std::string_view url) {
  if (url.starts_with('/')) return "'self'";
  const std::size_t host = url.find("://");
  if (host == std::string_view::npos) return {};
  return url.substr(0, url.find_first_of("/?#", host + 3));
}

struct Action {
  std::string_view words;
  std::string_view url;  // empty: the same again
};

// What a visitor can do about it: the same address again, or another one.
Action action_of(const PageTexts& texts, const PageFacts& facts) {
  if (facts.state != PageState::none)
    return facts.state == PageState::maintenance ? Action{texts.try_again, {}} : Action{};
  switch (facts.status) {
    case 403:
    case 404:
      return {texts.home, "/"};
    case 408:
    case 421:
    case 429:
    case 500:
    case 502:
    case 503:
    case 504:
      return {texts.try_again, {}};
    default:
      return {};
  }
}

std::string policy_of(const std::vector<std::string>& styles, const Template& used,
                      const PageBrand& brand) {
  std::string out = "default-src 'none'; style-src";
  if (styles.empty()) out += " 'none'";
  for (const std::string& style : styles) out.append(" ").append(style);
  out += "; img-src data:";
  const std::string_view logo = used.uses(Slot::logo_url) ? source_of(brand.logo_url) : "";
  const std::string_view icon = used.uses(Slot::icon_url) ? source_of(brand.icon_url) : "";
  if (!logo.empty()) out.append(" ").append(logo);
  if (!icon.empty() && icon != logo) out.append(" ").append(icon);
  out += "; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
  return out;
}

}  // namespace

Page compose_page(const PageSet& set, const PageFacts& facts) {
  const Template& used = set.find(facts.agency, facts.state, facts.status);
  const PageTexts& texts = texts_of(facts.language);
  const PageText& text = text_of(facts.language, facts.state, facts.status);
  const Action action = action_of(texts, facts);
  std::array<char, 8> digits;
  const auto end =
      std::to_chars(digits.data(), digits.data() + digits.size(), std::min(facts.status, 999U));
  std::string primary;
  std::string on_primary;
  if (const auto colour = parse_colour(facts.brand.primary)) {
    primary = to_css(opaque(*colour));
    on_primary = to_css(readable_on(opaque(*colour)));
  }
  SlotValues values{};
  const auto put = [&](Slot slot, std::string_view value) {
    values[static_cast<std::size_t>(slot)] = value;
  };
  put(Slot::title, text.title);
  put(Slot::text, text.text);
  put(Slot::owner_text, text.owner);
  put(Slot::owner_heading, text.owner.empty() ? "" : texts.for_owner);
  put(Slot::error_label, texts.error);
  put(Slot::status, {digits.data(), static_cast<std::size_t>(end.ptr - digits.data())});
  put(Slot::request_label, texts.request);
  put(Slot::request_id, facts.request_id.substr(0, kMaxId));
  put(Slot::host, facts.host.substr(0, kMaxHost));
  put(Slot::brand_name, facts.brand.name.substr(0, kMaxName));
  put(Slot::logo_url, facts.brand.logo_url);
  put(Slot::icon_url, facts.brand.icon_url);
  put(Slot::primary, primary);
  put(Slot::on_primary, on_primary);
  put(Slot::action, action.words);
  put(Slot::action_url, action.url);
  put(Slot::retry_after, facts.retry_after.substr(0, kMaxId));
  put(Slot::lang, tag(facts.language));
  put(Slot::dir, direction(facts.language));
  std::vector<std::string> styles;
  Page page;
  page.html = used.render(values, styles);
  page.policy = policy_of(styles, used, facts.brand);
  if (used.uses(Slot::lang)) page.language = tag(facts.language);
  return page;
}

}  // namespace marquee::brand
