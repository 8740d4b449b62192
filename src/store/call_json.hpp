// A batch of calls as one text, which both databases take apart themselves. Pure.
#pragma once
#include <string>

#include "identity/call_book.hpp"

namespace marquee::store {

// {"calls": [{"at": milliseconds since 1970, "auth", "status", "ms", "module", ...}],
//  "keys": [{"id", "calls", "last": milliseconds since 1970}], "consumers": [likewise]}.
// What is empty is not there.
std::string calls_json(const identity::CallBatch& batch);

}  // namespace marquee::store
