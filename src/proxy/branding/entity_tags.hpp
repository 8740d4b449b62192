// Entity tags of branded pages (RFC 9110 8.8.3). A page that the edge has changed is
// another representation, which changes with its brand too: its tag is weak and holds
// the brand's, and what clients send back is the upstream's own again. Pure.
//
//   upstream "abc"  <->  client W/"abc-bs1a2b3c4d"   (s: strong, w: weak)
#pragma once
#include <string>
#include <string_view>

namespace marquee::proxy {

// `etag` is the field's value; empty if that is no entity tag.
std::string branded_etag(std::string_view etag, std::string_view tag);

// A line of If-None-Match as the upstream is to see it: without the tags of other
// brands, which no longer say anything of what it has, and without unbranded ones
// where it is a page that is asked for. Empty: nothing is left of it.
std::string upstream_etags(std::string_view list, std::string_view tag, bool page);

// Whether the line holds a tag of this brand: then a 304 is about a branded page.
bool has_branded_etag(std::string_view list, std::string_view tag);

}  // namespace marquee::proxy
