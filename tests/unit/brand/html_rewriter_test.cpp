// What the rewriter does to pages, each whole and split at every byte.
#include "brand/html_rewriter.hpp"

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <vector>

#include "brand/html_rig.hpp"

using namespace marquee::brand;
using namespace marquee::brand::testing;

namespace {

struct Case {
  std::string_view page;
  std::string_view branded;
};

std::string branded(const BrandPlan& plan, std::string_view page, RewriteOptions options = {}) {
  return at_every_split(page, [&](const std::vector<std::size_t>& pieces) {
    return rewrite(plan, page, pieces, options);
  });
}

// [+] stands for what is inserted into the head.
BrandPlan head_plan() {
  BrandPlan plan;
  plan.head = "[+]";
  return plan;
}

BrandPlan removal_plan() {
  Brand brand;
  brand.removed_classes = {"dramac-branding", "by-us"};
  brand.removed_attributes = {"data-dramac-branding"};
  return BrandPlan(brand);
}

void check(const BrandPlan& plan, const Case& c) {
  CAPTURE(c.page);
  CHECK(branded(plan, c.page) == (c.branded == "=" ? c.page : c.branded));
}

}  // namespace

TEST_CASE("the insertion stands at the end of the head, wherever a browser sees it") {
  const Case cases[] = {
      {"<!doctype html><html><head><title>x</title></head><body>y",
       "<!doctype html><html><head><title>x</title>[+]</head><body>y"},
      {"<HEAD></HEAD>", "<HEAD>[+]</HEAD>"},
      {"<head></head><head></head>", "<head>[+]</head><head></head>"},
      {"<head><head></head>", "<head><head>[+]</head>"},
      {"<p>x", "[+]<p>x"},
      {"  <!--c-->\n<p>x", "  <!--c-->\n[+]<p>x"},
      {"<!doctype html>text", "<!doctype html>[+]text"},
      {"<title>x</title> y</head>", "<title>x</title> [+]y</head>"},
      {"<meta charset=utf-8><body>", "<meta charset=utf-8>[+]<body>"},
      {"<html><body><head></head>", "<html>[+]<body><head></head>"},
      {"</p></div><title>x</title><div>", "</p></div><title>x</title>[+]<div>"},
      {"</br>", "[+]</br>"},
      {"</body>x", "[+]</body>x"},
      {"</html>x", "[+]</html>x"},
      {"</head>x", "[+]</head>x"},
      {"<html><frameset><frame></frameset>", "<html>[+]<frameset><frame></frameset>"},
      {"<head><script>'</head>'</script></head>", "<head><script>'</head>'</script>[+]</head>"},
      {"<head><script><!--<script></head></script>--></script></head>",
       "<head><script><!--<script></head></script>--></script>[+]</head>"},
      {"<head><!-- </head> --></head>", "<head><!-- </head> -->[+]</head>"},
      {"<head><style></head></style></head>", "<head><style></head></style>[+]</head>"},
      {"<head><title></head></title></head>", "<head><title></head></title>[+]</head>"},
      {"<head><noscript></head><p></noscript></head>",
       "<head><noscript></head><p></noscript>[+]</head>"},
      {"<head><template><p>x</head></template></head>",
       "<head><template><p>x</head></template>[+]</head>"},
      {"<head><template><svg><style><p></template></head>",
       "<head><template><svg><style><p></template>[+]</head>"},
      {"<head><template><math><mi></template></head>",
       "<head><template><math><mi></template>[+]</head>"},
      {"<head><template><math><mi><template></template></template></head>",
       "<head><template><math><mi><template></template></template>[+]</head>"},
      {"<head><template><template></template>x</template></head>",
       "<head><template><template></template>x</template>[+]</head>"},
      {"<head a='</head>'></head>", "<head a='</head>'>[+]</head>"},
      {"<head><svg><title></title></svg></head>", "<head>[+]<svg><title></title></svg></head>"},
      {"<head></p></template></title></head>", "<head></p></template></title>[+]</head>"},
      {"<head><?php </head> ?></head>", "<head><?php </head> [+]?></head>"},
      {"\xEF\xBB\xBF<p>", "\xEF\xBB\xBF[+]<p>"},
      {"\xEF\xBB\xBF \xEF\xBB\xBF<head>", "\xEF\xBB\xBF [+]\xEF\xBB\xBF<head>"},
      {"\xEF\xBBx<head>", "[+]\xEF\xBBx<head>"},
      // The page ends within the head.
      {"<head><title>x</title>", "<head><title>x</title>[+]"},
      {"<head><title>x</title><met", "<head><title>x</title>[+]<met"},
      {"<!doctype html>", "<!doctype html>[+]"},
      // It ends where nothing can be inserted, or it is none.
      {"<head><title>x", "="},
      {"<head><script>x", "="},
      {"<head><script>x</script", "="},
      {"<head><!-- x", "="},
      {"<head><!", "="},
      {"<head><!-", "="},
      {"<head><!x", "="},
      {"<head><", "<head>[+]<"},
      {"<head></", "<head>[+]</"},
      {"<head><?", "="},
      {"<head><template>", "="},
      {"", "="},
      {" \n", "="},
      {"\xEF\xBB", "="},
      {"<!-- only -->", "="},
  };
  const BrandPlan plan = head_plan();
  for (const Case& c : cases) check(plan, c);
}

TEST_CASE("without scripting, noscript holds tags") {
  CHECK(branded(head_plan(), "<head><noscript><p></noscript></head>", {4096, false}) ==
        "<head><noscript>[+]<p></noscript></head>");
}

TEST_CASE("icons and logo of the page give way") {
  Brand brand;
  brand.favicon_url = "/i.png?a&b";
  brand.logo_url = "https://cdn.example/l.svg";
  const BrandPlan plan(brand);
  const std::string head =
      "<link rel=\"icon\" href=\"/i.png?a&amp;b\">"
      "<link rel=\"apple-touch-icon\" href=\"/i.png?a&amp;b\">"
      "<meta name=\"brand-logo\" content=\"https://cdn.example/l.svg\">";
  CHECK(plan.head == head);
  const auto is = [&](std::string_view page, std::string_view kept) {
    CAPTURE(page);
    CHECK(branded(plan, "<head>" + std::string(page) + "</head>") ==
          "<head>" + std::string(kept) + head + "</head>");
  };
  is("<link rel=icon href=x>", "");
  is("<LINK HREF=x REL='Shortcut  ICON'/>", "");
  is("<link rel=\"apple-touch-icon\nicon\">", "");
  is("<link rel=&#105;&#x63;on>", "");
  is("<link rel=apple-touch-icon-precomposed sizes=57x57><link rel=mask-icon>", "");
  is("<link rel='icon stylesheet'>", "<link rel='icon stylesheet'>");
  is("<link rel=stylesheet rel=icon>", "<link rel=stylesheet rel=icon>");
  is("<link rel=shortcut>", "<link rel=shortcut>");
  is("<link rel=iconic><link><link rel>", "<link rel=iconic><link><link rel>");
  is("<meta name=brand-logo content=x><meta name=brand>", "<meta name=brand>");
  is("<!--<link rel=icon>--><script>'<link rel=icon>'</script>",
     "<!--<link rel=icon>--><script>'<link rel=icon>'</script>");
  is("<template><link rel=icon></template>", "<template><link rel=icon></template>");
  // Behind </head> it goes into the head all the same; in the body it stays.
  CHECK(branded(plan, "<head></head><link rel=icon><body><link rel=icon>") ==
        "<head>" + head + "</head><body><link rel=icon>");
}

TEST_CASE("title suffix") {
  Brand brand;
  brand.name = "Caf\xC3\xA9 & <Co>";
  BrandPlan plan(brand);
  CHECK(plan.title_suffix == " | Caf&#233; &amp; &lt;Co&gt;");
  const Case cases[] = {
      {"<title>x</title>", "<title>x | Caf&#233; &amp; &lt;Co&gt;</title>"},
      {"<title></title>", "<title>Caf&#233; &amp; &lt;Co&gt;</title>"},
      {"<title> \n</title>", "<title> \nCaf&#233; &amp; &lt;Co&gt;</title>"},
      {"<title>x CAF&#233; &AMP; &lt;co&gt; y</title>", "="},
      {"<title>Caf\xC3\xA9 & <Co></title>", "="},
      {"<title>CaCaf\xC3\xA9 & <Co></title>", "="},
      {"<title>a</title><title>b</title>",
       "<title>a | Caf&#233; &amp; &lt;Co&gt;</title><title>b</title>"},
      {"<title>a</b></title ><p>", "<title>a</b> | Caf&#233; &amp; &lt;Co&gt;</title ><p>"},
      {"<body><title>a</title>", "="},
      {"<svg><title>a</title></svg>", "="},
      {"<template><title>a</title></template><title>b</title>",
       "<template><title>a</title></template><title>b | Caf&#233; &amp; &lt;Co&gt;</title>"},
      {"<title>a", "="},
      {"<p><title>", "="},
  };
  for (const Case& c : cases) check(plan, c);
}

TEST_CASE("branding elements go, with what is in them and nothing else") {
  const Case cases[] = {
      {"<div class=dramac-branding>x</div>y", "y"},
      {"<div class='a dramac-branding\tb'>x<div>y</div>z</div>w", "w"},
      {"<div class=\"by-us\"><span>x</span></div>y", "y"},
      {"<div class=dramac-brandings>x</div>", "="},
      {"<div class=Dramac-Branding>x</div>", "="},
      {"<div id=dramac-branding>x</div>", "="},
      {"<div class=a class=dramac-branding>x</div>", "="},
      {"<div class=&#100;ramac-branding>x</div>", "="},
      {"<a>1<img class=dramac-branding>2</a>", "<a>12</a>"},
      {"<br class=dramac-branding />2", "2"},
      {"<br class=dramac-branding/>2", "="},  // the slash is part of the value
      // Implied ends.
      {"<p class=dramac-branding>x<p>y", "<p>y"},
      {"<p class=dramac-branding>x<b>y<div>z</div>", "<div>z</div>"},
      {"<ul><li class=dramac-branding>x<li>y</ul>", "<ul><li>y</ul>"},
      {"<ul><li class=dramac-branding>x<ul><li>a<li>b</ul><li>y</ul>", "<ul><li>y</ul>"},
      {"<ul><li>a<li class=dramac-branding>x</ul>z", "<ul><li>a</ul>z"},
      {"<dl><dt class=dramac-branding>x<dd>y</dl>", "<dl><dd>y</dl>"},
      {"<table><tr class=dramac-branding><td>x<td>y<tr><td>z</table>", "<table><tr><td>z</table>"},
      {"<table><tr><td class=dramac-branding>x<table><td>q</table><td>y</table>",
       "<table><tr><td>y</table>"},
      {"<table><thead class=dramac-branding><tr><th>x<tbody><tr></table>",
       "<table><tbody><tr></table>"},
      {"<table class=dramac-branding><tr><table><td>y</table>", "<table><td>y</table>"},
      {"<select><option class=dramac-branding>x<option>y</select>", "<select><option>y</select>"},
      {"<h1 class=dramac-branding>x<h2>y</h2>", "<h2>y</h2>"},
      {"<a class=dramac-branding>x<a>y</a>", "<a>y</a>"},
      {"<button class=dramac-branding>x<button>y</button>", "<button>y</button>"},
      {"<ruby>a<rt class=dramac-branding>x<rp>y</ruby>", "<ruby>a<rp>y</ruby>"},
      // Ended with the parent, and end tags that match nothing.
      {"<div><span class=dramac-branding>x</div>y", "<div></div>y"},
      {"<div class=dramac-branding>x</span></p></b>y</div>z", "z"},
      {"<div class=dramac-branding>x</section>y</div>z", "z"},
      {"<section><div class=dramac-branding>x</section>y", "<section></section>y"},
      {"<div class=dramac-branding>x</body></html>y", ""},
      {"<div class=dramac-branding><p>x</div>y", "y"},
      // Misnested formatting.
      {"<b><div class=dramac-branding>x</b>y</div>z", "<b></b>z"},
      {"<a class=dramac-branding>x<div>y</a>z</div>w", "w"},
      // Text that is no tag.
      {"<div class=dramac-branding><script>'</div>'</script>x</div>y", "y"},
      {"<div class=dramac-branding><!-- </div> --><textarea></div></textarea></div>y", "y"},
      {"<script class=dramac-branding>x</script>y", "y"},
      {"<script>'<div class=dramac-branding>'</script>", "="},
      {"<style><div class=dramac-branding></style>", "="},
      {"<!-- <div class=dramac-branding> -->", "="},
      {"<a title='<div class=dramac-branding>'>", "="},
      {"<plaintext><div class=dramac-branding>", "="},
      {"<noscript><div class=dramac-branding></noscript>", "="},
      // Custom elements.
      {"<x-badge class=dramac-branding><x-a></x-a><x-badge></x-badge></x-badge>y", "y"},
      // The page itself stays.
      {"<html class=dramac-branding><body class=dramac-branding>x", "="},
      {"<div class=dramac-branding>x", ""},
      {"<div class=dramac-branding>x<i", ""},
      {"<div class=dramac-branding>x</div><div class=by-us>y</div>z", "z"},
  };
  const BrandPlan plan = removal_plan();
  for (const Case& c : cases) check(plan, c);
}

TEST_CASE("foreign content") {
  const Case cases[] = {
      {"<svg class=dramac-branding><path/><g></g></svg>y", "y"},
      {"<svg><path class=dramac-branding /><g/></svg>", "<svg><g/></svg>"},
      {"<svg class=dramac-branding />y", "y"},
      {"<svg><g class=dramac-branding><svg></svg><g></g></g>x</svg>", "<svg>x</svg>"},
      // In SVG these hold tags, not text.
      {"<svg><title><b class=dramac-branding>x</b></title></svg>", "<svg><title></title></svg>"},
      {"<svg><style><g class=dramac-branding></g></style></svg>", "<svg><style></style></svg>"},
      {"<svg><foreignObject><style><p class=dramac-branding></style></foreignObject></svg>", "="},
      {"<svg><![CDATA[<g class=dramac-branding>]]></svg>", "="},
      {"<div><![CDATA[<i class=dramac-branding>x]]></div>",
       "<div><![CDATA[<i class=dramac-branding>x]]></div>"},
      // A tag of HTML breaks out.
      {"<svg class=dramac-branding><g><p>x</p>", "<p>x</p>"},
      {"<svg><p><style><i class=dramac-branding></style>", "="},
      {"<svg><font color=red><style><i class=dramac-branding></style>", "="},
      {"<svg><font><style><i class=dramac-branding></i></style>", "<svg><font><style></style>"},
      {"<math><mi><style><i class=dramac-branding></style></mi></math>", "="},
      // <i> breaks out and is open to the end of the page.
      {"<math><mrow><style><i class=dramac-branding>", "<math><mrow><style>"},
      {"<math><annotation-xml encoding='Text/HTML'><style><u class=dramac-branding></style>", "="},
      {"<math><annotation-xml><style><q class=dramac-branding>x</q></style>",
       "<math><annotation-xml><style></style>"},
      {"<div><svg></div><style><i class=dramac-branding></style>", "="},
  };
  const BrandPlan plan = removal_plan();
  for (const Case& c : cases) check(plan, c);
}

TEST_CASE("attributes are cut out") {
  const Case cases[] = {
      {"<a data-dramac-branding>", "<a >"},
      {"<a DATA-Dramac-Branding = \"x>\" b>", "<a  b>"},
      {"<a b=c data-dramac-branding/>", "<a b=c />"},
      {"<a b='c'data-dramac-branding='d'e>", "<a b='c'e>"},
      {"<a/data-dramac-branding>", "<a/ >"},
      {"<a data-dramac-branding=x data-dramac-branding>", "<a  >"},
      {"<a b data-dramac-branding=\"y\"=z>", "="},
      {"<a data-dramac-branding-x b='data-dramac-branding'>", "="},
      {"</a data-dramac-branding>", "="},
      {"<body data-dramac-branding=1>", "<body >"},
      {"<!--<a data-dramac-branding>-->", "="},
  };
  const BrandPlan plan = removal_plan();
  for (const Case& c : cases) check(plan, c);
}

TEST_CASE("what cannot be known passes, and so does the rest") {
  const BrandPlan plan = removal_plan();
  const std::string branding = "<i class=by-us>x</i>";
  check(plan, {"<select><style><i class=by-us></style></select><i class=by-us>x</i>", "="});
  check(plan, {"<frameset><i class=by-us>", "="});
  std::string deep = branding;
  for (std::size_t i = 0; i <= OpenElements::kMost; ++i) deep += "<div>";
  deep += branding;
  CHECK(rewrite(plan, deep) == deep.substr(branding.size()));
  BrandPlan both = removal_plan();
  both.head = "[+]";
  const std::string tag = "<svg a='" + std::string(300, 'x') + "'>";
  CHECK(branded(both, "<head>" + tag + branding, {256}) == "<head>[+]" + tag + branding);
}

TEST_CASE("overlong tags count, but are not read") {
  BrandPlan plan = removal_plan();
  plan.head = "[+]";
  const std::string pad = " a='" + std::string(300, '>') + "'";
  const auto is = [&](const std::string& page, const std::string& expected) {
    CAPTURE(page);
    CHECK(branded(plan, page, {256}) == expected);
  };
  is("<p class=by-us" + pad + ">x", "[+]<p class=by-us" + pad + ">x");
  is("<div class=by-us><div" + pad + ">x</div" + pad + "></div>y", "[+]y");
  is("<head><script" + pad + "></head></script></head" + pad + ">",
     "<head><script" + pad + "></head></script>[+]</head" + pad + ">");
}

TEST_CASE("nothing to do: every byte passes; the head done: the rest beside it") {
  const BrandPlan none{Brand{}};
  CHECK(none.empty());
  CHECK(HtmlRewriter(none).passing());
  const std::string page = "<p class=dramac-branding>x<title>";
  CHECK(branded(none, page) == page);

  const BrandPlan plan = head_plan();
  HtmlRewriter rewriter(plan);
  StringSink sink;
  rewriter.feed("<head><title>x</title></head>", sink);
  CHECK(!rewriter.passing());
  rewriter.feed("<body>x<i", sink);
  CHECK(rewriter.passing());
  CHECK(sink.out == "<head><title>x</title>[+]</head><body>x<i");
}

TEST_CASE("bytes do not wait: only an open tag is held") {
  const BrandPlan plan = removal_plan();
  HtmlRewriter rewriter(plan);
  StringSink sink;
  rewriter.feed("<p>one <!-- two", sink);
  CHECK(sink.out == "<p>one <!-- two");
  rewriter.feed(" --> three <b cla", sink);
  CHECK(sink.out == "<p>one <!-- two --> three ");
  rewriter.feed("ss=x>", sink);
  CHECK(sink.out == "<p>one <!-- two --> three <b class=x>");
}

TEST_CASE("texts go where they are all that stands between two tags") {
  Brand brand;
  brand.removed_texts = {" Powered  by dramac", "made with x"};
  const BrandPlan plan(brand);
  const Case cases[] = {
      {"<body><p>Powered by Dramac</p>", "<body><p></p>"},
      {"<body><p>\n  POWERED\tBY\n dramac </p>", "<body><p></p>"},
      {"<body><p>made with X</p><i>made with X</i>", "<body><p></p><i></i>"},
      {"<body><p>Powered by Dramac.</p>", "="},
      {"<body><p>We are powered by Dramac</p>", "="},
      {"<body><p>Powered by <a>Dramac</a></p>", "="},
      {"<body><p>Powered by</p> dramac", "="},
      {"<body><p>Poweredby dramac</p>", "="},
      {"<body><p>Powered by Dramac<!-- -->", "<body><p><!-- -->"},
      {"<body><p>Powered by Dramac", "<body><p>"},
      {"<body><p>Powered by Dramac</", "="},
      {"<body><p>Powered by Dramac<", "="},
      {"<body><p>Powered by Dramac<b", "<body><p><b"},
      {"<body><p>Powered by Dramac< /p>", "="},
      {"<body>  \n <p>  </p> made with", "="},
      {"<body><script>made with x</script><textarea>made with x</textarea>", "="},
      {"<title>made with x</title><body><b title='>made with x<'>", "="},
      {"made with x<p>made with x</p>", "made with x<p></p>"},
      {"<head></head>  made with x<p>made with x</p>", "<head></head>  made with x<p></p>"},
  };
  for (const Case& c : cases) check(plan, c);
  const std::string spaces(kMaxTextNode, ' ');
  const std::string fits = "<body><p>made with x" + spaces.substr(11) + "</p>";
  check(plan, {fits, "<body><p></p>"});
  const std::string longer = "<body><p>made with x" + spaces + "</p>";
  check(plan, {longer, "="});
}

TEST_CASE("texts that cannot be looked for are refused") {
  Brand brand;
  brand.removed_texts = {"", "  ", "a<b", "a&b", "a\x01", std::string(65, 'x'), "fine"};
  const BrandPlan plan(brand);
  CHECK(plan.removed_texts.texts() == std::vector<std::string>{"fine"});
  CHECK(plan.faults.size() == 6);
}
