// Rewriting of the request path before it goes upstream, such as
// "/module-render/{installation_id}{path}". Compiled once; the ids of a domain
// are folded into the text, so that a request only copies a few pieces.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace marquee::routing {

enum class Variable : std::uint8_t {
  none,  // a literal
  installation_id,
  module_id,
  site_id,
  client_id,
  agency_id,
  host,   // the visitor's normalised hostname
  label,  // its first label
  path,   // path of the request target, always with its leading slash
};
std::string_view name(Variable variable);

struct TemplateIds {
  std::string_view installation_id, module_id, site_id, client_id, agency_id;
  std::string_view get(Variable variable) const;
};

enum class Expansion : std::uint8_t {
  ok,
  too_small,        // the buffer; nothing usable was written
  not_origin_form,  // the target does not begin with "/"
  climbs,           // the path has a ".." segment and could leave the template's prefix
};

struct Expanded {
  Expansion status = Expansion::ok;
  std::string_view target;  // in the caller's buffer; only when ok
};

class PathTemplate {
 public:
  struct Compiled;
  // An error is a sentence that says what to write instead.
  static Compiled compile(std::string_view text);

  bool uses(Variable variable) const;
  // "{path}" alone: the target goes through unchanged, no expansion is needed.
  bool is_identity() const { return pieces_.size() == 1 && pieces_[0].variable == Variable::path; }
  // The same template with ids written into it, percent-encoded (RFC 3986 2.1).
  PathTemplate bound(const TemplateIds& ids) const;

  // `target` is origin-form: path and optional query. The query is always kept,
  // at the end. Allocates nothing. Ids must have been bound.
  Expanded expand(std::string_view host, std::string_view target, std::span<char> out) const;

 private:
  struct Piece {
    Variable variable = Variable::none;
    std::string literal;
  };
  void append_literal(std::string_view text);
  std::vector<Piece> pieces_;
};

struct PathTemplate::Compiled {
  std::optional<PathTemplate> path_template;
  std::string error;
};

// Whether a path has a ".." segment as any server might read it: also with
// %2e, with "\", %2f or %5c as separators, and with ";" parameters behind it.
bool climbs(std::string_view path);

}  // namespace marquee::routing
