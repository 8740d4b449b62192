#include "brand/html_traits.hpp"

namespace marquee::brand {
namespace {

struct Row {
  TagKey key;
  std::uint32_t bits;
};

struct Group {
  std::uint32_t bits;
  std::string_view names;
};

constexpr Group kGroups[] = {
    {kVoid | kSpecial,
     "area base basefont bgsound br col embed frame hr img input keygen link meta param source "
     "track wbr"},
    {kVoid, "image"},
    {kSpecial,
     "address applet article aside blockquote body button caption center colgroup dd details dir "
     "div dl dt fieldset figcaption figure footer form frameset h1 h2 h3 h4 h5 h6 head header "
     "hgroup html iframe li listing main marquee menu nav noembed noframes noscript object ol p "
     "plaintext pre script search section select style summary table tbody td template textarea "
     "tfoot th thead title tr ul xmp"},
    {kScope, "applet caption html table td th marquee object template"},
    {kClosesP,
     "address article aside blockquote center details dialog dir div dl fieldset figcaption figure "
     "footer header hgroup main menu nav ol p search section summary ul h1 h2 h3 h4 h5 h6 pre "
     "listing form li dd dt plaintext table hr xmp"},
    {kFormatting, "a b big code em font i nobr s small strike strong tt u"},
    {kHeading, "h1 h2 h3 h4 h5 h6"},
    {kBreakout,
     "b big blockquote body br center code dd div dl dt em embed h1 h2 h3 h4 h5 h6 head hr i img "
     "li listing menu meta nobr ol p pre ruby s small span strong strike sub sup table tt u ul "
     "var"},
    {kHeadContent, "base basefont bgsound link meta title noscript noframes style script template"},
    {kAfterHead, "base basefont bgsound link meta noframes script style template title"},
    {kTableCell | kTablePart, "td th"},
    {kTableRow | kTablePart, "tr"},
    {kTableSection | kTablePart, "tbody thead tfoot"},
    {kTablePart, "caption colgroup col"},
    {kRuby, "rt rp rb rtc"},
    {kRcdata, "title textarea"},
    {kRawtext, "style xmp iframe noembed noframes"},
    {kNotPushed, "html head body frameset"},
    {kDefinition, "dd dt"},
    {kImplies, "li dd dt h1 h2 h3 h4 h5 h6 rt rp rb rtc option optgroup a nobr button"},
    {kCounted, "a p"},
    {kPeculiar,
     "svg math table select input keygen textarea form plaintext noscript script title style xmp "
     "iframe "
     "noembed noframes"},
};

constexpr std::size_t kSlots = 512;
constexpr std::size_t slot_of(TagKey key) {
  return static_cast<std::size_t>((key * 0x9E3779B97F4A7C15ULL) >> 55);
}

template <typename Each>
constexpr void for_each_name(Each each) {
  for (const Group& group : kGroups) {
    std::string_view names = group.names;
    while (!names.empty()) {
      std::size_t n = names.find(' ');
      if (n == std::string_view::npos) n = names.size();
      each(names.substr(0, n), group.bits);
      names.remove_prefix(n == names.size() ? n : n + 1);
    }
  }
}

constexpr auto kTable = [] {
  std::array<Row, kSlots> table{};
  for_each_name([&](std::string_view name, std::uint32_t bits) {
    const TagKey key = key_of_name(name);
    std::size_t slot = slot_of(key);
    while (table[slot].key != 0 && table[slot].key != key) slot = (slot + 1) % kSlots;
    table[slot].key = key;
    table[slot].bits |= bits;
  });
  return table;
}();

constexpr std::uint64_t packed(std::string_view name) {
  std::uint64_t out = 0;
  for (std::size_t i = name.size(); i-- > 0;)
    out = out << 8 | static_cast<unsigned char>(name[i] | 0x20);
  return out;
}

consteval std::array<ShortName, kShortNameSlots> short_names() {
  std::array<ShortName, kShortNameSlots> table{};
  for_each_name([&](std::string_view name, std::uint32_t bits) {
    if (name.size() > 8) return;
    ShortName& row = table[short_name_slot(packed(name))];
    if (row.packed != 0 && row.packed != packed(name)) throw "two names in one slot";
    row.packed = packed(name);
    row.key = key_of_name(name);
    row.traits |= bits;
  });
  return table;
}

}  // namespace

constinit const std::array<ShortName, kShortNameSlots> kShortNames = short_names();

std::uint32_t html_traits(TagKey key) {
  if (key == 0) return 0;
  for (std::size_t slot = slot_of(key); kTable[slot].key != 0; slot = (slot + 1) % kSlots)
    if (kTable[slot].key == key) return kTable[slot].bits;
  return 0;
}

}  // namespace marquee::brand
