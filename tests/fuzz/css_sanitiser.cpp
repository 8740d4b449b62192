// Hostile CSS: what comes out is a fixed point, balanced, without what may not be in
// it, and what is appended to it is read.
#include "brand/css_sanitiser.hpp"

#include <algorithm>
#include <string>

#include "brand/css_tokenizer.hpp"
#include "brand/html_token.hpp"
#include "input.hpp"

using namespace marquee::brand;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const CssPolicy policy{{"cdn.example"}};
  const SanitisedCss once = sanitise_css(bytes, policy);
  require(sanitise_css(once.css, policy).css == once.css);
  require(clean_css(once.css) == once.css);
  require(once.css.find("</") == std::string::npos);

  CssTokenizer tokens(once.css);
  CssToken token;
  std::size_t depth = 0;
  for (tokens.next(token); token.kind != CssKind::end; tokens.next(token)) {
    require(token.kind != CssKind::bad && token.kind != CssKind::url);
    if (token.kind == CssKind::at_keyword) require(!equal_ignoring_case(token.text, "import"));
    if (token.kind == CssKind::function) {
      require(!equal_ignoring_case(token.text, "expression"));
      if (equal_ignoring_case(token.text, "url")) {
        tokens.next(token);
        require(token.kind == CssKind::string && css_url_allowed(token.text, policy));
      }
    }
    if (token.kind != CssKind::delim) continue;
    if (token.text == "{") ++depth;
    if (token.text == "}") require(depth-- > 0);
  }
  require(depth == 0);

  Brand brand;
  brand.primary = "#123456";
  const std::string sheet = brand_stylesheet(brand, bytes, policy).css;
  require(sheet == once.css + colour_variables(brand));
  require(sanitise_css(sheet, policy).css == sheet);
  return 0;
}
