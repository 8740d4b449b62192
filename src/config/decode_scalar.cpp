// Scalars: text, switches, numbers, sizes, durations, secrets.
#include <algorithm>

#include "base/suggest.hpp"
#include "config/decode.hpp"
#include "config/substitute.hpp"
#include "config/text.hpp"

namespace marquee::config {
namespace {

constexpr std::size_t kMaxText = 4096;
constexpr std::size_t kMaxSecret = 64u << 10;

std::string kind_of(const Node& node) {
  if (node.kind == Node::Kind::null) return "empty";
  return node.kind == Node::Kind::sequence ? "a list" : "a mapping";
}

// "a, b or c"
std::string either(const std::vector<std::string_view>& words) {
  std::string out;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) out += i + 1 == words.size() ? " or " : ", ";
    out += words[i];
  }
  return out;
}

std::string remove_quotes(const Decoder::Scalar& s) { return s.plain ? "" : ", without quotes"; }

// Also what older YAML took for true and false, where those are words.
std::string_view meant_by(const std::string& text, const std::vector<std::string_view>& words) {
  const std::string lower = lower_case(text);
  const bool yes = lower == "yes" || lower == "on";
  if (yes || lower == "no" || lower == "off") {
    const std::string_view word = yes ? "true" : "false";
    if (std::find(words.begin(), words.end(), word) != words.end()) return word;
  }
  return base::did_you_mean(text, words);
}

// Out of bounds, in one sentence; bounds as they are written in the file.
std::string beyond(const std::string& where, const std::string& text, bool low,
                   const std::string& least, const std::string& most) {
  return where + " is " + text + ", " +
         (low ? "less than the least allowed " + least : "more than the most allowed " + most) +
         "; write a value from " + least + " to " + most;
}

}  // namespace

Decoder::Scalar Decoder::scalar(const Node& node, const std::string& where,
                                std::string_view must_be) {
  Scalar out;
  if (node.kind != Node::Kind::scalar) {
    const bool empty = node.kind == Node::Kind::null;
    fault(node.mark, where + " is " + kind_of(node) + ", but must be " + std::string(must_be) +
                         "; " + (empty ? "write one, or remove the key" : "write one value"));
    return out;
  }
  auto filled = substitute(node.text, environment_);
  if (!filled.complaint.empty()) {
    fault(node.mark, where + ": " + filled.complaint);
    return out;
  }
  out.text = std::move(filled.text);
  // In a flow mapping ${X} has to be quoted; what a variable holds is no text for that.
  out.plain = node.plain || filled.changed;
  out.ok = true;
  return out;
}

bool Decoder::usable_text(const Scalar& s, const Node& node, Rule rule, bool secret,
                          const std::string& where) {
  if (!s.ok) return false;
  const std::string shown = secret ? "a secret " : in_quotes(s.text) + ", ";
  std::string wrong;
  if (s.text.size() > kMaxText) {
    wrong = "which is longer than 4096 bytes; write a shorter one";
  } else if (has_control(s.text)) {
    wrong = "which holds a control character; write one line";
  } else if (rule != nullptr) {
    wrong = rule(s.text);
  }
  if (wrong.empty()) return true;
  fault(node.mark, where + " is " + shown + wrong);
  return false;
}

void Decoder::read(const Node& node, const Key&, const Flag& type, const std::string& where) {
  const Scalar s = scalar(node, where, "true or false");
  if (!s.ok) return;
  if (s.plain && (s.text == "true" || s.text == "false")) {
    *type.value = s.text == "true";
    return;
  }
  const std::string lower = lower_case(s.text);
  const bool yes =
      lower == "yes" || lower == "on" || lower == "true" || lower == "y" || lower == "1";
  const bool no =
      lower == "no" || lower == "off" || lower == "false" || lower == "n" || lower == "0";
  fault(node.mark, where + " is " + in_quotes(s.text) + ", but must be true or false; write " +
                       (yes  ? "true"
                        : no ? "false"
                             : "true or false") +
                       remove_quotes(s));
}

void Decoder::read(const Node& node, const Key& key, const Number& type, const std::string& where) {
  const std::string example = key.example.empty() || key.example == type.word
                                  ? std::to_string(type.now)
                                  : std::string(key.example);
  const std::string also = type.word.empty() ? "" : " or " + std::string(type.word);
  const Scalar s = scalar(node, where, "a number" + also);
  if (!s.ok) return;
  if (!type.word.empty() && s.text == type.word) return type.store(type.least);
  const auto parsed = s.plain ? parse_number(s.text) : std::nullopt;
  const std::uint64_t value = parsed.value_or(0);
  // Where a word stands for zero, zero itself is not written.
  const std::uint64_t least = type.word.empty() ? type.least : type.least + 1;
  if (!parsed) {
    const bool digits =
        !s.text.empty() && s.text.find_first_not_of("0123456789") == std::string::npos;
    fault(node.mark, where + " is " + in_quotes(s.text) + ", but must be a number" + also +
                         "; write a whole number from " + std::to_string(least) + " to " +
                         std::to_string(type.most) + also + (digits ? remove_quotes(s) : ""));
  } else if (value < least || value > type.most) {
    fault(node.mark,
          beyond(where, s.text, value < least, std::to_string(least), std::to_string(type.most)) +
              also);
  } else {
    type.store(value);
  }
}

void Decoder::read(const Node& node, const Key&, const Decimal& type, const std::string& where) {
  const Scalar s = scalar(node, where, "a number");
  if (!s.ok) return;
  const auto value = s.plain ? parse_decimal(s.text) : std::nullopt;
  if (!value) {
    fault(node.mark, where + " is " + in_quotes(s.text) +
                         ", but must be a number; write for example " + show_decimal(*type.value) +
                         " or 0.5");
  } else if (*value < type.least || *value > type.most) {
    fault(node.mark, beyond(where, s.text, *value < type.least, show_decimal(type.least),
                            show_decimal(type.most)));
  } else {
    *type.value = *value;
  }
}

void Decoder::read(const Node& node, const Key&, const Size& type, const std::string& where) {
  const std::string also = type.word.empty() ? "" : " or " + std::string(type.word);
  const Scalar s = scalar(node, where, "a size" + also);
  if (!s.ok) return;
  if (!type.word.empty() && s.text == type.word) return type.store(0);
  const auto value = s.plain ? parse_size(s.text) : std::nullopt;
  if (!value) {
    fault(node.mark, where + " is " + in_quotes(s.text) + ", but must be a size" + also +
                         "; write whole bytes, or a whole number with KiB, MiB or GiB such as " +
                         show_size(std::max<std::uint64_t>({type.now, type.least, 1024})) +
                         (type.word.empty() ? "" : "," + also) + remove_quotes(s));
  } else if (*value < type.least || *value > type.most) {
    fault(node.mark,
          beyond(where, s.text, *value < type.least, show_size(type.least), show_size(type.most)) +
              also);
  } else {
    type.store(*value);
  }
}

void Decoder::read(const Node& node, const Key&, const Duration& type, const std::string& where) {
  const Scalar s = scalar(node, where, "a duration");
  if (!s.ok) return;
  const auto value = s.plain ? parse_duration(s.text) : std::nullopt;
  const bool bare = s.plain && parse_number(s.text).has_value();
  if (!value) {
    fault(node.mark, where + " is " + in_quotes(s.text) +
                         (bare ? ", which has no unit; write " + s.text + "s for seconds, or " +
                                     s.text + "ms for milliseconds"
                               : ", but must be a duration; write a whole number with ms, s, m, h "
                                 "or d, such as " +
                                     (type.value->count() == 0 ? std::string("30s")
                                                               : show_duration(*type.value)) +
                                     remove_quotes(s)));
  } else if ((*value < type.least && !(type.zero && value->count() == 0)) || *value > type.most) {
    fault(node.mark, beyond(where, s.text, *value < type.least, show_duration(type.least),
                            show_duration(type.most)) +
                         (type.zero ? ", or 0 for no limit" : ""));
  } else {
    *type.value = *value;
  }
}

void Decoder::read(const Node& node, const Key& key, const Text& type, const std::string& where) {
  if (type.mark != nullptr) *type.mark = node.mark;
  const Scalar s = scalar(node, where, "a text");
  if (!usable_text(s, node, type.rule, type.secret, where)) return;
  if (key.required && s.text.empty()) {
    return fault(node.mark,
                 where + " is an empty text; write for example " + std::string(key.example));
  }
  const bool word = std::find(type.words.begin(), type.words.end(), s.text) != type.words.end();
  type.store(type.path && !word ? resolve(s.text) : s.text, node.mark);
}

void Decoder::read(const Node& node, const Key&, const SecretFile& type, const std::string& where) {
  if (type.mark != nullptr) *type.mark = node.mark;
  const Scalar s = scalar(node, where, "a path");
  if (!usable_text(s, node, nullptr, false, where)) return;
  const std::string path = resolve(s.text);
  auto file = disk_.read(path, kMaxSecret);
  if (!file.bytes) {
    return fault(node.mark, where + " names " + in_quotes(path) + ", which cannot be read: " +
                                file.why + "; write the path of a file with the secret alone");
  }
  if (!file.bytes->empty() && file.bytes->back() == '\n') file.bytes->pop_back();
  if (!file.bytes->empty() && file.bytes->back() == '\r') file.bytes->pop_back();
  if (file.bytes->empty() || file.bytes->size() > kMaxText || has_control(*file.bytes)) {
    return fault(
        node.mark,
        where + " names " + in_quotes(path) +
            ", which does not hold one line of at most 4096 bytes; write the secret alone into it");
  }
  if (const auto wrong = type.rule == nullptr ? std::string() : type.rule(*file.bytes);
      !wrong.empty()) {
    return fault(node.mark, where + " names " + in_quotes(path) + ", whose secret is one " + wrong);
  }
  type.store(*file.bytes, node.mark);
}

void Decoder::read(const Node& node, const Key&, const Choice& type, const std::string& where) {
  const Scalar s = scalar(node, where, either(type.words));
  if (!s.ok) return;
  const auto found = std::find(type.words.begin(), type.words.end(), s.text);
  if (found != type.words.end()) {
    return type.store(static_cast<std::size_t>(found - type.words.begin()), node.mark);
  }
  const auto meant = meant_by(s.text, type.words);
  fault(node.mark,
        where + " is " + in_quotes(s.text) + ", but must be " + either(type.words) + "; " +
            (meant.empty() ? "write one of them" : "did you mean \"" + std::string(meant) + "\"?"));
}

}  // namespace marquee::config
