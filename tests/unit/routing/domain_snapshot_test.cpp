#include "routing/domain_snapshot.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "record_sample.hpp"

using namespace marquee;
using namespace marquee::routing;

namespace {

DomainRecord full_record() {
  DomainRecord r = sample_record("shop.example");
  r.module = *base::ModuleId::parse("m1");
  r.proven = true;
  r.installation_enabled = false;
  r.site_published = false;
  r.agency_status = "active";
  r.subscription_status = "past_due";
  r.agency_plan = "starter";
  r.client_status = "paused";
  r.config.redirect_to_https = false;
  r.config.force_www = config::WwwRule::www;
  r.config.custom_headers = {{"X-One", "1"}, {"X-Two", ""}};
  r.config.cache_ttl = std::chrono::seconds(77);
  r.config.enable_cdn = true;
  r.config.maintenance = true;
  r.white_label = {"https://l", "https://f", "Bäckerei", "#fff", "#000", true, "a{}"};
  r.certificate.present = true;
  r.certificate.version = std::string(64, 'a');
  r.certificate.expires_at = std::chrono::sys_seconds(std::chrono::seconds(-5));
  r.faults = {"one", "two"};
  return r;
}

SnapshotTime at(int seconds) { return SnapshotTime(std::chrono::seconds(seconds)); }

SnapshotDomain sample_domain(DomainRecord record) {
  SnapshotDomain out{record.host, {}, at(1000)};
  out.answer.status = DirectoryAnswer::Status::found;
  out.answer.generation = 7;
  out.answer.lineage = ~0ULL;
  out.answer.rows = {std::make_shared<DomainRecord>(std::move(record))};
  return out;
}

std::string sample() {
  SnapshotEncoder encoder("sqlite /x", "sites.example", at(2000), 1u << 20);
  SnapshotDomain first = sample_domain(full_record());
  first.answer.rows.push_back(std::make_shared<DomainRecord>(
      sample_redirect("old.example", "shop.example", RedirectType::permanent_308, false)));
  CHECK(encoder.add(first));
  CHECK(encoder.add(sample_domain(sample_record("*.wild.example"))));
  CHECK(encoder.add(SnapshotCertificate{RecordKind::module_domain, "row-1", "v1", "chain", "key"}));
  return encoder.finish();
}

}  // namespace

TEST_CASE("a snapshot gives back every part of what was put in") {
  const std::string bytes = sample();
  const auto read = decode_snapshot(bytes);
  REQUIRE(read);
  CHECK(read->directory == "sqlite /x");
  CHECK(read->sites_base == "sites.example");
  CHECK(read->written == at(2000));
  REQUIRE(read->domains.size() == 2);
  const SnapshotDomain& first = read->domains[0];
  CHECK(first.host.text() == "shop.example");
  CHECK(first.loaded == at(1000));
  CHECK(first.answer.status == DirectoryAnswer::Status::found);
  CHECK(first.answer.generation == 7);
  CHECK(first.answer.lineage == ~0ULL);
  REQUIRE(first.answer.rows.size() == 2);
  CHECK(*first.answer.rows[0] == full_record());
  CHECK(*first.answer.rows[1] ==
        sample_redirect("old.example", "shop.example", RedirectType::permanent_308, false));
  CHECK(*read->domains[1].answer.rows[0] == sample_record("*.wild.example"));
  REQUIRE(read->certificates.size() == 1);
  const auto& place = read->certificates[0];
  CHECK(place.row == "row-1");
  CHECK(place.version == "v1");
  const auto certificate =
      decode_snapshot_certificate(std::string_view(bytes).substr(place.offset, place.size));
  REQUIRE(certificate);
  CHECK(certificate->chain == "chain");
  CHECK(certificate->sealed == "key");
}

TEST_CASE("every word of an enum of a record comes back") {
  for (const auto rule : {config::WwwRule::either, config::WwwRule::www, config::WwwRule::bare}) {
    for (int status = 0; status <= static_cast<int>(DomainStatus::unknown); ++status) {
      DomainRecord record = sample_record("shop.example");
      record.config.force_www = rule;
      record.status = static_cast<DomainStatus>(status);
      record.ssl_status =
          static_cast<SslStatus>(std::min(status, static_cast<int>(SslStatus::unknown)));
      record.kind = static_cast<RecordKind>(status % 4);
      SnapshotEncoder encoder("d", "", at(1), 1u << 20);
      REQUIRE(encoder.add(sample_domain(record)));
      const auto read = decode_snapshot(encoder.finish());
      REQUIRE(read);
      CHECK(*read->domains[0].answer.rows[0] == record);
    }
  }
}

TEST_CASE("a snapshot that is cut, longer or altered is refused or read, but never trusted") {
  const std::string bytes = sample();
  for (std::size_t size = 0; size < bytes.size(); ++size)
    CHECK_FALSE(decode_snapshot(std::string_view(bytes).substr(0, size)));
  CHECK_FALSE(decode_snapshot(bytes + '\0'));
  // Signed bytes are never altered; the decoder stands it all the same.
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    for (const char with : {'\xff', '\x80', '\x01'}) {
      std::string altered = bytes;
      altered[i] = static_cast<char>(altered[i] ^ with);
      if (const auto read = decode_snapshot(altered))
        for (const auto& place : read->certificates)
          CHECK(place.offset + place.size <= altered.size());
    }
  }
  std::string many = bytes.substr(0, 4 + 9 + 4 + 13 + 8);
  many += "\xff\xff\xff\xff";  // domains
  CHECK_FALSE(decode_snapshot(many));
}

TEST_CASE("a snapshot is bounded: what does not fit is left out whole") {
  SnapshotEncoder encoder("d", "", at(1), 3000);
  std::size_t taken = 0;
  for (int i = 0; i < 100; ++i)
    if (encoder.add(sample_domain(sample_record("n" + std::to_string(i) + ".example")))) ++taken;
  CHECK(taken > 2);
  CHECK(taken < 20);
  CHECK_FALSE(encoder.add(
      SnapshotCertificate{RecordKind::module_domain, "r", "v", std::string(3000, 'x'), "k"}));
  const std::string bytes = encoder.finish();
  CHECK(bytes.size() <= 3000 + 8);
  const auto read = decode_snapshot(bytes);
  REQUIRE(read);
  CHECK(read->domains.size() == taken);
  CHECK(read->certificates.empty());
}
