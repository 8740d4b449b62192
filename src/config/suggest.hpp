// "Did you mean": the known word closest to a misspelt one.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace marquee::config {

// Edits (insert, remove, replace, swap of neighbours) between two words,
// upper and lower case alike. O(|a|·|b|): callers bound the words.
std::size_t edit_distance(std::string_view a, std::string_view b);

// The closest of `known`, or empty if none is close enough to be meant.
std::string_view did_you_mean(std::string_view word, const std::vector<std::string_view>& known);

}  // namespace marquee::config
