// Any text as a template: taken or refused, and what is taken never lets a hostile
// value out of its place: no quote and no bracket comes into the page that does not
// stand in the template. Any Accept-Language: a language, no crash.
#include <algorithm>
#include <string>
#include <vector>

#include "brand/pages/language.hpp"
#include "brand/pages/template.hpp"
#include "input.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace marquee::brand;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  require(!tag(choose_language(text, Language::en)).empty());
  TemplateFault fault;
  const auto parsed = Template::parse(text, fault);
  if (!parsed) {
    require(!fault.sentence.empty() && fault.line > 0 && fault.column > 0);
    return 0;
  }
  SlotValues values{};
  values.fill("<b>\"'&--></style></title>\xFF\xC3");
  values[static_cast<std::size_t>(Slot::primary)] = "#123456";
  values[static_cast<std::size_t>(Slot::on_primary)] = "#ffffff";
  std::vector<std::string> styles;
  const std::string page = parsed->render(values, styles);
  for (const char c : {'<', '>', '"', '\''})
    require(std::count(page.begin(), page.end(), c) <= std::count(text.begin(), text.end(), c));
  return 0;
}
