// Why a message was refused, as a closed set: the counter, the log line and the
// status all come from here. The list is documented in docs/failures.md.
#pragma once
#include <cstdint>
#include <string_view>

namespace marquee::proxy::http {

enum class Refusal : std::uint8_t {
  none,
  bare_line_feed,
  bad_request_line,
  bad_method,
  bad_target,
  bad_version,
  unsupported_version,
  bad_status_line,
  bad_field_name,
  bad_field_value,
  folded_field,
  too_many_fields,
  head_too_large,
  target_too_long,
  missing_host,
  repeated_host,
  bad_host,
  host_mismatch,
  bad_content_length,
  repeated_content_length,
  length_and_chunked,
  bad_transfer_encoding,
  unsupported_transfer_encoding,
  unsupported_method,
  bad_connection,
  bad_expect,
  bad_chunk,
  chunk_extension_too_long,
  trailers_too_large,
  forbidden_trailer,
  too_many_interim,
  unrequested_upgrade,
  bad_pseudo_fields,
  connection_field,
  length_mismatch,
  bad_websocket_accept,
  count_,
};

// The word in logs and metrics.
std::string_view name(Refusal r);
// What a client is answered; the same fault in an upstream's answer is a 502.
std::uint16_t status_of(Refusal r);

}  // namespace marquee::proxy::http
