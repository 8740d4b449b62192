#include "proxy/filter/coding_filter.hpp"

#include <utility>

namespace marquee::proxy {

// False: `out` is full.
bool CodingFilter::drain(BodySink& out) {
  if (from_ < to_) from_ += out.on_body({buffer_.data() + from_, to_ - from_, 0, false, false});
  if (from_ < to_) return false;
  from_ = to_ = 0;
  return true;
}

void CodingFilter::fail(BodySink& out) {
  if (std::exchange(failed_, true)) return;
  out.on_failed({base::FailureSource::upstream, false, "a content coding is broken"});
}

// What was asked for behind the bytes that were taken. False: not done yet.
bool CodingFilter::finish(BodySink& out) {
  while (!failed_) {
    if (!drain(out)) return false;
    if (done_) {
      done_ = false;
      const bool end = std::exchange(doing_, Codec::Mode::more) == Codec::Mode::end;
      flush_ = false;
      out.on_body({nullptr, 0, 0, !end, end});
      continue;
    }
    if (doing_ == Codec::Mode::more) {
      if (!flush_ && !end_) return true;
      doing_ = end_ ? Codec::Mode::end : Codec::Mode::flush;
      end_ = false;
    }
    const Codec::Step s = codec_->step(nullptr, 0, buffer_.data(), buffer_.size(), doing_);
    to_ = s.produced;
    done_ = s.done;
    if (s.failed || (!s.done && s.produced == 0)) fail(out);
  }
  return false;
}

std::size_t CodingFilter::on_body(const BodySlice& in, BodySink& out) {
  if (failed_) return 0;
  if (in.size != 0 && !finish(out)) return 0;
  std::size_t taken = 0;
  while (taken < in.size && !failed_) {
    if (!drain(out)) return taken;
    const Codec::Step s = codec_->step(in.data + taken, in.size - taken, buffer_.data(),
                                       buffer_.size(), Codec::Mode::more);
    if (s.failed || (s.consumed == 0 && s.produced == 0)) {
      fail(out);
      return taken;
    }
    taken += s.consumed;
    to_ = s.produced;
  }
  flush_ = flush_ || in.flush;
  end_ = end_ || in.end;
  finish(out);
  return taken;
}

void CodingFilter::resume(BodySink& out) { finish(out); }

HeadVerdict DecodeFilter::on_head(ResponseHeadEdit& head) {
  if (!usable()) return HeadVerdict::pass;
  head.remove("content-encoding");
  head.set_content_length(std::nullopt);
  return HeadVerdict::engage;
}

HeadVerdict EncodeFilter::on_head(ResponseHeadEdit& head) {
  edit(head, usable() ? coding_ : Coding::identity, vary_);
  return usable() ? HeadVerdict::engage : HeadVerdict::pass;
}

void EncodeFilter::edit(ResponseHeadEdit& head, Coding coding,
                        const std::optional<std::string>& vary) {
  if (vary) head.set("vary", *vary);
  if (coding == Coding::identity) return;
  head.set("content-encoding", name(coding));
  head.set_content_length(std::nullopt);
  for (const char* field : {"accept-ranges", "digest", "content-digest", "content-md5"})
    head.remove(field);
  const std::string etag(head.field("etag"));
  if (etag.starts_with('"')) head.set("etag", "W/" + etag);
}

}  // namespace marquee::proxy
