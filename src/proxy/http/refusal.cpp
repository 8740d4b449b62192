#include "proxy/http/refusal.hpp"

namespace marquee::proxy::http {
namespace {

struct Row {
  std::string_view name;
  std::uint16_t status;
};

constexpr Row rows[] = {
    {"none", 200},
    {"bare_line_feed", 400},
    {"bad_request_line", 400},
    {"bad_method", 400},
    {"bad_target", 400},
    {"bad_version", 400},
    {"unsupported_version", 505},
    {"bad_status_line", 400},
    {"bad_field_name", 400},
    {"bad_field_value", 400},
    {"folded_field", 400},
    {"too_many_fields", 431},
    {"head_too_large", 431},
    {"target_too_long", 414},
    {"missing_host", 400},
    {"repeated_host", 400},
    {"bad_host", 400},
    {"host_mismatch", 400},
    {"bad_content_length", 400},
    {"repeated_content_length", 400},
    {"length_and_chunked", 400},
    {"bad_transfer_encoding", 400},
    {"unsupported_transfer_encoding", 501},
    {"unsupported_method", 501},
    {"bad_connection", 400},
    {"bad_expect", 417},
    {"bad_chunk", 400},
    {"chunk_extension_too_long", 400},
    {"trailers_too_large", 431},
    {"forbidden_trailer", 400},
    {"too_many_interim", 400},
    {"unrequested_upgrade", 400},
    {"bad_pseudo_fields", 400},
    {"connection_field", 400},
    {"length_mismatch", 400},
    {"bad_websocket_accept", 400},
};
static_assert(sizeof rows / sizeof rows[0] == static_cast<std::size_t>(Refusal::count_));

}  // namespace

std::string_view name(Refusal r) { return rows[static_cast<std::size_t>(r)].name; }
std::uint16_t status_of(Refusal r) { return rows[static_cast<std::size_t>(r)].status; }

}  // namespace marquee::proxy::http
