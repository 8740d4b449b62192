#include "identity/strict_json.hpp"

#include <boost/json.hpp>
#include <boost/json/basic_parser_impl.hpp>
#include <set>
#include <string>
#include <vector>

namespace marquee::identity {
namespace {

namespace json = boost::json;
using Error = boost::system::error_code;

// Sees every name before there is a tree, in which the last of two would win.
class UniqueNames {
 public:
  static constexpr std::size_t max_object_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_array_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_key_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_string_size = static_cast<std::size_t>(-1);

  explicit UniqueNames(std::size_t members) : left_(members) {}

  bool on_document_begin(Error&) { return true; }
  bool on_document_end(Error&) { return true; }
  bool on_object_begin(Error&) {
    names_.emplace_back();
    return true;
  }
  bool on_object_end(std::size_t, Error&) {
    names_.pop_back();
    return true;
  }
  bool on_array_begin(Error&) { return true; }
  bool on_array_end(std::size_t, Error&) { return true; }
  bool on_key_part(json::string_view part, std::size_t, Error&) {
    name_.append(part.data(), part.size());
    return true;
  }
  bool on_key(json::string_view part, std::size_t, Error& ec) {
    name_.append(part.data(), part.size());
    const bool fresh = names_.back().insert(std::move(name_)).second;
    name_.clear();
    return fresh ? count(ec) : fail(ec);
  }
  bool on_string_part(json::string_view, std::size_t, Error&) { return true; }
  bool on_string(json::string_view, std::size_t, Error& ec) { return count(ec); }
  bool on_number_part(json::string_view, Error&) { return true; }
  bool on_int64(std::int64_t, json::string_view, Error& ec) { return count(ec); }
  bool on_uint64(std::uint64_t, json::string_view, Error& ec) { return count(ec); }
  bool on_double(double, json::string_view, Error& ec) { return count(ec); }
  bool on_bool(bool, Error& ec) { return count(ec); }
  bool on_null(Error& ec) { return count(ec); }
  bool on_comment_part(json::string_view, Error& ec) { return fail(ec); }
  bool on_comment(json::string_view, Error& ec) { return fail(ec); }

 private:
  static bool fail(Error& ec) {
    ec = boost::system::errc::make_error_code(boost::system::errc::invalid_argument);
    return false;
  }
  bool count(Error& ec) { return left_-- > 0 || fail(ec); }

  std::vector<std::set<std::string>> names_;
  std::string name_;
  std::size_t left_;
};

}  // namespace

bool parse_strict(std::string_view text, const JsonBounds& bounds, json::object& out) {
  if (text.size() > bounds.bytes) return false;
  json::parse_options options;
  options.max_depth = bounds.depth;
  json::basic_parser<UniqueNames> names(options, 2 * bounds.members);
  Error ec;
  const std::size_t read = names.write_some(false, text.data(), text.size(), ec);
  if (ec || read != text.size() || !names.done()) return false;
  json::value value = json::parse({text.data(), text.size()}, ec, {}, options);
  if (ec || !value.is_object()) return false;
  out = std::move(value.as_object());
  return true;
}

std::string_view text_of(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains({name.data(), name.size()});
  const json::string* text = value ? value->if_string() : nullptr;
  return text ? std::string_view(text->data(), text->size()) : std::string_view();
}

}  // namespace marquee::identity
