// The JSON of GET /v1/status as a page for a human: aligned columns, plain
// words. Pure.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace marquee::admin {

// Nothing when the text is not a JSON object. Keys that are missing (an older
// server) leave their line out.
std::optional<std::string> status_page(std::string_view status_json);

// "3 d 4 h", "5 min 2 s", "12 ms".
std::string duration_words(std::int64_t milliseconds);

}  // namespace marquee::admin
