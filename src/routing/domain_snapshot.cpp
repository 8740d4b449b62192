#include "routing/domain_snapshot.hpp"

#include <cstring>
#include <limits>
#include <type_traits>

#include "routing/byte_reader.hpp"

namespace marquee::routing {
namespace {

constexpr std::size_t kMostText = 256u << 10;
constexpr std::uint32_t kMostHeaders = 256;
constexpr std::uint32_t kMostFaults = 64;

template <typename T>
T enumerator(ByteReader& in, T last) {
  const std::uint8_t value = in.byte();
  if (value > static_cast<std::uint8_t>(last)) in.fail();
  return static_cast<T>(value);
}

template <typename Id>
void put_id(ByteWriter& out, const Id& id) {
  out.text(id.text());
}
template <typename Id>
Id take_id(ByteReader& in) {
  const std::string_view text = in.text(base::kMaxId);
  if (text.empty()) return {};
  if (auto id = Id::parse(text)) return *id;
  in.fail();
  return {};
}

template <typename T>
void put_time(ByteWriter& out, const std::optional<T>& time) {
  out.flag(time.has_value());
  if (time) out.integer(static_cast<std::uint64_t>(time->count()));
}

// The members are named one by one: with a new one this does not compile before it
// is written here, and read below (and kSnapshotVersion is another).
void put(ByteWriter& out, const DomainConfig& config) {
  const auto& [redirect_to_https, force_www, headers, cache_ttl, cdn, maintenance] = config;
  out.flag(redirect_to_https);
  out.byte(static_cast<std::uint8_t>(force_www));
  out.integer(static_cast<std::uint32_t>(headers.size()));
  for (const auto& [name, value] : headers) {
    out.text(name);
    out.text(value);
  }
  put_time(out, cache_ttl);
  out.flag(cdn);
  out.flag(maintenance);
}
DomainConfig take_config(ByteReader& in) {
  DomainConfig out;
  out.redirect_to_https = in.flag();
  out.force_www = enumerator(in, config::WwwRule::bare);
  const auto headers = in.integer<std::uint32_t>();
  if (headers > kMostHeaders) in.fail();
  for (std::uint32_t i = 0; i < headers && in.good(); ++i) {
    std::string name(in.text(kMostText));
    out.custom_headers.emplace_back(std::move(name), std::string(in.text(kMostText)));
  }
  if (in.flag())
    out.cache_ttl = std::chrono::seconds(static_cast<std::int64_t>(in.integer<std::uint64_t>()));
  out.enable_cdn = in.flag();
  out.maintenance = in.flag();
  return out;
}

void put(ByteWriter& out, const WhiteLabel& label) {
  const auto& [logo, favicon, brand, primary, secondary, hide, css] = label;
  for (const std::string* text : {&logo, &favicon, &brand, &primary, &secondary, &css})
    out.text(*text);
  out.flag(hide);
}
WhiteLabel take_white_label(ByteReader& in) {
  WhiteLabel out;
  for (std::string* text : {&out.logo_url, &out.favicon_url, &out.brand_name, &out.primary_color,
                            &out.secondary_color, &out.custom_css})
    *text = in.text(kMostText);
  out.hide_powered_by = in.flag();
  return out;
}

void put(ByteWriter& out, const DomainRecord& record) {
  const auto& [kind, host, wildcard, row, domain_id, installation, module, site, client, agency,
               status, ssl_status, proven, installation_enabled, site_published, agency_status,
               subscription_status, agency_plan, client_status, config, white_label, certificate,
               redirect, faults] = record;
  out.byte(static_cast<std::uint8_t>(kind));
  out.text(host.text());
  out.flag(wildcard);
  out.text(row);
  put_id(out, domain_id);
  put_id(out, installation);
  put_id(out, module);
  put_id(out, site);
  put_id(out, client);
  put_id(out, agency);
  out.byte(static_cast<std::uint8_t>(status));
  out.byte(static_cast<std::uint8_t>(ssl_status));
  for (const bool it : {proven, installation_enabled, site_published}) out.flag(it);
  for (const std::string* text :
       {&agency_status, &subscription_status, &agency_plan, &client_status})
    out.text(*text);
  put(out, config);
  put(out, white_label);
  out.flag(certificate.present);
  out.text(certificate.version);
  out.flag(certificate.expires_at.has_value());
  if (certificate.expires_at)
    out.integer(static_cast<std::uint64_t>(certificate.expires_at->time_since_epoch().count()));
  out.flag(redirect.has_value());
  if (redirect) {
    out.text(redirect->host.text());
    out.byte(static_cast<std::uint8_t>(redirect->type));
    out.flag(redirect->preserve_path);
  }
  out.integer(static_cast<std::uint32_t>(faults.size()));
  for (const std::string& fault : faults) out.text(fault);
}

std::optional<base::Hostname> take_name(ByteReader& in) {
  const std::string_view text = in.text(base::kMaxHostname);
  auto parsed = base::parse_hostname(text);
  if (!parsed.name || parsed.name->text() != text) in.fail();
  return std::move(parsed.name);
}

std::shared_ptr<const DomainRecord> take_record(ByteReader& in) {
  const RecordKind kind = enumerator(in, RecordKind::redirect);
  auto host = take_name(in);
  if (!host) return nullptr;
  auto record = std::make_shared<DomainRecord>(std::move(*host));
  DomainRecord& r = *record;
  r.kind = kind;
  r.wildcard = in.flag();
  r.row = in.text(base::kMaxId);
  r.domain_id = take_id<base::DomainId>(in);
  r.installation = take_id<base::InstallationId>(in);
  r.module = take_id<base::ModuleId>(in);
  r.site = take_id<base::SiteId>(in);
  r.client = take_id<base::ClientId>(in);
  r.agency = take_id<base::AgencyId>(in);
  r.status = enumerator(in, DomainStatus::unknown);
  r.ssl_status = enumerator(in, SslStatus::unknown);
  for (bool* it : {&r.proven, &r.installation_enabled, &r.site_published}) *it = in.flag();
  for (std::string* text :
       {&r.agency_status, &r.subscription_status, &r.agency_plan, &r.client_status})
    *text = in.text(64);
  r.config = take_config(in);
  r.white_label = take_white_label(in);
  r.certificate.present = in.flag();
  r.certificate.version = in.text(64);
  if (in.flag())
    r.certificate.expires_at = std::chrono::sys_seconds(
        std::chrono::seconds(static_cast<std::int64_t>(in.integer<std::uint64_t>())));
  if (in.flag()) {
    auto to = take_name(in);
    const auto type = enumerator(in, RedirectType::permanent_308);
    const bool preserve = in.flag();
    if (to) r.redirect = RedirectTo{std::move(*to), type, preserve};
  }
  const auto faults = in.integer<std::uint32_t>();
  if (faults > kMostFaults) in.fail();
  for (std::uint32_t i = 0; i < faults && in.good(); ++i) r.faults.emplace_back(in.text(kMostText));
  return record;
}

SnapshotTime take_moment(ByteReader& in) {
  return SnapshotTime(
      std::chrono::milliseconds(static_cast<std::int64_t>(in.integer<std::uint64_t>())));
}

std::optional<SnapshotDomain> take_domain(ByteReader& in) {
  auto host = take_name(in);
  if (!host) return std::nullopt;
  SnapshotDomain out{std::move(*host), {}, take_moment(in)};
  out.answer.status = DirectoryAnswer::Status::found;
  out.answer.generation = in.integer<std::uint64_t>();
  out.answer.lineage = in.integer<std::uint64_t>();
  const auto rows = in.integer<std::uint32_t>();
  if (rows == 0 || rows > kMostRows) in.fail();
  for (std::uint32_t i = 0; i < rows && in.good(); ++i) out.answer.rows.push_back(take_record(in));
  if (!in.good()) return std::nullopt;
  return out;
}

void overwrite(std::string& text, std::size_t at, std::uint32_t value) {
  for (std::size_t i = 0; i < sizeof value; ++i)
    text[at + i] = static_cast<char>(value >> (8 * i) & 0xff);
}

}  // namespace

SnapshotEncoder::SnapshotEncoder(std::string_view directory, std::string_view sites_base,
                                 SnapshotTime written, std::size_t most_bytes)
    : most_(most_bytes) {
  ByteWriter out(out_);
  out.text(directory);
  out.text(sites_base);
  out.integer(static_cast<std::uint64_t>(written.time_since_epoch().count()));
  domains_at_ = out_.size();
  out.integer(std::uint32_t{0});
}

bool SnapshotEncoder::add(const SnapshotDomain& domain) {
  if (domain.answer.rows.empty() || domain.answer.rows.size() > kMostRows) return false;
  const std::size_t begin = out_.size();
  ByteWriter out(out_);
  out.text(domain.host.text());
  out.integer(static_cast<std::uint64_t>(domain.loaded.time_since_epoch().count()));
  out.integer(domain.answer.generation);
  out.integer(domain.answer.lineage);
  out.integer(static_cast<std::uint32_t>(domain.answer.rows.size()));
  for (const auto& row : domain.answer.rows) put(out, *row);
  if (out_.size() + certificate_bytes_.size() > most_) {
    out_.resize(begin);
    return false;
  }
  ++domains_;
  return true;
}

bool SnapshotEncoder::add(const SnapshotCertificate& certificate) {
  const std::size_t begin = certificate_bytes_.size();
  ByteWriter out(certificate_bytes_);
  out.byte(static_cast<std::uint8_t>(certificate.kind));
  out.text(certificate.row);
  out.text(certificate.version);
  std::string blob;
  ByteWriter inner(blob);
  inner.byte(static_cast<std::uint8_t>(certificate.kind));
  for (const std::string* text :
       {&certificate.row, &certificate.version, &certificate.chain, &certificate.sealed})
    inner.text(*text);
  out.text(blob);
  if (out_.size() + certificate_bytes_.size() > most_ || blob.size() > kMostText) {
    certificate_bytes_.resize(begin);
    return false;
  }
  ++certificates_;
  places_.push_back({certificate.kind, certificate.row, certificate.version,
                     certificate_bytes_.size() - blob.size(), blob.size()});
  return true;
}

std::string SnapshotEncoder::finish() {
  overwrite(out_, domains_at_, domains_);
  ByteWriter(out_).integer(certificates_);
  for (auto& place : places_) place.offset += out_.size();
  out_ += certificate_bytes_;
  return std::move(out_);
}

std::optional<DecodedSnapshot> decode_snapshot(std::string_view bytes) {
  ByteReader in(bytes);
  DecodedSnapshot out;
  out.directory = in.text(kMostText);
  out.sites_base = in.text(base::kMaxHostname);
  out.written = take_moment(in);
  const auto domains = in.integer<std::uint32_t>();
  for (std::uint32_t i = 0; i < domains && in.good(); ++i)
    if (auto domain = take_domain(in)) out.domains.push_back(std::move(*domain));
  const auto certificates = in.integer<std::uint32_t>();
  for (std::uint32_t i = 0; i < certificates && in.good(); ++i) {
    DecodedSnapshot::Place place;
    place.kind = enumerator(in, RecordKind::redirect);
    place.row = in.text(base::kMaxId);
    place.version = in.text(64);
    const std::string_view blob = in.text(kMostText);
    place.offset = static_cast<std::size_t>(blob.data() - bytes.data());
    place.size = blob.size();
    if (in.good()) out.certificates.push_back(std::move(place));
  }
  if (!in.good() || !in.at_end()) return std::nullopt;
  return out;
}

std::optional<SnapshotCertificate> decode_snapshot_certificate(std::string_view bytes) {
  ByteReader in(bytes);
  SnapshotCertificate out;
  out.kind = enumerator(in, RecordKind::redirect);
  out.row = in.text(base::kMaxId);
  out.version = in.text(64);
  out.chain = in.text(kMostText);
  out.sealed = in.text(kMostText);
  if (!in.good() || !in.at_end()) return std::nullopt;
  return out;
}

}  // namespace marquee::routing
