// What decoded settings can be judged by without knowing what other rooms do
// with them: grammars of addresses, files that have to exist, keys that
// contradict each other. Whether a name of an upstream is known, whether two
// domains meet, and whether a key fits its certificate is judged further up.
#pragma once
#include <vector>

#include "config/ports.hpp"
#include "config/settings.hpp"

namespace marquee::config {

// Both of the below. Blocking: looks at files.
std::vector<Problem> check(const Settings& settings, const Files& files);

std::vector<Problem> check_values(const Settings& settings, const Files& files);

// What has to be there: a listener, and an upstream as soon as there is a domain.
std::vector<Problem> check_presence(const Settings& settings);

}  // namespace marquee::config
