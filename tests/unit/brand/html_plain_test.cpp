// Whole pages go the short way through tokenizer and rewriter (html_plain_tokens.cpp,
// HtmlRewriter::passes), single bytes the general one: both must say the same.
#include <doctest/doctest.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "brand/html_rig.hpp"

using namespace marquee::brand;
using namespace marquee::brand::testing;
using namespace std::string_view_literals;

namespace {

class Dice {
 public:
  explicit Dice(std::uint64_t seed) : state_(seed * 2 + 1) {}
  std::size_t below(std::size_t n) {
    state_ = state_ * 6364136223846793005ULL + 1442695040888963407ULL;
    return static_cast<std::size_t>(state_ >> 33) % n;
  }

 private:
  std::uint64_t state_;
};

template <std::size_t N>
std::string some(Dice& dice, const std::string_view (&parts)[N], std::size_t most) {
  std::string out;
  for (std::size_t i = dice.below(most + 1); i > 0; --i) out += parts[dice.below(N)];
  return out;
}

constexpr std::string_view kTagParts[] = {" ",         "  ",
                                          "\n",        "\t",
                                          "/",         "=",
                                          "\"",        "'",
                                          ">",         "<",
                                          " a=b",      " a=\"b\"",
                                          " a='b>'",   " async",
                                          " =x",       " a =",
                                          "a=\"\"",    " a=/",
                                          " a=b/",     " k=\"long value, longer than a block\"",
                                          "\0"sv,      "\x0b",
                                          " \"=\"x",   " a=\"b\"c=d",
                                          " a=\"b\"/", " a-name-that-is-long=1",
                                          " A=>"};

std::string any_page(Dice& dice) {
  constexpr std::string_view names[] = {
      "a",      "b",     "p",      "div",           "td",
      "my-tag", "LI",    "h1",     "foreignObject", "abcdefghijkl",
      "svg",    "x\0"sv, "button", "abcdefghijklm"};
  constexpr std::string_view texts[] = {"text ", "a < b", "<!--c-->", "<!x>", "<?y>",
                                        "</ z>", "<",     "<3",       "&lt;"};
  std::string page;
  for (int i = 0; i < 12; ++i) {
    page += some(dice, texts, 1);
    page += dice.below(3) == 0 ? "</" : "<";
    page += names[dice.below(std::size(names))];
    page += some(dice, kTagParts, 4);
    if (dice.below(8) != 0) page += '>';
  }
  return page;
}

// Elements that close others, in each other, some of them to be removed.
std::string nested_page(Dice& dice) {
  constexpr std::string_view names[] = {
      "a",  "b",      "p",        "div",   "table", "tbody",  "tr",      "td",   "th",
      "ul", "ol",     "li",       "h1",    "h2",    "select", "option",  "form", "button",
      "dl", "dt",     "svg",      "title", "style", "desc",   "caption", "span", "script",
      "br", "my-tag", "textarea", "math",  "mi",    "nobr",   "template"};
  std::string page = "<title>t</title><body>";
  for (int i = 0; i < 30; ++i) {
    const bool closes = dice.below(5) < 2;
    page += closes ? "</" : "<";
    page += names[dice.below(std::size(names))];
    if (!closes && dice.below(6) == 0) page += " class=\"q by-us\"";
    if (!closes && dice.below(9) == 0) page += " data-by=1";
    page += '>';
    if (dice.below(3) == 0) page += std::to_string(i);
  }
  return page;
}

// All that may hide a tag, or look like one, and little of what is to be removed.
std::string quiet_page(Dice& dice) {
  constexpr std::string_view parts[] = {"<p>",
                                        "</p>",
                                        "<div title=\"a > b\">",
                                        "<div title = '\n> <i>'>",
                                        "</div>",
                                        "<a href=x>link</a>",
                                        "<img alt=\"=\" src='='>",
                                        "it's \"so\" ",
                                        " =\" ",
                                        "= '",
                                        "a > b ",
                                        "3 < 4 ",
                                        "<3",
                                        "<",
                                        "<!-- <b a=\"> -->",
                                        "<!-- -- > ' ",
                                        "-->",
                                        "<!x>",
                                        "</>",
                                        "<?y \">",
                                        "<script>if (a<b) x=\"</i>\";</script>",
                                        "<script>'<!--<script>",
                                        "</script>",
                                        "<style>a>b{c:\"<d>\"}</style>",
                                        "<svg>",
                                        "</svg>",
                                        "<![CDATA[ <q a=\"> ]]>",
                                        "<textarea><x y='",
                                        "</textarea>",
                                        "<b c=\"",
                                        "\"",
                                        "'>",
                                        "made",
                                        " with ",
                                        "bread",
                                        "<ul><li>",
                                        "  \n"};
  std::string page = dice.below(2) == 0 ? "<body>" : "<title>t</title>x";
  for (std::size_t i = dice.below(25); i > 0; --i) page += parts[dice.below(std::size(parts))];
  if (dice.below(2) == 0) page += "<i class=by-us>u</i><p>made with bread</p>made with bread";
  for (std::size_t i = dice.below(9); i > 0; --i) page += parts[dice.below(std::size(parts))];
  return page;
}

}  // namespace

TEST_CASE("short and general way through the tokenizer agree") {
  for (std::uint64_t seed = 0; seed < 3000; ++seed) {
    Dice dice(seed);
    const std::string page = any_page(dice);
    CAPTURE(page);
    const std::string whole = tokens(page, {page.size()});
    REQUIRE(whole == tokens(page, {1}));
    REQUIRE(whole == tokens(page, {dice.below(page.size()) + 1, 40}));
  }
}

TEST_CASE("short and general way of removal agree") {
  Brand brand;
  brand.removed_classes = {"by-us"};
  brand.removed_attributes = {"data-by"};
  brand.removed_texts = {"7", "2 0"};
  const BrandPlan plan(brand);
  std::size_t shorter = 0;
  for (std::uint64_t seed = 0; seed < 3000; ++seed) {
    Dice dice(seed);
    const std::string page = nested_page(dice);
    CAPTURE(page);
    const std::string whole = rewrite(plan, page);
    REQUIRE(whole == rewrite(plan, page, {1}));
    REQUIRE(whole == rewrite(plan, page, {dice.below(page.size()) + 1, 40}));
    shorter += whole.size() < page.size();
  }
  CHECK(shorter > 1000);
}

TEST_CASE("tags of any form are open or closed on both ways") {
  Brand brand;
  brand.removed_classes = {"by-us"};
  BrandPlan plan(brand);
  plan.skims = false;
  for (std::uint64_t seed = 0; seed < 3000; ++seed) {
    Dice dice(seed);
    // What is removed ends where an open element does.
    const std::string page = "<body>" + any_page(dice) + nested_page(dice) + any_page(dice) +
                             "><i class=by-us>1</div>2</p>3</a>4</li>5</b>6</td>7</svg>8";
    CAPTURE(page);
    const std::string whole = rewrite(plan, page);
    REQUIRE(whole == rewrite(plan, page, {1}));
    REQUIRE(whole == rewrite(plan, page, {dice.below(page.size()) + 1, 60}));
  }
}

TEST_CASE("what goes on unread is what reading lets pass") {
  Brand brand;
  brand.removed_classes = {"by-us"};
  brand.removed_attributes = {"data-by"};
  brand.removed_texts = {"made with bread"};
  const BrandPlan skims(brand);
  BrandPlan reads = skims;
  reads.skims = false;
  std::size_t shorter = 0;
  for (std::uint64_t seed = 0; seed < 6000; ++seed) {
    Dice dice(seed);
    const std::string page = quiet_page(dice);
    CAPTURE(page);
    const std::string whole = rewrite(reads, page, {1});
    REQUIRE(whole == rewrite(skims, page));
    REQUIRE(whole == rewrite(skims, page, {1}));
    const std::size_t first = dice.below(page.size()) + 1;
    REQUIRE(whole == rewrite(skims, page, {first, dice.below(30) + 1}));
    shorter += whole.size() < page.size();
  }
  CHECK(shorter > 1000);
}

TEST_CASE("what goes on unread does not wait, but for what may still be removed") {
  Brand brand;
  brand.removed_classes = {"by-us"};
  brand.removed_texts = {"made with bread"};
  const BrandPlan plan(brand);
  const auto goes_on = [&](std::string_view page) {
    HtmlRewriter rewriter(plan);
    StringSink sink;
    rewriter.feed("<body><p>", sink);
    rewriter.feed("x</p>", sink);
    rewriter.feed(page, sink);
    return sink.out.substr(14);
  };
  CHECK(goes_on("<i>one") == "<i>one");
  CHECK(goes_on("<i>one <b") == "<i>one ");
  CHECK(goes_on("<i title=\"a > b") == "");
  CHECK(goes_on("<i title=\"a > b\">c") == "<i title=\"a > b\">c");
  CHECK(goes_on("<i>one < two, it's = \"three\"") == "<i>one < two, it's = \"three\"");
  CHECK(goes_on("<i>one <<<") == "<i>one ");
  CHECK(goes_on("<i>one <<!x") == "<i>one <<!x");
  CHECK(goes_on("<i>one <!-- two") == "<i>one <!-- two");
  CHECK(goes_on("<i>Made ") == "<i>");
  CHECK(goes_on("Maid with") == "Maid with");
  CHECK(goes_on("<script>'" + std::string(5000, 'x')).size() == 5009);
  CHECK(goes_on("<script>a<b" + std::string(5000, 'x')).size() == 5011);
}

TEST_CASE("more than is kept of what went on unread is read") {
  Brand brand;
  brand.removed_classes = {"by-us"};
  const BrandPlan plan(brand);
  std::string page = "<body>";
  while (page.size() < 3 * HtmlSkimmer::kMost) page += "<div><p>many words</div>";
  const std::string end = "<div><p class=by-us>x</div>y";
  for (const std::size_t piece : {page.size() * 2, std::size_t{16384}, std::size_t{1000}})
    CHECK(rewrite(plan, page + end, {piece}) == page + "<div></div>y");
}

TEST_CASE("a text's word is looked for where no name stands in it") {
  Brand brand;
  brand.removed_classes = {"dramac-branding"};
  brand.removed_texts = {"powered by dramac"};
  CHECK(BrandPlan(brand).needles == std::vector<std::string>{"dramac"});
  brand.removed_texts = {"made by us"};
  CHECK(BrandPlan(brand).needles == std::vector<std::string>{"made", "dramac-branding"});
  brand.removed_texts = {"a > b"};
  CHECK(!BrandPlan(brand).skims);
  brand.removed_texts = {};
  CHECK(BrandPlan(brand).skims);
  CHECK(!BrandPlan(Brand{}).skims);
}

TEST_CASE("tags that close others do so on the short way too") {
  Brand brand;
  brand.removed_classes = {"by-us"};
  const BrandPlan plan(brand);
  struct Case {
    std::string_view page;
    std::string_view branded;
  };
  const Case cases[] = {
      {"<div><h2><h1></h1><b class=by-us>x</h2>y</b></div>", "<div><h2><h1></h1></div>"},
      {"<div><a><a></a><b class=by-us>x</a>y</b></div>", "<div><a><a></a></div>"},
      {"<div><p><div></div><i class=by-us>x</p>y</i></div>", "<div><p><div></div></div>"},
      {"<ul><li><li></li><i class=by-us>x</li>y</i></ul>", "<ul><li><li></li></ul>"},
      {"<table><tr><td><td></td><i class=by-us>x</td>y</i></table>",
       "<table><tr><td><td></td></table>"},
      {"<select><option><option></option><i class=by-us>x</option>y</i></select>",
       "<select><option><option></option></select>"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.page);
    CHECK(at_every_split(c.page, [&](const std::vector<std::size_t>& pieces) {
            return rewrite(plan, c.page, pieces);
          }) == c.branded);
  }
}
