// "Did you mean": the closest known word to one that is not known.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace marquee::base {

// Edits (insert, delete, replace, swap of neighbours; ASCII case is ignored, a
// dash is an underscore) that turn `a` into `b`: optimal string alignment.
std::size_t edit_distance(std::string_view a, std::string_view b);

// The closest candidate, the first of equals; empty where none is close (more
// than a third of the word wrong, and neither is a piece of the other) or the
// word is longer than 128 bytes. The view is one of `candidates`.
std::string_view did_you_mean(std::string_view word,
                              const std::vector<std::string_view>& candidates);

// "; did you mean `x`?" to end a sentence, or nothing.
std::string suggestion(std::string_view word, const std::vector<std::string_view>& candidates);

}  // namespace marquee::base
