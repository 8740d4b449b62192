// Who signs tokens, as the settings say it: with the keys that they hold themselves,
// and room for those that are fetched.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "config/settings.hpp"
#include "identity/token.hpp"

namespace marquee::identity {

// All issuers with their keys at one time: immutable, put into force as a whole.
using Issuers = std::vector<TokenIssuer>;

// In the order of the settings. Reads keys_file; those of a jwks_url begin without
// keys. Faults are left to check_access().
Issuers make_issuers(const config::Tokens& settings);

// What is wrong with the settings that the reader could decode; reads keys_file.
std::vector<config::Problem> check_access(const config::Settings& settings);
// What may be meant, and opens more than many would think.
std::vector<config::Problem> warn_access(const config::Settings& settings);

}  // namespace marquee::identity
