// The ordered list of decisions on a routed request, before an upstream is
// chosen. Pure: an answer of our own, or nothing.
#pragma once
#include <string_view>

#include "config/settings.hpp"
#include "proxy/connection_facts.hpp"
#include "proxy/http/head.hpp"
#include "proxy/local_answer.hpp"
#include "proxy/outcome.hpp"
#include "proxy/snapshot.hpp"

namespace marquee::proxy::policy {

struct Input {
  const http::RequestHead& request;
  const DomainPlan& plan;
  const ConnectionFacts& facts;
  const config::Settings& settings;
  std::string_view host;         // normalised
  unsigned https_port;           // where clients find our TLS listener; 0: there is none
  const PathRules& paths;        // of the host's class
  std::string_view client_text;  // behind a trusted proxy whom that one names
};

// Runs the list. True when one of them answered: `content` holds the answer
// (with only a status it becomes an error page), `cause` why.
bool run(const Input& input, LocalContent& content, RefusalCause& cause);

}  // namespace marquee::proxy::policy
