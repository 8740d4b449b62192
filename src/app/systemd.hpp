// What systemd is told, and the sockets that it hands over. Own code: the
// protocol is a datagram and three variables (sd_notify(3), sd_listen_fds(3)).
#pragma once
#include <chrono>
#include <string>
#include <string_view>
#include <vector>

namespace marquee::app {

// Sends state changes to the socket in NOTIFY_SOCKET; does nothing without it.
// Sending never blocks, and a failure is nobody's concern.
class ServiceNotifier {
 public:
  // `socket` is the value of NOTIFY_SOCKET: a path, or '@' and an abstract name.
  explicit ServiceNotifier(std::string socket) : socket_(std::move(socket)) {}

  void ready(std::string_view status) const;
  // Type=notify-reload wants the time at which the reload began, on
  // CLOCK_MONOTONIC; ready() ends it.
  void reloading(std::chrono::microseconds monotonic) const;
  void stopping() const;
  void status(std::string_view text) const;

 private:
  void send(const std::string& datagram) const;
  std::string socket_;
};

std::chrono::microseconds monotonic_now();

struct PassedSocket {
  int fd = -1;       // listening; now close-on-exec and non-blocking, owned by the caller
  std::string name;  // FileDescriptorName= of the unit; "unknown" without
};

// The sockets passed to this process; empty when LISTEN_PID names another one.
// Unsets LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES, so that children do not take
// them for theirs. Call once, before threads are started.
std::vector<PassedSocket> take_passed_sockets();

}  // namespace marquee::app
