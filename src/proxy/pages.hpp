// The answers that Marquee gives itself when a request cannot be served: a page in
// the visitor's language and the agency's brand (brand/pages), or
// application/problem+json (RFC 9457). They say nothing internal, name no product,
// and show the request id by which the operator finds the record. Not on the hot
// path: composed when asked for, and not kept.
#pragma once
#include <string>
#include <string_view>

#include "brand/pages/page_set.hpp"
#include "proxy/http/accept.hpp"
#include "proxy/http/head.hpp"
#include "proxy/local_answer.hpp"
#include "proxy/outcome.hpp"

namespace marquee::proxy {

struct DomainPlan;

// The registered phrase: the title of RFC 9457. Of a status that has none, that of
// its class.
std::string_view error_reason(unsigned status);

// Why a domain does not serve, where that is the cause.
brand::PageState page_state(RefusalCause cause);

struct ErrorFacts {
  unsigned status = 500;
  RefusalCause cause = RefusalCause::none;
  std::string_view request_id{};     // shown, at most 128 bytes; may be empty
  std::string_view host{};           // the visitor's host, normalised; may be empty
  std::string_view retry_after{};    // seconds or a date; empty: nobody knows
  const DomainPlan* plan = nullptr;  // whose brand and templates; null: nobody's
};

ErrorFormat error_format(const http::RequestHead& request);

// Every value is escaped for its place. `request` is asked for what its client reads.
LocalContent error_answer(const ErrorFacts& facts, const http::RequestHead& request,
                          const brand::PageSet& pages);

}  // namespace marquee::proxy
