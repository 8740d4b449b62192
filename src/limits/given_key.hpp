// A rule's key of parts that somebody wrote down, rather than of a request: to look at
// a counter, or to forget it.
#pragma once
#include <cstdint>
#include <span>
#include <string>

#include "limits/rule.hpp"

namespace marquee::limits {

struct GivenPart {
  std::string name;   // of a Part
  std::string value;  // as in a key, without its escapes; an address needs no prefix
};

// Makes `out` the one charge of `rule` under that key, of cost 0. `number`: of a rule
// by rows, requests that the row allows, 0 where that is not known. Empty; or a
// sentence: what is missing or makes no sense, and what to write. The agency is asked
// for by `tagged` also where the rule does not count by it: its keys in a common store
// are tagged by that.
std::string given_key(const Rule& rule, std::span<const GivenPart> given, std::uint32_t number,
                      bool tagged, Question& out);

}  // namespace marquee::limits
