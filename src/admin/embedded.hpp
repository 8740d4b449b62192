// The files of src/admin/openapi, made part of the binary at build time.
#pragma once
#include <span>
#include <string_view>

namespace marquee::admin {

struct EmbeddedFile {
  std::string_view name;  // "openapi.json"
  std::string_view text;
};
std::span<const EmbeddedFile> embedded_files();

}  // namespace marquee::admin
