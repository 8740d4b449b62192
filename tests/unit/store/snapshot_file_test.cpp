#include "store/snapshot_file.hpp"

#include <doctest/doctest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <iterator>

using namespace marquee;
using namespace marquee::store;
using Refusal = SnapshotFile::Refusal;
namespace fs = std::filesystem;

namespace {

struct Folder {
  Folder() {
    char name[] = "/tmp/marquee-snapshot-XXXXXX";
    path = ::mkdtemp(name);
  }
  ~Folder() { fs::remove_all(path); }
  std::string path;
};

SnapshotFile::Options options(const Folder& folder) {
  return {folder.path + "/domains.snapshot", "", "sqlite /x", "sites.example", 1u << 20};
}

std::string content(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}
void put(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

routing::SnapshotTime at(int seconds) {
  return routing::SnapshotTime(std::chrono::seconds(seconds));
}

routing::SnapshotDomain domain(const std::string& name, const std::string& version) {
  const auto host = *base::parse_hostname(name).name;
  auto record = std::make_shared<routing::DomainRecord>(host);
  record->row = "row-" + name;
  record->certificate.present = !version.empty();
  record->certificate.version = version;
  routing::SnapshotDomain out{host, {}, at(10)};
  out.answer.status = routing::DirectoryAnswer::Status::found;
  out.answer.rows = {record};
  return out;
}

SnapshotFile::CertificateId id(const std::string& name, const std::string& version) {
  return {routing::RecordKind::module_domain, "row-" + name, version};
}
SnapshotFile::Fresh fresh(const std::string& name, const std::string& version) {
  return {
      {id(name, version),
       {routing::RecordKind::module_domain, "row-" + name, version, "chain " + name, "sealed"}}};
}

}  // namespace

TEST_CASE("snapshot file: what is written is read by the next process") {
  Folder folder;
  SnapshotFile writer(options(folder));
  const auto empty = writer.read();
  CHECK(empty.refusal == Refusal::none);
  CHECK_FALSE(empty.found);
  const auto written = writer.write({domain("a.example", "v1"), domain("b.example", "")},
                                    fresh("a.example", "v1"), at(500));
  REQUIRE_MESSAGE(written.error.empty(), written.error);
  CHECK(written.domains == 2);
  CHECK(written.certificates == 1);
  CHECK(written.bytes == fs::file_size(writer.path()));
  CHECK(writer.holds(id("a.example", "v1")));
  for (const char* const name : {"/domains.snapshot", "/domains.snapshot.key"}) {
    struct stat is {};
    REQUIRE(::stat((folder.path + name).c_str(), &is) == 0);
    CHECK((is.st_mode & 0777) == 0600);
  }
  CHECK(std::distance(fs::directory_iterator(folder.path), {}) == 2);  // nothing aside

  SnapshotFile reader(options(folder));
  const auto read = reader.read();
  REQUIRE_MESSAGE(read.refusal == Refusal::none, read.why);
  CHECK(read.written == at(500));
  REQUIRE(read.domains.size() == 2);
  CHECK(read.domains[0].host.text() == "a.example");
  REQUIRE(reader.certificate(id("a.example", "v1")));
  CHECK(reader.certificate(id("a.example", "v1"))->chain == "chain a.example");
  CHECK_FALSE(reader.certificate(id("a.example", "v2")));

  // The next write takes over what is unchanged, and forgets what no domain names.
  REQUIRE(reader
              .write({domain("a.example", "v1"), domain("c.example", "v3")},
                     fresh("c.example", "v3"), at(600))
              .certificates == 2);
  CHECK(reader.certificate(id("a.example", "v1"))->chain == "chain a.example");
  REQUIRE(reader.write({domain("c.example", "v3")}, {}, at(700)).certificates == 1);
  CHECK_FALSE(reader.holds(id("a.example", "v1")));
  CHECK(reader.certificate(id("c.example", "v3"))->sealed == "sealed");
}

TEST_CASE("snapshot file: every bit of it is signed") {
  Folder folder;
  SnapshotFile writer(options(folder));
  REQUIRE(writer.write({domain("a.example", "v1")}, fresh("a.example", "v1"), at(5)).error.empty());
  const std::string good = content(writer.path());
  for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
    std::string bad = good;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << bit % 8));
    put(writer.path(), bad);
    const auto read = SnapshotFile(options(folder)).read();
    REQUIRE(read.refusal != Refusal::none);
    REQUIRE(read.domains.empty());
    REQUIRE_FALSE(read.why.empty());
  }
  for (std::size_t size = 0; size < good.size(); ++size) {
    put(writer.path(), good.substr(0, size));
    REQUIRE(SnapshotFile(options(folder)).read().refusal != Refusal::none);
  }
  put(writer.path(), good + "x");
  CHECK(SnapshotFile(options(folder)).read().refusal == Refusal::size);
  put(writer.path(), good);
  CHECK(SnapshotFile(options(folder)).read().refusal == Refusal::none);
}

TEST_CASE("snapshot file: each refusal has its reason") {
  Folder folder;
  SnapshotFile writer(options(folder));
  REQUIRE(writer.write({domain("a.example", "")}, {}, at(5)).error.empty());
  const std::string good = content(writer.path());
  const std::string key = writer.path() + ".key";
  const auto refusal = [&](auto change) {
    auto with = options(folder);
    change(with);
    const auto read = SnapshotFile(with).read();
    if (read.refusal != Refusal::none)
      CHECK(read.why.find("domains.snapshot") != std::string::npos);
    return read.refusal;
  };
  const auto same = [](SnapshotFile::Options&) {};
  CHECK(refusal([](auto& o) { o.directory = "sqlite /y"; }) == Refusal::directory);
  CHECK(refusal([](auto& o) { o.sites_base = ""; }) == Refusal::directory);
  CHECK(refusal([](auto& o) { o.most_bytes = 10; }) == Refusal::size);
  CHECK(refusal([](auto& o) { o.key = std::string(64, '1'); }) == Refusal::signature);
  std::string other = good;
  other[8] = 1;  // an older one
  put(writer.path(), other);
  CHECK(refusal(same) == Refusal::version);
  put(writer.path(), "-----BEGIN CERTIFICATE-----" + good);
  CHECK(refusal(same) == Refusal::format);
  put(writer.path(), "");
  CHECK(refusal(same) == Refusal::format);
  put(writer.path(), good);
  CHECK(refusal(same) == Refusal::none);
  ::chmod(key.c_str(), 0644);
  CHECK(refusal(same) == Refusal::unreadable);
  ::chmod(key.c_str(), 0600);
  put(key, "not a key");
  CHECK(refusal(same) == Refusal::unreadable);
  fs::remove(key);
  CHECK(refusal(same) == Refusal::unreadable);
  CHECK_FALSE(fs::exists(key));  // reading makes none
  fs::remove(writer.path());
  fs::create_directory(writer.path());
  CHECK(refusal(same) == Refusal::unreadable);
}

TEST_CASE("snapshot file: a key that is given needs no file") {
  Folder folder;
  auto with = options(folder);
  with.key = std::string(64, 'c');
  REQUIRE(SnapshotFile(with).write({domain("a.example", "")}, {}, at(5)).error.empty());
  CHECK_FALSE(fs::exists(with.file + ".key"));
  CHECK(SnapshotFile(with).read().domains.size() == 1);
}

TEST_CASE("snapshot file: a disk that fails leaves the old one, and says so") {
  Folder folder;
  auto with = options(folder);
  with.file = folder.path + "/none/domains.snapshot";
  with.key = std::string(64, 'c');
  const auto written = SnapshotFile(with).write({domain("a.example", "")}, {}, at(5));
  CHECK(written.error.find("cannot be made") != std::string::npos);
  CHECK(written.domains == 1);
}

TEST_CASE("snapshot file: who writes into it while it is in use is found out") {
  Folder folder;
  SnapshotFile file(options(folder));
  REQUIRE(file.write({domain("a.example", "v1")}, fresh("a.example", "v1"), at(5)).error.empty());
  std::string bytes = content(file.path());
  const std::size_t chain = bytes.find("chain a.example");
  REQUIRE(chain != std::string::npos);
  bytes[chain] = 'C';
  put(file.path(), bytes);
  CHECK(file.holds(id("a.example", "v1")));
  CHECK_FALSE(file.certificate(id("a.example", "v1")));
}
