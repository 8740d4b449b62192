#include "proxy/access_format.hpp"

#include <doctest/doctest.h>

#include <boost/json.hpp>
#include <memory>
#include <random>
#include <string>
#include <vector>

using marquee::proxy::AccessFormatter;
using marquee::proxy::AccessRecord;
using Format = AccessFormatter::Format;

namespace {

// A buffer of exactly the promised size, so that a sanitizer sees one byte too many.
std::string line(AccessFormatter& formatter, const AccessRecord& record) {
  const std::size_t bound = AccessFormatter::bound(record);
  CHECK(bound <= AccessFormatter::max_line);
  const auto buffer = std::make_unique<char[]>(bound);
  const std::size_t n = formatter.format(record, buffer.get());
  REQUIRE(n <= bound);
  return {buffer.get(), n};
}

std::string line(Format format, const AccessRecord& record) {
  AccessFormatter formatter(format);
  return line(formatter, record);
}

boost::json::object parsed(const std::string& text) {
  REQUIRE(text.back() == '\n');
  REQUIRE(text.find('\n') == text.size() - 1);
  boost::system::error_code error;
  const auto value = boost::json::parse(text, error);
  REQUIRE_MESSAGE(!error, text);
  return value.as_object();
}

AccessRecord typical() {
  AccessRecord r;
  r.time_us = 1795226116'123'456;  // 2026-11-21T01:55:16.123Z
  r.request_id = "0199a3c0-7b1e-7c54-9a53-0d1f2a3b4c5d";
  r.trace_id = "4bf92f3577b34da6a3ce929d0e0e4736";
  r.client_address = "203.0.113.7";
  r.client_port = 51234;
  r.host = "bakery.localhost";
  r.sni = "bakery.localhost";
  r.alpn = "http/1.1";
  r.tls_version = "TLSv1.3";
  r.resumed = true;
  r.method = "GET";
  r.target = "/menu?day=friday";
  r.protocol = "HTTP/1.1";
  r.status = 200;
  r.bytes_in = 0;
  r.bytes_out = 1024;
  r.times = {1500, 830, 910, 120, 700};
  r.upstream = "http://127.0.0.1:9100";
  r.retries = 1;
  r.domain_id = "dom_1";
  r.installation_id = "inst_1";
  r.site_id = "site_1";
  r.client_id = "cli_1";
  r.agency_id = "ag_1";
  r.user_agent = "curl/8.5.0";
  r.referer = "https://bakery.localhost/";
  return r;
}

}  // namespace

TEST_CASE("a JSON line says everything, in a fixed order") {
  CHECK(line(Format::json, typical()) ==
        "{\"time\":\"2026-11-21T01:55:16.123Z\","
        "\"request_id\":\"0199a3c0-7b1e-7c54-9a53-0d1f2a3b4c5d\","
        "\"trace_id\":\"4bf92f3577b34da6a3ce929d0e0e4736\","
        "\"client\":\"203.0.113.7\",\"client_port\":51234,\"host\":\"bakery.localhost\","
        "\"method\":\"GET\",\"target\":\"/menu?day=friday\",\"protocol\":\"HTTP/1.1\","
        "\"status\":200,\"bytes_in\":0,\"bytes_out\":1024,"
        "\"handshake_us\":1500,\"first_byte_us\":830,\"total_us\":910,\"connect_us\":120,"
        "\"upstream_us\":700,\"upstream\":\"http://127.0.0.1:9100\",\"retries\":1,"
        "\"sni\":\"bakery.localhost\",\"alpn\":\"http/1.1\",\"tls\":\"TLSv1.3\","
        "\"resumed\":true,\"domain_id\":\"dom_1\",\"installation_id\":\"inst_1\","
        "\"site_id\":\"site_1\",\"client_id\":\"cli_1\",\"agency_id\":\"ag_1\","
        "\"user_agent\":\"curl/8.5.0\",\"referer\":\"https://bakery.localhost/\"}\n");
}

TEST_CASE("absent fields are left out of a JSON line") {
  AccessRecord r;
  r.status = 400;
  r.refusal = "bad_head";
  CHECK(line(Format::json, r) ==
        "{\"time\":\"1970-01-01T00:00:00.000Z\",\"status\":400,\"bytes_in\":0,\"bytes_out\":0,"
        "\"refusal\":\"bad_head\"}\n");
}

TEST_CASE("a JSON line says who asked, and what proved it") {
  AccessRecord r;
  r.auth = "consumer";
  r.user_id = "u";
  r.api_key = "k";
  r.consumer = "c";
  r.api_route = "r";
  CHECK(line(Format::json, r) ==
        "{\"time\":\"1970-01-01T00:00:00.000Z\",\"status\":0,\"bytes_in\":0,\"bytes_out\":0,"
        "\"auth\":\"consumer\",\"user_id\":\"u\",\"api_key_id\":\"k\",\"consumer_id\":\"c\","
        "\"api_route\":\"r\"}\n");
}

TEST_CASE("the combined format") {
  CHECK(line(Format::combined, typical()) ==
        "203.0.113.7 - - [21/Nov/2026:01:55:16 +0000] \"GET /menu?day=friday HTTP/1.1\" 200 1024 "
        "\"https://bakery.localhost/\" \"curl/8.5.0\"\n");
  CHECK(line(Format::combined, AccessRecord{}) ==
        "- - - [01/Jan/1970:00:00:00 +0000] \"-\" 0 0 \"-\" \"-\"\n");

  AccessRecord r;
  r.method = "GET";
  r.target = "/a\"b\\c\n\x7f\xff";
  CHECK(line(Format::combined, r).find("\"GET /a\\x22b\\x5cc\\x0a\\x7f\\xff\"") !=
        std::string::npos);
}

TEST_CASE("the second's text follows the clock, forwards and back, and never grows") {
  AccessFormatter formatter(Format::json);
  AccessRecord r;
  const auto time = [&](std::int64_t us) {
    r.time_us = us;
    return std::string(parsed(line(formatter, r)).at("time").as_string());
  };
  CHECK(time(1795226116'999'999) == "2026-11-21T01:55:16.999Z");
  CHECK(time(1795226117'000'000) == "2026-11-21T01:55:17.000Z");
  CHECK(time(1795226116'007'000) == "2026-11-21T01:55:16.007Z");
  CHECK(time(1709251199'000'000) == "2024-02-29T23:59:59.000Z");
  CHECK(time(-1) == "1970-01-01T00:00:00.000Z");
  CHECK(time(INT64_MAX) == "9999-12-31T23:59:59.999Z");
}

TEST_CASE("every byte value, at every place of a word, stays one valid JSON line") {
  for (unsigned c = 0; c < 256; ++c) {
    for (std::size_t length = 1; length <= 40; ++length) {
      for (std::size_t at = 0; at<length; at += length> 20 ? 7 : 1) {
        std::string text(length, 'x');
        text[at] = static_cast<char>(c);
        AccessRecord r;
        r.target = text;
        const auto object = parsed(line(Format::json, r));
        const std::string back(object.at("target").as_string());
        std::string want = text;
        if (c >= 0x80) want.replace(at, 1, "\xef\xbf\xbd");
        REQUIRE(back == want);
        const std::string clf = line(Format::combined, r);
        REQUIRE(clf.find('\n') == clf.size() - 1);
      }
    }
  }
}

TEST_CASE("UTF-8 passes when it is well-formed, and only then") {
  const auto target = [](std::string_view text) {
    AccessRecord r;
    r.target = text;
    const std::string out = line(Format::json, r);
    parsed(out);
    const auto from = out.find("\"target\":\"") + 10;
    return out.substr(from, out.find("\",\"status\"") - from);
  };
  CHECK(target("/käse/€/😀") == "/käse/€/😀");
  CHECK(target("\xc0\xaf") == "\\ufffd\\ufffd");                        // overlong
  CHECK(target("\xed\xa0\x80") == "\\ufffd\\ufffd\\ufffd");             // surrogate
  CHECK(target("\xf4\x90\x80\x80") == "\\ufffd\\ufffd\\ufffd\\ufffd");  // above U+10FFFF
  CHECK(target("\xe2\x82") == "\\ufffd\\ufffd");                        // cut off
  CHECK(target("\xe2\x80\xa8") == "\\u2028");
  CHECK(target("\xc2\x9b") == "\\u009b");  // CSI, a terminal's command
  CHECK(target("\x1b[2J") == "\\u001b[2J");
}

TEST_CASE("fields that are too long are cut, and the line says so") {
  const std::string plain(100'000, 'a');
  const std::string hostile(100'000, '\x01');
  for (const std::string& text : {plain, hostile}) {
    AccessRecord r = typical();
    r.request_id = r.trace_id = r.client_address = r.host = r.sni = r.alpn = r.tls_version = text;
    r.method = r.target = r.protocol = r.upstream = r.domain_id = r.installation_id = text;
    r.site_id = r.client_id = r.agency_id = r.refusal = r.failure = r.user_agent = text;
    r.referer = r.limit = r.auth = r.user_id = r.api_key = r.consumer = r.api_route = text;
    r.bytes_in = r.bytes_out = UINT64_MAX;
    r.retries = UINT32_MAX;
    r.status = 65535;
    r.times = {INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX};
    const auto object = parsed(line(Format::json, r));
    CHECK(object.at("truncated").as_bool());
    CHECK(object.at("target").as_string().size() > 2000);
    CHECK(line(Format::combined, r).size() < AccessFormatter::max_line);
  }
  // A target as long as the settings allow is not cut.
  AccessRecord r = typical();
  const std::string target(8000, 't');
  r.target = target;
  const auto object = parsed(line(Format::json, r));
  CHECK(!object.contains("truncated"));
  CHECK(object.at("target").as_string() == target);
}

TEST_CASE("random bytes in every text field give valid JSON within the bound") {
  std::mt19937 random(7);
  for (int round = 0; round < 3000; ++round) {
    std::vector<std::string> texts(8);
    for (std::string& text : texts) {
      text.resize(random() % 600);
      for (char& c : text) c = static_cast<char>(random() % (round % 2 ? 256 : 128));
    }
    AccessRecord r = typical();
    r.host = texts[0];
    r.sni = texts[1];
    r.method = texts[2];
    r.target = texts[3];
    r.user_agent = texts[4];
    r.referer = texts[5];
    r.request_id = texts[6];
    r.trace_id = texts[7];
    parsed(line(Format::json, r));
    line(Format::combined, r);
  }
}
