#include "brand/css_sanitiser.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <string_view>

using namespace marquee::brand;

namespace {

struct Case {
  std::string_view css;
  std::string_view safe;
};

void check(const Case& c) {
  CAPTURE(c.css);
  const CssPolicy policy{{"cdn.example"}};
  const SanitisedCss result = sanitise_css(c.css, policy);
  CHECK(result.css == c.safe);
  // What is safe stays as it is.
  CHECK(sanitise_css(result.css, policy).css == result.css);
}

}  // namespace

TEST_CASE("honest CSS comes out as CSS") {
  const Case cases[] = {
      {"", ""},
      {"a { color : red }", "a{color : red;}"},
      {"a{color:red;;background:#FFF}b{}", "a{color:red;background:#FFF;}b{}"},
      {".x>p:not(.y)::after{content:'\\201C'}", ".x>p:not(.y)::after{content:\"\xE2\x80\x9C\";}"},
      {"@media (min-width:10px) and (400px<=width<900px){a{top:-1.5e3px}}",
       "@media (min-width:10px) and (400px<=width< 900px){a{top:-1.5e3px;}}"},
      {"@layer a,b;@layer a{p{margin:0 auto!important}}",
       "@layer a,b;@layer a{p{margin:0 auto!important;}}"},
      {"@keyframes k{from{opacity:0}50%{opacity:.5}to{opacity:1}}",
       "@keyframes k{from{opacity:0;}50%{opacity:.5;}to{opacity:1;}}"},
      {"a{width:calc(100% - (2px + 1em))}", "a{width:calc(100% - (2px + 1em));}"},
      {"a{--x:1px;top:var(--x,2px)}", "a{--x:1px;top:var(--x,2px);}"},
      {"a{b:c;&:hover{d:e}}", "a{b:c;&:hover{d:e;}}"},
      {"a[href^=\"https://x\"]{color:red}", "a[href^=\"https://x\"]{color:red;}"},
      {".\\35  .b{x:y}", ".\\35  .b{x:y;}"},
      {"\\-->a{x:y}", "-\\2d >a{x:y;}"},
      {"a/**/b/* } */{x:y}", "a/**/b/**/{x:y;}"},
      {"\xC3\xA4{x:\xE2\x82\xAC}", "\xC3\xA4{x:\xE2\x82\xAC;}"},
      {"a{x:1\\65 5}", "a{x:1\\65 \\35;}"},
  };
  for (const Case& c : cases) check(c);
}

TEST_CASE("what must not come through") {
  const Case cases[] = {
      // Imports, however they are written.
      {"@import 'x';a{b:c}", "a{b:c;}"},
      {"@import url(https://evil.example/x.css);", ""},
      {"@@importimport 'x';a{b:c}", "a{b:c;}"},
      {"@imp@importort 'x';a{b:c}", "a{b:c;}"},
      {"@\\69mport 'x';", ""},
      {"@\\000069 mport 'x';", ""},
      {"@IMPORT 'x';", ""},
      {"@imp\x01ort 'x';", ""},
      {"@imp/**/ort 'x';", ""},
      {"@media{@import 'x';a{b:c}}", "@media{a{b:c;}}"},
      {"@charset 'utf-7';@namespace url(x);@document x{a{b:c}}d{e:f}", "d{e:f;}"},
      {"@font-feature-values x{@import{}}", ""},
      // Out of the element and into HTML.
      {"a{b:c}</style><script>alert(1)</script>", "a{b:c;}"},
      {"a{b:\"</style><script>\"}", "a{b:\"\\3c /style\\3e \\3c script\\3e \";}"},
      {"a{b:url(/</style>)}", "a{b:url(\"/\\3c /style\\3e \");}"},
      {"</style>{b:c}", "< /style>{b:c;}"},
      {"<!-- a{b:c} -->", "a{b:c;}"},
      {"<\\2f style>{b:c}", "< \\2f style>{b:c;}"},
      // URLs.
      {"a{b:url(https://evil.example/x)}", "a{}"},
      {"a{b:url('https://evil.example/x')}", "a{}"},
      {"a{b:u\\72l(https://evil.example/x)}", "a{}"},
      {"a{b:URL( \"//evil.example/x\" )}", "a{}"},
      {"a{b:url(http://cdn.example/x)}", "a{}"},
      {"a{b:url(https://cdn.example.evil/x)}", "a{}"},
      {"a{b:url(https://cdn.example@evil/x)}", "a{}"},
      {"a{b:url(https://CDN.example/x) no-repeat}",
       "a{b:url(\"https://CDN.example/x\") no-repeat;}"},
      {"a{b:url(/x.png);c:url(#f)}", "a{b:url(\"/x.png\");c:url(\"#f\");}"},
      {"a{b:url(javascript:alert(1))}", "a{}"},
      {"a{b:url(java\\\nscript:x);c:d}", "a{c:d;}"},
      {"a{b:url(data:text/html;base64,PHM+)}", "a{}"},
      {"a{b:url(data:image/svg+xml;base64,PHM+)}", "a{}"},
      {"a{b:url(data:image/png;base64,iVBOR+/=)}", "a{b:url(\"data:image/png;base64,iVBOR+/=\");}"},
      {"a{b:url(data:image/png;base64,x\")}", "a{}"},
      {"a{b:url(\"/x\" foo(1))}", "a{}"},
      {"a{b:image-set(\"https://evil.example/x\" 1x)}", "a{}"},
      {"a{b:image-set(\"/x\" type(\"image/png\") 1x)}",
       "a{b:image-set(\"/x\" type(\"image/png\") 1x);}"},
      {"a{b:image-set(var(--x) 1x)}", "a{}"},
      {"a{b:-webkit-image-set((\"https://evil.example/x\") 1x)}", "a{}"},
      {"a{b:src(\"https://evil.example/x\")}", "a{}"},
      {"a{--x:url(https://evil.example)}", "a{}"},
      {"@font-face{src:url(https://evil.example/f.woff);font-family:x}",
       "@font-face{font-family:x;}"},
      {"@supports (b:url(https://evil.example)){a{c:d}}e{f:g}", "e{f:g;}"},
      // Scripts of old browsers.
      {"a{b:expression(alert(1));c:d}", "a{c:d;}"},
      {"a{b:exp\\72 ession(alert(1))}", "a{}"},
      {"a{b:exp/**/ression(alert(1))}",
       "a{b:exp/**/ression(alert(1));}"},  // no function of that name
      {"a{behavior:url(/x.htc);-moz-binding:url(/x)}", "a{}"},
      {"a{BEHAVI\\6f r:x}", "a{}"},
      {"a{filter:progid:x}", "a{}"},
      // Nothing is left open.
      {"a{b:c", "a{b:c;}"},
      {"a{b:'x", "a{b:\"x\";}"},
      {"a{b:'x\ny';c:d}", "a{}"},
      {"a{b:f(c;d:e}g{h:i}", "a{d:e;}g{h:i;}"},
      {"a{b:(c}", "a{}"},
      {"a{b:c)}", "a{}"},
      {"a{b:[c)}", "a{}"},
      {"a{b:\\", "a{}"},
      {"a{b:c}}}d{e:f}", "a{b:c;}d{e:f;}"},
      {"{b:c}d{e:f}", "d{e:f;}"},
      {"/* open", ""},
      {"a{--x:{b:c}}", "a{}"},
      {"b:c;d{e:f}", "d{e:f;}"},
      {std::string_view("a{b:c\0d}", 8),
       "a{b:c\xEF\xBF\xBD"
       "d;}"},
      {"H\\96me5{}", "H\xEF\xBF\xBDme5{}"},
      {"a{b:\xFF}", "a{b:\xEF\xBF\xBD;}"},
  };
  for (const Case& c : cases) check(c);
}

TEST_CASE("bounds") {
  std::string deep;
  for (int i = 0; i < 100; ++i) deep += "@media x{";
  const std::string safe = sanitise_css(deep + "a{b:c}").css;
  CHECK(std::count(safe.begin(), safe.end(), '{') == static_cast<std::ptrdiff_t>(kMaxCssDepth));
  CHECK(std::count(safe.begin(), safe.end(), '}') == static_cast<std::ptrdiff_t>(kMaxCssDepth));
  CHECK(sanitise_css(std::string(kMaxCss + 1, ' ')).too_large);
  CHECK(!sanitise_css(std::string(kMaxCss, ' ')).too_large);
  CHECK(sanitise_css("a{b:url(x)}").dropped == 1);
}

TEST_CASE("the stylesheet ends with the colours, whatever the custom CSS leaves open") {
  Brand brand;
  brand.primary = "#3b82f6";
  brand.secondary = "navy";
  const std::string colours =
      ":root{--brand-primary:#3b82f6;--brand-primary-foreground:#000000;"
      "--brand-secondary:#000080;--brand-secondary-foreground:#ffffff;}";
  CHECK(brand_stylesheet(brand, "").css == colours);
  for (const char* open : {"a{", "a{b:'", "/*", "a{b:(", "@media x{", "a\\", "@import url("}) {
    CAPTURE(open);
    const std::string css = brand_stylesheet(brand, open).css;
    CHECK(css.ends_with(colours));
    CHECK(sanitise_css(css).css == css);
  }
}
