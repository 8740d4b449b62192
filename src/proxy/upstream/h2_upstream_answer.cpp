// The answers of one HTTP/2 connection, from the codec's events to exchanges.
#include <utility>

#include "proxy/upstream/h2_upstream.hpp"
#include "proxy/upstream_request.hpp"

namespace marquee::proxy {

using Phase = H2UpstreamStream::Phase;

// `block`: where the bytes that were read begin, with room before them; null
// when nothing was read.
void H2Upstream::handle_events(const char* block) {
  const auto& events = codec_.events();
  for (std::size_t i = 0; i < events.size(); ++i) {
    const H2ClientEvent& event = events[i];
    auto& stream = static_cast<H2UpstreamStream&>(*event.stream);
    if (event.kind == H2ClientEvent::data) owed_ += event.bytes.size();
    if (!stream.asker_) continue;
    switch (event.kind) {
      case H2ClientEvent::fields:
        on_fields(stream, event, codec_.is_last(i));
        break;
      case H2ClientEvent::data:
        on_data(stream, event, block, codec_.is_last(i));
        break;
      case H2ClientEvent::end:
        if (stream.phase_ == Phase::head) {
          fail(stream, UpstreamFailure::bad_answer, http::Refusal::bad_status_line);
          break;
        }
        stream.phase_ = Phase::ended;
        if (stream.kept_.empty()) end_answer(stream);
        break;
      case H2ClientEvent::refused:
        fail(stream, UpstreamFailure::bad_answer, event.refusal);
        break;
      case H2ClientEvent::closed:
        on_stream_closed(stream, event);
        break;
    }
  }
  codec_.clear_events();
}

void H2Upstream::on_fields(H2UpstreamStream& stream, const H2ClientEvent& event, bool last) {
  UpstreamRequest& asker = *stream.asker_;
  const auto fields = codec_.fields_of(event);
  if (stream.phase_ == Phase::body) {
    http::Refusal r = http::read_h2_trailers(fields, asker.body_limits(), trailers_);
    // RFC 9113 8.1: a second block is the trailers, and ends the stream.
    if (r == http::Refusal::none && !event.ends) r = http::Refusal::bad_pseudo_fields;
    if (r != http::Refusal::none) return fail(stream, UpstreamFailure::bad_answer, r);
    stream.phase_ = Phase::ended;
    keep_trailers(stream);
    if (stream.kept_.empty()) end_answer(stream);
    return;
  }
  http::ResponseHead& head = asker.response();
  const http::Refusal r = http::read_h2_response(fields, asker.response_limits(),
                                                 asker.request().method, event.ends, head);
  if (r != http::Refusal::none) return fail(stream, UpstreamFailure::bad_answer, r);
  if (head.status < 200) return asker.on_response_interim();
  verdict(stream, Verdict::good);
  stream.phase_ = event.ends ? Phase::ended : Phase::body;
  stream.count_.begin(head.body);
  asker.on_response_head();
  if (!stream.asker_) return;
  if (event.ends) return end_answer(stream);
  if (last) asker.on_response_body({nullptr, 0, 0, true, false});
}

void H2Upstream::on_data(H2UpstreamStream& stream, const H2ClientEvent& event, const char* block,
                         bool last) {
  if (stream.phase_ == Phase::head)
    return fail(stream, UpstreamFailure::bad_answer, http::Refusal::bad_status_line);
  if (!stream.count_.add(event.bytes.size()))
    return fail(stream, UpstreamFailure::bad_answer, http::Refusal::length_mismatch);
  if (event.ends) stream.phase_ = Phase::ended;
  std::string_view rest = event.bytes;
  if (!stream.paused_ && stream.kept_.empty() && !rest.empty()) {
    // What stands before it in the block was delivered, or kept elsewhere.
    const BodySlice slice{rest.data(), rest.size(), static_cast<std::size_t>(rest.data() - block),
                          last,        event.ends,  event.ends};
    const std::size_t taken = stream.asker_->on_response_body(slice);
    if (!stream.asker_) return;
    codec_.consume_stream(stream, taken);
    rest.remove_prefix(taken);
  }
  if (!rest.empty()) return keep(stream, rest);
  if (event.ends) return end_answer(stream);
  if (event.bytes.empty() && last) stream.asker_->on_response_body({nullptr, 0, 0, true, false});
}

void H2Upstream::keep(H2UpstreamStream& stream, std::string_view bytes) {
  stream.paused_ = !stream.resumed_;
  stream.kept_.append(bytes);
  backlog_.add(bytes.size());
}

void H2Upstream::drop_kept(H2UpstreamStream& stream) {
  backlog_.remove(stream.kept_.size() - stream.given_);
  stream.given_ = 0;
  stream.kept_ = {};
}

// They live in the block that was read, but its body may have to wait.
void H2Upstream::keep_trailers(H2UpstreamStream& stream) {
  if (trailers_.size() == 0) return;
  stream.trailers_ = std::make_unique<H2UpstreamStream::Trailers>();
  std::string& text = stream.trailers_->text;
  std::size_t size = 0;
  for (const http::Field& f : trailers_) size += f.name.size() + f.value.size();
  text.reserve(size);  // its views must not move
  for (http::Field f : trailers_) {
    const auto copy = [&text](std::string_view s) {
      text.append(s);
      return std::string_view(text).substr(text.size() - s.size());
    };
    f.name = copy(f.name);
    f.value = copy(f.value);
    stream.trailers_->table.push(f);
  }
}

// What was kept, as far as the exchange takes it now.
void H2Upstream::deliver(H2UpstreamStream& stream) {
  if (stream.given_ < stream.kept_.size()) {
    const std::size_t size = stream.kept_.size() - stream.given_;
    const BodySlice slice{stream.kept_.data() + stream.given_,
                          size,
                          0,
                          true,
                          stream.phase_ == Phase::ended,
                          !stream.trailers_};
    const std::size_t taken = stream.asker_->on_response_body(slice);
    if (!stream.asker_) return;
    stream.given_ += taken;
    backlog_.remove(taken);
    codec_.consume_stream(stream, taken);
    if (taken < size) {
      stream.paused_ = !stream.resumed_;
      return;
    }
    drop_kept(stream);
  }
  if (stream.phase_ == Phase::ended) end_answer(stream);
}

void H2Upstream::end_answer(H2UpstreamStream& stream) {
  if (!stream.count_.complete())
    return fail(stream, UpstreamFailure::bad_answer, http::Refusal::length_mismatch);
  stream.asker_->on_response_end(stream.trailers_ ? &stream.trailers_->table : nullptr);
}

void H2Upstream::on_stream_closed(H2UpstreamStream& stream, const H2ClientEvent& event) {
  if (stream.phase_ == Phase::ended) return;  // whole; its bytes may still wait here
  if (stream.phase_ == Phase::body) return fail(stream, UpstreamFailure::truncated);
  if (event.code != static_cast<std::uint32_t>(H2Code::refused_stream))
    return fail(stream, UpstreamFailure::stream_reset);
  fail(stream, event.beyond ? UpstreamFailure::goaway : UpstreamFailure::refused_stream);
}

void H2Upstream::fail(H2UpstreamStream& stream, UpstreamFailure why, http::Refusal refusal) {
  Verdict v = Verdict::bad;
  if (why == UpstreamFailure::goaway || why == UpstreamFailure::refused_stream) v = Verdict::none;
  if (input_ended_ || write_failed_ || silent_ || codec_.lost()) {
    // One death of a connection is one failure, however many were on it; and a
    // retry elsewhere will tell more.
    const bool again = stream.reused_ && stream.phase_ == Phase::head &&
                       http::is_idempotent(stream.asker_->request().method);
    if (blamed_ || again) v = Verdict::none;
    blamed_ |= v == Verdict::bad;
  }
  verdict(stream, v);
  stream.asker_->on_upstream_failed(why, refusal);  // aborts this end
}

void H2Upstream::verdict(H2UpstreamStream& stream, Verdict v) {
  if (!std::exchange(stream.ticket_open_, false)) return;
  owner_->on_verdict(*this, stream.ticket_, v);
}

}  // namespace marquee::proxy
