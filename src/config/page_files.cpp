#include "config/page_files.hpp"

#include <filesystem>
#include <memory>
#include <utility>

#include "config/text.hpp"

namespace marquee::config {
namespace {

// A folder's name as it is, in a shell pattern.
std::string literal(const std::string& path) {
  std::string out;
  for (const char c : path) {
    if (c == '*' || c == '?' || c == '[' || c == ']' || c == '\\') out.push_back('\\');
    out.push_back(c);
  }
  return out;
}

}  // namespace

std::vector<Problem> read_page_files(Pages& pages, const Files& files) {
  std::vector<Problem> out;
  pages.files.clear();
  const std::string& directory = *pages.directory;
  if (directory.empty()) return out;
  const auto fault = [&](const std::string& sentence) {
    out.push_back({pages.directory.mark, "pages.directory " + sentence});
  };
  const auto found = files.match(literal(directory) + "/*/*.html", kMaxPageFiles + 1);
  if (found.empty())
    fault("names " + in_quotes(directory) +
          ", where no page is; write default/503.html there, or another of the names in "
          "docs/pages.md, or remove the key");
  if (found.size() > kMaxPageFiles) {
    fault("holds more than " + std::to_string(kMaxPageFiles) +
          " pages; write one for all agencies into default");
    return out;
  }
  std::size_t total = 0;
  for (const std::string& path : found) {
    FileContent content = files.read(path, kMaxPageFile);
    if (!content.bytes) {
      fault("holds " + in_quotes(path) + ", which cannot be read: " + content.why +
            "; write a page of at most 64 KiB");
      continue;
    }
    total += content.bytes->size();
    if (total > kMaxPageBytes) {
      fault("holds more than 16 MiB; write smaller pages, or fewer");
      return out;
    }
    const std::filesystem::path p(path);
    pages.files.push_back({path, p.parent_path().filename().string(), p.stem().string(),
                           std::make_shared<const std::string>(std::move(*content.bytes))});
  }
  return out;
}

}  // namespace marquee::config
