#include "brand/pages/page_set.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "base/ids.hpp"
#include "base/suggest.hpp"
#include "brand/pages/own_template.hpp"

namespace marquee::brand {
namespace {

constexpr std::string_view kForAll = "default";

bool is_status(std::string_view name) {
  return name.size() == 3 && (name[0] == '4' || name[0] == '5') && name[1] >= '0' &&
         name[1] <= '9' && name[2] >= '0' && name[2] <= '9';
}

std::vector<std::string_view> words() {
  std::vector<std::string_view> out{"4xx", "5xx", "page"};
  for (int i = 1; i < static_cast<int>(PageState::count_); ++i)
    out.push_back(name(static_cast<PageState>(i)));
  return out;
}

bool is_page_name(std::string_view name) {
  const auto known = words();
  return is_status(name) || std::find(known.begin(), known.end(), name) != known.end();
}

bool is_scope(std::string_view scope) {
  return scope == kForAll || base::AgencyId::parse(scope).has_value();
}

}  // namespace

PageSet::PageSet(const config::Pages& settings)
    : language_(parse_language(settings.language).value_or(Language::en)) {
  TemplateFault fault;
  if (auto own = Template::parse(kOwnTemplate, fault)) own_ = std::move(*own);
  for (const config::PageFile& file : settings.files) {
    if (!is_scope(file.scope) || !is_page_name(file.name)) continue;
    if (auto parsed = Template::parse(*file.text, fault))
      scopes_[file.scope].insert_or_assign(file.name, std::move(*parsed));
  }
}

const Template* PageSet::find_in(std::string_view scope, PageState state, unsigned status) const {
  const auto templates = scopes_.find(scope);
  if (templates == scopes_.end()) return nullptr;
  const auto named = [&](std::string_view name) -> const Template* {
    const auto found = templates->second.find(name);
    return found == templates->second.end() ? nullptr : &found->second;
  };
  if (state != PageState::none) {
    if (const Template* found = named(name(state))) return found;
    return named("page");
  }
  if (const Template* found = named(std::to_string(status))) return found;
  if (const Template* found = named(status >= 400 && status < 500 ? "4xx" : "5xx")) return found;
  return named("page");
}

const Template& PageSet::find(std::string_view agency, PageState state, unsigned status) const {
  if (!scopes_.empty()) {
    const Template* found = agency.empty() ? nullptr : find_in(agency, state, status);
    if (!found) found = find_in(kForAll, state, status);
    if (found) return *found;
  }
  return own_;
}

std::vector<config::Problem> check_pages(const config::Pages& settings) {
  std::vector<config::Problem> out;
  const auto report = [&](const std::string& sentence) {
    out.push_back({settings.directory.mark, "pages.directory: " + sentence});
  };
  for (const config::PageFile& file : settings.files) {
    if (!is_scope(file.scope)) {
      report(file.path +
             " is not in the folder of an agency; put it into default, or into a "
             "folder named by the agency's id");
      continue;
    }
    if (!is_page_name(file.name)) {
      const std::string_view meant = base::did_you_mean(file.name, words());
      report(file.path + " is no page's name; " +
             (meant.empty() ? "write a status such as 503.html, 4xx.html, 5xx.html, page.html, or "
                              "one of not_connected, suspended, disabled, unpublished and "
                              "maintenance"
                            : "did you mean " + std::string(meant) + ".html?"));
      continue;
    }
    TemplateFault fault;
    if (!Template::parse(*file.text, fault))
      report(file.path + ":" + std::to_string(fault.line) + ":" + std::to_string(fault.column) +
             ": " + fault.sentence);
  }
  return out;
}

}  // namespace marquee::brand
