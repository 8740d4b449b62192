#include "proxy/http/framing.hpp"

namespace marquee::proxy::http {
namespace {

// What a head says about its framing, gathered in one pass over the fields.
struct Facts {
  Field* length = nullptr;
  Field* encoding = nullptr;
  Field* host = nullptr;
  Field* expect = nullptr;
  Field* upgrade = nullptr;
  bool connection = false;
  // Apart: an answer may say Host twice, but that must not hide two lengths.
  Refusal framing_fault = Refusal::none;
  Refusal request_fault = Refusal::none;
};

void note_once(Field*& place, Field& f, Refusal twice, Refusal& fault) {
  if (place) fault = twice;
  place = &f;
}

Facts gather(FieldTable& fields) {
  Facts facts;
  for (Field& f : fields) {
    if (f.id == FieldId::other) continue;
    const FieldClass what = field_class(f.id);
    if (f.twin) {
      // An underscore twin of a name that somebody trusts never travels.
      f.dropped = what != FieldClass::end_to_end;
      continue;
    }
    switch (f.id) {
      case FieldId::content_length:
        note_once(facts.length, f, Refusal::repeated_content_length, facts.framing_fault);
        break;
      case FieldId::transfer_encoding:
        note_once(facts.encoding, f, Refusal::bad_transfer_encoding, facts.framing_fault);
        break;
      case FieldId::host:
        note_once(facts.host, f, Refusal::repeated_host, facts.request_fault);
        break;
      case FieldId::expect:
        note_once(facts.expect, f, Refusal::bad_expect, facts.request_fault);
        break;
      case FieldId::upgrade:
        facts.upgrade = &f;
        break;
      case FieldId::connection:
        facts.connection = true;
        break;
      default:
        break;
    }
    f.dropped = what == FieldClass::hop_by_hop || what == FieldClass::framing;
  }
  return facts;
}

struct ConnectionOptions {
  bool close = false;
  bool keep_alive = false;
  bool upgrade = false;
};

void drop_named(FieldTable& fields, std::string_view name) {
  for (Field& f : fields)
    if (iequals(f.name, name)) f.dropped = true;
}

// Reads every Connection field and drops what it names (RFC 9110 7.6.1).
// Members must be tokens: anything else hides something.
Refusal read_connection(FieldTable& fields, ConnectionOptions& options) {
  for (const Field& f : fields) {
    if (f.id != FieldId::connection || f.twin) continue;
    std::size_t members = 0;
    const bool good = for_each_member(f.value, [&](std::string_view member) {
      for (char c : member)
        if (c != '_' && token_fold[static_cast<unsigned char>(c)] == 0) return false;
      if (++members > 32) return false;
      if (iequals(member, "close"))
        options.close = true;
      else if (iequals(member, "keep-alive"))
        options.keep_alive = true;
      else if (iequals(member, "upgrade"))
        options.upgrade = true;
      else
        drop_named(fields, member);
      return true;
    });
    if (!good) return Refusal::bad_connection;
  }
  return Refusal::none;
}

Refusal read_body(const Facts& facts, std::uint8_t minor, BodyFraming& body) {
  if (facts.encoding) {
    if (facts.length) return Refusal::length_and_chunked;
    if (minor == 0) return Refusal::bad_transfer_encoding;
    if (!iequals(facts.encoding->value, "chunked")) {
      // Another coding beneath a final "chunked" is legal, and not ours.
      const std::string_view v = facts.encoding->value;
      const bool list = v.find(',') != std::string_view::npos;
      return list && v.size() > 7 && iequals(v.substr(v.size() - 7), "chunked")
                 ? Refusal::unsupported_transfer_encoding
                 : Refusal::bad_transfer_encoding;
    }
    body.kind = BodyKind::chunked;
    return Refusal::none;
  }
  if (facts.length) {
    if (!parse_content_length(facts.length->value, body.length)) return Refusal::bad_content_length;
    body.kind = BodyKind::length;
  }
  return Refusal::none;
}

Refusal read_authority(const Facts& facts, RequestHead& head) {
  if (facts.host) head.host = facts.host->value;
  // RFC 9112 3.2: also with an absolute-form target.
  if (!facts.host && head.minor == 1) return Refusal::missing_host;
  if (head.form == TargetForm::absolute) {
    if (facts.host && !iequals(head.authority, head.host)) return Refusal::host_mismatch;
    head.host = head.authority;
  } else if (!facts.host) {
    return Refusal::missing_host;
  }
  return head.host.empty() ? Refusal::bad_host : Refusal::none;
}

// A tunnel is made for one protocol that is not HTTP itself, without a body.
void read_upgrade(const Facts& facts, const ConnectionOptions& options, RequestHead& head) {
  if (!facts.upgrade || !options.upgrade || head.minor == 0) return;
  if (head.method != Method::get || head.body.kind != BodyKind::none) return;
  std::string_view to = facts.upgrade->value;
  if (to.size() >= 2 && (iequals(to.substr(0, 2), "h2") || iequals(to.substr(0, 2), "h3"))) return;
  if (to.empty() || to.find(',') != std::string_view::npos || iequals(to.substr(0, 5), "http/") ||
      iequals(to.substr(0, 4), "tls/"))
    return;
  head.upgrade = true;
  head.upgrade_to = to;
}

}  // namespace

bool parse_content_length(std::string_view value, std::uint64_t& into) {
  if (value.empty() || value.size() > 18) return false;
  std::uint64_t n = 0;
  for (char c : value) {
    if (c < '0' || c > '9') return false;
    n = n * 10 + static_cast<std::uint64_t>(c - '0');
  }
  into = n;
  return true;
}

Refusal judge(RequestHead& head) {
  const Facts facts = gather(head.fields);
  if (facts.framing_fault != Refusal::none) return facts.framing_fault;
  if (facts.request_fault != Refusal::none) return facts.request_fault;
  if (head.method == Method::connect || head.method == Method::trace)
    return Refusal::unsupported_method;
  ConnectionOptions options;
  if (facts.connection) {
    const Refusal r = read_connection(head.fields, options);
    if (r != Refusal::none) return r;
  }
  if (const Refusal r = read_authority(facts, head); r != Refusal::none) return r;
  if (const Refusal r = read_body(facts, head.minor, head.body); r != Refusal::none) return r;
  head.keep_alive = !options.close && (head.minor == 1 || options.keep_alive);
  if (facts.expect && head.minor == 1) {
    if (!iequals(facts.expect->value, "100-continue")) return Refusal::bad_expect;
    head.expects_continue = head.body.kind != BodyKind::none;
  }
  read_upgrade(facts, options, head);
  return Refusal::none;
}

Refusal judge(ResponseHead& head, const ResponseContext& context) {
  const Facts facts = gather(head.fields);
  if (facts.framing_fault != Refusal::none) return facts.framing_fault;
  ConnectionOptions options;
  if (facts.connection) {
    const Refusal r = read_connection(head.fields, options);
    if (r != Refusal::none) return r;
  }
  head.keep_alive = !options.close && (head.minor == 1 || options.keep_alive);
  if (head.status == 101) {
    // Only to the protocol that was asked for (RFC 9110 7.8).
    if (context.upgrade_to.empty() || !facts.upgrade ||
        !iequals(facts.upgrade->value, context.upgrade_to))
      return Refusal::unrequested_upgrade;
  }
  if (const Refusal r = read_body(facts, head.minor, head.body); r != Refusal::none) return r;
  const bool bodiless = head.status < 200 || head.status == 204 || head.status == 304 ||
                        context.request_method == Method::head;
  if (bodiless) {
    // Content-Length describes the answer that GET would have had; it stays.
    if (facts.length && head.status >= 200 && head.status != 204) facts.length->dropped = false;
    head.body = {};
    return Refusal::none;
  }
  if (head.body.kind == BodyKind::none) {
    head.body.kind = BodyKind::until_close;
    head.keep_alive = false;
  }
  return Refusal::none;
}

}  // namespace marquee::proxy::http
