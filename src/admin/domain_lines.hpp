// Domains as lines of a file: CSV with a header line, or a JSON object per line.
// Pure; for import and export.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace marquee::admin {

enum class LineFormat : std::uint8_t { csv, json };

// A file that begins with "{" is JSON.
LineFormat format_of(std::string_view first_line);

// Either the JSON of a draft, or what is wrong.
struct DraftLine {
  std::string draft;
  std::string error;
};

// Of the header: the columns, or a sentence in `error`.
std::vector<std::string> parse_header(const std::vector<std::string>& cells, std::string& error);
// An empty cell is a member that is not given; config and white_label are JSON.
DraftLine csv_draft(const std::vector<std::string>& columns, const std::vector<std::string>& cells);
DraftLine json_draft(std::string_view line);

// From the JSON of a domain: what can be imported of it.
std::string header_line();
std::string export_line(std::string_view domain, LineFormat format);

inline constexpr std::size_t kMostLine = 256u << 10;  // bytes of one record

}  // namespace marquee::admin
