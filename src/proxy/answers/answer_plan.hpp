// What becomes of an upstream's fields under a customer's domain: settings `answers`
// and the row's caching, made ready once for each plan. Pure.
//
// In front of the domain's own edits (response_fields), which have the last word.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/settings.hpp"
#include "proxy/answers/cache_rule.hpp"
#include "proxy/answers/host_rewriter.hpp"
#include "proxy/arena.hpp"
#include "proxy/http/head.hpp"
#include "proxy/outgoing.hpp"
#include "routing/domain.hpp"

namespace marquee::proxy {

class AnswerPlan {
 public:
  struct Context {
    const http::RequestHead& request;
    bool secure = false;
    std::string_view prefix;  // of the upstream's paths for this domain, see Visitor
    Arena& arena;
    Audience audience = Audience::some;
    bool of_api_route = false;  // which says itself how long it may be kept
  };

  // Null where the settings say that answers under this domain pass as they are.
  static std::shared_ptr<const AnswerPlan> make(const routing::Domain& domain,
                                                const config::Settings& settings);

  // Of an upstream's answer; views of what is added live as long as the plan.
  void apply(http::ResponseHead& response, const Context& context, Additions& additions) const;
  // Whether it would read Context::prefix.
  bool names_places(const http::ResponseHead& response) const;

 private:
  void drop(http::FieldTable& fields) const;
  void rewrite(http::FieldTable& fields, const Context& context) const;
  void cache(http::ResponseHead& response, const Context& context, Additions& additions) const;

  std::vector<std::string> removed_;
  std::vector<std::pair<std::string, std::string>> security_;  // where the upstream is silent
  std::string hsts_;
  std::string server_;
  std::optional<HostRewriter> rewriter_;
  CacheRule cache_;
  std::string shared_;  // Cache-Control, and
  std::string cdn_;     // that of caches in front
};

// Fields that a row may set: those that `answers` allows and does not deny.
config::Fields allowed_fields(const config::Fields& wanted, const config::Answers& settings);

}  // namespace marquee::proxy
