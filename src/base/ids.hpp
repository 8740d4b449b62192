// Strong types for the platform's identifiers, so that one cannot be passed for
// another. An id is opaque: printable ASCII without spaces, 1..128 bytes (in
// practice a UUID). A default-made id is absent; absent ids never count as the
// same tenant.
#pragma once
#include <algorithm>
#include <compare>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace marquee::base {

inline constexpr std::size_t kMaxId = 128;

template <typename Tag>
class Id {
 public:
  Id() = default;

  // Nothing for text that is empty, too long, or holds a byte outside 0x21..0x7e.
  static std::optional<Id> parse(std::string_view text) {
    const bool printable =
        std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
    if (text.empty() || text.size() > kMaxId || !printable) return std::nullopt;
    Id id;
    id.text_ = text;
    return id;
  }

  bool present() const { return !text_.empty(); }
  std::string_view text() const { return text_; }
  // Both present and equal; use this, not ==, to decide about tenants.
  bool same(const Id& other) const { return present() && text_ == other.text_; }

  friend bool operator==(const Id&, const Id&) = default;
  friend auto operator<=>(const Id&, const Id&) = default;

 private:
  std::string text_;
};

// The rule of Id::parse as the end of a sentence.
inline constexpr std::string_view kIdRule =
    "must be 1 to 128 printable ASCII characters without spaces, such as a UUID";

using InstallationId = Id<struct InstallationTag>;
using ModuleId = Id<struct ModuleTag>;
using SiteId = Id<struct SiteTag>;
using ClientId = Id<struct ClientTag>;
using AgencyId = Id<struct AgencyTag>;
using DomainId = Id<struct DomainTag>;

}  // namespace marquee::base

template <typename Tag>
struct std::hash<marquee::base::Id<Tag>> {
  std::size_t operator()(const marquee::base::Id<Tag>& id) const noexcept {
    return std::hash<std::string_view>{}(id.text());
  }
};
