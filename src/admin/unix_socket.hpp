// A listening Unix socket at a path, and what happens to the file.
#pragma once
#include <sys/types.h>

#include <optional>
#include <string>

#include "base/failure.hpp"

namespace marquee::admin {

struct UnixSocket {
  int fd = -1;  // listening, non-blocking, close-on-exec; the caller closes it
  dev_t device = 0;
  ino_t inode = 0;
};

// Binds and listens; the file gets `mode` and never had a wider one. A stale
// socket file (nobody accepts there) is replaced.
std::optional<base::Failure> listen_unix(const std::string& path, mode_t mode, UnixSocket& out);

// Removes the file unless another process has put its own there meanwhile.
void remove_unix(const std::string& path, const UnixSocket& socket);

}  // namespace marquee::admin
