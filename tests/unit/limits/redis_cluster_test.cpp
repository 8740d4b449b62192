#include "limits/redis_cluster.hpp"

#include <doctest/doctest.h>

#include "limits/redis_script.hpp"

using namespace marquee;
using namespace marquee::limits;

namespace {

net::RedisValue number(std::int64_t n) {
  net::RedisValue out;
  out.type = net::RedisValue::Type::integer;
  out.integer = n;
  return out;
}
net::RedisValue text(std::string s) {
  net::RedisValue out;
  out.type = net::RedisValue::Type::text;
  out.text = std::move(s);
  return out;
}
net::RedisValue list(std::vector<net::RedisValue> items) {
  net::RedisValue out;
  out.type = net::RedisValue::Type::array;
  out.items = std::move(items);
  return out;
}
net::RedisValue range(std::int64_t first, std::int64_t last, net::RedisValue node) {
  return list({number(first), number(last), std::move(node)});
}

const RedisMaster kAsked{"seed.test", {{}, *base::IpAddress::parse("192.0.2.9"), 7000}};

struct Asked {
  Asked() {
    config::RateLimits settings;
    for (const char* key : {"agency", "client_ip", "site", ""}) {
      config::RateRule rule;
      rule.name.value = *key ? key : "all";
      rule.rate.value = "10/s";
      if (*key) rule.key = {{key, {}}};
      settings.rules.push_back(rule);
    }
    rules = std::make_unique<RuleSet>(settings);
    const auto address = base::IpAddress::parse("203.0.113.7");
    Asker asker;
    asker.agency = "a1";
    asker.site = "s1";
    asker.address = &*address;
    rules->collect(asker, question);
  }
  std::unique_ptr<RuleSet> rules;
  Question question;
};

}  // namespace

TEST_SUITE("limits redis cluster") {
  // By CLUSTER KEYSLOT of Redis 7.0; 0x31c3 is the check value of CRC16/XMODEM.
  TEST_CASE("slots of keys") {
    CHECK(key_slot("123456789") == 0x31c3 % kSlots);
    CHECK(key_slot("") == 0);
    CHECK(key_slot("foo") == 12'182);
    CHECK(key_slot("somekey") == 11'058);
    CHECK(key_slot("foo{hash_tag}") == 2515);
    CHECK(key_slot("bar{hash_tag}") == 2515);
    CHECK(key_slot("{user1000}.following") == key_slot("user1000"));
    CHECK(key_slot("foo{}{bar}") == 8363);  // an empty tag is none
    CHECK(key_slot("foo{{bar}}zap") == key_slot("{bar"));
    CHECK(key_slot("foo{bar}{zap}") == key_slot("bar"));
    CHECK(key_slot("foo{bar") != key_slot("bar"));  // it does not end
  }

  TEST_CASE("a question by slots, as its keys are written") {
    Asked a;
    std::vector<SlotGroup> groups;
    group_by_slot(a.question, "marquee", groups);
    REQUIRE(a.question.charges.size() == 4);
    std::uint64_t seen = 0;
    for (const SlotGroup& group : groups) {
      CHECK((seen & group.charges) == 0);
      seen |= group.charges;
      for (std::size_t i = 0; i < 4; ++i) {
        const Charge& c = a.question.charges[i];
        if (group.charges >> i & 1)
          CHECK(key_slot(redis_key("marquee", a.question.tag(c), a.question.key(c))) == group.slot);
      }
    }
    CHECK(seen == all_charges(a.question));
    CHECK(groups.size() == 3);  // both of the agency stand together
    CHECK(groups[0].charges == 0b0101);
  }

  TEST_CASE("charges are taken out and put back in order") {
    Asked a;
    std::vector<Charge> taken;
    const auto names = [](const std::vector<Charge>& charges) {
      std::string out;
      for (const Charge& c : charges) out += c.rule->name + " ";
      return out;
    };
    for (std::uint64_t kept = 0; kept < 16; ++kept) {
      take_out(a.question, kept, taken);
      CHECK(a.question.charges.size() + taken.size() == 4);
      if (kept == 0b1010) {
        CHECK(names(a.question.charges) == "client_ip all ");
        CHECK(names(taken) == "agency site ");
      }
      put_back(a.question, kept, taken);
      CHECK(names(a.question.charges) == "agency client_ip site all ");
    }
  }

  TEST_CASE("CLUSTER SLOTS") {
    const auto table = read_slots(
        list({range(0, 5460, list({text("192.0.2.1"), number(6379), text("id1"), list({})})),
              range(5461, 10'922, list({text(""), number(6380), text("id2")})),
              range(10'923, 10'923, list({text("192.0.2.1"), number(6379), text("id1")})),
              range(10'924, 16'382,
                    list({text("c.test"), number(6379), text("id3"),
                          list({text("ip"), text("2001:db8::3")})}))}),
        kAsked);
    REQUIRE(table);
    REQUIRE(table->masters.size() == 3);
    CHECK(table->masters[0].address.ip.text() == "192.0.2.1");
    CHECK(table->masters[1].host == "seed.test");  // nobody else's address is known
    CHECK(table->masters[1].address.ip == kAsked.address.ip);
    CHECK(table->masters[1].address.port == 6380);
    CHECK(table->masters[2].host == "c.test");
    CHECK(table->masters[2].address.ip.text() == "2001:db8::3");
    CHECK(table->of[0] == 0);
    CHECK(table->of[5461] == 1);
    CHECK(table->of[10'923] == 0);
    CHECK(table->of[16'382] == 2);
    CHECK(table->of[16'383] == SlotTable::kNobody);
  }

  TEST_CASE("a key in each master's slots, however few they are") {
    SlotTable table;
    table.masters.resize(4);
    for (std::size_t slot = 0; slot < kSlots; ++slot)
      table.of[slot] = slot == 77 ? 2 : static_cast<std::uint16_t>(slot & 1);
    const auto keys = keys_of_masters(table, "mq:@probe");
    REQUIRE(keys.size() == 4);
    for (const std::size_t at : {0u, 1u, 2u}) {
      CHECK(keys[at].starts_with("mq:@probe:"));
      CHECK(table.of[key_slot(keys[at])] == at);
    }
    CHECK(keys[3].empty());  // it has none
  }

  TEST_CASE("what is no table") {
    const auto node = [] { return list({text("192.0.2.1"), number(6379), text("id")}); };
    CHECK_FALSE(read_slots(list({}), kAsked));
    CHECK_FALSE(read_slots(number(1), kAsked));
    CHECK_FALSE(read_slots(list({number(1)}), kAsked));
    CHECK_FALSE(read_slots(list({range(0, 16'384, node())}), kAsked));
    CHECK_FALSE(read_slots(list({range(-1, 1, node())}), kAsked));
    CHECK_FALSE(read_slots(list({range(2, 1, node())}), kAsked));
    CHECK_FALSE(read_slots(list({range(0, 1, list({text("h")}))}), kAsked));
    CHECK_FALSE(read_slots(list({range(0, 1, list({text("h"), number(0)}))}), kAsked));
    CHECK_FALSE(read_slots(list({range(0, 1, list({text("h"), number(65'536)}))}), kAsked));
    std::vector<net::RedisValue> many;
    for (int i = 0; i < 2000; ++i)
      many.push_back(range(i, i, list({text("192.0.2.1"), number(i + 1), text("id")})));
    CHECK_FALSE(read_slots(list(many), kAsked));
  }

  TEST_CASE("redirects") {
    auto to = read_redirect("MOVED 3999 127.0.0.1:6381");
    REQUIRE(to);
    CHECK(to->kind == Redirect::Kind::moved);
    CHECK(to->slot == 3999);
    CHECK(to->host == "127.0.0.1");
    CHECK(to->port == 6381);
    to = read_redirect("ASK 16383 2001:db8::1:6381");
    REQUIRE(to);
    CHECK(to->kind == Redirect::Kind::ask);
    CHECK(to->host == "2001:db8::1");
    CHECK(read_redirect("MOVED 1 :6381")->host.empty());
    for (const char* none :
         {"", "MOVED", "MOVED ", "MOVED 1", "MOVED 16384 h:1", "MOVED x h:1", "MOVED 1 h",
          "MOVED 1 h:0", "MOVED 1 h:65536", "ASK 1 h:-1", "ERR MOVED 1 h:1", "ASKING 1 h:1"})
      CHECK_MESSAGE(!read_redirect(none), none);
    CHECK(unavailable_now("CLUSTERDOWN Hash slot not served"));
    CHECK(unavailable_now("TRYAGAIN Multiple keys request during rehashing of slot"));
    CHECK_FALSE(unavailable_now("ERR unknown command"));
  }
}
