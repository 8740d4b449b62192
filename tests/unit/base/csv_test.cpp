#include "base/csv.hpp"

#include <doctest/doctest.h>

using namespace marquee::base;
using Cells = std::vector<std::string>;
using Status = CsvRecord::Status;

TEST_CASE("a record of comma-separated values is taken apart") {
  CHECK(parse_csv("a,b,c").cells == Cells{"a", "b", "c"});
  CHECK(parse_csv("a,b\r").cells == Cells{"a", "b"});
  CHECK(parse_csv("").cells == Cells{""});
  CHECK(parse_csv(",").cells == Cells{"", ""});
  CHECK(parse_csv("\"a,\"\"b\"\"\",c").cells == Cells{"a,\"b\"", "c"});
  CHECK(parse_csv("x,\"\"\r").cells == Cells{"x", ""});
  CHECK(parse_csv("\"two\nlines\",x").cells == Cells{"two\nlines", "x"});
}

TEST_CASE("quotes that do not match are open or bad") {
  CHECK(parse_csv("a,\"b").status == Status::open);
  CHECK(parse_csv("a,\"b\"\"").status == Status::open);
  CHECK(parse_csv("a\"b,c").status == Status::bad);
  CHECK(parse_csv("\"a\"b,c").status == Status::bad);
}

TEST_CASE("a cell that was written is read again") {
  for (const std::string text : {"", "plain", "a,b", "a\"b", "two\nlines", "\r", "\"", " x "}) {
    const CsvRecord read = parse_csv(csv_cell(text) + "," + csv_cell(text));
    CHECK(read.status == Status::whole);
    CHECK(read.cells == Cells{text, text});
  }
}
