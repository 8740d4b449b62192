// A small DNS server for tests: UDP on 127.0.0.1, any free port, on the test's
// io_context. It answers A and AAAA from a table that the test changes.
#pragma once
#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/udp.hpp>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace marquee::test {

class DnsServer {
 public:
  struct Records {
    std::vector<std::array<std::uint8_t, 4>> a;
    std::vector<std::array<std::uint8_t, 16>> aaaa;
    int rcode = 0;
    bool silent = false;
    bool garbage = false;
  };

  explicit DnsServer(boost::asio::io_context& io)
      : socket_(io, {boost::asio::ip::address_v4::loopback(), 0}) {
    receive();
  }

  std::string address() const {
    return "127.0.0.1:" + std::to_string(socket_.local_endpoint().port());
  }

  std::map<std::string, Records> table;  // a name that is not here is NXDOMAIN
  int questions = 0;
  std::vector<std::string> asked;

 private:
  void receive() {
    socket_.async_receive_from(boost::asio::buffer(in_), from_,
                               [this](boost::system::error_code ec, std::size_t n) {
                                 if (ec) return;
                                 answer(n);
                                 receive();
                               });
  }

  void answer(std::size_t size) {
    if (size < 17) return;
    std::string name;
    std::size_t at = 12;
    while (at < size && in_[at] != 0) {
      const std::size_t length = static_cast<unsigned char>(in_[at++]);
      if (!name.empty()) name += '.';
      for (std::size_t i = 0; i < length && at < size; ++i) {
        const char c = in_[at++];
        name += c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;  // 0x20 mixing
      }
    }
    if (at + 5 > size) return;
    const unsigned type = static_cast<unsigned char>(in_[at + 2]);
    const std::size_t question_end = at + 5;
    ++questions;
    asked.push_back(name);
    const auto found = table.find(name);
    const Records records = found == table.end() ? Records{{}, {}, 3} : found->second;
    if (records.silent) return;
    std::string out(in_.data(), question_end);
    const std::size_t count = type == 1 ? records.a.size() : records.aaaa.size();
    out[2] = static_cast<char>(0x85);  // response, authoritative, recursion desired
    out[3] = static_cast<char>(0x80 | records.rcode);
    out[6] = static_cast<char>(count >> 8);
    out[7] = static_cast<char>(count & 0xFF);
    out[8] = out[9] = out[10] = out[11] = 0;
    if (type == 1) {
      for (const auto& a : records.a) add(out, 1, a);
    } else {
      for (const auto& a : records.aaaa) add(out, 28, a);
    }
    if (records.garbage) out.resize(question_end + (count ? 3 : 0));
    boost::system::error_code ec;
    socket_.send_to(boost::asio::buffer(out), from_, 0, ec);
  }

  template <std::size_t N>
  static void add(std::string& out, int type, const std::array<std::uint8_t, N>& bytes) {
    out += std::string("\xC0\x0C\0", 3);
    out += static_cast<char>(type);
    out += std::string("\0\1\0\0\0\0\0", 7);
    out += static_cast<char>(N);
    for (const std::uint8_t b : bytes) out += static_cast<char>(b);
  }

  boost::asio::ip::udp::socket socket_;
  boost::asio::ip::udp::endpoint from_;
  std::array<char, 1500> in_{};
};

}  // namespace marquee::test
