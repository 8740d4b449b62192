// The directory in PostgreSQL (routing/directory.hpp has the contract): the
// platform's own database, or one of Marquee's. Two connections on the control
// thread: one for look-ups and certificates, so that nothing slow stands before
// them, one for lists and the change feed.
#pragma once
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "routing/certificate_store.hpp"
#include "routing/directory.hpp"
#include "store/adapter_status.hpp"
#include "store/encryption.hpp"

namespace boost::asio {
class io_context;
}

namespace marquee::store {

struct PostgresOptions {
  std::string url;         // as libpq reads it; several hosts are tried in turn
  std::string sites_base;  // normalised, or empty
  std::optional<EncryptionKey> key;
  std::chrono::milliseconds poll_interval{250};  // where LISTEN does not work
  std::chrono::milliseconds timeout{2000};       // of a question, waiting included
  // How often it is looked whether the schema is another one: after `db migrate`.
  std::chrono::milliseconds recheck{10'000};
  std::string name_servers;  // net::ResolverSettings; empty: the system's
  // Runs work of about a millisecond (reading a private key) elsewhere; empty: here.
  std::function<void(std::function<void()>)> work;
};

// Both ports in one.
class WritableDirectory : public routing::DomainDirectory, public routing::CertificateStore {};

// Connects in the background. The directory is destroyed by the thread that runs
// `control`, or when nobody does; `control` and `status` outlive it. Null, and `why`:
// the URL cannot be read.
std::unique_ptr<WritableDirectory> make_postgres_directory(boost::asio::io_context& control,
                                                           PostgresOptions options,
                                                           AdapterStatus& status, std::string& why);

}  // namespace marquee::store
