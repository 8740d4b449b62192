#include "net/redis_query.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <cstring>

#include "net/redis_socket.hpp"

namespace marquee::net {

namespace asio = boost::asio;

class RedisQuery::Job : public std::enable_shared_from_this<RedisQuery::Job> {
 public:
  Job(asio::io_context& io, RedisQueryRequest request, Done done)
      : io_(io),
        descriptor_(io),
        timer_(io),
        request_(std::move(request)),
        done_(std::move(done)) {}

  void begin() {
    timer_.expires_after(request_.limit);
    timer_.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
      if (!error) self->fail("it did not answer in time");
    });
    Fd fd = redis_socket(request_.address);
    if (!fd || !redis_connect(fd.get(), request_.address)) return fail(std::strerror(errno));
    const int number = fd.get();
    descriptor_.assign(fd.release());
    if (request_.tls) {
      auto tls = std::make_unique<TlsClientStream>(request_.tls, number, request_.server_name);
      tls_ = tls.get();
      stream_ = std::move(tls);
    } else {
      stream_ = std::make_unique<PlainStream>(number);
    }
    compose();
    wait(asio::posix::stream_descriptor::wait_write);
  }

  void cancel() {
    done_ = nullptr;
    close();
  }

 private:
  void compose() {
    if (!request_.password.empty()) {
      ++due_;
      std::vector<std::string_view> auth{"AUTH"};
      if (!request_.username.empty()) auth.push_back(request_.username);
      auth.push_back(request_.password);
      append_command(out_, auth);
    }
    ++due_;
    append_command(out_,
                   std::vector<std::string_view>(request_.command.begin(), request_.command.end()));
  }

  void wait(asio::posix::stream_descriptor::wait_type for_what) {
    descriptor_.async_wait(for_what,
                           [self = shared_from_this()](const boost::system::error_code& error) {
                             if (!error) self->go_on();
                           });
  }

  void go_on() {
    if (!done_) return;
    if (!connected_) {
      int error = 0;
      socklen_t size = sizeof error;
      ::getsockopt(descriptor_.native_handle(), SOL_SOCKET, SO_ERROR, &error, &size);
      if (error != 0) return fail(std::strerror(error));
      connected_ = true;
    }
    stream_->on_readiness(true, true);
    if (tls_ && !greeted_) {
      const IoStatus status = tls_->handshake();
      if (status == IoStatus::would_block) return wait(asio::posix::stream_descriptor::wait_read);
      if (status != IoStatus::ok) return fail("TLS: " + tls_->error());
    }
    greeted_ = true;
    while (sent_ < out_.size()) {
      const iovec part{out_.data() + sent_, out_.size() - sent_};
      const IoResult put = stream_->write({&part, 1});
      if (put.status == IoStatus::failed) return fail("the connection broke");
      sent_ += put.bytes;
      if (sent_ < out_.size() && stream_->pending_out() > 0)
        return wait(asio::posix::stream_descriptor::wait_write);
    }
    read();
  }

  void read() {
    char buffer[16'384];
    while (stream_->may_read()) {
      const IoResult got = stream_->read(buffer);
      if (got.status == IoStatus::would_block) break;
      if (got.status == IoStatus::closed) return fail("it closed the connection");
      if (got.status == IoStatus::failed) return fail("the connection broke");
      if (!replies_.feed({buffer, got.bytes})) return fail("its answer is not Redis's protocol");
      for (;;) {
        const RedisValues::Next next = replies_.next();
        if (next == RedisValues::Next::broken) return fail("its answer is not Redis's protocol");
        if (next == RedisValues::Next::none) break;
        if (replies_.value().is_error()) return fail("it says " + replies_.value().text);
        if (--due_ == 0) return finish({true, std::move(replies_.value()), {}});
      }
    }
    wait(asio::posix::stream_descriptor::wait_read);
  }

  void fail(std::string sentence) { finish({false, {}, std::move(sentence)}); }

  void finish(RedisQueryResult result) {
    close();
    if (!done_) return;
    asio::post(io_, [self = shared_from_this(), result = std::move(result)]() mutable {
      if (const Done done = std::exchange(self->done_, nullptr)) done(std::move(result));
    });
  }

  void close() {
    timer_.cancel();
    boost::system::error_code ignored;
    stream_.reset();
    tls_ = nullptr;
    descriptor_.close(ignored);
  }

  asio::io_context& io_;
  asio::posix::stream_descriptor descriptor_;
  asio::steady_timer timer_;
  RedisQueryRequest request_;
  Done done_;
  std::unique_ptr<ByteStream> stream_;
  TlsClientStream* tls_ = nullptr;  // of stream_
  RedisValues replies_;
  std::string out_;
  std::size_t sent_ = 0;
  unsigned due_ = 0;  // replies
  bool connected_ = false;
  bool greeted_ = false;  // no handshake is under way
};

RedisQuery::RedisQuery(asio::io_context& io, RedisQueryRequest request, Done done)
    : job_(std::make_shared<Job>(io, std::move(request), std::move(done))) {
  job_->begin();
}

RedisQuery::~RedisQuery() { job_->cancel(); }

}  // namespace marquee::net
