// The commands that ask a running Marquee over its admin socket.
#pragma once
#include <optional>
#include <string>

#include "admin/client.hpp"
#include "app/cli.hpp"

namespace marquee::app {

// Asks over the admin socket, or prints why it could not. Settings with problems
// still name a socket in most cases: one wants to see the status just then.
std::optional<admin::Reply> ask_running(const CommandLine& line, const admin::Question& question);
// The sentence of a problem (RFC 9457), or of any other answer that was no success.
std::string problem_words(const admin::Reply& reply);

int run_status(const CommandLine& line);
int run_reload(const CommandLine& line);
int run_cache_flush(const CommandLine& line);

}  // namespace marquee::app
