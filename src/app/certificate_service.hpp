// Certificates for the admin API: those of the settings' domains, and those of the
// directory, which it also puts there. On the control thread; keys are read and
// encrypted on the blocking pool.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "admin/certificate_port.hpp"
#include "app/directory_service.hpp"
#include "base/log.hpp"
#include "proxy/snapshot.hpp"
#include "routing/certificate_store.hpp"
#include "store/encryption.hpp"

namespace marquee::app {

class CertificateService final : public admin::CertificatePort {
 public:
  using Run = std::function<void(std::function<void()>)>;
  struct Parts {
    DirectoryService* directory = nullptr;  // null: the settings are the only one
    routing::CertificateStore* store = nullptr;
    std::optional<store::EncryptionKey> key;
    std::function<std::shared_ptr<const proxy::Snapshot>()> settings;
    Run blocking;
    Run control;  // later, on the control thread
    base::Logger* logger = nullptr;
  };
  // What `parts` points to outlives it; what it runs later than that does nothing.
  explicit CertificateService(Parts parts);
  ~CertificateService() override;

  void list(const admin::CertificateQuery& query,
            std::function<void(admin::CertificatePage)> done) override;
  void show(const std::string& host, bool with_key,
            std::function<void(admin::CertificateAnswer)> done) override;
  void import(const std::string& host, std::string chain, std::string key,
              std::function<void(admin::CertificateAnswer)> done) override;
  void remove(const std::string& host, bool local,
              std::function<void(admin::CertificateAnswer)> done) override;

 private:
  struct Core;
  std::shared_ptr<Core> core_;
};

}  // namespace marquee::app
