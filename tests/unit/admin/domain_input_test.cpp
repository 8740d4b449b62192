#include "admin/domain_input.hpp"

#include <doctest/doctest.h>

#include "admin/domain_json.hpp"
#include "admin/domain_lines.hpp"
#include "admin/entity_tag.hpp"

using namespace marquee;
using namespace marquee::admin;

namespace {

StoredDomain stored(const char* config = "{}") {
  StoredDomain out{routing::DomainRecord(*base::parse_hostname("shop.example").name)};
  out.record.row = "d1";
  out.config = config;
  return out;
}

std::string field_of(const std::string& body) {
  const auto got = parse_draft(body);
  REQUIRE(std::holds_alternative<Problem>(got));
  return std::get<Problem>(got).field;
}

}  // namespace

TEST_CASE("merge patch: the examples of RFC 7396, appendix A") {
  const std::vector<std::array<const char*, 3>> cases = {
      {R"({"a":"b"})", R"({"a":"c"})", R"({"a":"c"})"},
      {R"({"a":"b"})", R"({"b":"c"})", R"({"a":"b","b":"c"})"},
      {R"({"a":"b"})", R"({"a":null})", R"({})"},
      {R"({"a":"b","b":"c"})", R"({"a":null})", R"({"b":"c"})"},
      {R"({"a":["b"]})", R"({"a":"c"})", R"({"a":"c"})"},
      {R"({"a":"c"})", R"({"a":["b"]})", R"({"a":["b"]})"},
      {R"({"a":{"b":"c"}})", R"({"a":{"b":"d","c":null}})", R"({"a":{"b":"d"}})"},
      {R"({"a":[{"b":"c"}]})", R"({"a":[1]})", R"({"a":[1]})"},
      {R"(["a","b"])", R"(["c","d"])", R"(["c","d"])"},
      {R"({"a":"b"})", R"(["c"])", R"(["c"])"},
      {R"({"a":"foo"})", R"(null)", R"(null)"},
      {R"({"a":"foo"})", R"("bar")", R"("bar")"},
      {R"({"e":null})", R"({"a":1})", R"({"e":null,"a":1})"},
      {R"([1,2])", R"({"a":"b","c":null})", R"({"a":"b"})"},
      {R"({})", R"({"a":{"bb":{"ccc":null}}})", R"({"a":{"bb":{}}})"},
      {"not JSON", R"({"a":1})", R"({"a":1})"},
  };
  for (const auto& [target, patch, result] : cases) CHECK(merge_patch(target, patch) == result);
}

TEST_CASE("a draft is normalised, and every fault names its member") {
  const auto got = parse_draft(
      R"({"host":"Shop.EXAMPLE.","agency":"a1","status":"disabled","config":{"force_www":true,"cache_ttl":null}})");
  REQUIRE(std::holds_alternative<DomainDraft>(got));
  const auto& draft = std::get<DomainDraft>(got);
  CHECK(draft.host == "shop.example");
  CHECK(draft.agency == "a1");
  CHECK(draft.status == routing::DomainStatus::disabled);
  CHECK(draft.config == R"({"force_www":true})");
  CHECK(std::get<DomainDraft>(parse_draft(R"({"host":"*.Shop.example"})")).host ==
        "*.shop.example");
  CHECK(field_of(R"({"host":"localhost"})") == "host");
  CHECK(field_of(R"({"host":"*.com"})") == "host");
  CHECK(field_of(R"({"host":"a.b","certificate":{}})") == "certificate");
  CHECK(field_of(R"({"host":"a.b","status":"unknown"})") == "status");
  CHECK(field_of(R"({"host":"a.b","site":""})") == "site");
  CHECK(field_of(R"({"host":"a.b","config":{"enable_cdn":1}})") == "config.enable_cdn");
  CHECK(field_of("[]") == "");
}

TEST_CASE("an edit merges, and leaves alone what it does not name") {
  const StoredDomain seen = stored(R"({"cache_ttl":"broken","unknown":1,"force_www":true})");
  const auto got = parse_edit(R"({"config":{"force_www":null,"enable_cdn":true}})", seen);
  REQUIRE(std::holds_alternative<DomainEdit>(got));
  const auto& edit = std::get<DomainEdit>(got);
  CHECK(*edit.config == R"({"cache_ttl":"broken","unknown":1,"enable_cdn":true})");
  CHECK_FALSE(edit.status);
  CHECK_FALSE(edit.white_label);
  const auto field = [&seen](const char* body) {
    const auto problem = parse_edit(body, seen);
    REQUIRE(std::holds_alternative<Problem>(problem));
    return std::get<Problem>(problem).field;
  };
  CHECK(field(R"({"config":{"cache_ttl":90000}})") == "config.cache_ttl");
  CHECK(field(R"({"host":"other.example"})") == "host");
  CHECK(field(R"({"agency":"a2"})") == "agency");
  CHECK(field(R"({"status":null})") == "status");
  CHECK(field(R"({"id":"d2"})") == "id");
  CHECK(std::get<DomainEdit>(parse_edit("{}", seen)).empty());
}

TEST_CASE("a batch holds drafts and problems, and not too many") {
  const auto got = parse_drafts(R"({"domains":[{"host":"a.b"},{"host":""},5]})");
  const auto& entries = std::get<std::vector<DraftOrProblem>>(got);
  REQUIRE(entries.size() == 3);
  CHECK(std::holds_alternative<DomainDraft>(entries[0]));
  CHECK(std::holds_alternative<Problem>(entries[1]));
  CHECK(std::holds_alternative<Problem>(entries[2]));
  CHECK(std::holds_alternative<Problem>(parse_drafts(R"({"domains":[],"more":1})")));
  std::string many = R"({"domains":[{})";
  for (std::size_t i = 0; i < DomainBook::kMostDrafts; ++i) many += ",{}";
  CHECK(std::get<Problem>(parse_drafts(many + "]}")).field == "domains");
}

TEST_CASE("ids of the API lead back to their rows") {
  routing::DomainRecord record = stored().record;
  for (const auto kind : {routing::RecordKind::module_domain, routing::RecordKind::site_domain,
                          routing::RecordKind::site_subdomain, routing::RecordKind::redirect}) {
    record.kind = kind;
    const auto key = parse_domain_id(domain_id(record, DomainSource::directory));
    REQUIRE(key);
    CHECK(key->kind == kind);
    CHECK(key->row == "d1");
    CHECK(key->source == DomainSource::directory);
  }
  CHECK(parse_domain_id(domain_id(record, DomainSource::settings))->source ==
        DomainSource::settings);
  CHECK_FALSE(parse_domain_id(""));
  CHECK_FALSE(parse_domain_id("site:"));
  CHECK_FALSE(parse_domain_id("two words"));
  CHECK_FALSE(parse_domain_id(std::string(129, 'x')));
}

TEST_CASE("entity tags are strong, and If-Match compares them so") {
  const std::string tag = entity_tag("one");
  CHECK(tag.size() == 34);
  CHECK(tag != entity_tag("two"));
  CHECK(if_match("", tag) == IfMatch::missing);
  CHECK(if_match(" * ", tag) == IfMatch::matches);
  CHECK(if_match(tag, tag) == IfMatch::matches);
  CHECK(if_match("\"x\" , " + tag, tag) == IfMatch::matches);
  CHECK(if_match("W/" + tag, tag) == IfMatch::differs);
  CHECK(if_match("\"x\"", tag) == IfMatch::differs);
  for (const char* bad : {"x", "\"x", "\"x\" \"y\"", "\"x\",", "W/x"})
    CHECK(if_match(bad, tag) == IfMatch::malformed);
}

TEST_CASE("lines of a file become drafts and come back") {
  CHECK(format_of("\xef\xbb\xbf{\"host\":1}") == LineFormat::json);
  CHECK(format_of("host,agency") == LineFormat::csv);
  std::string error;
  const auto columns = parse_header({"\xef\xbb\xbfhost", "config"}, error);
  CHECK(error.empty());
  CHECK(csv_draft(columns, {"a.b", "{\"cache_ttl\":5}"}).draft ==
        R"({"host":"a.b","config":{"cache_ttl":5}})");
  CHECK(csv_draft(columns, {"a.b", ""}).draft == R"({"host":"a.b"})");
  CHECK_FALSE(csv_draft(columns, {"a.b"}).error.empty());
  CHECK_FALSE(csv_draft(columns, {"a.b", "[]"}).error.empty());
  CHECK_FALSE(json_draft("{").error.empty());
  for (const auto& cells :
       std::vector<std::vector<std::string>>{{"agency"}, {"host", "host"}, {"hots"}}) {
    error.clear();
    parse_header(cells, error);
    CHECK_FALSE(error.empty());
  }
  routing::DomainRecord record = stored().record;
  record.status = routing::DomainStatus::active;
  record.config.redirect_to_https = false;
  record.white_label.brand_name = "a,b";
  const std::string shown = domain_json(record, DomainSource::directory, {});
  const std::string line = export_line(shown, LineFormat::json);
  CHECK(
      line ==
      R"({"host":"shop.example","status":"active","config":{"redirect_to_https":false},"white_label":{"brand_name":"a,b"}})");
  CHECK(std::holds_alternative<DomainDraft>(parse_draft(line)));
}
