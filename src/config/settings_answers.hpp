// Settings of what clients get: brands, pages, fields of answers, compression.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "config/mark.hpp"

namespace marquee::config {

// How brands of domains are applied.
struct Branding {
  bool html = true;  // pages of upstreams are branded
  std::string title_separator = " | ";
  std::vector<std::string> removed_classes{"dramac-branding"};  // with hide_powered_by
  std::vector<std::string> removed_attributes{"data-dramac-branding"};
  std::vector<std::string> removed_texts{"powered by dramac"};
  std::vector<std::string> css_hosts;  // that a tenant's CSS may name in url()
};

// One file of pages.directory, DIRECTORY/SCOPE/NAME.html.
struct PageFile {
  std::string path;
  std::string scope;  // "default", or an agency's id
  std::string name;   // "503", "maintenance"
  std::shared_ptr<const std::string> text;
};

// Pages of our own: errors, and why a domain does not serve.
struct Pages {
  std::string language = "en";                  // where no language of the visitor's is spoken
  Marked<std::string> directory;                // templates of the operator; empty: none
  std::vector<std::string> maintenance;         // ids of agencies; "all": every customer's domain
  Ms retry_after{300'000};                      // told during maintenance
  std::vector<std::uint16_t> replace_upstream;  // statuses of upstreams that become our pages
  std::vector<PageFile> files;                  // what was found in `directory`
};

enum class AnswerScope : std::uint8_t { directory, all, none };
enum class HostRewrite : std::uint8_t { hosts, own_paths, off };

// What becomes of the fields of upstreams' answers on customers' domains.
struct Answers {
  AnswerScope domains = AnswerScope::directory;
  bool security_fields = true;
  Ms hsts{0};  // max-age; 0: no such field
  bool hsts_subdomains = false;
  std::vector<std::string> removed_fields{"Server", "X-Powered-By"};
  std::string server;  // instead of the upstream's; empty: none
  HostRewrite rewrite = HostRewrite::hosts;
  std::vector<std::string> platform_hosts;  // beside those of host_classes and upstreams
  // Of config.custom_headers, beside what no row may set (routing/record_json.cpp).
  std::vector<std::string> allowed_fields;  // empty: all
  std::vector<std::string> denied_fields{"Access-Control-*", "Age", "Date", "ETag", "Vary", "Via"};
};

enum class Compress : std::uint8_t { branded, all, off };

// Content codings of answers, chosen by the client's Accept-Encoding.
struct Compression {
  Compress answers = Compress::branded;
  std::uint64_t least_size = 1024;
  std::uint32_t level = 4;  // 1 is quick, 9 is small
  std::vector<std::string> codings{"br", "zstd", "gzip"};
};

}  // namespace marquee::config
