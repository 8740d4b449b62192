#include "app/certs.hpp"

#include <openssl/crypto.h>

#include <algorithm>
#include <boost/json.hpp>
#include <ctime>
#include <iostream>
#include <optional>

#include "admin/client.hpp"
#include "app/check.hpp"
#include "base/hostname.hpp"
#include "tls/name_check.hpp"
#include "tls/pem.hpp"

namespace marquee::app {
namespace {

namespace json = boost::json;

int fail(const std::string& sentence) {
  std::cerr << "marquee: " << sentence << "\n";
  return exit_code::failed;
}

// Asks, or says why it could not.
std::optional<admin::Reply> ask(const CommandLine& line, std::string_view method,
                                const std::string& path, std::string_view body = {}) {
  const std::string socket =
      line.socket.empty() ? admin_socket(load_and_check(line.config).settings) : line.socket;
  auto answer = admin::ask(socket, {std::string(method), std::string(path), std::string(body), {}},
                           line.timeout);
  if (const auto* const failure = std::get_if<base::Failure>(&answer)) {
    std::cerr << "marquee: " << failure->sentence << "\n";
    if (line.socket.empty())
      std::cerr << "The socket was looked up in " << line.config
                << "; name another file with -c, or the socket with --socket.\n";
    return std::nullopt;
  }
  return std::get<admin::Reply>(std::move(answer));
}

std::string text_at(const json::object& object, std::string_view key) {
  const json::value* const value = object.if_contains(key);
  if (!value || !value->is_string()) return {};
  return {value->as_string().data(), value->as_string().size()};
}

std::optional<json::object> object_of(const admin::Reply& reply) {
  boost::system::error_code error;
  json::value value = json::parse(reply.body, error);
  if (error || !value.is_object()) return std::nullopt;
  return std::move(value.as_object());
}

// The problem's own words, where it is one.
int refused(const admin::Reply& reply) {
  const auto problem = object_of(reply);
  const std::string detail = problem ? text_at(*problem, "detail") : "";
  return fail(detail.empty() ? "refused (" + std::to_string(reply.status) + ")" : detail);
}

// In a path: what is no character of a hostname is escaped.
std::string escaped(std::string_view text) {
  constexpr char digits[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) || c == '-' || c == '.' || c == '_') {
      out += c;
      continue;
    }
    out += '%';
    out += digits[byte >> 4];
    out += digits[byte & 15];
  }
  return out;
}

std::string day_of(std::time_t seconds) {
  std::tm parts{};
  char text[16];
  ::gmtime_r(&seconds, &parts);
  std::strftime(text, sizeof text, "%Y-%m-%d", &parts);
  return text;
}

// What is wrong with the files is said here, where their names are known.
std::string fault_of(const CertsOptions& options,
                     const std::vector<config::CertificateFiles>& files, tls::ReadRecords& read) {
  const bool wildcard = options.host.starts_with("*.");
  const auto parsed =
      wildcard ? base::parse_wildcard(options.host) : base::parse_hostname(options.host);
  if (!parsed || parsed.port >= 0)
    return options.host + " is not a hostname; write shop.example.com";
  const std::string host = (wildcard ? "*." : "") + parsed.name->string();
  tls::IntermediateSet intermediates;
  read = tls::read_records(files, intermediates);
  if (!read.error.empty()) return read.error;
  for (std::size_t i = 0; i < read.records.size(); ++i) {
    const tls::LeafFacts leaf = tls::facts_of(read.records[i]);
    if (leaf.not_after <= std::time(nullptr))
      return files[i].cert_file + " expired on " + day_of(leaf.not_after) +
             "; give a renewed certificate";
    if (tls::covers(leaf.names, host)) continue;
    std::string names;
    for (std::size_t n = 0; n < leaf.names.size() && n < 5; ++n)
      names += (n ? ", " : "") + leaf.names[n];
    return files[i].cert_file + " is for " + (names.empty() ? "no DNS name" : names) +
           ", not for " + host + "; give the certificate of this name";
  }
  return {};
}

int run_import(const CommandLine& line) {
  const CertsOptions& options = line.certs;
  if (options.cert_files.size() != options.key_files.size()) {
    std::cerr << "marquee: there are " << options.cert_files.size() << " --cert and "
              << options.key_files.size() << " --key; give one key for each certificate\n";
    return exit_code::usage;
  }
  std::vector<config::CertificateFiles> files;
  for (std::size_t i = 0; i < options.cert_files.size(); ++i) {
    config::CertificateFiles pair;
    pair.cert_file = options.cert_files[i];
    pair.key_file = options.key_files[i];
    files.push_back(std::move(pair));
  }
  tls::ReadRecords read;
  if (const std::string fault = fault_of(options, files, read); !fault.empty()) return fail(fault);
  tls::PemText text = tls::to_pem(read.records);
  std::string body = json::serialize(json::object{{"certificate", text.chain}, {"key", text.key}});
  OPENSSL_cleanse(text.key.data(), text.key.size());
  const auto reply = ask(line, "PUT", "/v1/certificates/" + escaped(options.host), body);
  OPENSSL_cleanse(body.data(), body.size());
  if (!reply) return exit_code::failed;
  if (reply->status != 200) return refused(*reply);
  if (line.json)
    std::cout << reply->body << "\n";
  else
    std::cout << "imported; served from the next handshake of " << options.host << " on\n";
  return exit_code::ok;
}

struct Line {
  std::string host, source, key_type, not_after, issuer, fault;
};

std::vector<Line> lines_of(const json::object& entry) {
  std::vector<Line> out;
  const json::value* const list = entry.if_contains("certificates");
  const bool internal = text_at(entry, "source") == "internal";
  if (list && list->is_array())
    for (const json::value& it : list->as_array()) {
      if (!it.is_object()) continue;
      const json::object& c = it.as_object();
      out.push_back({text_at(entry, "host"), text_at(entry, "source"), text_at(c, "key_type"),
                     internal ? "renewed" : text_at(c, "not_after").substr(0, 10),
                     text_at(c, "issuer"), text_at(entry, "fault")});
    }
  if (out.empty())
    out.push_back(
        {text_at(entry, "host"), text_at(entry, "source"), "-", "-", "-", text_at(entry, "fault")});
  return out;
}

void print(const std::vector<Line>& lines) {
  std::size_t host = 4, key = 3, source = 6;
  for (const Line& l : lines) {
    host = std::max(host, l.host.size());
    key = std::max(key, l.key_type.size());
    source = std::max(source, l.source.size());
  }
  const auto cell = [](const std::string& text, std::size_t width) {
    return text + std::string(width - text.size() + 2, ' ');
  };
  std::cout << cell("HOST", host) << cell("SOURCE", source) << cell("KEY", key)
            << cell("NOT AFTER", 10) << "ISSUER\n";
  for (const Line& l : lines)
    std::cout << cell(l.host, host) << cell(l.source, source) << cell(l.key_type, key)
              << cell(l.not_after, std::max<std::size_t>(10, l.not_after.size()))
              << (l.fault.empty() ? l.issuer : "FAULT: " + l.fault) << "\n";
}

// All pages.
int run_list(const CommandLine& line) {
  json::array all;
  std::string cursor;
  do {
    std::string path = "/v1/certificates?limit=200";
    if (!cursor.empty()) path += "&cursor=" + escaped(cursor);
    if (!line.certs.contains.empty()) path += "&contains=" + escaped(line.certs.contains);
    const auto reply = ask(line, "GET", path);
    if (!reply) return exit_code::failed;
    if (reply->status != 200) return refused(*reply);
    const auto page = object_of(*reply);
    const json::value* const entries = page ? page->if_contains("certificates") : nullptr;
    if (!entries || !entries->is_array()) return fail("the answer was not a list of certificates");
    for (const json::value& entry : entries->as_array())
      if (entry.is_object()) all.push_back(entry);
    cursor = text_at(*page, "next");
  } while (!cursor.empty());
  if (line.json) {
    std::cout << json::serialize(all) << "\n";
    return exit_code::ok;
  }
  std::vector<Line> lines;
  for (const json::value& entry : all)
    for (Line& l : lines_of(entry.as_object())) lines.push_back(std::move(l));
  print(lines);
  return exit_code::ok;
}

int run_export(const CommandLine& line) {
  auto reply = ask(line, "GET",
                   "/v1/certificates/" + escaped(line.certs.host) +
                       (line.certs.with_key ? "?with_key=true" : ""));
  if (!reply) return exit_code::failed;
  if (reply->status != 200) return refused(*reply);
  const auto entry = object_of(*reply);
  if (!entry) return fail("the answer was not a certificate");
  if (line.json)
    std::cout << reply->body << "\n";
  else
    std::cout << text_at(*entry, "chain") << text_at(*entry, "key");
  return exit_code::ok;
}

int run_remove(const CommandLine& line) {
  const auto reply = ask(line, "DELETE", "/v1/certificates/" + escaped(line.certs.host));
  if (!reply) return exit_code::failed;
  if (reply->status != 204) return refused(*reply);
  if (line.json)
    std::cout << json::serialize(json::object{{"removed", line.certs.host}}) << "\n";
  else
    std::cout << "removed: the certificate of " << line.certs.host << "\n";
  return exit_code::ok;
}

}  // namespace

int run_certs(const CommandLine& line) {
  switch (line.certs.what) {
    case CertsOptions::What::import:
      return run_import(line);
    case CertsOptions::What::list:
      return run_list(line);
    case CertsOptions::What::show_export:
      return run_export(line);
    case CertsOptions::What::remove:
      return run_remove(line);
  }
  return exit_code::usage;
}

}  // namespace marquee::app
