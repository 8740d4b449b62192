// A PROXY header: more bytes never change a verdict, and the header ends where
// it says.
#include "proxy/http/proxy_protocol.hpp"

#include "input.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace marquee;
  const Input in(data, size);
  const auto mode = static_cast<config::ProxyProtocol>(in.choice);
  const proxy::ProxyParse whole = proxy::parse_proxy_header(in.bytes, mode);
  require(whole.consumed <= in.bytes.size() && whole.consumed <= proxy::kProxyHeaderMax);
  require((whole.status == proxy::ProxyStatus::refused) == !whole.error.empty());
  for (std::size_t n = 0; n < in.bytes.size(); n += in.piece) {
    const proxy::ProxyParse part = proxy::parse_proxy_header(in.bytes.substr(0, n), mode);
    if (part.status == proxy::ProxyStatus::need_more) continue;
    require(part.status == whole.status && part.consumed == whole.consumed);
    require(part.kind == whole.kind && part.source == whole.source);
  }
  return 0;
}
