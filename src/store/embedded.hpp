// The files of src/store/schema, made part of the binary at build time.
#pragma once
#include <span>
#include <string_view>

namespace marquee::store {

struct EmbeddedFile {
  std::string_view name;  // "sqlite_001_platform_tables.sql"
  std::string_view text;
};
// By name, ascending.
std::span<const EmbeddedFile> embedded_files();

}  // namespace marquee::store
