// Pages of Marquee's own.
#include "config/description.hpp"
#include "config/text.hpp"

namespace marquee::config {
namespace {

std::string agency_fault(std::string_view id) {
  constexpr std::string_view kAllowed =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.:";
  if (!id.empty() && id.size() <= 128 && id.find_first_not_of(kAllowed) == std::string_view::npos)
    return {};
  return "which is no agency's id; write one, such as a UUID, or all";
}

// A challenge must reach its client with the fields that belong to it (401, 407), and
// so must what an application says to a program's range or upgrade.
std::string status_fault(std::string_view text) {
  const auto status = parse_number(text);
  if (status && *status >= 400 && *status <= 599 && *status != 401 && *status != 407 &&
      *status != 416 && *status != 426)
    return {};
  return "which is no status that a page may take the place of; write 400 to 599, such as 502, "
         "but not 401, 407, 416 or 426";
}

// As brand/pages/language.hpp has them.
Choice language(std::string& field) {
  static const std::vector<std::string_view> words{"en", "de", "fr", "es", "it",
                                                   "nl", "pt", "pl", "ar"};
  return {words, 0, [&field](std::size_t i, Mark) { field = std::string(words[i]); }};
}

Text folder(Marked<std::string>& field) {
  Text out = text(field);
  out.path = true;
  return out;
}

}  // namespace

Section describe(Pages& p) {
  const auto agency = [&p](std::string v, Mark) { p.maintenance.push_back(std::move(v)); };
  const auto status = [&p](std::string v, Mark) {
    p.replace_upstream.push_back(static_cast<std::uint16_t>(parse_number(v).value_or(0)));
  };
  return {{
      {"language", language(p.language),
       "Language of pages for visitors whose Accept-Language names none of these."},
      {"directory", folder(p.directory),
       "Folder of templates that take the place of Marquee's own: default/503.html, "
       "AGENCY_ID/maintenance.html. Read at the start and at a reload.",
       "", "", "pages"},
      {"maintenance", Texts{agency, agency_fault},
       "Agencies whose domains show the page of maintenance; all is every customer's. A single "
       "domain says it for itself.",
       "", "", "[6f1c9a52-8f0e-4f0b-9d3a-5f0f3f1f7c01]"},
      {"retry_after", Duration{&p.retry_after, Ms(1'000), std::chrono::hours(24 * 7)},
       "What Retry-After says during maintenance."},
      {"replace_upstream", Texts{status, status_fault},
       "Statuses of upstreams' answers that become pages of Marquee's own, for visitors who "
       "look at pages. All others keep what the upstream says.",
       "", "", "[502, 503, 504]"},
  }};
}

}  // namespace marquee::config
