// Languages of our own pages, and which of them a visitor reads. Pure.
#pragma once
#include <cstdint>
#include <optional>
#include <string_view>

namespace marquee::brand {

enum class Language : std::uint8_t { en, de, fr, es, it, nl, pt, pl, ar, count_ };

std::string_view tag(Language language);        // RFC 5646: "de"
std::string_view direction(Language language);  // "ltr" or "rtl"
// Of a tag in lower case, as the settings have it.
std::optional<Language> parse_language(std::string_view tag);

// By Accept-Language and its weights (RFC 9110 12.5.4): a range stands for the
// language of its first subtag ("de-AT" for German), the greatest weight wins, and of
// equals the one that was named first. "*" stands for `otherwise`, and so does a list of which
// nothing is spoken here. Only the first 512 bytes are read; what is malformed is skipped.
Language choose_language(std::string_view accept_language, Language otherwise);

}  // namespace marquee::brand
