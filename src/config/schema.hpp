// The settings described for machines and people, from the same description
// that the reader follows.
#pragma once
#include <string>

namespace marquee::config {

// JSON Schema 2020-12 of one settings file. Values that are not texts may also
// be written as ${VAR}.
std::string print_schema();

// docs/configuration.md.
std::string print_reference();

}  // namespace marquee::config
