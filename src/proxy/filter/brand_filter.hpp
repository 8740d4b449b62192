// Brands a page on its way (brand/html_rewriter.hpp). Streams: what came is passed on
// before more is asked for, but for what the charset or an open tag holds back. At most
// what one slice becomes is kept, and only while the client does not take it.
#pragma once
#include <memory>
#include <string>

#include "brand/charset.hpp"
#include "brand/html_rewriter.hpp"
#include "proxy/branding/domain_brand.hpp"
#include "proxy/filter/response_filter.hpp"

namespace marquee::proxy {

class BrandFilter final : public ResponseFilter, private brand::ByteSink {
 public:
  // Of an answer that is_brandable().
  explicit BrandFilter(std::shared_ptr<const DomainBrand> brand);

  HeadVerdict on_head(ResponseHeadEdit& head) override;
  std::size_t on_body(const BodySlice& in, BodySink& out) override;
  void resume(BodySink& out) override;

 private:
  // Small pieces leave together, in what fits one TLS record.
  static constexpr std::size_t kGather = 16384;
  static constexpr std::size_t kHead = 1000;
  // Runs of what came are not copied from this length on.
  static constexpr std::size_t kLong = 4096;

  void write(std::string_view bytes) override;
  void judge(std::string_view first, const BodySlice& in);
  std::string_view rewrite(std::string_view bytes);
  std::size_t pass(std::string_view rest, const BodySlice& in, BodySink& out);
  bool give_run(bool flush, bool end);
  bool drain(BodySink& out, bool all);
  bool passing() const { return judged_ && (foreign_ || rewriter_.passing()); }

  std::shared_ptr<const DomainBrand> brand_;
  brand::HtmlRewriter rewriter_;
  brand::CharsetVerdict declared_ = brand::CharsetVerdict::need_more;
  std::string first_;  // of the page, until its charset is known
  bool judged_ = false;
  bool foreign_ = false;
  std::string kept_;  // made, and not taken yet: from from_ on
  std::size_t from_ = 0;
  bool flush_ = false;  // they belong behind kept_
  bool end_ = false;
  BodySink* out_ = nullptr;  // during a call
  std::string_view in_;      // during a call: what came
  std::string_view run_;     // during a call: of it, behind kept_
  bool full_ = false;        // it took less than it was given
};

}  // namespace marquee::proxy
