#include "store/context_keys.hpp"

#include "identity/check.hpp"
#include "store/open_directory.hpp"

namespace marquee::store {

OpenedKeyStore open_key_store(boost::asio::io_context& control, const config::Settings& settings) {
  if (!identity::keys_in_directory(settings)) return {make_key_file(settings.state_dir), {}};
  const config::Directory& d = settings.directory;
  const auto key = EncryptionKey::parse(d.encryption_key);
  if (!key) return {nullptr, "directory.encryption_key is not 64 hex digits"};
  if (d.kind == config::DirectoryKind::sqlite)
    return {with_copy(make_sqlite_keys(sqlite_path(settings), *key), settings.state_dir, *key), {}};
  std::string why;
  auto store = make_postgres_keys(control, d.url, *key, d.timeout, why);
  if (!store) return {nullptr, "directory.url: " + why};
  return {with_copy(std::move(store), settings.state_dir, *key), {}};
}

std::optional<identity::StoredKey> unseal(const EncryptionKey& key, std::uint64_t generation,
                                          std::int64_t signs_from, std::string_view sealed) {
  std::optional<std::string> pem = decrypt(key, sealed);
  if (!pem) return std::nullopt;
  identity::jose::MadeKey made = identity::jose::Key::from_pem(*pem);
  identity::jose::wipe(*pem);
  if (!made.key || !made.key->can_sign() || generation == 0) return std::nullopt;
  return identity::StoredKey{generation, signs_from, std::move(made.key)};
}

std::optional<std::string> seal(const EncryptionKey& key, const identity::StoredKey& stored) {
  std::string pem = stored.key->private_text();
  if (pem.empty()) return std::nullopt;
  std::optional<std::string> sealed = encrypt(key, pem);
  identity::jose::wipe(pem);
  return sealed;
}

std::string unreadable_key(const std::string& where, std::uint64_t generation) {
  return where + ": key " + std::to_string(generation) +
         " of the tenant context cannot be decrypted; give this node the directory.encryption_key "
         "of the others, or delete that row";
}

}  // namespace marquee::store
