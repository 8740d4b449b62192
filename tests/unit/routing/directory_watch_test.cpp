#include "routing/directory_watch.hpp"

#include <doctest/doctest.h>

#include "routing/record_sample.hpp"

using namespace marquee;
using namespace marquee::routing;
using namespace std::chrono_literals;

namespace {

class SmallDirectory final : public DomainDirectory {
 public:
  void find(const LookupKeys& keys, Found done) override {
    ++finds;
    for (const std::string& name : names)
      if (name == keys.host.text()) return done(sample_answer(sample_record(name)));
    DirectoryAnswer none;
    none.status = DirectoryAnswer::Status::absent;
    done(std::move(none));
  }
  void subscribe(ChangeListener* l) override {
    listener = l;
    if (l) l->on_feed({true, 0ms});
  }
  void list(const ListQuery&, Listed) override {}
  void list_names(const std::string& cursor, std::uint32_t, Named done) override {
    NamePage page;
    page.ok = !down;
    const std::size_t at = cursor.empty() ? 0 : std::stoul(cursor);
    if (at < names.size()) page.names = {names[at]};
    if (at + 1 < names.size()) page.next = std::to_string(at + 1);
    done(std::move(page));
  }
  void load_certificate(RecordKind, const std::string&, Certificate) override {}
  void generation(Generation done) override {
    ++checks;
    if (down) return done(std::nullopt, 0);
    done(number, lineage);
  }
  std::string description() const override { return "small"; }

  std::vector<std::string> names{"shop.example", "bakery.example"};
  ChangeListener* listener = nullptr;
  std::uint64_t number = 5;
  std::uint64_t lineage = 1;
  bool down = false;
  int finds = 0;
  int checks = 0;
};

struct Rig {
  void tick(std::chrono::milliseconds later = 0ms) {
    now += later;
    watch.tick(now, 60s);
  }
  bool knows(std::string_view host) {
    return cache.look(keys_of(sample_host(host), ""), now).status == LookupCache::Status::known;
  }
  void load(std::string_view host) {
    cache.load(keys_of(sample_host(host), ""), [](const LookupCache::Loaded&) {});
  }
  CacheTime now{1000h};
  SmallDirectory directory;
  LookupCache cache{directory, {}, [this] { return now; }};
  MembershipFilter filter;
  DirectoryWatch watch{directory, cache, filter};
};

}  // namespace

TEST_CASE("directory watch: builds the filter page by page, and again after everything") {
  Rig rig;
  rig.tick();
  CHECK(!rig.filter.in_force());
  rig.watch.start();
  rig.directory.down = true;
  rig.tick();
  CHECK(!rig.filter.in_force());
  rig.directory.down = false;
  rig.tick(1s);
  CHECK(!rig.filter.in_force());  // not at once again
  rig.tick(30s);
  CHECK(rig.filter.in_force());
  CHECK(rig.filter.names() == 2);
  const Change everything{};
  rig.directory.listener->on_changes({&everything, 1}, 6);
  CHECK(!rig.filter.in_force());
  rig.directory.names.push_back("new.example");
  rig.tick(31s);
  CHECK(rig.filter.names() == 3);
  rig.watch.stop();
  CHECK(rig.directory.listener == nullptr);
}

TEST_CASE("directory watch: changes reach filter and cache") {
  Rig rig;
  rig.watch.start();
  rig.tick();
  rig.load("shop.example");
  CHECK(rig.knows("shop.example"));
  const LookupKeys fresh = keys_of(sample_host("new.example"), "");
  CHECK(!rig.filter.may_exist(fresh));
  const Change changes[] = {{Change::What::name, "new.example"}, {Change::What::agency, "a1"}};
  rig.directory.listener->on_changes(changes, 7);
  CHECK(rig.filter.may_exist(fresh));
  CHECK(!rig.knows("shop.example"));
  CHECK(rig.watch.state().generation == 7);
  CHECK(rig.watch.state().changes == 2);
}

TEST_CASE("directory watch: a name that is forgotten is asked for anew") {
  Rig rig;
  rig.watch.start();
  rig.tick();
  REQUIRE(rig.filter.in_force());
  rig.load("shop.example");
  REQUIRE(rig.knows("shop.example"));
  const int before = rig.directory.finds;
  const std::string names[] = {"shop.example", "new.example"};
  rig.watch.forget(names);
  CHECK(rig.directory.finds == before + 1);  // what is known; the other waits to be asked for
  CHECK(rig.filter.may_exist(keys_of(sample_host("new.example"), "")));
  CHECK(rig.watch.state().changes == 0);  // it is no change of the directory
}

TEST_CASE("directory watch: a feed that lost something is found out") {
  Rig rig;
  rig.watch.start();
  rig.tick();
  rig.load("shop.example");
  rig.tick(60s);
  CHECK(rig.directory.checks == 2);
  CHECK(rig.watch.state().missed == 0);
  rig.load("shop.example");
  rig.directory.number = 6;
  rig.tick(60s);
  CHECK(rig.watch.state().missed == 0);  // it may be on its way
  rig.load("shop.example");
  CHECK(rig.knows("shop.example"));
  rig.tick(1s);
  rig.tick(4s);
  CHECK(rig.watch.state().missed == 0);
  rig.tick(1s);
  CHECK(rig.watch.state().missed == 1);
  CHECK(!rig.knows("shop.example"));
  CHECK(!rig.filter.in_force());
  rig.tick(60s);
  CHECK(rig.watch.state().missed == 1);
}

TEST_CASE("directory watch: what the feed told in time is not lost; another database is") {
  Rig rig;
  rig.watch.start();
  rig.tick();
  rig.directory.number = 9;
  rig.tick(60s);
  const Change change{Change::What::name, "x.example"};
  rig.directory.listener->on_changes({&change, 1}, 9);
  rig.tick(60s);
  CHECK(rig.watch.state().missed == 0);
  rig.directory.lineage = 2;
  rig.directory.number = 3;
  rig.tick(60s);
  CHECK(rig.watch.state().missed == 1);
  CHECK(rig.watch.state().generation == 3);
  rig.tick(60s);
  rig.tick(60s);
  CHECK(rig.watch.state().missed == 1);
  rig.directory.down = true;
  rig.tick(60s);
  CHECK(!rig.watch.state().reachable);
}
