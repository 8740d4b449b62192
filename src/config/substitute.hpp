// ${VAR} and ${VAR:-default} in values. Works on a scalar that is parsed
// already, never on the text of the file: a variable cannot add keys. Pure but
// for the environment port.
#pragma once
#include <string>

#include "config/ports.hpp"

namespace marquee::config {

struct Substitution {
  std::string text;
  bool changed = false;   // a variable was put in, or an escape taken out
  std::string complaint;  // if not empty: what is wrong, and what to write instead
};

// `$${` stands for `${`. As in the shell, the default is taken when the
// variable is unset or empty; it ends at the first `}` and is not expanded.
// The result is at most 64 KiB.
Substitution substitute(const std::string& text, const Environment& environment);

}  // namespace marquee::config
