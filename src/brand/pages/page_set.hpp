// The templates in force: our own, and those that an operator put beside it in
// pages.directory, for all or for one agency. Made with the settings, immutable; its
// size does not depend on the number of domains.
#pragma once
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "brand/pages/language.hpp"
#include "brand/pages/template.hpp"
#include "brand/pages/texts.hpp"
#include "config/settings.hpp"

namespace marquee::brand {

class PageSet {
 public:
  // What check_pages() finds fault with is left out.
  explicit PageSet(const config::Pages& settings);

  // Of the agency (its id; empty: nobody's), else of `default`, else our own. Of a
  // state its own page, else page.html; of a status its own, else that of its class
  // (4xx, 5xx), else page.html.
  const Template& find(std::string_view agency, PageState state, unsigned status) const;
  Language language() const { return language_; }  // where the visitor's is not spoken

 private:
  using Templates = std::map<std::string, Template, std::less<>>;
  const Template* find_in(std::string_view scope, PageState state, unsigned status) const;

  Language language_ = Language::en;
  Template own_;
  std::map<std::string, Templates, std::less<>> scopes_;
};

// Faults of the files in pages.directory, each with the file's name, line and column.
std::vector<config::Problem> check_pages(const config::Pages& settings);

}  // namespace marquee::brand
