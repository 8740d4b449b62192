// Where the keys of the tenant context are kept (identity/key_store.hpp has the
// contract): a file of the state directory, SQLite, or PostgreSQL.
#pragma once
#include <memory>
#include <string>

#include "config/settings.hpp"
#include "identity/key_store.hpp"
#include "store/encryption.hpp"

namespace boost::asio {
class io_context;
}

namespace marquee::store {

struct OpenedKeyStore {
  std::unique_ptr<identity::KeyStore> store;
  std::string error;  // a sentence; null then
};
// The one that the settings name. `control` outlives it.
OpenedKeyStore open_key_store(boost::asio::io_context& control, const config::Settings& settings);

// <state_dir>/context-keys/keys.json, mode 0600, written whole or not at all; nodes
// that share the folder agree by a lock.
std::unique_ptr<identity::KeyStore> make_key_file(const std::string& state_dir);

// Keeps a copy of what `database` had last in <state_dir>/context-keys/directory.json,
// encrypted with `key`: a node that starts has keys at once, also while the database is
// down.
std::unique_ptr<identity::KeyStore> with_copy(std::unique_ptr<identity::KeyStore> database,
                                              const std::string& state_dir,
                                              const EncryptionKey& key);

// Encrypted with `key`. The file is made, or brought up to date, where it has to be.
std::unique_ptr<identity::KeyStore> make_sqlite_keys(const std::string& path,
                                                     const EncryptionKey& key);

// Encrypted with `key`; connects in the background. Null, and `why`: the URL cannot be
// read.
std::unique_ptr<identity::KeyStore> make_postgres_keys(boost::asio::io_context& control,
                                                       const std::string& url,
                                                       const EncryptionKey& key,
                                                       std::chrono::milliseconds timeout,
                                                       std::string& why);

// A row as both databases keep it. Nothing: the sealed text is not one of this
// encryption key, or not a key that signs.
std::optional<identity::StoredKey> unseal(const EncryptionKey& key, std::uint64_t generation,
                                          std::int64_t signs_from, std::string_view sealed);
std::optional<std::string> seal(const EncryptionKey& key, const identity::StoredKey& stored);

// What to say of a row that unseal() does not take.
std::string unreadable_key(const std::string& where, std::uint64_t generation);

}  // namespace marquee::store
