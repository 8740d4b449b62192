// Heads on both sides of a branded page: what the upstream is asked, and what its
// answer says once the page has been changed. Pure.
#pragma once
#include <cstdint>
#include <string_view>

#include "proxy/arena.hpp"
#include "proxy/branding/domain_brand.hpp"
#include "proxy/http/head.hpp"
#include "proxy/outgoing.hpp"

namespace marquee::proxy {

// By Sec-Fetch-Dest and Accept: what a request is for.
enum class Wanted : std::uint8_t {
  page,      // a navigation
  anything,  // nobody can tell: fetch(), other clients
  asset,     // a script, an image, ...: never a page
};
Wanted wanted_by(const http::RequestHead& request);

// Where a page may come: asks for one that can be read (no content coding), and under
// the upstream's own validators. Drops fields and adds others; strings go to `arena`.
void ask_for_page(http::RequestHead& request, const DomainBrand& brand, Arena& arena,
                  Additions& additions);

// Whether the answer is a page that is to be branded: text/html in a charset that its
// Content-Type does not rule out, whole (no 206), not no-transform, readable.
bool is_brandable(const http::ResponseHead& response);

// The head of such a page, also of the answer to HEAD and of a 304 to a validator of
// ours: tags, lengths, digests, ranges, and policies that would keep the stylesheet
// or the icon out. `origin` is the visitor's ("https://shop.example.com").
void edit_page_head(http::ResponseHead& response, const http::RequestHead& request,
                    const DomainBrand& brand, std::string_view origin, Arena& arena);

// Whether one of the fields of that name (lower case) lists the member (any case).
bool lists(const http::FieldTable& fields, std::string_view name, std::string_view member);
std::string_view value_of(const http::FieldTable& fields, std::string_view name);

}  // namespace marquee::proxy
