#include "routing/resolution.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "routing/record_sample.hpp"

using namespace marquee;
using namespace marquee::routing;

namespace {

constexpr auto module = RecordKind::module_domain;
constexpr auto site = RecordKind::site_domain;

template <typename... Records>
Resolution resolved(std::string_view host, Records... records) {
  return resolve(keys_of(sample_host(host), "sites.platform.example"), sample_answer(records...),
                 sample_policy());
}

// "domain exact module_domain shop.example", "redirect pair new.example 301"
std::string shown(const Resolution& r) {
  if (r.kind == Resolution::Kind::none) return "none";
  const std::string match = " " + std::string(name(r.match)) + " ";
  if (r.kind == Resolution::Kind::redirect)
    return "redirect" + match + r.redirect->host.string() + " " +
           std::to_string(redirect_status(r.redirect->type, "GET")) +
           (r.redirect->preserve_path ? "" : " bare");
  return "domain" + match + std::string(name(r.record->kind)) + " " + r.record->host.string();
}

DomainRecord with_status(DomainRecord r, DomainStatus status) {
  r.status = status;
  return r;
}

}  // namespace

TEST_CASE("resolution: bare and www resolve to the same row") {
  CHECK(shown(resolved("shop.example", sample_record("shop.example"))) ==
        "domain exact module_domain shop.example");
  CHECK(shown(resolved("www.shop.example", sample_record("shop.example"))) ==
        "domain pair module_domain shop.example");
  CHECK(shown(resolved("shop.example", sample_record("www.shop.example", site))) ==
        "domain pair site_domain www.shop.example");
  CHECK(shown(resolved("shop.example")) == "none");
  // What an adapter returns too much covers nothing.
  CHECK(shown(resolved("shop.example", sample_record("other.example"))) == "none");
}

TEST_CASE("resolution: module above site above redirect, in any order of rows") {
  auto to = sample_redirect("shop.example", "new.example");
  auto live = sample_record("new.example", site);
  CHECK(shown(resolved("shop.example", to, live)) == "redirect exact new.example 301");
  const auto own_site = sample_record("shop.example", site);
  const auto own_module = sample_record("shop.example", module);
  CHECK(shown(resolved("shop.example", to, live, own_site)) ==
        "domain exact site_domain shop.example");
  const Resolution all = resolved("shop.example", to, own_site, live, own_module);
  CHECK(shown(all) == "domain exact module_domain shop.example");
  CHECK(all.conflicts.size() == 2);
  CHECK(shown(resolved("shop.example", own_module, own_site, live, to)) == shown(all));
  // Kind before exactness: a pair is one name.
  CHECK(shown(resolved("www.shop.example", sample_record("www.shop.example", site), own_module)) ==
        "domain pair module_domain shop.example");
  // A pair's own row comes first where kinds are equal.
  CHECK(shown(resolved("www.shop.example", own_module, sample_record("www.shop.example"))) ==
        "domain exact module_domain www.shop.example");
}

TEST_CASE("resolution: what is not live hides nothing") {
  for (const auto status : {DomainStatus::pending, DomainStatus::verifying, DomainStatus::verified,
                            DomainStatus::provisioning, DomainStatus::failed, DomainStatus::expired,
                            DomainStatus::disabled, DomainStatus::unknown}) {
    const auto off = with_status(sample_record("shop.example"), status);
    CHECK(shown(resolved("shop.example", off, sample_record("shop.example", site))) ==
          "domain exact site_domain shop.example");
    const Resolution alone = resolved("shop.example", off);
    if (status == DomainStatus::disabled) {
      CHECK(alone.kind == Resolution::Kind::domain);
      CHECK(alone.state == DomainState::disabled);
    } else {
      CHECK(alone.kind == Resolution::Kind::none);
      CHECK(alone.record->status == status);  // for explain
    }
  }
  CHECK(shown(resolved("shop.example", with_status(sample_record("shop.example", site),
                                                   DomainStatus::pending))) == "none");
}

TEST_CASE("resolution: status without trust needs proof") {
  StatePolicy wary = sample_policy();
  wary.trust_status = false;
  const auto keys = keys_of(sample_host("shop.example"), "");
  auto row = sample_record("shop.example");
  CHECK(shown(resolve(keys, sample_answer(row), wary)) == "none");
  CHECK(shown(resolve(keys, sample_answer(with_status(row, DomainStatus::disabled)), wary)) ==
        "none");
  row.proven = true;
  CHECK(shown(resolve(keys, sample_answer(row), wary)) ==
        "domain exact module_domain shop.example");
  // Proof without the row's own word is not enough either.
  CHECK(shown(resolve(keys, sample_answer(with_status(row, DomainStatus::pending)), wary)) ==
        "none");
}

TEST_CASE("resolution: wildcards cover one label and stand below names") {
  const auto wild = sample_record("*.shop.example");
  CHECK(shown(resolved("a.shop.example", wild)) == "domain wildcard module_domain shop.example");
  CHECK(shown(resolved("shop.example", wild)) == "none");
  CHECK(shown(resolved("a.b.shop.example", wild)) == "none");
  CHECK(shown(resolved("a.shop.example", wild, sample_record("a.shop.example", site))) ==
        "domain exact site_domain a.shop.example");
  CHECK(resolved("a.shop.example", wild, sample_record("a.shop.example")).conflicts.empty());
  CHECK(shown(resolved("www.shop.example", wild, sample_record("shop.example", site))) ==
        "domain pair site_domain shop.example");
  CHECK(shown(resolved("a.shop.example", wild, sample_redirect("a.shop.example", "b.example"),
                       sample_record("b.example"))) == "redirect exact b.example 301");
}

TEST_CASE("resolution: below the sites base only sites answer") {
  const auto own = sample_record("bakery.sites.platform.example", RecordKind::site_subdomain);
  const auto squatter = sample_record("bakery.sites.platform.example");
  CHECK(shown(resolved("bakery.sites.platform.example", squatter, own)) ==
        "domain site site_subdomain bakery.sites.platform.example");
  CHECK(shown(resolved("bakery.sites.platform.example", squatter)) == "none");
  CHECK(shown(resolved("bakery.sites.platform.example",
                       sample_record("*.sites.platform.example"))) == "none");
  CHECK(shown(resolved("sites.platform.example", sample_record("sites.platform.example"))) ==
        "none");
  CHECK(shown(resolved("bakery.sites.platform.example",
                       sample_redirect("bakery.sites.platform.example", "b.example"),
                       sample_record("b.example"))) == "none");
}

TEST_CASE("resolution: states, the gravest first") {
  auto row = sample_record("shop.example");
  CHECK(resolved("shop.example", row).state == DomainState::serving);
  row.agency_status = "past_due";
  CHECK(resolved("shop.example", row).state == DomainState::serving);
  row.config.maintenance = true;
  CHECK(resolved("shop.example", row).state == DomainState::maintenance);
  row.site_published = false;
  CHECK(resolved("shop.example", row).state == DomainState::site_unpublished);
  row.installation_enabled = false;
  CHECK(resolved("shop.example", row).state == DomainState::installation_disabled);
  row.agency_status = "cancelled";
  CHECK(resolved("shop.example", row).state == DomainState::agency_suspended);
  row.agency_status = "active";
  row.subscription_status = "canceled";
  StatePolicy policy = sample_policy();
  policy.serve_unpublished = true;
  CHECK(state_of(row, policy) == DomainState::installation_disabled);
  policy.refused_subscriptions = {"canceled"};
  CHECK(state_of(row, policy) == DomainState::agency_suspended);
  // A state does not let another row in.
  CHECK(shown(resolved("shop.example", row, sample_record("shop.example", site))) ==
        "domain exact module_domain shop.example");
}

TEST_CASE("redirects: chains collapse, the weakest promise counts") {
  const auto end = sample_record("c.example", site);
  CHECK(shown(resolved("a.example", sample_redirect("a.example", "b.example"),
                       sample_redirect("b.example", "c.example"), end)) ==
        "redirect exact c.example 301");
  CHECK(shown(resolved("www.a.example", sample_redirect("a.example", "c.example"), end)) ==
        "redirect pair c.example 301");
  CHECK(shown(resolved("a.example", sample_redirect("a.example", "b.example"),
                       sample_redirect("b.example", "c.example", RedirectType::found_302), end)) ==
        "redirect exact c.example 302");
  CHECK(shown(resolved(
            "a.example", sample_redirect("a.example", "b.example", RedirectType::permanent_308),
            sample_redirect("b.example", "c.example", RedirectType::permanent_308), end)) ==
        "redirect exact c.example 308");
  CHECK(shown(resolved(
            "a.example", sample_redirect("a.example", "b.example", RedirectType::permanent_308),
            sample_redirect("b.example", "c.example"), end)) == "redirect exact c.example 301");
  CHECK(shown(resolved("a.example", sample_redirect("a.example", "b.example"),
                       sample_redirect("b.example", "c.example", RedirectType::moved_301, false),
                       end)) == "redirect exact c.example 301 bare");
  // The chain ends at the first live name: a stale row behind it is not followed.
  CHECK(shown(resolved("a.example", sample_redirect("a.example", "b.example"),
                       sample_record("b.example", site), sample_redirect("b.example", "c.example"),
                       end)) == "redirect exact b.example 301");
  // A live pair will do: it redirects by its own rule.
  CHECK(shown(resolved("a.example", sample_redirect("a.example", "www.c.example"), end)) ==
        "redirect exact www.c.example 301");
}

TEST_CASE("redirects: loops are cut, strangers are no targets") {
  const auto none = [](const Resolution& r) {
    CHECK(r.kind == Resolution::Kind::none);
    return r.conflicts.empty() ? std::string() : r.conflicts.front();
  };
  CHECK(none(resolved("a.example", sample_redirect("a.example", "a.example")))
            .ends_with("leads back to itself"));
  CHECK(none(resolved("a.example", sample_redirect("a.example", "www.a.example")))
            .ends_with("leads back to itself"));
  CHECK(none(resolved("a.example", sample_redirect("a.example", "b.example"),
                      sample_redirect("b.example", "a.example")))
            .ends_with("leads back to itself"));
  CHECK(none(resolved("a.example", sample_redirect("a.example", "b.example"),
                      sample_redirect("b.example", "c.example"),
                      sample_redirect("c.example", "b.example")))
            .ends_with("leads back to itself"));
  CHECK(none(resolved("a.example", sample_redirect("a.example", "phish.example")))
            .ends_with("not connected here"));
  auto foreign = with_status(sample_record("new.example", site), DomainStatus::pending);
  auto same_site = sample_redirect("a.example", "new.example");
  CHECK(shown(resolved("a.example", same_site, foreign)) == "redirect exact new.example 301");
  foreign.site = *base::SiteId::parse("s2");
  CHECK(none(resolved("a.example", same_site, foreign)).ends_with("not connected here"));
  DirectoryAnswer longer = sample_answer(sample_record("n20.example"));
  for (int i = 0; i < 20; ++i)
    longer.rows.push_back(std::make_shared<DomainRecord>(sample_redirect(
        "n" + std::to_string(i) + ".example", "n" + std::to_string(i + 1) + ".example")));
  CHECK(none(resolve(keys_of(sample_host("n0.example"), ""), longer, sample_policy()))
            .ends_with("too many others"));
  CHECK(shown(resolve(keys_of(sample_host("n12.example"), ""), longer, sample_policy())) ==
        "redirect exact n20.example 301");
  // A broken redirect leaves the wildcard its name.
  CHECK(shown(resolved("a.shop.example", sample_redirect("a.shop.example", "x.example"),
                       sample_record("*.shop.example"))) ==
        "domain wildcard module_domain shop.example");
}

TEST_CASE("redirects: the status keeps the method") {
  CHECK(redirect_status(RedirectType::moved_301, "GET") == 301);
  CHECK(redirect_status(RedirectType::moved_301, "POST") == 308);
  CHECK(redirect_status(RedirectType::found_302, "HEAD") == 302);
  CHECK(redirect_status(RedirectType::found_302, "PUT") == 307);
  CHECK(redirect_status(RedirectType::permanent_308, "GET") == 308);
}
