#include "base/csv.hpp"

#include <algorithm>

namespace marquee::base {

CsvRecord parse_csv(std::string_view text) {
  CsvRecord out;
  std::size_t i = 0;
  for (;;) {
    std::string cell;
    if (i < text.size() && text[i] == '"') {
      for (++i;; ++i) {
        if (i == text.size()) return {CsvRecord::Status::open, {}};
        if (text[i] != '"') {
          cell += text[i];
        } else if (i + 1 < text.size() && text[i + 1] == '"') {
          cell += text[i++];
        } else {
          break;
        }
      }
      ++i;
      if (i + 1 == text.size() && text[i] == '\r') ++i;
      if (i < text.size() && text[i] != ',') return {CsvRecord::Status::bad, {}};
    } else {
      const std::size_t end = std::min(text.find(',', i), text.size());
      cell = text.substr(i, end - i);
      if (cell.find('"') != std::string::npos) return {CsvRecord::Status::bad, {}};
      if (end == text.size() && !cell.empty() && cell.back() == '\r') cell.pop_back();
      i = end;
    }
    out.cells.push_back(std::move(cell));
    if (i >= text.size()) return out;
    ++i;  // the comma
  }
}

std::string csv_cell(std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) return std::string(text);
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + "\"";
}

}  // namespace marquee::base
