#include "base/suggest.hpp"

#include <algorithm>

namespace marquee::base {

static constexpr std::size_t kMaxWord = 128;

// People also write a dash for an underscore.
static char folded(char c) {
  if (c == '-') return '_';
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

// One is a piece of the other ("cert" of "cert_file"): meant, at any length.
static bool overlap(std::string_view a, std::string_view b) {
  const bool a_shorter = a.size() < b.size();
  const std::string_view piece = a_shorter ? a : b;
  return piece.size() >= 3 && (a_shorter ? b : a).find(piece) != std::string_view::npos;
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  // Three rows of the table: the swap looks two back.
  std::vector<std::size_t> before(b.size() + 1);
  std::vector<std::size_t> previous(b.size() + 1);
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::swap(before, previous);
    std::swap(previous, row);
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const bool equal = folded(a[i - 1]) == folded(b[j - 1]);
      row[j] = std::min({previous[j] + 1, row[j - 1] + 1, previous[j - 1] + (equal ? 0 : 1)});
      const bool swapped = i > 1 && j > 1 && folded(a[i - 1]) == folded(b[j - 2]) &&
                           folded(a[i - 2]) == folded(b[j - 1]);
      if (swapped) row[j] = std::min(row[j], before[j - 2] + 1);
    }
  }
  return row[b.size()];
}

std::string_view did_you_mean(std::string_view word,
                              const std::vector<std::string_view>& candidates) {
  std::string_view best;
  if (word.empty() || word.size() > kMaxWord) return best;
  std::size_t least = std::max<std::size_t>(1, word.size() / 3) + 1;
  for (const std::string_view candidate : candidates) {
    if (candidate.empty()) continue;
    std::size_t distance = edit_distance(word, candidate);
    if (overlap(word, candidate)) distance = std::min(distance, least - 1);
    // A word of which nothing is left is no suggestion ("a" for "b").
    if (distance < least && distance < std::max(word.size(), candidate.size())) {
      least = distance;
      best = candidate;
    }
  }
  return best;
}

std::string suggestion(std::string_view word, const std::vector<std::string_view>& candidates) {
  const std::string_view best = did_you_mean(word, candidates);
  return best.empty() ? std::string() : "; did you mean `" + std::string(best) + "`?";
}

}  // namespace marquee::base
