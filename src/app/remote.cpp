#include "app/remote.hpp"

#include <boost/json.hpp>
#include <iostream>

#include "admin/status_page.hpp"
#include "app/check.hpp"

namespace marquee::app {

std::optional<admin::Reply> ask_running(const CommandLine& line, const admin::Question& question) {
  const std::string socket =
      line.socket.empty() ? admin_socket(load_and_check(line.config).settings) : line.socket;
  auto answer = admin::ask(socket, question, line.timeout);
  if (const auto* const failure = std::get_if<base::Failure>(&answer)) {
    std::cerr << "marquee: " << failure->sentence << "\n";
    if (line.socket.empty()) {
      std::cerr << "The socket was looked up in " << line.config
                << "; name another file with -c, or the socket with --socket.\n";
    }
    return std::nullopt;
  }
  return std::get<admin::Reply>(std::move(answer));
}

std::string problem_words(const admin::Reply& reply) {
  boost::system::error_code error;
  const auto value = boost::json::parse(reply.body, error);
  const auto* const object = error ? nullptr : value.if_object();
  const auto* const detail = object ? object->if_contains("detail") : nullptr;
  if (!detail || !detail->is_string())
    return "the answer was " + std::to_string(reply.status) + ", and no more than that";
  const auto* const field = object->if_contains("field");
  const std::string text(detail->as_string());
  const bool named =
      field && field->is_string() && !text.starts_with(std::string(field->as_string()));
  return (named ? std::string(field->as_string()) + ": " : "") + text;
}

int run_status(const CommandLine& line) {
  const auto reply = ask_running(line, {"GET", "/v1/status", {}, {}});
  if (!reply) return exit_code::failed;
  const auto page = admin::status_page(reply->body);
  if (reply->status != 200 || !page) {
    std::cerr << "marquee: the answer was not a status (" << reply->status << ")\n";
    return exit_code::failed;
  }
  std::cout << (line.json ? reply->body + "\n" : *page);
  return exit_code::ok;
}

int run_reload(const CommandLine& line) {
  const auto reply = ask_running(line, {"POST", "/v1/reload", {}, {}});
  if (!reply) return exit_code::failed;
  boost::system::error_code error;
  const auto value = boost::json::parse(reply->body, error);
  const auto* const result = error ? nullptr : value.if_object();
  const auto* const ok = result ? result->if_contains("ok") : nullptr;
  if (!ok || !ok->is_bool()) {
    std::cerr << "marquee: the answer was not the result of a reload (" << reply->status << ")\n";
    return exit_code::failed;
  }
  if (const auto* const problems = result->if_contains("problems");
      problems && problems->is_array()) {
    for (const auto& p : problems->as_array()) {
      if (p.is_string()) std::cerr << p.as_string().c_str() << "\n";
    }
  }
  if (!ok->as_bool()) {
    std::cerr << "marquee: not reloaded; the settings before it stay in force\n";
    return exit_code::bad_config;
  }
  std::cout << "reloaded\n";
  return exit_code::ok;
}

int run_cache_flush(const CommandLine& line) {
  const auto reply =
      ask_running(line, {"POST",
                         "/v1/cache/flush",
                         boost::json::serialize(boost::json::object{{"host", line.host}}),
                         {}});
  if (!reply) return exit_code::failed;
  if (reply->status != 200) {
    std::cerr << "marquee: " << problem_words(*reply) << "\n";
    return exit_code::failed;
  }
  std::cout << (line.json ? reply->body : "forgotten: " + line.host + " is asked for anew") << "\n";
  return exit_code::ok;
}

}  // namespace marquee::app
