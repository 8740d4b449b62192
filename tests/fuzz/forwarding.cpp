// Forwarding fields of a trusted peer, in any bytes: what goes on is well formed
// by our own rules, stays within the buffer, and holds no control byte.
#include "proxy/http/forwarding.hpp"

#include <algorithm>
#include <array>

#include "input.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace marquee;
  const Input in(data, size);
  std::array<std::string_view, 5> lines;
  std::string_view rest = in.bytes;
  for (auto& line : lines) {
    line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
  }
  base::CidrList trusted;
  proxy::ForwardingFacts facts;
  facts.peer = *base::IpAddress::parse(in.choice & 1 ? "2001:db8::7" : "192.0.2.7");
  facts.peer_known = (in.choice & 2) == 0;
  facts.peer_trusted = true;
  facts.scheme = "https";
  facts.authority = "shop.example:8443";
  facts.port = 8443;
  facts.existing = {{&lines[0], 1}, {&lines[1], 1}, {&lines[2], 1}, {&lines[3], 1}, {&lines[4], 1}};
  std::array<char, proxy::kForwardingBuffer> buffer;
  const std::size_t room = buffer.size() - (in.piece % 2 ? in.piece * 72 : 0);
  const auto v = proxy::compute_forwarding(facts, trusted, {buffer.data(), room});
  for (std::string_view s : {v.forwarded, v.x_forwarded_for, v.x_forwarded_proto,
                             v.x_forwarded_host, v.x_forwarded_port, v.x_real_ip})
    for (char c : s) require(static_cast<unsigned char>(c) >= 0x20 || c == '\t');
  // What went on may be at its bounds; below them it must read as what it is.
  if (lines[0].size() < 1024)
    require(v.forwarded.empty() || proxy::is_forwarded({&v.forwarded, 1}));
  if (lines[1].size() < 60 && !v.x_forwarded_for.empty())
    require(proxy::read_forwarded_for({&v.x_forwarded_for, 1}, trusted).valid);
  return 0;
}
