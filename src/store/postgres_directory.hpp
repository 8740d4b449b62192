// The directory in PostgreSQL (routing/directory.hpp has the contract). Three
// connections on the io_context of the control thread: one for look-ups and
// certificates, one that follows changes, one for lists, so that none waits for
// another. Follows by LISTEN where `marquee db migrate` attached its triggers and
// notifications come through (tried at connect), else by polling the change table;
// without triggers the feed is not live. status() says which, in words.
#pragma once
#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "routing/directory.hpp"
#include "store/adapter_status.hpp"
#include "store/encryption.hpp"
#include "store/postgres_url.hpp"

namespace boost::asio {
class io_context;
}

namespace marquee::store {

class PostgresDirectory final : public routing::DomainDirectory {
 public:
  struct Options {
    PostgresUrl url;
    std::string sites_base;  // normalised, or empty
    std::optional<EncryptionKey> key;
    std::chrono::milliseconds poll_interval{250};  // where notifications do not come through
    std::chrono::milliseconds timeout{2'000};
    std::string name_servers;  // net::ResolverSettings; empty: the system's
  };
  // Connects by itself once `control` runs. Made and destroyed on the thread that
  // runs `control`, or while nobody does.
  PostgresDirectory(boost::asio::io_context& control, Options options, AdapterStatus& status);
  ~PostgresDirectory() override;

  void find(const routing::LookupKeys& keys, Found done) override;
  void subscribe(routing::ChangeListener* listener) override;
  void list(const routing::ListQuery& query, Listed done) override;
  void list_names(const std::string& cursor, std::uint32_t limit, Named done) override;
  void load_certificate(routing::RecordKind kind, const std::string& row,
                        Certificate done) override;
  void generation(Generation done) override;
  std::string description() const override;

  static constexpr std::size_t kMostQuestions = 8192;  // waiting or under way
  static constexpr std::size_t kMostChanges = 1000;    // more are told as `everything`

 private:
  class Core;
  std::shared_ptr<Core> core_;
};

}  // namespace marquee::store
