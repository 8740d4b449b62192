// Comma-separated values (RFC 4180), one record at a time. Pure.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace marquee::base {

struct CsvRecord {
  enum class Status : std::uint8_t {
    whole,
    open,  // a quoted cell goes on in the next line: try again with that appended
    bad,   // a quote inside of a plain cell, or text behind a quoted one
  };
  Status status = Status::whole;
  std::vector<std::string> cells;
};

// `text` without its last line end; a carriage return before that is left out.
CsvRecord parse_csv(std::string_view text);

// As a cell; in quotes where it has to be.
std::string csv_cell(std::string_view text);

}  // namespace marquee::base
