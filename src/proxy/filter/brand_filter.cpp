#include "proxy/filter/brand_filter.hpp"

#include <algorithm>
#include <utility>

namespace marquee::proxy {

BrandFilter::BrandFilter(std::shared_ptr<const DomainBrand> brand)
    : brand_(std::move(brand)), rewriter_(brand_->plan) {}

// All but the length was said by edit_page_head(), which also sees answers without
// a body.
HeadVerdict BrandFilter::on_head(ResponseHeadEdit& head) {
  declared_ = brand::judge_content_type(head.field("content-type"));
  head.set_content_length(std::nullopt);
  return HeadVerdict::engage;
}

// Hands on what is kept; `all`: also less than a record. False: `out` is full.
bool BrandFilter::drain(BodySink& out, bool all) {
  const std::size_t size = kept_.size() - from_;
  if (!full_ && size != 0 && (all || size >= kGather)) {
    const bool flush = all && flush_;
    const bool end = all && end_;
    from_ += out.on_body({kept_.data() + from_, size, 0, flush, end});
    full_ = from_ < kept_.size();
    if (!full_ && flush) flush_ = false;
    if (!full_ && end) end_ = false;
  }
  if (full_) return false;
  if (from_ == kept_.size()) {
    kept_.clear();
    from_ = 0;
  }
  if (all && (flush_ || end_)) {
    const bool flush = std::exchange(flush_, false);
    const bool end = std::exchange(end_, false);
    out.on_body({nullptr, 0, 0, flush, end});
  }
  return true;
}

// From the rewriter. A long run of what came waits for what comes behind it, be it the
// end; the rest is gathered.
void BrandFilter::write(std::string_view bytes) {
  if (!run_.empty()) give_run(false, false);
  const bool borrowed = bytes.data() >= in_.data() && bytes.data() < in_.data() + in_.size();
  if (borrowed && bytes.size() >= kLong && !full_) {
    run_ = bytes;
    return;
  }
  // The head of a page and what comes into it, so that it need not grow.
  if (kept_.capacity() < kHead) kept_.reserve(kHead);
  kept_.append(bytes);
  drain(*out_, false);
}

// True: `out` has all of it, and flush and end.
bool BrandFilter::give_run(bool flush, bool end) {
  std::string_view run = std::exchange(run_, {});
  if (drain(*out_, true)) run.remove_prefix(out_->on_body({run.data(), run.size(), 0, flush, end}));
  if (run.empty()) return true;
  full_ = true;
  kept_.append(run);
  return false;
}

// Of the page's first bytes so far. A pause before they have said it is no end: the
// upstream may write head and body apart. One in the body is: it must flow.
void BrandFilter::judge(std::string_view first, const BodySlice& in) {
  switch (brand::judge_first_bytes(declared_, first, in.end)) {
    case brand::CharsetVerdict::need_more:
      judged_ = in.flush && brand::head_is_over(first);
      return;
    case brand::CharsetVerdict::foreign:
      foreign_ = true;
      break;
    case brand::CharsetVerdict::compatible:
      break;
  }
  judged_ = true;
}

// What nothing will change in, it leaves.
std::string_view BrandFilter::rewrite(std::string_view bytes) {
  if (!foreign_) bytes.remove_prefix(rewriter_.take(bytes, *this));
  return bytes;
}

std::size_t BrandFilter::on_body(const BodySlice& in, BodySink& out) {
  full_ = false;
  if (in.size != 0 && !drain(out, true)) return 0;
  if (passing() && kept_.empty() && first_.empty()) return out.on_body(in);
  out_ = &out;
  in_ = {in.data, in.size};
  std::string_view bytes = in_;
  if (!judged_) {
    if (first_.empty()) judge(bytes, in);
    if (!judged_) {
      const std::size_t taken = std::min(brand::kPrescan - first_.size(), bytes.size());
      const bool looked = first_.empty();
      first_.append(bytes.substr(0, taken));
      bytes.remove_prefix(taken);
      if (!looked) judge(first_, in);
    }
    if (judged_ && !first_.empty()) {
      const std::string first = std::exchange(first_, {});
      const std::string_view rest = rewrite(first);
      if (!rest.empty()) write(rest);
    }
  }
  if (judged_ && !bytes.empty()) bytes = rewrite(bytes);
  if (judged_ && !bytes.empty()) return pass(bytes, in, out);
  if (in.end && !foreign_) rewriter_.finish(*this);
  if (run_.empty() || !give_run(in.flush, in.end)) {
    flush_ = flush_ || in.flush;
    end_ = end_ || in.end;
    drain(out, true);
  }
  out_ = nullptr;
  return in.size;
}

// Behind what was made of the bytes before it.
std::size_t BrandFilter::pass(std::string_view rest, const BodySlice& in, BodySink& out) {
  const bool gone = run_.empty() || give_run(false, false);
  std::size_t taken = in.size - rest.size();
  if (gone && drain(out, true))
    taken += out.on_body({rest.data(), rest.size(), 0, in.flush, in.end});
  out_ = nullptr;
  return taken;
}

void BrandFilter::resume(BodySink& out) {
  full_ = false;
  drain(out, true);
}

}  // namespace marquee::proxy
