// The words of our own pages: one file per language, one entry per page. For
// visitors: they say what happened and what to do, and nothing internal.
#pragma once
#include <cstdint>
#include <string_view>

#include "brand/pages/language.hpp"

namespace marquee::brand {

// Why a domain does not serve; none: the status says it all.
enum class PageState : std::uint8_t {
  none,
  not_connected,  // the name is nobody's here
  suspended,
  disabled,
  unpublished,
  maintenance,
  count_,
};
// As in the names of files: "not_connected"; empty for none.
std::string_view name(PageState state);

struct PageText {
  std::string_view title;
  std::string_view text;
  std::string_view owner = {};  // for whoever the domain belongs to
};

struct PageTexts {
  PageText not_connected;
  PageText suspended;
  PageText disabled;
  PageText unpublished;
  PageText maintenance;

  PageText bad_request;          // 400, and all of 4xx that has no words
  PageText unauthorized;         // 401
  PageText forbidden;            // 403
  PageText not_found;            // 404
  PageText method_not_allowed;   // 405
  PageText request_timeout;      // 408
  PageText too_large;            // 413
  PageText uri_too_long;         // 414
  PageText expectation_failed;   // 417
  PageText misdirected;          // 421
  PageText upgrade_required;     // 426
  PageText too_many_requests;    // 429
  PageText head_too_large;       // 431
  PageText internal_error;       // 500, and all of 5xx that has no words
  PageText not_implemented;      // 501
  PageText bad_gateway;          // 502
  PageText unavailable;          // 503
  PageText gateway_timeout;      // 504
  PageText version_unsupported;  // 505

  std::string_view error;      // in front of the status
  std::string_view request;    // in front of the request's id
  std::string_view try_again;  // a link to the same page
  std::string_view home;       // a link to the first page
  std::string_view for_owner;  // a heading
};

const PageTexts& texts_of(Language language);
// The state's words, else those of the status, else those of its class.
const PageText& text_of(Language language, PageState state, unsigned status);

extern const PageTexts kTextsEn, kTextsDe, kTextsFr, kTextsEs, kTextsIt, kTextsNl, kTextsPt,
    kTextsPl, kTextsAr;

}  // namespace marquee::brand
