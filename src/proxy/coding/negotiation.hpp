// Which answers are compressed, and how (RFC 9110 12.5.3). Pure.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "proxy/coding/codec.hpp"
#include "proxy/http/head.hpp"

namespace marquee::proxy {

// The client's best, and among equals the first of `offered`. Lines that were dropped
// from the request count: they are what the client said.
Coding choose_coding(const http::FieldTable& request, const std::vector<Coding>& offered);

// The coding of an answer, dropped from its head or not; repeated lines are unknown.
Coding coding_of(const http::FieldTable& response);

// Whether compressing it may help: a type that is text, not small, whole, not
// no-transform. Of a coding it must not have one already; the caller asks.
bool is_compressible(const http::ResponseHead& response, std::uint64_t least_size);

// The same of an answer to HEAD: its length is what its fields say, dropped or not.
bool is_compressible_by_head(const http::ResponseHead& response, std::uint64_t least_size);

// All lines of Vary in one, with Accept-Encoding; nothing if it is said already.
std::optional<std::string> vary_by_coding(const http::FieldTable& response);

}  // namespace marquee::proxy
