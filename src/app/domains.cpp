#include "app/domains.hpp"

#include <boost/json.hpp>
#include <iostream>
#include <map>

#include "admin/resource.hpp"
#include "app/check.hpp"
#include "app/remote.hpp"

namespace marquee::app {
namespace {

namespace json = boost::json;

int say(const std::string& words) {
  std::cerr << "marquee: " << words << "\n";
  return exit_code::failed;
}

// The answer's JSON; null and a word on stderr where it was none, or a problem.
json::value answer_of(const std::optional<admin::Reply>& reply) {
  if (!reply) return nullptr;
  boost::system::error_code error;
  json::value value = json::parse(reply->body, error);
  if (reply->status >= 400 || error) {
    say(problem_words(*reply));
    return nullptr;
  }
  return value;
}

std::string text_of(const json::value& domain, const char* member) {
  const json::value* const found = domain.as_object().if_contains(member);
  if (!found || found->is_null()) return "-";
  return found->is_string() ? std::string(found->as_string()) : json::serialize(*found);
}

void print_table(const json::array& domains) {
  constexpr const char* columns[] = {"host", "state", "source", "agency", "installation", "id"};
  std::size_t widths[std::size(columns)];
  for (std::size_t i = 0; i < std::size(columns); ++i) {
    widths[i] = std::string_view(columns[i]).size();
    for (const json::value& d : domains)
      widths[i] = std::max(widths[i], text_of(d, columns[i]).size());
  }
  const auto row = [&](auto cell) {
    std::string out;
    for (std::size_t i = 0; i < std::size(columns); ++i) {
      const std::string text = cell(columns[i]);
      out +=
          text + (i + 1 < std::size(columns) ? std::string(widths[i] - text.size() + 2, ' ') : "");
    }
    std::cout << out << "\n";
  };
  row([](const char* column) {
    std::string out = column;
    for (char& c : out) c = static_cast<char>(c - 32);
    return out;
  });
  for (const json::value& d : domains) row([&d](const char* column) { return text_of(d, column); });
}

void print_domain(const json::value& domain) {
  for (const auto& member : domain.as_object()) {
    const std::string name(member.key());
    const std::string value = text_of(domain, name.c_str());
    std::cout << name << std::string(name.size() < 14 ? 14 - name.size() : 1, ' ') << value << "\n";
  }
}

int list(const CommandLine& line) {
  const DomainsArguments& a = line.domains;
  std::string filters = "limit=" + std::to_string(a.all ? 1000 : a.limit);
  const std::pair<const char*, const std::string*> fields[] = {
      {"agency", &a.agency}, {"client", &a.client},    {"site", &a.site},
      {"status", &a.status}, {"source", &a.source},    {"installation", &a.installation},
      {"prefix", &a.prefix}, {"contains", &a.contains}};
  for (const auto& [name, value] : fields)
    if (!value->empty()) filters += "&" + std::string(name) + "=" + admin::percent_encoded(*value);
  json::array domains;
  std::string cursor = a.cursor;
  do {
    const json::value page = answer_of(ask_running(
        line,
        {"GET", "/v1/domains?" + filters + (cursor.empty() ? "" : "&cursor=" + cursor), {}, {}}));
    if (page.is_null()) return exit_code::failed;
    for (const json::value& domain : page.at("domains").as_array()) domains.push_back(domain);
    cursor = page.at("next").is_null() ? "" : std::string(page.at("next").as_string());
  } while (a.all && !cursor.empty());
  if (line.json) {
    json::object out{{"domains", std::move(domains)}, {"next", nullptr}};
    if (!cursor.empty()) out["next"] = cursor;
    std::cout << json::serialize(out) << "\n";
    return exit_code::ok;
  }
  print_table(domains);
  if (!cursor.empty()) std::cerr << "There are more: --cursor " << cursor << ", or --all.\n";
  return exit_code::ok;
}

// The domain of a hostname or an id; of several rows of one name, that which can be
// written. Null: it was said why not.
json::value find(const CommandLine& line) {
  const std::string& name = line.domains.name;
  const auto by_name =
      ask_running(line, {"GET", "/v1/domains?host=" + admin::percent_encoded(name), {}, {}});
  if (!by_name) return nullptr;
  boost::system::error_code error;
  const json::value page = json::parse(by_name->body, error);
  if (by_name->status == 200 && !error) {
    const json::array& found = page.at("domains").as_array();
    for (const json::value& domain : found)
      if (text_of(domain, "source") == "directory" && text_of(domain, "kind") == "module_domain")
        return domain;
    if (!found.empty()) return found.front();
  } else if (by_name->status >= 500) {
    say(problem_words(*by_name));
    return nullptr;
  }
  const auto by_id =
      ask_running(line, {"GET", "/v1/domains/" + admin::percent_encoded(name), {}, {}});
  if (!by_id) return nullptr;
  if (by_id->status == 404) {
    say("there is no domain with the name or id " + name);
    return nullptr;
  }
  return answer_of(by_id);
}

int show(const CommandLine& line) {
  const json::value domain = find(line);
  if (domain.is_null()) return exit_code::failed;
  if (line.json)
    std::cout << json::serialize(domain) << "\n";
  else
    print_domain(domain);
  return exit_code::ok;
}

// A JSON object of the command line; false: it is none.
bool take_json(json::object& body, const char* name, const char* option, const std::string& text) {
  if (text.empty()) return true;
  boost::system::error_code error;
  json::value value = json::parse(text, error);
  if (error || !value.is_object()) {
    std::cerr << "marquee: " << option << " has to be a JSON object\n";
    return false;
  }
  body[name] = std::move(value);
  return true;
}

int add(const CommandLine& line) {
  const DomainsArguments& a = line.domains;
  json::object body{{"host", a.name}};
  const std::pair<const char*, const std::string*> members[] = {
      {"agency", &a.agency}, {"client", &a.client},
      {"site", &a.site},     {"installation", &a.installation},
      {"module", &a.module}, {"status", &a.status}};
  for (const auto& [name, value] : members)
    if (!value->empty()) body[name] = *value;
  if (a.vouched) body["vouched"] = true;
  if (!take_json(body, "config", "--domain-config", a.config) ||
      !take_json(body, "white_label", "--white-label", a.white_label))
    return exit_code::usage;
  const auto reply = ask_running(line, {"POST", "/v1/domains", json::serialize(body), {}});
  const json::value domain = answer_of(reply);
  if (domain.is_null()) {
    // Not of a row that the settings come before: their 409 names the file.
    if (a.vouched && reply && reply->status == 409 &&
        reply->body.find("\"settings:") == std::string::npos &&
        reply->body.find("domains vouch") == std::string::npos)
      std::cerr << "To answer for a row that is there already:  marquee domains vouch " << a.name
                << "\n";
    return exit_code::failed;
  }
  if (line.json) {
    std::cout << reply->body << "\n";
    return exit_code::ok;
  }
  std::cout << (reply->status == 201 ? "added: " : "is there already: ") << text_of(domain, "host")
            << " (" << text_of(domain, "state") << ", id " << text_of(domain, "id") << ")\n";
  if (text_of(domain, "state") == "not_live" && text_of(domain, "status") == "active")
    std::cerr << "It is not served: directory.trust_directory_status is false, and there is no "
                 "proof that its tenant owns it. If you answer for it:  marquee domains vouch "
              << text_of(domain, "host") << "\n";
  return exit_code::ok;
}

struct Change {
  const char* body;  // empty: DELETE
  const char* done;
};
Change change_of(DomainsAction action) {
  switch (action) {
    case DomainsAction::enable:
      return {R"({"status":"active"})", "enabled: "};
    case DomainsAction::disable:
      return {R"({"status":"disabled"})", "disabled: "};
    case DomainsAction::vouch:
      return {R"({"vouched":true})", "vouched for: "};
    case DomainsAction::unvouch:
      return {R"({"vouched":false})", "vouched for no longer: "};
    default:
      return {"", "removed: "};
  }
}

// enable, disable, vouch, unvouch, remove. Whoever writes at the same moment is not overwritten.
int run_change(const CommandLine& line) {
  const Change change = change_of(line.domains.action);
  const json::value domain = find(line);
  if (domain.is_null()) return exit_code::failed;
  const std::string path = "/v1/domains/" + admin::percent_encoded(text_of(domain, "id"));
  const auto seen = ask_running(line, {"GET", path, {}, {}});
  if (answer_of(seen).is_null()) return exit_code::failed;
  const std::string body = change.body;
  const auto reply = ask_running(line, {body.empty() ? "DELETE" : "PATCH", path, body, seen->etag});
  if (!reply) return exit_code::failed;
  if (reply->status >= 300) return say(problem_words(*reply));
  const std::string host = text_of(domain, "host");
  if (line.json) {
    std::cout << (body.empty() ? json::serialize(json::object{{"removed", host}}) : reply->body)
              << "\n";
    return exit_code::ok;
  }
  std::cout << change.done << host << "\n";
  return exit_code::ok;
}

}  // namespace

int run_domains(const CommandLine& asked) {
  // Looked up once, however many requests follow.
  CommandLine line = asked;
  if (line.socket.empty()) line.socket = admin_socket(load_and_check(line.config).settings);
  switch (line.domains.action) {
    case DomainsAction::list:
      return list(line);
    case DomainsAction::show:
      return show(line);
    case DomainsAction::add:
      return add(line);
    case DomainsAction::enable:
    case DomainsAction::disable:
    case DomainsAction::remove:
    case DomainsAction::vouch:
    case DomainsAction::unvouch:
      return run_change(line);
    case DomainsAction::import_file:
      return run_domains_import(line);
    case DomainsAction::export_file:
      return run_domains_export(line);
  }
  return exit_code::usage;
}

}  // namespace marquee::app
