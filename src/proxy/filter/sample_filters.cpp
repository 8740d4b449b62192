#include "proxy/filter/sample_filters.hpp"

#include <limits>

namespace marquee::proxy {

HeadVerdict DoublingFilter::on_head(ResponseHeadEdit& head) {
  const auto length = head.content_length();
  const bool doubles = length && *length <= std::numeric_limits<std::uint64_t>::max() / 2;
  head.set_content_length(doubles ? std::optional<std::uint64_t>(*length * 2) : std::nullopt);
  for (const char* name : {"etag", "digest", "content-digest", "content-md5", "accept-ranges"}) {
    head.remove(name);
  }
  return HeadVerdict::engage;
}

bool DoublingFilter::drain(BodySink& out) {
  if (from_ == to_ && !flush_ && !end_) return true;
  const BodySlice slice{buffer_.data() + from_, to_ - from_, 0, flush_, end_};
  from_ += out.on_body(slice);
  if (from_ != to_) return false;
  from_ = to_ = 0;
  flush_ = end_ = false;
  return true;
}

std::size_t DoublingFilter::on_body(const BodySlice& in, BodySink& out) {
  std::size_t used = 0;
  for (;;) {
    while (used < in.size && to_ + 2 <= buffer_.size()) {
      buffer_[to_++] = in.data[used];
      buffer_[to_++] = in.data[used++];
    }
    if (used == in.size) {
      flush_ = flush_ || in.flush;
      end_ = in.end;
      drain(out);
      return used;
    }
    if (!drain(out)) return used;
  }
}

}  // namespace marquee::proxy
