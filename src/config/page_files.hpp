// The files in pages.directory, as bytes. What they mean is judged further up
// (brand/pages).
#pragma once
#include <vector>

#include "config/ports.hpp"
#include "config/settings.hpp"

namespace marquee::config {

inline constexpr std::size_t kMaxPageFile = 64u << 10;
inline constexpr std::size_t kMaxPageFiles = 2000;
inline constexpr std::size_t kMaxPageBytes = 16u << 20;  // all of them

// Fills pages.files with DIRECTORY/*/*.html. Blocking.
std::vector<Problem> read_page_files(Pages& pages, const Files& files);

}  // namespace marquee::config
