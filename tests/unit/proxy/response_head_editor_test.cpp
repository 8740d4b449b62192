#include "proxy/response_head_editor.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace marquee::proxy;

namespace {

struct Edited {
  Edited() {
    block.add("X-Frame-Options", "DENY");
    block.add("Server", "ours");
    additions.add(block);
    additions.add("Date", "today");
    for (auto [name, value] : {std::pair{"Vary", "Origin"}, {"ETag", "\"1\""}, {"vary", "Accept"}})
      head.fields.push({name, value, http::identify(name)});
  }
  // As a codec would write it.
  std::string text() const {
    std::string out;
    for (const http::Field& f : head.fields)
      if (!f.dropped) out.append(f.name).append(":").append(f.value).append(" ");
    for (const FieldBlock* b : additions.blocks()) out += b->h1();
    for (const AddedField& f : additions.fields())
      out.append(f.name).append(":").append(f.value).append(" ");
    return out;
  }
  http::ResponseHead head;
  Additions additions;
  Arena arena;
  FieldBlock block;
  ResponseHeadEditor editor{head, additions, arena};
};

}  // namespace

TEST_CASE("set replaces all of a name, wherever they stand") {
  Edited e;
  e.editor.set("vary", "X");
  CHECK(e.editor.field("Vary") == "X");
  CHECK(e.text() == "Vary:X ETag:\"1\" X-Frame-Options: DENY\r\nServer: ours\r\nDate:today ");
  e.editor.set("server", "theirs");
  CHECK(e.text() == "Vary:X ETag:\"1\" Date:today X-Frame-Options:DENY server:theirs ");
  e.editor.set("date", "now");
  CHECK(e.editor.field("date") == "now");
  CHECK_FALSE(e.editor.refused());
}

TEST_CASE("remove takes all of a name") {
  Edited e;
  for (const char* name : {"vary", "date", "x-frame-options", "x-absent"}) e.editor.remove(name);
  CHECK(e.text() == "ETag:\"1\" Server:ours ");
  CHECK(e.editor.field("vary").empty());
  CHECK_FALSE(e.editor.refused());
}

TEST_CASE("values are copied, also what is made of the old one") {
  Edited e;
  std::string value = "W/";
  value += e.editor.field("etag");
  e.editor.set("etag", value);
  value = "gone";
  CHECK(e.editor.field("etag") == "W/\"1\"");
}

TEST_CASE("what is not a field, or is the codec's, is refused") {
  for (const auto& wrong : {std::pair{"x-a", "a\nb"},
                            {"x-a", "a\rb"},
                            {"x\r\na", "b"},
                            {"", "b"},
                            {"x a", "b"},
                            {"x_a", "b"},
                            {"content-length", "4"},
                            {"connection", "close"},
                            {"transfer-encoding", "x"}}) {
    CAPTURE(wrong.first);
    Edited e;
    const std::string before = e.text();
    e.editor.set(wrong.first, wrong.second);
    CHECK(e.editor.refused());
    CHECK(e.text() == before);
    e.editor.begin();
    CHECK_FALSE(e.editor.refused());
  }
  Edited e;
  for (int i = 0; i < 30; ++i) e.editor.set("x-" + std::to_string(i), "v");
  CHECK(e.editor.refused());
}

TEST_CASE("framing is told apart") {
  Edited e;
  CHECK_FALSE(e.editor.content_length());
  e.head.body = {http::BodyKind::until_close, 0};
  e.editor.set_content_length(7);
  CHECK(e.editor.content_length() == 7);
  CHECK(e.head.body.kind == http::BodyKind::length);
  e.editor.set_content_length(std::nullopt);
  CHECK(e.head.body.kind == http::BodyKind::until_close);
}

TEST_CASE("an answer to HEAD never gets a body, but may lose its length") {
  Edited e;
  e.head.body = {http::BodyKind::none, 0};
  e.head.fields.push({"Content-Length", "7", http::FieldId::content_length});
  e.editor.set_content_length(9);
  CHECK(e.editor.field("content-length") == "7");
  e.editor.set_content_length(std::nullopt);
  CHECK(e.editor.field("content-length").empty());
  CHECK(e.head.body.kind == http::BodyKind::none);
}

TEST_CASE("a kept head outlives the bytes it came in") {
  Edited e;
  std::string bytes =
      "Not Really"
      "X-Long" +
      std::string(3000, 'v');
  const std::string_view all = bytes;
  e.head.reason = all.substr(0, 10);
  e.head.fields.push({all.substr(10, 6), all.substr(16), http::FieldId::other});
  e.editor.remove("etag");
  e.editor.keep();
  bytes.assign(bytes.size(), '?');
  CHECK(e.head.reason == "Not Really");
  CHECK(e.editor.field("x-long") == std::string(3000, 'v'));
  CHECK(e.editor.field("vary") == "Origin");
}
