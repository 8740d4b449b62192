// The adapter that the settings name.
#pragma once
#include <functional>
#include <memory>
#include <string>

#include "config/settings.hpp"
#include "identity/key_directory.hpp"
#include "identity/tenant_directory.hpp"
#include "routing/certificate_store.hpp"
#include "routing/directory.hpp"
#include "store/adapter_status.hpp"

namespace boost::asio {
class io_context;
}

namespace marquee::store {

struct OpenedDirectory {
  std::unique_ptr<AdapterStatus> status;  // outlives the directory
  std::unique_ptr<routing::DomainDirectory> directory;
  identity::TenantDirectory* tenants = nullptr;       // the same object
  identity::KeyDirectory* keys = nullptr;             // the same object
  routing::CertificateStore* certificates = nullptr;  // the directory's own
  std::string error;                                  // a sentence; both are null then
};

// Nothing at all for kind yaml, whose domains are the settings' own. Does not wait
// for the database: one that is down answers `unavailable` until it is up.
// `control` and `logger` outlive the directory. `work` runs a job where it may take a
// millisecond (reading a private key): not on the control thread, perhaps after the
// directory's end.
using Work = std::function<void(std::function<void()>)>;
OpenedDirectory open_directory(boost::asio::io_context& control, const config::Settings& settings,
                               base::Logger& logger, Work work);

// Where kind sqlite keeps its file.
std::string sqlite_path(const config::Settings& settings);

}  // namespace marquee::store
