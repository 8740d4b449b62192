// A tenant's brand, as it comes from the directory (untrusted text), and the plan
// made of it once: the bytes to insert, escaped for where they go, and what is to
// be taken out. A plan is immutable and may be shared by all workers.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace marquee::brand {

inline constexpr std::size_t kMaxName = 200;  // bytes of UTF-8, more are cut off
inline constexpr std::size_t kMaxSeparator = 16;
inline constexpr std::size_t kMaxRemovedNames = 8;  // classes, and attributes
inline constexpr std::size_t kMaxRemovedName = 64;
inline constexpr std::size_t kMaxTextNode = 256;  // bytes; longer ones match no text

// Empty fields ask for nothing. What is not allowed (a URL that is neither https
// nor a path, a colour that is none) is left out, and `faults` of the plan says so.
struct Brand {
  std::string name;
  std::string logo_url;
  std::string favicon_url;
  std::string primary;
  std::string secondary;
  // Where the edge serves this domain's stylesheet (css_sanitiser.hpp): a path that
  // holds the digest of its content. Without it, the colours go into a <style>.
  std::string stylesheet_path;
  std::string title_separator = " | ";
  // What is removed: elements with one of the classes, and attributes.
  std::vector<std::string> removed_classes;
  std::vector<std::string> removed_attributes;  // lower case
  std::vector<std::string> removed_texts;       // see TextMatcher
};

// Finds a text in pieces of another, ignoring the case of ASCII letters, in
// constant memory (Knuth, Morris, Pratt). The state is the caller's.
class PieceMatcher {
 public:
  PieceMatcher() = default;
  explicit PieceMatcher(std::string_view pattern);
  // True once the pattern has been seen; `state` begins with 0 and stays there.
  bool feed(std::string_view piece, std::uint16_t& state) const;

 private:
  std::string pattern_;
  std::vector<std::uint16_t> failure_;
};

// Texts that are to go where one of them is all that stands between two tags: the
// case of ASCII letters and the amount of white space do not matter.
class TextMatcher {
 public:
  enum class Match : std::uint8_t { none, begins, whole };

  // Of 1 to 64 bytes without '<', '&' and control characters. False: not taken.
  bool add(std::string_view text);
  bool empty() const { return texts_.empty(); }
  // `begins`: with more bytes it may become one.
  Match match(std::string_view node) const;
  // No text begins with this byte, which is no white space.
  bool rejects(char first) const;
  const std::vector<std::string>& texts() const { return texts_; }

 private:
  std::vector<std::string> texts_;  // lower case, one space between words
};

struct BrandPlan {
  BrandPlan() = default;
  explicit BrandPlan(const Brand& brand);

  // Nothing to do: pages pass untouched.
  bool empty() const { return head.empty() && title_alone.empty() && !removes(); }
  bool removes() const {
    return !removed_classes.empty() || !removed_attributes.empty() || !removed_texts.empty();
  }

  std::string head;          // inserted at the end of the page's head, once
  std::string title_suffix;  // behind a title that does not hold the name yet
  std::string title_alone;   // instead of an empty title
  // The name as it may stand in a title: escaped as we do it, and as it is.
  PieceMatcher name_escaped;
  PieceMatcher name_plain;
  bool replaces_icons = false;
  bool replaces_logo = false;
  std::vector<std::string> removed_classes;
  std::vector<std::string> removed_attributes;
  TextMatcher removed_texts;
  // Tags and texts that hold none of these, in any case, are not touched by the three.
  std::vector<std::string> needles;
  bool skims = false;  // no text holds a '>': where no needle stands, nothing need be read
  // Field names whose value was refused: "favicon_url".
  std::vector<std::string_view> faults;
};

// ":root{--brand-primary:#...}" for the colours that are valid; empty without any.
std::string colour_variables(const Brand& brand);

}  // namespace marquee::brand
