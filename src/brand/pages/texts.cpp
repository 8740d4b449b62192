#include "brand/pages/texts.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

namespace marquee::brand {
namespace {

using Member = PageText PageTexts::*;

constexpr std::array<std::pair<unsigned, Member>, 19> kByStatus{{
    {400, &PageTexts::bad_request},         {401, &PageTexts::unauthorized},
    {403, &PageTexts::forbidden},           {404, &PageTexts::not_found},
    {405, &PageTexts::method_not_allowed},  {408, &PageTexts::request_timeout},
    {413, &PageTexts::too_large},           {414, &PageTexts::uri_too_long},
    {417, &PageTexts::expectation_failed},  {421, &PageTexts::misdirected},
    {426, &PageTexts::upgrade_required},    {429, &PageTexts::too_many_requests},
    {431, &PageTexts::head_too_large},      {500, &PageTexts::internal_error},
    {501, &PageTexts::not_implemented},     {502, &PageTexts::bad_gateway},
    {503, &PageTexts::unavailable},         {504, &PageTexts::gateway_timeout},
    {505, &PageTexts::version_unsupported},
}};

Member member_of(PageState state, unsigned status) {
  switch (state) {
    case PageState::not_connected:
      return &PageTexts::not_connected;
    case PageState::suspended:
      return &PageTexts::suspended;
    case PageState::disabled:
      return &PageTexts::disabled;
    case PageState::unpublished:
      return &PageTexts::unpublished;
    case PageState::maintenance:
      return &PageTexts::maintenance;
    case PageState::none:
    case PageState::count_:
      break;
  }
  const auto found = std::find_if(kByStatus.begin(), kByStatus.end(),
                                  [&](const auto& entry) { return entry.first == status; });
  if (found != kByStatus.end()) return found->second;
  return status >= 400 && status < 500 ? &PageTexts::bad_request : &PageTexts::internal_error;
}

}  // namespace

std::string_view name(PageState state) {
  switch (state) {
    case PageState::not_connected:
      return "not_connected";
    case PageState::suspended:
      return "suspended";
    case PageState::disabled:
      return "disabled";
    case PageState::unpublished:
      return "unpublished";
    case PageState::maintenance:
      return "maintenance";
    case PageState::none:
    case PageState::count_:
      break;
  }
  return {};
}

const PageTexts& texts_of(Language language) {
  switch (language) {
    case Language::de:
      return kTextsDe;
    case Language::fr:
      return kTextsFr;
    case Language::es:
      return kTextsEs;
    case Language::it:
      return kTextsIt;
    case Language::nl:
      return kTextsNl;
    case Language::pt:
      return kTextsPt;
    case Language::pl:
      return kTextsPl;
    case Language::ar:
      return kTextsAr;
    case Language::en:
    case Language::count_:
      break;
  }
  return kTextsEn;
}

const PageText& text_of(Language language, PageState state, unsigned status) {
  return texts_of(language).*member_of(state, status);
}

}  // namespace marquee::brand
