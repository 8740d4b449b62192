#include "routing/lookup_cache.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>

#include "routing/record_sample.hpp"

using namespace marquee;
using namespace marquee::routing;
using namespace std::chrono_literals;
using Status = LookupCache::Status;

namespace {

std::string agency_of(const Answer& answer) {
  return answer && !answer->answer.rows.empty()
             ? std::string(answer->answer.rows.front()->agency.text())
             : "";
}

// A directory whose rows are read when read() says so, and whose answers arrive
// when deliver() says so.
class StagedDirectory final : public DomainDirectory {
 public:
  void find(const LookupKeys& keys, Found done) override {
    ++finds;
    open.push_back({keys, std::move(done), std::nullopt});
    if (immediate) {
      read(open.size() - 1);
      deliver(open.size() - 1);
    }
  }
  void read(std::size_t i) {
    DirectoryAnswer answer;
    if (!down) {
      answer.status = DirectoryAnswer::Status::absent;
      for (const std::string& key :
           {open[i].keys.host.string(), open[i].keys.twin ? open[i].keys.twin->string() : "",
            "*." + open[i].keys.wildcard}) {
        const auto row = rows.find(key);
        if (row == rows.end()) continue;
        answer.status = DirectoryAnswer::Status::found;
        answer.rows.push_back(std::make_shared<DomainRecord>(row->second));
      }
    }
    open[i].answer = std::move(answer);
  }
  void deliver(std::size_t i) {
    REQUIRE(open[i].answer);
    const Found done = std::move(open[i].done);
    DirectoryAnswer answer = std::move(*open[i].answer);
    done(std::move(answer));
  }
  void answer_all() {
    for (std::size_t i = 0; i < open.size(); ++i) {
      if (!open[i].done) continue;
      read(i);
      deliver(i);
    }
  }
  void set(std::string_view name, std::string_view agency) {
    DomainRecord r = sample_record(name);
    r.agency = *base::AgencyId::parse(agency);
    rows.insert_or_assign(std::string(name), r);
  }

  void subscribe(ChangeListener*) override {}
  void list(const ListQuery&, Listed) override {}
  void list_names(const std::string&, std::uint32_t, Named) override {}
  void load_certificate(RecordKind, const std::string&, Certificate) override {}
  void generation(Generation) override {}
  std::string description() const override { return "staged"; }

  struct Open {
    LookupKeys keys;
    Found done;
    std::optional<DirectoryAnswer> answer;
  };
  std::map<std::string, DomainRecord> rows;
  std::vector<Open> open;
  int finds = 0;
  bool down = false;
  bool immediate = false;
};

LookupKeys keys(std::string_view host) {
  return keys_of(sample_host(host), "sites.platform.example");
}
Change named(std::string_view name) { return {Change::What::name, std::string(name)}; }

struct Rig {
  explicit Rig(LookupCache::Options o = {}) : cache(directory, o, [this] { return now; }) {}

  // What a request gets: from the cache, or from a look-up that is answered at once.
  std::string ask(std::string_view host) {
    const LookupCache::Looked looked = cache.look(keys(host), now);
    if (looked.status == Status::known)
      return (looked.stale ? "stale " : "") + agency_of(looked.answer);
    if (looked.status == Status::absent) return "absent";
    if (looked.status == Status::unavailable) return "unavailable";
    std::string out = "waiting";
    if (!cache.load(keys(host), [&out](const LookupCache::Loaded& l) {
          out = l.status == Status::known    ? "loaded " + agency_of(l.answer)
                : l.status == Status::absent ? "absent"
                                             : "unavailable";
        }))
      return looked.answer ? "kept " + agency_of(looked.answer) : "refused";
    directory.answer_all();
    return out;
  }
  void change(const Change& c) { cache.on_changes({&c, 1}); }

  CacheTime now{1000h};
  StagedDirectory directory;
  LookupCache cache;
};

}  // namespace

TEST_CASE("lookup cache: fresh, then stale while one look-up refreshes, then old age") {
  Rig rig;
  rig.directory.set("shop.example", "a1");
  CHECK(rig.ask("shop.example") == "loaded a1");
  rig.now += 59s;
  CHECK(rig.ask("shop.example") == "a1");
  CHECK(rig.directory.finds == 1);
  rig.directory.set("shop.example", "a2");  // nobody said so
  rig.now += 2s;
  CHECK(rig.ask("shop.example") == "stale a1");
  CHECK(rig.ask("shop.example") == "stale a1");
  CHECK(rig.directory.finds == 2);  // single flight
  rig.directory.answer_all();
  CHECK(rig.ask("shop.example") == "a2");
  rig.directory.down = true;
  rig.now += 23h;
  CHECK(rig.ask("shop.example") == "stale a2");
  rig.directory.answer_all();
  CHECK(rig.ask("shop.example") == "stale a2");
  rig.now += 61min;
  CHECK(rig.ask("shop.example") == "unavailable");
  CHECK(rig.ask("shop.example") == "unavailable");
  rig.directory.down = false;
  rig.now += 2s;
  CHECK(rig.ask("shop.example") == "loaded a2");
}

TEST_CASE("lookup cache: while the directory is down, a refresh is tried once a second") {
  Rig rig;
  rig.directory.set("shop.example", "a1");
  rig.ask("shop.example");
  rig.directory.down = true;
  rig.now += 2min;
  for (int i = 0; i < 10; ++i) {
    CHECK(rig.ask("shop.example") == "stale a1");
    rig.directory.answer_all();
  }
  CHECK(rig.directory.finds == 2);
  rig.now += 1s;
  rig.ask("shop.example");
  CHECK(rig.directory.finds == 3);
}

TEST_CASE("lookup cache: unknown names, in a space of their own") {
  LookupCache::Options o;
  o.negative_names = 64 * 4;
  Rig rig(o);
  rig.directory.set("shop.example", "a1");
  rig.ask("shop.example");
  CHECK(rig.ask("who.example") == "absent");
  CHECK(rig.ask("who.example") == "absent");
  CHECK(rig.directory.finds == 2);
  rig.now += 10s;
  CHECK(rig.ask("who.example") == "absent");
  CHECK(rig.directory.finds == 3);
  for (int i = 0; i < 5000; ++i) rig.ask("x" + std::to_string(i) + ".example");
  CHECK(rig.cache.counts().negatives <= 64 * 4);
  CHECK(rig.ask("shop.example") == "a1");
  // Not to know is not to know that there is none.
  rig.directory.down = true;
  CHECK(rig.ask("new.example") == "unavailable");
  rig.now += 10s;
  CHECK(rig.ask("who.example") == "unavailable");
}

TEST_CASE("lookup cache: bounded by bytes, the least used leave") {
  LookupCache::Options o;
  o.bytes = 64 * 8000;
  Rig rig(o);
  rig.directory.immediate = true;
  for (int i = 0; i < 3000; ++i) {
    const std::string name = "n" + std::to_string(i) + ".example";
    rig.directory.set(name, "a1");
    rig.ask(name);
    rig.directory.open.clear();
    CHECK(rig.cache.look(keys("n0.example"), rig.now).status == Status::known);
  }
  CHECK(rig.cache.counts().bytes <= o.bytes);
  CHECK(rig.cache.counts().known < 2000);
  CHECK(rig.cache.counts().known > 100);
}

TEST_CASE("lookup cache: a change of the name or of any tenant voids") {
  using What = Change::What;
  for (const Change& change :
       {named("shop.example"), named("www.shop.example"), Change{What::installation, "i1"},
        Change{What::site, "s1"}, Change{What::client, "c1"}, Change{What::agency, "a1"}}) {
    Rig rig;
    rig.directory.set("shop.example", "a1");
    CHECK(rig.ask("www.shop.example") == "loaded a1");
    rig.directory.set("shop.example", "a2");
    rig.change({What::agency, "a3"});
    rig.change({What::site, "a1"});  // an id of another kind
    CHECK(rig.ask("www.shop.example") == "a1");
    rig.change(change);
    // Not served even if nobody answers: it may be another tenant's by now.
    rig.directory.down = true;
    CHECK(rig.ask("www.shop.example") == "unavailable");
    rig.directory.down = false;
    rig.now += 1s;
    CHECK(rig.ask("www.shop.example") == "loaded a2");
  }
}

TEST_CASE("lookup cache: a redirect rests on every name of its chain") {
  Rig rig;
  rig.directory.rows.insert_or_assign("a.example", sample_redirect("a.example", "b.example"));
  CHECK(rig.ask("a.example") == "loaded a1");
  rig.change(named("www.b.example"));
  CHECK(rig.ask("a.example") == "loaded a1");
}

TEST_CASE("lookup cache: an insert clears the name, its pair and its wildcard's children") {
  Rig rig;
  for (const char* name : {"shop.example", "www.shop.example", "a.shop.example", "other.example"})
    CHECK(rig.ask(name) == "absent");
  rig.directory.set("shop.example", "a1");
  rig.change(named("shop.example"));
  CHECK(rig.ask("shop.example") == "loaded a1");
  CHECK(rig.ask("www.shop.example") == "loaded a1");
  rig.directory.set("*.shop.example", "a2");
  CHECK(rig.ask("a.shop.example") == "absent");
  rig.change(named("*.shop.example"));
  CHECK(rig.ask("a.shop.example") == "loaded a2");
  const int before = rig.directory.finds;
  CHECK(rig.ask("other.example") == "absent");
  CHECK(rig.directory.finds == before);
  // sites.subdomain, told without the base.
  CHECK(rig.ask("bakery.sites.platform.example") == "absent");
  rig.directory.set("bakery.sites.platform.example", "a3");
  rig.change(named("bakery."));
  CHECK(rig.ask("bakery.sites.platform.example") == "loaded a3");
}

TEST_CASE("lookup cache: a named change is fetched before anybody asks") {
  Rig rig;
  rig.directory.set("shop.example", "a1");
  rig.ask("shop.example");
  rig.directory.set("shop.example", "a2");
  rig.change(named("shop.example"));
  rig.directory.answer_all();
  CHECK(rig.ask("shop.example") == "a2");
}

TEST_CASE("lookup cache: after `everything`, ask again; serve if nobody answers") {
  Rig rig;
  rig.directory.set("shop.example", "a1");
  rig.ask("shop.example");
  rig.ask("who.example");
  rig.directory.set("shop.example", "a2");
  rig.change({});
  CHECK(rig.ask("shop.example") == "loaded a2");
  rig.change({});
  rig.directory.down = true;
  CHECK(rig.ask("shop.example") == "loaded a2");
  const int before = rig.directory.finds;
  CHECK(rig.ask("shop.example") == "stale a2");  // and not once per request
  CHECK(rig.directory.finds == before);
  CHECK(rig.ask("who.example") == "unavailable");
  rig.directory.down = false;
  rig.directory.set("shop.example", "a3");
  rig.change({});
  CHECK(rig.ask("shop.example") == "loaded a3");
}

// As many as ChangeStamps keeps exactly, twice over, of names that nobody asked for.
void import_names(LookupCache& cache, const std::string& prefix) {
  std::vector<Change> part;
  for (std::size_t i = 0; i < 2 * ChangeStamps::kMostExact + 1; ++i) {
    part.push_back(named(prefix + std::to_string(i) + ".example"));
    if (part.size() < kMostTold) continue;
    cache.on_changes(part);
    part.clear();
  }
  cache.on_changes(part);
}

TEST_CASE("lookup cache: an import voids nothing but what it names, however much it is") {
  Rig rig;
  rig.directory.set("shop.example", "a1");
  rig.directory.set("moved.example", "a1");
  rig.ask("shop.example");
  rig.ask("moved.example");
  CHECK(rig.ask("who.example") == "absent");
  CHECK(rig.ask("p7.example") == "absent");
  rig.directory.down = true;
  rig.change(named("moved.example"));
  rig.directory.answer_all();
  const int before = rig.directory.finds;
  import_names(rig.cache, "p");
  CHECK(rig.ask("shop.example") == "a1");
  CHECK(rig.ask("who.example") == "absent");
  CHECK(rig.directory.finds == before);
  CHECK(rig.ask("p7.example") == "unavailable");
  // What changed is not forgiven when its stamp is forgotten.
  CHECK(rig.ask("moved.example") == "unavailable");
  import_names(rig.cache, "q");
  import_names(rig.cache, "r");
  CHECK(rig.ask("shop.example") == "a1");
  CHECK(rig.cache.look(keys("moved.example"), rig.now).status != Status::known);
}

TEST_CASE("lookup cache: a look-up that an import overtakes begins anew, if it has to") {
  Rig rig;
  rig.directory.set("shop.example", "a1");
  std::string out;
  REQUIRE(rig.cache.load(keys("shop.example"),
                         [&](const LookupCache::Loaded& l) { out = agency_of(l.answer); }));
  rig.directory.read(0);
  rig.directory.set("shop.example", "a2");
  rig.change(named("shop.example"));
  import_names(rig.cache, "p");
  rig.directory.deliver(0);  // what it read is void, although its stamp is long gone
  CHECK(out.empty());
  rig.directory.answer_all();
  CHECK(out == "a2");
}

TEST_CASE("lookup cache: bounds of look-ups and of those that wait") {
  LookupCache::Options o;
  o.lookups = 2;
  o.waiting = 3;
  Rig rig(o);
  int done = 0;
  const auto count = [&done](const LookupCache::Loaded&) { ++done; };
  for (int i = 0; i < 5; ++i) CHECK(rig.cache.load(keys("n" + std::to_string(i) + ".x"), count));
  CHECK(rig.directory.finds == 2);
  CHECK(!rig.cache.load(keys("n5.x"), count));
  CHECK(rig.cache.load(keys("n0.x"), count));  // joins
  CHECK(rig.cache.load(keys("n4.x"), count));  // joins one that has not begun
  rig.directory.answer_all();
  CHECK(done == 7);
  CHECK(rig.directory.finds == 5);
  CHECK(rig.cache.counts().in_flight == 0);
  CHECK(rig.cache.counts().refused == 1);
}

TEST_CASE("lookup cache: a directory that answers inside the call does not nest") {
  LookupCache::Options o;
  o.lookups = 1;
  o.waiting = 100'000;
  Rig rig(o);
  rig.cache.load(keys("first.x"), [](const LookupCache::Loaded&) {});
  int done = 0;
  for (int i = 0; i < 50'000; ++i)
    rig.cache.load(keys("n" + std::to_string(i) + ".x"),
                   [&done](const LookupCache::Loaded&) { ++done; });
  rig.directory.immediate = true;
  rig.directory.open.reserve(60'000);
  rig.directory.read(0);
  rig.directory.deliver(0);
  CHECK(done == 50'000);
}

TEST_CASE("lookup cache: a name that changes with every load is not loaded for ever") {
  Rig rig;
  std::string out;
  rig.cache.load(keys("shop.example"), [&out](const LookupCache::Loaded& l) {
    out = l.status == Status::unavailable ? "unavailable" : "answered";
  });
  for (std::size_t i = 0; i <= LookupCache::kMostRestarts; ++i) {
    REQUIRE(out.empty());
    rig.directory.read(i);
    rig.change(named("shop.example"));
    rig.directory.deliver(i);
  }
  CHECK(out == "unavailable");
  CHECK(rig.cache.counts().restarts == LookupCache::kMostRestarts);
}

TEST_CASE("lookup cache: a snapshot's answers are asked again, and served while nobody answers") {
  Rig rig;
  rig.directory.set("shop.example", "a1");
  rig.ask("shop.example");
  const std::vector<Answer> hot = rig.cache.hottest(100);
  REQUIRE(hot.size() == 1);
  Rig next;
  next.cache.put(hot[0]->keys, hot[0]->answer, next.now);
  next.directory.down = true;
  CHECK(next.ask("shop.example") == "loaded a1");
  CHECK(next.ask("shop.example") == "stale a1");
  next.directory.down = false;
  next.directory.set("shop.example", "a2");
  next.now += 1s;
  CHECK(next.ask("shop.example") == "loaded a2");
}

TEST_CASE("lookup cache: the hottest are those that were asked for last, within the bound") {
  Rig rig;
  for (int i = 0; i < 1000; ++i) {
    const std::string name = "n" + std::to_string(i) + ".example";
    rig.directory.set(name, "a1");
    rig.ask(name);
  }
  for (int i = 0; i < 50; ++i) rig.ask("n" + std::to_string(i) + ".example");
  CHECK(rig.cache.hottest(10'000).size() == 1000);
  CHECK(rig.cache.hottest(7).size() == 7);
  // Ranks are by shard: of 300, the 50 that were asked for again are surely some.
  int again = 0;
  for (const Answer& answer : rig.cache.hottest(300)) {
    const std::string& name = answer->keys.host.string();
    if (std::stoi(name.substr(1, name.find('.') - 1)) < 50) ++again;
  }
  CHECK(again == 50);
}

// All orders of: two requests, the directory's read and answer for the look-ups,
// a commit that moves the domain from a1 to a2, and its notification. Nobody who
// asks after the notification may be told a1, at any time.
TEST_CASE("lookup cache: a load that began before a change cannot write, in any order") {
  enum Step { ask1, ask2, read, deliver, commit, notify, steps };
  for (const Change& change : {named("shop.example"), Change{Change::What::agency, "a1"},
                               Change{Change::What::installation, "i1"}, Change{}}) {
    int runs = 0;
    std::array<int, 8> order{ask1, ask2, read, deliver, read, deliver, commit, notify};
    std::sort(order.begin(), order.end());
    do {
      const auto at = [&](Step s) { return std::find(order.begin(), order.end(), s); };
      if (at(commit) > at(notify)) continue;  // told before it happened
      Rig rig;
      rig.directory.set("shop.example", "a1");
      bool committed = false, notified = false, wrong = false;
      int told = 0, asked = 0;
      const auto check = [&](const Answer& answer, bool asked_after) {
        ++told;
        const std::string agency = agency_of(answer);
        wrong |= agency != "a1" && agency != "a2";
        wrong |= asked_after && agency != "a2";
        wrong |= agency == "a2" && !committed;
      };
      const auto ask = [&] {
        ++asked;
        const LookupCache::Looked looked = rig.cache.look(keys("shop.example"), rig.now);
        if (looked.status == Status::known) return check(looked.answer, notified);
        rig.cache.load(keys("shop.example"),
                       [&check, after = notified](const auto& l) { check(l.answer, after); });
      };
      const auto read_next = [&] {
        for (std::size_t i = 0; i < rig.directory.open.size(); ++i)
          if (rig.directory.open[i].done && !rig.directory.open[i].answer)
            return rig.directory.read(i);
      };
      const auto deliver_next = [&] {
        for (std::size_t i = 0; i < rig.directory.open.size(); ++i)
          if (rig.directory.open[i].done && rig.directory.open[i].answer)
            return rig.directory.deliver(i);
      };
      for (const int step : order) {
        if (step == ask1 || step == ask2) ask();
        if (step == read) read_next();
        if (step == deliver) deliver_next();
        if (step == commit) {
          rig.directory.set("shop.example", "a2");
          committed = true;
        }
        if (step == notify) {
          rig.cache.on_changes({&change, 1});
          notified = true;
        }
      }
      for (int i = 0; i < 4; ++i) {
        read_next();
        deliver_next();
      }
      ask();  // after everything: always the new tenant
      for (int i = 0; i < 4; ++i) {
        read_next();
        deliver_next();
      }
      REQUIRE(!wrong);
      REQUIRE(told == asked);
      ++runs;
    } while (std::next_permutation(order.begin(), order.end()));
    CHECK(runs == 5040);  // 8!/(2!*2!), half of it with commit before notify
  }
}
