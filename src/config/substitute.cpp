#include "config/substitute.hpp"

#include "config/text.hpp"

namespace marquee::config {
namespace {

constexpr std::size_t kMost = 64u << 10;

bool is_name(const std::string& name) {
  if (name.empty() || name.size() > 128 || (name[0] >= '0' && name[0] <= '9')) return false;
  return name.find_first_not_of(
             "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_") ==
         std::string::npos;
}

// The value of what stands between the braces; false with a complaint.
bool expand(const std::string& inside, const Environment& environment, Substitution& out) {
  const auto colon = inside.find(":-");
  const std::string name = inside.substr(0, colon);
  if (!is_name(name)) {
    out.complaint = in_quotes("${" + inside + "}") +
                    " does not name a variable; write ${NAME} or ${NAME:-default}, or $${ for the "
                    "characters themselves";
    return false;
  }
  auto value = environment.variable(name);
  if (colon != std::string::npos && (!value || value->empty())) value = inside.substr(colon + 2);
  if (!value) {
    out.complaint = "the environment variable " + name + " is not set; set it, or write ${" + name +
                    ":-default}";
    return false;
  }
  out.text += *value;
  out.changed = true;
  if (out.text.size() <= kMost) return true;
  out.complaint = "the value is longer than 64 KiB with " + name + " put in; set a shorter one";
  return false;
}

}  // namespace

Substitution substitute(const std::string& text, const Environment& environment) {
  Substitution out;
  for (std::size_t i = 0; i < text.size();) {
    if (text.compare(i, 3, "$${") == 0) {
      out.text += "${";
      out.changed = true;
      i += 3;
    } else if (text.compare(i, 2, "${") == 0) {
      const auto end = text.find('}', i);
      if (end == std::string::npos) {
        out.complaint =
            in_quotes(text.substr(i)) +
            " has no closing brace; write ${NAME}, or $${ for the characters themselves";
        return out;
      }
      if (!expand(text.substr(i + 2, end - i - 2), environment, out)) return out;
      i = end + 1;
    } else {
      out.text += text[i++];
    }
  }
  return out;
}

}  // namespace marquee::config
