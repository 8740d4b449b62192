// `marquee demo-upstream`: a small module runtime to stand behind Marquee in the
// quickstart, in tests and in demonstrations. Readable rather than fast.
//
//   /            (and any other path) a page with what arrived: tenant, fields
//   /echo        the same as JSON: method, target, fields in order, body's length and SHA-256
//   /upload      PUT or POST of any size in constant memory; length and SHA-256 as JSON
//   /bytes/N     N bytes; byte i is i modulo 251
//   /stream?n=10 one line every 200 ms, chunked
//   /slow?ms=500 answers after that time
//   /early       answers before the request body was read, then reads it
//   /hints       103 Early Hints, then 200
//   /ws          a WebSocket that sends back what it gets
#pragma once
#include <string>

namespace marquee::app {

struct DemoOptions {
  std::string listen = "127.0.0.1:9100";
};

// Serves until SIGINT or SIGTERM. Returns the exit code.
int run_demo_upstream(const DemoOptions& options);

}  // namespace marquee::app
