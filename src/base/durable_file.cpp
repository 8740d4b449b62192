#include "base/durable_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace marquee::base {
namespace {

std::string because(const char* what) { return std::string(what) + ": " + std::strerror(errno); }

bool write_all(int file, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(file, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

std::string fill(int file, std::initializer_list<std::string_view> parts) {
  for (const std::string_view part : parts)
    if (!write_all(file, part)) return because("cannot be written");
  return ::fsync(file) == 0 ? std::string() : because("cannot be written");
}

}  // namespace

std::string replace_file(int folder, const std::string& name, const std::string& aside, mode_t mode,
                         std::initializer_list<std::string_view> parts, int* opened) {
  ::unlinkat(folder, aside.c_str(), 0);
  const int file = ::openat(folder, aside.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, mode);
  if (file < 0) return because("cannot be made");
  std::string error = fill(file, parts);
  if (error.empty() && ::renameat(folder, aside.c_str(), folder, name.c_str()) != 0)
    error = because("cannot be replaced");
  if (!error.empty())
    ::unlinkat(folder, aside.c_str(), 0);
  else if (::fsync(folder) != 0 && errno != EINVAL)  // some file systems know no such thing
    error = because("may not last");
  if (error.empty() && opened)
    *opened = file;
  else
    ::close(file);
  return error;
}

}  // namespace marquee::base
