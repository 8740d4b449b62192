// Every state of the tokenizer, whole and split at every byte.
#include "brand/html_tokenizer.hpp"

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
  std::string_view tokens;
};

void check(const Case& c, ContentModel model = ContentModel::data, std::string_view name = {},
           bool cdata = false) {
  CAPTURE(c.page);
  CHECK(at_every_split(c.page, [&](const std::vector<std::size_t>& pieces) {
          return tokens(c.page, pieces, model, name, cdata);
        }) == c.tokens);
}

}  // namespace

TEST_CASE("data, tag open, end tag open") {
  const Case cases[] = {
      {"", ""},
      {"plain text", "T:plain text\n"},
      {"a<b>c</b>d", "T:a\nS<b>\nT:c\nE<b>\nT:d\n"},
      {"1 < 2 <3 <<a>", "T:1 < 2 <3 <\nS<a>\n"},
      {"<", "T:<\n"},
      {"</", "T:</\n"},
      {"<a", "U:<a\n"},
      {"</a", "U:</a\n"},
      {"</>x", "B:</>.\nT:x\n"},
      {"</ a>x", "B:</ a>.\nT:x\n"},
      {"</1>x", "B:</1>.\nT:x\n"},
      {"<?xml version='>'?>x", "B:<?xml version='>.\nT:'?>x\n"},
      {"<?>x", "B:<?>.\nT:x\n"},
      {"<DIV>", "S<div>\n"},
      {"<my-tag.x:y\xC3\xA4>", "S<my-tag.x:y\xC3\xA4>\n"},
      {"<a<b>", "S<a<b>\n"},
      {"<h1></h6 x=1>", "S<h1>\nE<h6|x=1>\n"},
  };
  for (const Case& c : cases) check(c);
  using namespace std::string_view_literals;
  check({"a\0<b\0 c\0=\0>"sv, "T:a\0\nS<b\0|c\0=\0>\n"sv});
}

TEST_CASE("attributes") {
  const Case cases[] = {
      {"<a b>", "S<a|b=>\n"},
      {"<a b c>", "S<a|b=|c=>\n"},
      {"<a\tb\n=\r\fc>", "S<a|b=c>\n"},
      {"<a b=c d='e' f=\"g\">", "S<a|b=c|d=e|f=g>\n"},
      {"<a b='>' c=\">\">", "S<a|b=>|c=>>\n"},
      {"<a b=x>y", "S<a|b=x>\nT:y\n"},
      {"<a b=>y", "S<a|b=>\nT:y\n"},
      {"<a b= >y", "S<a|b=>\nT:y\n"},
      {"<a =>y", "S<a|==>\nT:y\n"},
      {"<a ==b>", "S<a|==b>\n"},
      {"<a b==c>", "S<a|b==c>\n"},
      {"<a b=c\"d>e\">", "S<a|b=c\"d>\nT:e\">\n"},
      {"<a \">\">", "S<a|\"=>\nT:\">\n"},
      {"<a b'c=\">\">", "S<a|b'c=>>\n"},
      {"<a b=\"x\"c='y'd=z>", "S<a|b=x|c=y|d=z>\n"},
      {"<a b=''=c>", "S<a|b=|=c=>\n"},
      {"<a/>", "S<a/>\n"},
      {"<a />", "S<a/>\n"},
      {"<a/ >", "S<a>\n"},
      {"<a/b/c=/d>", "S<a|b=|c=/d>\n"},
      {"<a b=c/>", "S<a|b=c/>\n"},
      {"<a b='c'/>", "S<a|b=c/>\n"},
      {"<a b/>", "S<a|b=/>\n"},
      {"<a b />", "S<a|b=/>\n"},
      {"<a//>", "S<a/>\n"},
      {"<a / / b / = 'c'>", "S<a|b=|==|'c'=>\n"},
      {"<a b = 'c' d>", "S<a|b=c|d=>\n"},
      {"<a b\n\n= \"c>\nd\">", "S<a|b=c>\nd>\n"},
      {"<a b=1 b=2>", "S<a|b=1|b=2>\n"},
      {"<a b='x", "U:<a b='x\n"},
      {"<a b=\"</a>", "U:<a b=\"</a>\n"},
      {"<a <b>", "S<a|<b=>\n"},
      {"<a b=<c>", "S<a|b=<c>\n"},
      {"</a b='>'>", "E<a|b=>>\n"},
      {"</br/>", "E<br/>\n"},
  };
  for (const Case& c : cases) check(c);
}

TEST_CASE("comments") {
  const Case cases[] = {
      {"<!---->x", "C:<!---->.\nT:x\n"},
      {"<!-->x", "C:<!-->.\nT:x\n"},
      {"<!--->x", "C:<!--->.\nT:x\n"},
      {"<!-- a -->x", "C:<!-- a -->.\nT:x\n"},
      {"<!-- a --!>x", "C:<!-- a --!>.\nT:x\n"},
      {"<!-- - -- --- --->x", "C:<!-- - -- --- --->.\nT:x\n"},
      {"<!-- --!-->x", "C:<!-- --!-->.\nT:x\n"},
      {"<!-- --!a>-->x", "C:<!-- --!a>-->.\nT:x\n"},
      {"<!--a--b>-->x", "C:<!--a--b>-->.\nT:x\n"},
      {"<!--a->b-->x", "C:<!--a->b-->.\nT:x\n"},
      {"<!-- <!-- -->x-->", "C:<!-- <!-- -->.\nT:x-->\n"},
      {"<!-- <!-->x", "C:<!-- <!-->.\nT:x\n"},
      {"<!-- <!-x-->y", "C:<!-- <!-x-->.\nT:y\n"},
      {"<!--<head></head>-->", "C:<!--<head></head>-->.\n"},
      {"<!-- open", "C:<!-- open\n"},
      {"<!--", "C:<!--\n"},
      {"<!--!>-->", "C:<!--!>-->.\n"},
      {"<!----!", "C:<!----!\n"},
      {"<!-a>x", "B:<!-a>.\nT:x\n"},
      {"<!->x", "B:<!->.\nT:x\n"},
      {"<!>x", "B:<!>.\nT:x\n"},
      {"<!", "B:<!\n"},
      {"<!-", "B:<!-\n"},
      {"<!a", "B:<!a\n"},
  };
  for (const Case& c : cases) check(c);
}

TEST_CASE("doctypes") {
  const Case cases[] = {
      {"<!doctype html>x", "D:<!doctype html>.\nT:x\n"},
      {"<!DocType html PUBLIC \"-//W3C>\" x>", "D:<!DocType html PUBLIC \"-//W3C>.\nT:\" x>\n"},
      {"<!DOCTYPE>", "D:<!DOCTYPE>.\n"},
      {"<!doctypehtml>", "D:<!doctypehtml>.\n"},
      {"<!doctyp html>x", "B:<!doctyp html>.\nT:x\n"},
      {"<!doctype", "D:<!doctype\n"},
      {"<!d>", "B:<!d>.\n"},
  };
  for (const Case& c : cases) check(c);
}

TEST_CASE("CDATA sections stand in foreign content only") {
  check({"<![CDATA[a>b]]>c", "B:<![CDATA[a>.\nT:b]]>c\n"});
  const Case cases[] = {
      {"<![CDATA[a>b]]>c", "[:<![CDATA[a>b]]>.\nT:c\n"},
      {"<![CDATA[]]>c", "[:<![CDATA[]]>.\nT:c\n"},
      {"<![CDATA[]]]]>c", "[:<![CDATA[]]]]>.\nT:c\n"},
      {"<![CDATA[] ]> ]]x]]>c", "[:<![CDATA[] ]> ]]x]]>.\nT:c\n"},
      {"<![CDATA[<b>", "[:<![CDATA[<b>\n"},
      {"<![cdata[a]]>", "B:<![cdata[a]]>.\n"},
      {"<![CDATAx>", "B:<![CDATAx>.\n"},
  };
  for (const Case& c : cases) check(c, ContentModel::data, {}, true);
}

TEST_CASE("RCDATA and raw text end at their own end tag") {
  const Case cases[] = {
      {"a<b></i></titlex></title>c", "T:a<b></i></titlex>\nE<title>\nT:c\n"},
      {"<!-- </title>", "T:<!-- \nE<title>\n"},
      {"</TiTlE \n x='>'>y", "E<title|x=>>\nT:y\n"},
      {"</title/>y", "E<title/>\nT:y\n"},
      {"</title", "T:</title\n"},
      {"</title ", "U:</title \n"},
      {"</tit", "T:</tit\n"},
      {"</tit<</title>", "T:</tit<\nE<title>\n"},
      {"</</title>", "T:</\nE<title>\n"},
      {"<</title>", "T:<\nE<title>\n"},
      {"&lt;/title>", "T:&lt;/title>\n"},
      {"", ""},
  };
  for (const Case& c : cases) {
    check(c, ContentModel::rcdata, "title");
    check(c, ContentModel::rawtext, "TITLE");
  }
  check({"</>x</a>", "T:</>x</a>\n"}, ContentModel::rawtext, "");
  check({"<style><p></style></p>", "S<style>\nT:<p>\nE<style>\nE<p>\n"});
  check({"<a></b><c></script>", "T:<a></b><c></script>\n"}, ContentModel::plaintext);
}

TEST_CASE("script data, escaped once and twice") {
  const Case cases[] = {
      {"x</script>y", "T:x\nE<script>\nT:y\n"},
      {"if(a<b)</scripty></script >", "T:if(a<b)</scripty>\nE<script>\n"},
      {"<!--x</script>y", "T:<!--x\nE<script>\nT:y\n"},
      {"<!--<script></script>--></script>y", "T:<!--<script></script>-->\nE<script>\nT:y\n"},
      {"<!--<script></script></script>y", "T:<!--<script></script>\nE<script>\nT:y\n"},
      {"<!--<script>--></script>y", "T:<!--<script>-->\nE<script>\nT:y\n"},
      {"<!--<script>-- ></script>y", "T:<!--<script>-- ></script>y\n"},
      {"<!--<scriptx></script>y", "T:<!--<scriptx>\nE<script>\nT:y\n"},
      {"<!--<SCRIPT/x</sCripT\n</script>y", "T:<!--<SCRIPT/x</sCripT\n\nE<script>\nT:y\n"},
      {"<!--<script </scriptx></script>", "T:<!--<script </scriptx></script>\n"},
      {"<!--><script></script>y", "T:<!--><script>\nE<script>\nT:y\n"},
      {"<!---><script></script>y", "T:<!---><script>\nE<script>\nT:y\n"},
      {"<!-x<script></script>y", "T:<!-x<script>\nE<script>\nT:y\n"},
      {"<!-<script></script>y", "T:<!-<script>\nE<script>\nT:y\n"},
      {"<!-- - <script></script>a</script>y", "T:<!-- - <script></script>a\nE<script>\nT:y\n"},
      {"<!-- --<script></script>a</script>y", "T:<!-- --<script></script>a\nE<script>\nT:y\n"},
      {"<!--<!--<script>--></script>", "T:<!--<!--<script>-->\nE<script>\n"},
      {"<!--<script><script></script></script>", "T:<!--<script><script></script>\nE<script>\n"},
      {"<!-- </script", "T:<!-- </script\n"},
      {"<!-- <scrip", "T:<!-- <scrip\n"},
      {"<!--<script>x", "T:<!--<script>x\n"},
      {"<!-", "T:<!-\n"},
      {"<!--<</script>", "T:<!--<\nE<script>\n"},
      {"<!--<script><</script></script>", "T:<!--<script><</script>\nE<script>\n"},
      {"<!-- -<script>-></script></script>", "T:<!-- -<script>-></script>\nE<script>\n"},
  };
  for (const Case& c : cases) check(c, ContentModel::script, "script");
  check({"<script><!--</script>a<b>", "S<script>\nT:<!--\nE<script>\nT:a\nS<b>\n"});
}

TEST_CASE("a tag longer than the limit is opaque and ends where it ends") {
  const std::string value(300, 'v');
  const std::string tag = "<a b='" + value + "<p>' c=\">\" d=x>";
  const std::string page = "x" + tag + "y<i>";
  const auto run = [&](std::string_view bytes) {
    return at_every_split(bytes, [&](const std::vector<std::size_t>& pieces) {
      return tokens(bytes, pieces, ContentModel::data, {}, false, 256);
    });
  };
  CHECK(run(page) == "T:x\nS<a opaque>\nT:y\nS<i>\n");
  // Its content is read as that of the element all the same.
  CHECK(run("<script a='" + value + "'><b></script><b>") ==
        "S<script opaque>\nT:<b>\nE<script>\nS<b>\n");
  CHECK(run("<title></title a='" + value + ">'><b>") == "S<title>\nE<title opaque>\nS<b>\n");
  CHECK(run("<" + std::string(300, 'n') + ">z") == "S<" + std::string(64, 'n') + " opaque>\nT:z\n");
  // Exactly as long as the limit, and one byte more.
  const std::string fits = "<a b=" + std::string(250, 'v') + ">";
  CHECK(run(fits) == "S<a|b=" + std::string(250, 'v') + ">\n");
  CHECK(run("<a b=" + std::string(251, 'v') + ">") == "S<a opaque>\n");
}

TEST_CASE("memory does not grow with the page") {
  HtmlTokenizer tokenizer(1024);
  Token token;
  const std::string piece(1000, 'x');
  std::size_t seen = 0;
  tokenizer.feed("<a b='");
  CHECK(!tokenizer.next(token));
  for (int i = 0; i < 1000; ++i) {
    tokenizer.feed(piece);
    while (tokenizer.next(token)) {
      CHECK(token.opaque);
      seen += token.raw.size();
    }
  }
  CHECK(seen == 1'000'006);
}
