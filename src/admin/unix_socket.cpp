#include "admin/unix_socket.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>

namespace marquee::admin {
namespace {

base::Failure failure(const std::string& path, const std::string& why) {
  return {base::FailureSource::self, false, "admin socket " + path + ": " + why};
}

std::string words(int error) { return std::generic_category().message(error); }

// Empty when the path is free to bind, after a stale file was removed.
std::string make_free(const std::string& path, const sockaddr_un& address) {
  struct stat s {};
  if (::lstat(path.c_str(), &s) != 0) return errno == ENOENT ? "" : words(errno);
  if (!S_ISSOCK(s.st_mode))
    return "a file that is not a socket is there; remove it or choose another path";
  const int probe = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (probe < 0) return words(errno);
  const int result = ::connect(probe, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  const int error = result == 0 ? 0 : errno;
  ::close(probe);
  if (error == 0 || error == EAGAIN)
    return "another process serves it; stop that one or choose another path";
  if (error != ECONNREFUSED) return words(error);
  return ::unlink(path.c_str()) == 0 ? "" : words(errno);
}

}  // namespace

std::optional<base::Failure> listen_unix(const std::string& path, mode_t mode, UnixSocket& out) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    return failure(path, "the path is longer than the " +
                             std::to_string(sizeof address.sun_path - 1) +
                             " bytes that a socket may have; choose a shorter admin.socket");
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  if (const std::string why = make_free(path, address); !why.empty()) return failure(path, why);

  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return failure(path, words(errno));
  // On Linux the file takes the mode of the unbound socket, less the umask; so
  // it is never open to more than `mode`, not even between bind and chmod.
  struct stat s {};
  if (::fchmod(fd, mode) != 0 ||
      ::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::chmod(path.c_str(), mode) != 0 || ::lstat(path.c_str(), &s) != 0 || ::listen(fd, 64) != 0) {
    const int error = errno;
    ::close(fd);
    return failure(path, words(error));
  }
  out = {fd, s.st_dev, s.st_ino};
  return std::nullopt;
}

void remove_unix(const std::string& path, const UnixSocket& socket) {
  struct stat s {};
  if (::lstat(path.c_str(), &s) == 0 && s.st_dev == socket.device && s.st_ino == socket.inode) {
    ::unlink(path.c_str());
  }
}

}  // namespace marquee::admin
