// The stylesheets of branded domains, answered at the edge. The path holds the digest
// of the content: asked for by it, the answer may be kept for ever. By another digest
// (a page of before the last change, or of a node that knows of it first) the content
// of now is the answer, and not to be kept.
#pragma once
#include "proxy/edge_paths.hpp"

namespace marquee::proxy {

class Stylesheets final : public EdgeSource {
 public:
  bool answer(const EdgeRequest& request, LocalContent& content) override;
};

}  // namespace marquee::proxy
