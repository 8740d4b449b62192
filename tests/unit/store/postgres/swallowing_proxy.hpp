// A TCP relay to a PostgreSQL server that keeps notifications to itself, as a
// pooler in transaction mode does. One thread, plain connections only.
#pragma once
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <memory>
#include <string>
#include <thread>

namespace marquee::store {

class SwallowingProxy {
 public:
  using Tcp = boost::asio::ip::tcp;

  explicit SwallowingProxy(unsigned short server)
      : server_(boost::asio::ip::address_v4::loopback(), server),
        acceptor_(io_, Tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0)) {
    accept();
    thread_ = std::thread([this] { io_.run(); });
  }
  ~SwallowingProxy() {
    io_.stop();
    thread_.join();
  }
  std::string port() const { return std::to_string(acceptor_.local_endpoint().port()); }

 private:
  struct Pair {
    explicit Pair(boost::asio::io_context& io) : client(io), server(io) {}
    Tcp::socket client, server;
    std::array<char, 16384> up{}, down{};
    std::string partial;  // of a message from the server
  };

  void accept() {
    auto pair = std::make_shared<Pair>(io_);
    acceptor_.async_accept(pair->client, [this, pair](boost::system::error_code error) {
      if (error) return;
      pair->server.connect(server_, error);
      if (!error) {
        relay_up(pair);
        relay_down(pair);
      }
      accept();
    });
  }
  void relay_up(const std::shared_ptr<Pair>& pair) {
    pair->client.async_read_some(boost::asio::buffer(pair->up),
                                 [this, pair](boost::system::error_code error, std::size_t n) {
                                   if (!error)
                                     boost::asio::write(pair->server,
                                                        boost::asio::buffer(pair->up, n), error);
                                   if (!error) return relay_up(pair);
                                   pair->server.close(error);
                                 });
  }
  void relay_down(const std::shared_ptr<Pair>& pair) {
    pair->server.async_read_some(
        boost::asio::buffer(pair->down),
        [this, pair](boost::system::error_code error, std::size_t n) {
          pair->partial.append(pair->down.data(), n);
          std::string out;
          // Type, then length without the type (protocol 3.0, "Message Formats").
          while (pair->partial.size() >= 5) {
            std::size_t length = 1;
            std::size_t value = 0;
            for (int i = 1; i < 5; ++i)
              value = value << 8 |
                      static_cast<unsigned char>(pair->partial[static_cast<std::size_t>(i)]);
            length += value;
            if (pair->partial.size() < length) break;
            if (pair->partial[0] != 'A') out.append(pair->partial, 0, length);
            pair->partial.erase(0, length);
          }
          if (!error) boost::asio::write(pair->client, boost::asio::buffer(out), error);
          if (!error) return relay_down(pair);
          pair->client.close(error);
        });
  }

  boost::asio::io_context io_{1};
  Tcp::endpoint server_;
  Tcp::acceptor acceptor_;
  std::thread thread_;
};

}  // namespace marquee::store
