// How hiredis hands a reply's parts to a type of ours, for hiredis 0.14 and 1.x, whose
// tables of functions differ. Included where <hiredis/hiredis.h> is.
#pragma once
#include <hiredis/hiredis.h>

#include <cstddef>

namespace marquee::net {

// Types of RESP3, which hiredis reads since 1.0 and nobody here asks for: no reply.
inline void* refuse_bool(const redisReadTask*, int) { return nullptr; }
inline void* refuse_double(const redisReadTask*, double, char*, std::size_t) { return nullptr; }
inline void keep_object(void*) {}

// `Make` has text(), array<Count>(), integer() and nil(); what they return stays its own.
template <typename Make, typename Functions = redisReplyObjectFunctions>
Functions* redis_creators() {
  static Functions functions = [] {
    Functions out{};
    out.createString = Make::text;
    out.createArray = Make::array;  // of int, or of std::size_t since 1.0
    out.createInteger = Make::integer;
    out.createNil = Make::nil;
    out.freeObject = keep_object;
    if constexpr (requires { out.createBool; }) {
      out.createBool = refuse_bool;
      out.createDouble = refuse_double;
    }
    return out;
  }();
  return &functions;
}

}  // namespace marquee::net
