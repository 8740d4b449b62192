// Which form of an error answer a client wants (RFC 9110 section 12.5.1).
#pragma once
#include <cstdint>
#include <string_view>

namespace marquee::proxy {

enum class MatchLevel : std::uint8_t { none, any, type, exact };  // */*  text/*  text/html

struct MediaMatch {
  unsigned quality = 0;  // thousandths, 0..1000
  MatchLevel level = MatchLevel::none;
};

// The most specific range of `accept` that covers type/subtype (both lower case)
// decides its quality. Parameters other than q are ignored; an element that is
// not a media range is skipped; only the first 2048 bytes are read.
MediaMatch match_media(std::string_view accept, std::string_view type, std::string_view subtype);

enum class ErrorFormat : std::uint8_t { html, problem_json };

// HTML is for people who look at a page: a navigation (Sec-Fetch-Dest document,
// iframe, frame, embed or object) that does not refuse text/html, or an Accept that ranks
// text/html above JSON, or equal when it names it as precisely. All others get
// problem+json: no Accept at all, */* (curl, fetch), JSON, images. Nothing
// acceptable is no reason for 406 here: the error is sent as problem+json.
ErrorFormat choose_error_format(std::string_view accept, std::string_view sec_fetch_dest);

}  // namespace marquee::proxy
