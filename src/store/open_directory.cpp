#include "store/open_directory.hpp"

#include "store/postgres/postgres_directory.hpp"
#include "store/sqlite_directory.hpp"

namespace marquee::store {
namespace {

std::string sites_base(const config::Settings& settings) {
  const auto parsed = base::parse_hostname(*settings.hosts.sites_base);
  return parsed ? parsed.name->string() : std::string();
}

}  // namespace

std::string sqlite_path(const config::Settings& settings) {
  return settings.directory.path.empty() ? settings.state_dir + "/directory.sqlite"
                                         : settings.directory.path;
}

OpenedDirectory open_directory(boost::asio::io_context& control, const config::Settings& settings,
                               base::Logger& logger, Work work) {
  OpenedDirectory out;
  const config::Directory& d = settings.directory;
  if (d.kind == config::DirectoryKind::yaml) return out;
  out.status = std::make_unique<AdapterStatus>(logger);
  if (d.kind == config::DirectoryKind::sqlite) {
    SqliteDirectory::Options options;
    options.path = sqlite_path(settings);
    options.sites_base = sites_base(settings);
    options.key = EncryptionKey::parse(d.encryption_key);
    options.poll_interval = d.poll_interval;
    options.timeout = d.timeout;
    auto opened = std::make_unique<SqliteDirectory>(std::move(options), *out.status);
    out.tenants = opened.get();
    out.keys = opened.get();
    out.certificates = opened.get();
    out.directory = std::move(opened);
    return out;
  }
  PostgresOptions options;
  options.url = d.url;
  options.sites_base = sites_base(settings);
  options.key = EncryptionKey::parse(d.encryption_key);
  options.poll_interval = d.poll_interval;
  options.timeout = d.timeout;
  options.work = std::move(work);
  std::string why;
  auto directory = make_postgres_directory(control, std::move(options), *out.status, why);
  if (!directory) {
    OpenedDirectory failed;
    failed.error = "directory.url: " + why;
    return failed;
  }
  out.tenants = dynamic_cast<identity::TenantDirectory*>(directory.get());
  out.keys = dynamic_cast<identity::KeyDirectory*>(directory.get());
  out.certificates = directory.get();
  out.directory = std::move(directory);
  return out;
}

}  // namespace marquee::store
