#include "store/yaml_directory.hpp"

#include <algorithm>
#include <charconv>

namespace marquee::store {
namespace {

using routing::DomainRecord;
using routing::RecordKind;

std::string shown(const DomainRecord& record) {
  return (record.wildcard ? "*." : "") + record.host.string();
}

std::shared_ptr<DomainRecord> record_of(const config::Domain& row) {
  const bool wildcard = row.host->starts_with("*.");
  auto parsed = wildcard ? base::parse_wildcard(*row.host) : base::parse_hostname(*row.host);
  if (!parsed || parsed.port >= 0) return nullptr;
  auto out = std::make_shared<DomainRecord>(std::move(*parsed.name));
  out->kind = row.installation.empty() ? RecordKind::site_domain : RecordKind::module_domain;
  out->wildcard = wildcard;
  // A row of a file has no key but its name.
  out->row = shown(*out);
  const auto read = [](const std::string& text, auto& id) {
    if (auto parsed_id = std::decay_t<decltype(id)>::parse(text)) id = std::move(*parsed_id);
  };
  read(row.domain_id, out->domain_id);
  read(row.installation, out->installation);
  read(row.module, out->module);
  read(row.site, out->site);
  read(row.client, out->client);
  read(row.agency, out->agency);
  out->status = row.enabled ? routing::DomainStatus::active : routing::DomainStatus::disabled;
  out->ssl_status = routing::SslStatus::active;
  out->proven = true;  // who writes the settings is the operator
  out->config.redirect_to_https = row.redirect_to_https;
  out->config.force_www = row.force_www;
  return out;
}

// A cursor is the number of the row that comes next.
std::optional<std::size_t> position(const std::string& cursor, std::size_t most) {
  if (cursor.empty()) return 0;
  std::size_t out = 0;
  const auto [end, error] = std::from_chars(cursor.data(), cursor.data() + cursor.size(), out);
  if (error != std::errc() || end != cursor.data() + cursor.size() || out > most)
    return std::nullopt;
  return out;
}

std::string lower(std::string text) {
  for (char& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  return text;
}

bool matches(const DomainRecord& row, const routing::ListQuery& query) {
  const std::string name = shown(row);
  return (!query.kind || row.kind == *query.kind) &&
         (!query.status || row.status == *query.status) &&
         (query.agency.empty() || row.agency.text() == query.agency) &&
         (query.client.empty() || row.client.text() == query.client) &&
         (query.installation.empty() || row.installation.text() == query.installation) &&
         (query.site.empty() || row.site.text() == query.site) &&
         (query.row.empty() || row.row == query.row) &&
         (query.name.empty() || name == query.name) && name.starts_with(lower(query.prefix)) &&
         name.find(lower(query.contains)) != std::string::npos;
}

const base::Failure kCursor{base::FailureSource::client, false,
                            "the cursor is not one of this list"};

}  // namespace

YamlDirectory::YamlDirectory(const config::Settings& settings)
    : file_(settings.files.empty() ? "" : settings.files.front()) {
  for (const config::Domain& row : settings.domains) {
    const auto record = record_of(row);
    if (record && named_.emplace(shown(*record), record).second) rows_.push_back(record);
  }
}

void YamlDirectory::find(const routing::LookupKeys& keys, Found done) {
  routing::DirectoryAnswer answer;
  answer.lineage = 1;
  const auto add = [&](const std::string& name) {
    if (const auto found = named_.find(name); found != named_.end())
      answer.rows.push_back(found->second);
  };
  if (!keys.below_base) {
    add(keys.host.string());
    if (keys.twin) add(keys.twin->string());
    if (!keys.wildcard.empty()) add("*." + keys.wildcard);
  }
  using Status = routing::DirectoryAnswer::Status;
  answer.status = answer.rows.empty() ? Status::absent : Status::found;
  done(std::move(answer));
}

void YamlDirectory::subscribe(routing::ChangeListener* listener) {
  if (listener) listener->on_feed({true, std::chrono::milliseconds(0)});
}

void YamlDirectory::list(const routing::ListQuery& query, Listed done) {
  routing::ListPage page;
  const auto from = position(query.cursor, rows_.size());
  if (!from) {
    page.failure = kCursor;
    return done(std::move(page));
  }
  const std::size_t limit = std::clamp(query.limit, 1u, 1000u);
  for (std::size_t i = *from; i < rows_.size(); ++i) {
    if (!matches(*rows_[i], query)) continue;
    if (page.rows.size() == limit) {
      page.next = std::to_string(i);
      break;
    }
    page.rows.push_back(*rows_[i]);
  }
  page.ok = true;
  done(std::move(page));
}

void YamlDirectory::list_names(const std::string& cursor, std::uint32_t limit, Named done) {
  routing::NamePage page;
  const auto from = position(cursor, rows_.size());
  if (!from) {
    page.failure = kCursor;
    return done(std::move(page));
  }
  const std::size_t end = std::min(rows_.size(), *from + std::max(limit, 1u));
  for (std::size_t i = *from; i < end; ++i) page.names.push_back(shown(*rows_[i]));
  if (end < rows_.size()) page.next = std::to_string(end);
  page.ok = true;
  done(std::move(page));
}

void YamlDirectory::load_certificate(RecordKind, const std::string&, Certificate done) {
  routing::StoredCertificate none;
  none.status = routing::StoredCertificate::Status::absent;
  none.failure.sentence = "certificates of the settings' domains are files";
  done(std::move(none));
}

}  // namespace marquee::store
