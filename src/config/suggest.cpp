#include "config/suggest.hpp"

#include <algorithm>

namespace marquee::config {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// People also write a dash for an underscore.
bool same(char a, char b) {
  a = a == '-' ? '_' : lower(a);
  b = b == '-' ? '_' : lower(b);
  return a == b;
}

}  // namespace

std::size_t edit_distance(std::string_view a, std::string_view b) {
  // Optimal string alignment over three rows.
  std::vector<std::size_t> before(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replace = last[j - 1] + (same(a[i - 1], b[j - 1]) ? 0 : 1);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, replace});
      if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) && same(a[i - 2], b[j - 1])) {
        row[j] = std::min(row[j], before[j - 2] + 1);
      }
    }
    before.swap(last);
    last.swap(row);
  }
  return last[b.size()];
}

std::string_view did_you_mean(std::string_view word, const std::vector<std::string_view>& known) {
  if (word.empty() || word.size() > 64) return {};
  std::string_view best;
  // A third of the word may be wrong, or it is the beginning of the other.
  std::size_t bound = std::max<std::size_t>(1, word.size() / 3) + 1;
  for (auto candidate : known) {
    std::size_t d = edit_distance(word, candidate);
    const bool part = word.size() >= 3 &&
                      (candidate.find(word) != std::string_view::npos ||
                       (candidate.size() >= 3 && word.find(candidate) != std::string_view::npos));
    if (part) d = std::min(d, bound - 1);
    if (d < bound) {
      bound = d;
      best = candidate;
    }
  }
  return best;
}

}  // namespace marquee::config
