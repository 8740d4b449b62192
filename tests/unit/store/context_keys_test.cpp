// Where the keys of the tenant context are kept: the port's contract, by each adapter.
#include "store/context_keys.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "store/sqlite_database.hpp"

using namespace marquee;
using namespace marquee::store;
using identity::KeyStore;
using identity::StoredKey;
using identity::jose::Algorithm;
using identity::jose::Key;

namespace {

struct Folder {
  Folder() {
    char name[] = "/tmp/mq-keys-XXXXXX";
    path = ::mkdtemp(name);
  }
  ~Folder() { std::filesystem::remove_all(path); }
  std::string path;
};

EncryptionKey key_of(char digit) { return *EncryptionKey::parse(std::string(64, digit)); }

KeyStore::Loaded load(KeyStore& store) {
  std::optional<KeyStore::Loaded> out;
  store.load([&out](KeyStore::Loaded loaded) { out = std::move(loaded); });
  REQUIRE(out);  // a local file answers inside the call
  return std::move(*out);
}

KeyStore::Added::Status add(KeyStore& store, std::uint64_t generation, std::int64_t from = 7) {
  std::optional<KeyStore::Added> out;
  store.add({generation, from, Key::generate(Algorithm::eddsa).key},
            [&out](const KeyStore::Added& added) { out = added; });
  REQUIRE(out);
  CAPTURE(out->failure.sentence);
  return out->status;
}

std::string text_of(const std::string& path) {
  std::ostringstream out;
  out << std::ifstream(path).rdbuf();
  return out.str();
}

using Status = KeyStore::Added::Status;
using Make = std::function<std::unique_ptr<KeyStore>(const std::string& folder)>;
const Make kFile = [](const std::string& folder) { return make_key_file(folder); };
const Make kSqlite = [](const std::string& folder) {
  return make_sqlite_keys(folder + "/d.sqlite", key_of('a'));
};

}  // namespace

TEST_CASE("context keys: what is added is there for every node, once") {
  for (const Make& make : {kFile, kSqlite}) {
    const Folder folder;
    const auto one = make(folder.path), two = make(folder.path);
    CHECK(load(*one).ok);
    CHECK(load(*one).keys.empty());
    CHECK(add(*one, 1) == Status::added);
    CHECK(add(*two, 1, 8) == Status::taken);
    CHECK(add(*two, 2, -8) == Status::added);
    auto seen = load(*two).keys;
    REQUIRE(seen.size() == 2);
    std::sort(seen.begin(), seen.end(),
              [](const StoredKey& a, const StoredKey& b) { return a.generation < b.generation; });
    CHECK(seen[0].signs_from == 7);
    CHECK(seen[1].signs_from == -8);
    CHECK(seen[0].key->can_sign());
    one->remove(1);
    one->remove(5);
    seen = load(*two).keys;
    REQUIRE(seen.size() == 1);
    CHECK(seen[0].generation == 2);
    CHECK(load(*make(folder.path)).keys[0].key->thumbprint() == seen[0].key->thumbprint());
  }
}

TEST_CASE("context keys: of nodes that add at once, one wins") {
  for (const Make& make : {kFile, kSqlite}) {
    const Folder folder;
    load(*make(folder.path));
    std::atomic<int> won{0}, lost{0};
    std::vector<std::thread> nodes;
    for (int i = 0; i < 6; ++i)
      nodes.emplace_back([&] {
        const auto store = make(folder.path);
        for (std::uint64_t generation = 1; generation <= 5; ++generation) {
          store->add({generation, 0, Key::generate(Algorithm::eddsa).key},
                     [&](const KeyStore::Added& added) {
                       won += added.status == Status::added;
                       lost += added.status == Status::taken;
                     });
        }
      });
    for (auto& node : nodes) node.join();
    CHECK(won == 5);
    CHECK(lost == 25);
    CHECK(load(*make(folder.path)).keys.size() == 5);
  }
}

TEST_CASE("context keys: the file is its owner's alone, and a damaged one is said to be") {
  const Folder folder;
  const auto store = make_key_file(folder.path);
  add(*store, 1);
  const std::string path = folder.path + "/context-keys/keys.json";
  struct stat facts {};
  REQUIRE(::stat(path.c_str(), &facts) == 0);
  CHECK((facts.st_mode & 0777) == 0600);
  REQUIRE(::stat((folder.path + "/context-keys").c_str(), &facts) == 0);
  CHECK((facts.st_mode & 0777) == 0700);
  const std::string good = text_of(path);
  for (const std::string& bad :
       {std::string("{"), std::string("{\"keys\":7}"), good.substr(0, good.size() / 2),
        std::string(R"({"keys":[{"generation":0,"signs_from":1,"key":"x"}]})")}) {
    std::ofstream(path, std::ios::trunc) << bad;
    const auto loaded = load(*store);
    CHECK_FALSE(loaded.ok);
    CHECK(loaded.failure.sentence.find("remove it") != std::string::npos);
    CHECK(add(*store, 9) == Status::failed);
    CHECK(text_of(path) == bad);  // left for whoever looks
  }
}

TEST_CASE("context keys: encrypted in a database, and of no use with another key") {
  const Folder folder;
  const std::string path = folder.path + "/d.sqlite";
  const auto store = make_sqlite_keys(path, key_of('a'));
  CHECK(add(*store, 3) == Status::added);
  std::string error;
  const auto database =
      SqliteDatabase::open(path, SqliteDatabase::Mode::read, std::chrono::milliseconds(100), error);
  REQUIRE(database);
  const auto sealed = database->value("SELECT sealed FROM marquee_context_keys");
  REQUIRE(sealed);
  CHECK(sealed->find("KEY") == std::string::npos);
  CHECK(decrypt(key_of('a'), *sealed)->find("PRIVATE KEY") != std::string::npos);
  const auto other = load(*make_sqlite_keys(path, key_of('b')));
  CHECK_FALSE(other.ok);
  CHECK(other.failure.sentence.find("key 3") != std::string::npos);
  CHECK(other.keys.empty());
}

TEST_CASE("context keys: a copy is at hand at the start, and while the database is away") {
  const Folder folder;
  const std::string path = folder.path + "/d.sqlite";
  const auto opened = [&](const EncryptionKey& key) {
    return with_copy(make_sqlite_keys(path, key), folder.path, key);
  };
  const auto store = opened(key_of('a'));
  CHECK(load(*store).keys.empty());
  CHECK(add(*store, 1) == Status::added);
  CHECK_FALSE(load(*store).stale);
  CHECK(text_of(folder.path + "/context-keys/directory.json").find("PRIVATE") == std::string::npos);
  const auto again = opened(key_of('a'));
  const auto first = load(*again);
  CHECK(first.stale);
  CHECK(first.failure.sentence.empty());
  REQUIRE(first.keys.size() == 1);
  CHECK_FALSE(load(*again).stale);
  CHECK(add(*again, 2) == Status::added);
  CHECK(load(*again).keys.size() == 2);
  // Another key: the copy is of no use, and is written anew when the database has some.
  CHECK_FALSE(load(*opened(key_of('b'))).ok);
  std::filesystem::remove(path);
  std::filesystem::create_directory(path);  // no database can be there
  const auto away = opened(key_of('a'));
  CHECK(load(*away).keys.size() == 2);
  const auto later = load(*away);
  CHECK(later.stale);
  CHECK(later.keys.size() == 2);
  CHECK_FALSE(later.failure.sentence.empty());
}
