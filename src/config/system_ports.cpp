#include "config/system_ports.hpp"

#include <fcntl.h>
#include <glob.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <system_error>

namespace marquee::config {
namespace {

std::string reason(int error) { return std::generic_category().message(error); }

// A descriptor that is closed on every way out.
struct Descriptor {
  int fd;
  explicit Descriptor(const std::string& path) : fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {}
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
};

// Empty if the path names something with bytes to read.
std::string unsuitable(const std::string& path) {
  if (path.find('\0') != std::string::npos) return "the path holds a NUL byte";
  struct stat st {};
  if (::stat(path.c_str(), &st) != 0) return reason(errno);
  if (S_ISDIR(st.st_mode)) return "it is a directory";
  if (!S_ISREG(st.st_mode) && !S_ISFIFO(st.st_mode)) return "it is not a regular file";
  return {};
}

}  // namespace

std::optional<std::string> SystemEnvironment::variable(const std::string& name) const {
  const char* value = std::getenv(name.c_str());
  if (value == nullptr) return std::nullopt;
  return std::string(value);
}

FileContent SystemFiles::read(const std::string& path, std::size_t most) const {
  if (auto why = unsuitable(path); !why.empty()) return {std::nullopt, why};
  const Descriptor file(path);
  if (file.fd < 0) return {std::nullopt, reason(errno)};
  std::string bytes;
  char chunk[16384];
  for (;;) {
    const ssize_t n = ::read(file.fd, chunk, sizeof chunk);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return {std::nullopt, reason(errno)};
    if (n == 0) return {std::move(bytes), {}};
    bytes.append(chunk, static_cast<std::size_t>(n));
    if (bytes.size() > most)
      return {std::nullopt, "it is larger than " + std::to_string(most) + " bytes"};
  }
}

std::string SystemFiles::unreadable(const std::string& path) const {
  if (auto why = unsuitable(path); !why.empty()) return why;
  return ::access(path.c_str(), R_OK) == 0 ? std::string() : reason(errno);
}

std::vector<std::string> SystemFiles::match(const std::string& pattern, std::size_t most) const {
  std::vector<std::string> paths;
  glob_t found{};
  if (::glob(pattern.c_str(), 0, nullptr, &found) == 0) {
    for (std::size_t i = 0; i < found.gl_pathc && paths.size() < most; ++i) {
      paths.emplace_back(found.gl_pathv[i]);
    }
  }
  ::globfree(&found);
  return paths;  // glob sorts
}

std::string SystemFiles::identity(const std::string& path) const {
  std::error_code error;
  auto real = std::filesystem::canonical(path, error);
  return error ? path : real.string();
}

}  // namespace marquee::config
