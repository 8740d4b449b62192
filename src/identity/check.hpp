// What identity finds wrong with settings that the reader could decode.
#pragma once
#include <string>
#include <vector>

#include "config/settings.hpp"
#include "identity/key_ring.hpp"

namespace marquee::identity {

// Every fault, in the order of the settings. Reads the key files.
std::vector<config::Problem> check(const config::Settings& settings);

// Keys that the settings name stand in for those that Marquee makes.
bool keys_are_given(const config::Context& settings);
// The ring of these; null and a sentence where a file cannot be used any more.
std::shared_ptr<const KeyRing> ring_of_given_keys(const config::Context& settings,
                                                  std::string& error);

// Of the keys that Marquee makes.
jose::Algorithm algorithm_of(const config::Context& settings);
RotationRules rules_of(const config::Context& settings);
// Whether they are kept in the directory's database.
bool keys_in_directory(const config::Settings& settings);

}  // namespace marquee::identity
