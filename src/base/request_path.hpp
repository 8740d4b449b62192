// How servers may read the path of a request (RFC 3986 3.3, 5.2.4 and what they make
// of it): they decode once or twice, drop empty and "." segments, ";parameters" and
// dots and spaces at the end of a name, take "\" for "/", end a path at an escaped "?"
// or "#", ignore case. Whoever judges paths judges these readings, so that all judges
// agree. Pure.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace marquee::base {

// How far the readings of a path are apart; each includes those before.
enum class Spelling : std::uint8_t {
  plain,    // all servers read it alike
  escaped,  // the same segments; names differ by an escape, or a dot or space at their end
  loose,    // parameters, empty segments, escaped "?" or "#", escapes within escapes
  moved,    // the segments are others: escaped slashes, "\", "." segments, "//" in front
  // ".." segments, control characters, overlong UTF-8 (RFC 3629 3), escapes within
  // escapes beyond three: no reading can be relied on.
  ambiguous,
};

// The views are into the target, or into `buffer` where it had to be rewritten. The
// readings begin with "/" where the target does or is empty; a slash at their end stays.
struct ReadPath {
  Spelling spelling = Spelling::plain;
  std::string_view raw;     // as it came, without its query
  std::string_view strict;  // decoded, no empty and "." segments
  std::string_view loose;   // the most generous one; case is left to who compares
  bool plain() const { return spelling == Spelling::plain; }
  bool ambiguous() const { return spelling == Spelling::ambiguous; }
};
// `target`: origin-form, its query is left out.
ReadPath read_path(std::string_view target, std::string& buffer);

// One round of percent-decoding, in place. True if there was something to decode.
bool decode_escapes(std::string& text);

// A name without ";parameters", spaces around it and dots at its end.
std::string_view bare_name(std::string_view segment);

}  // namespace marquee::base
