#include "proxy/filter/brand_filter.hpp"

#include <algorithm>
#include <utility>

#include "brand/charset.hpp"

namespace marquee::proxy {

BrandFilter::BrandFilter(std::shared_ptr<const DomainBrand> brand)
    : brand_(std::move(brand)), rewriter_(brand_->plan) {}

// All but the length was said by edit_page_head(), which also sees answers without
// a body.
HeadVerdict BrandFilter::on_head(ResponseHeadEdit& head) {
  content_type_ = head.field("content-type");
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

// From the rewriter. Long runs go as they are once what stands before them went.
void BrandFilter::write(std::string_view bytes) {
  if (!full_ && kept_.size() - from_ < kGather && bytes.size() >= kGather) {
    const std::size_t fill = kept_.empty() ? 0 : kGather - (kept_.size() - from_);
    kept_.append(bytes.substr(0, fill));
    bytes.remove_prefix(fill);
    if (drain(*out_, false) && kept_.empty() && !bytes.empty()) {
      const std::size_t n = out_->on_body({bytes.data(), bytes.size(), 0, false, false});
      full_ = n < bytes.size();
      bytes.remove_prefix(n);
    }
  }
  kept_.append(bytes);
  drain(*out_, false);
}

void BrandFilter::judge(std::string_view first, bool whole) {
  switch (brand::judge_charset(content_type_, first, whole)) {
    case brand::CharsetVerdict::need_more:
      return;
    case brand::CharsetVerdict::foreign:
      foreign_ = true;
      break;
    case brand::CharsetVerdict::compatible:
      break;
  }
  judged_ = true;
}

void BrandFilter::rewrite(std::string_view bytes) {
  if (foreign_)
    write(bytes);
  else
    rewriter_.feed(bytes, *this);
}

std::size_t BrandFilter::on_body(const BodySlice& in, BodySink& out) {
  full_ = false;
  if (in.size != 0 && !drain(out, true)) return 0;
  if (passing() && kept_.empty() && first_.empty()) return out.on_body(in);
  out_ = &out;
  std::string_view bytes(in.data, in.size);
  if (!judged_) {
    // A stream that pauses here is judged by what it has said so far.
    const bool whole = in.flush || in.end;
    const std::size_t missing = brand::kPrescan - first_.size();
    const std::size_t taken = std::min(missing, bytes.size());
    if (first_.empty() && (bytes.size() >= missing || whole)) {
      judge(bytes, true);
    } else {
      first_.append(bytes.substr(0, taken));
      bytes.remove_prefix(taken);
      judge(first_, whole || first_.size() == brand::kPrescan);
    }
    if (judged_ && !first_.empty()) rewrite(std::exchange(first_, {}));
  }
  if (judged_ && !bytes.empty()) rewrite(bytes);
  if (in.end && !foreign_) rewriter_.finish(*this);
  flush_ = flush_ || in.flush;
  end_ = end_ || in.end;
  drain(out, true);
  out_ = nullptr;
  return in.size;
}

void BrandFilter::resume(BodySink& out) {
  full_ = false;
  drain(out, true);
}

}  // namespace marquee::proxy
