// What stands between the two ends of a response: filters that may change its
// head before it is committed, and its body as it flows. Pure: no socket, no
// clock; a filter that waits for something else is woken through wake().
//
// Body bytes pass as borrowed slices, valid during the call only. The receiver
// takes n <= size bytes and owns nothing of the rest: whoever gave it keeps that,
// stops, and offers it again when it is told to resume. `end` belongs behind the
// last byte: it is accepted exactly when all bytes of its slice are. A slice
// without bytes (only flush or end) is always accepted and never refused.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/failure.hpp"
#include "proxy/body_slice.hpp"

namespace marquee::proxy {

// Receives a body. Returns how many bytes it took; after fewer than offered it
// resumes its giver later (FilterChain::resume for the chain's sink).
class BodySink {
 public:
  virtual ~BodySink() = default;
  virtual std::size_t on_body(const BodySlice& slice) = 0;
  // The body breaks off here. Called at most once; nothing follows.
  virtual void on_failed(const base::Failure& failure) = 0;
};

// A response head that has not been written yet, whatever class holds it. Names
// are lower case. Values are copied. Valid until on_head has been decided.
class ResponseHeadEdit {
 public:
  virtual ~ResponseHeadEdit() = default;
  virtual unsigned status() const = 0;
  // The first field of that name; empty if there is none. A view for this call of
  // on_head only.
  virtual std::string_view field(std::string_view name) const = 0;
  virtual void set(std::string_view name, std::string_view value) = 0;  // replaces all
  virtual void remove(std::string_view name) = 0;                       // all of that name
  // Framing is told by these, never by set(): nothing means that the length is not
  // known beforehand (chunked, or the end of the connection).
  virtual std::optional<std::uint64_t> content_length() const = 0;
  virtual void set_content_length(std::optional<std::uint64_t> length) = 0;
};

enum class HeadVerdict : std::uint8_t {
  pass,     // not mine: the filter leaves the chain
  engage,   // the body goes through the filter
  pending,  // not known yet: on_head is called again after wake()
};

class FilterHost {
 public:
  virtual void woken() = 0;

 protected:
  ~FilterHost() = default;
};

// One filter of one response; owned by its chain. It holds at most its own,
// bounded output buffer. Its functions are never entered while one of them runs.
class ResponseFilter {
 public:
  virtual ~ResponseFilter() = default;
  virtual HeadVerdict on_head(ResponseHeadEdit& head) = 0;
  // Takes all of `in`, unless `out` took less than it was given, or the filter
  // waits for something and will call wake(). After it has accepted an end, it
  // sends exactly one. A failure is reported by out.on_failed(). Every possible
  // split of a body must give the same bytes.
  virtual std::size_t on_body(const BodySlice& in, BodySink& out) = 0;
  // `out` may take bytes again, or wake() was called: goes on with what the
  // filter itself holds. May be called without need.
  virtual void resume(BodySink& out) = 0;

 protected:
  // From outside the filter's own functions the last thing that the caller does:
  // the filter may be gone when it returns.
  void wake() {
    if (host_) host_->woken();
  }

 private:
  friend class FilterChain;
  FilterHost* host_ = nullptr;
};

}  // namespace marquee::proxy
