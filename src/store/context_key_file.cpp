// Keys of the tenant context in the state directory.
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/durable_file.hpp"
#include "net/socket.hpp"
#include "store/context_keys.hpp"

namespace marquee::store {
namespace {

using net::Fd;

namespace json = boost::json;
using identity::StoredKey;

constexpr std::size_t kMostBytes = 256u << 10;

class KeyFile final : public identity::KeyStore {
 public:
  // `seal`: keys stand in the file encrypted with it.
  KeyFile(const std::string& state_dir, std::string name, std::optional<EncryptionKey> seal)
      : folder_(state_dir + "/context-keys"),
        name_(std::move(name)),
        path_(folder_ + "/" + name_),
        seal_(std::move(seal)) {}

  void load(std::function<void(Loaded)> done) override {
    Loaded out;
    const Fd folder = open_folder();
    std::string error = folder ? read(folder.get(), out.keys) : because(folder_);
    out.ok = error.empty();
    if (!out.ok) out.failure = failed(std::move(error));
    done(std::move(out));
  }

  void add(const StoredKey& key, std::function<void(Added)> done) override {
    bool taken = false;
    std::string error = change([&](std::vector<StoredKey>& keys) {
      taken = std::any_of(keys.begin(), keys.end(),
                          [&](const StoredKey& k) { return k.generation == key.generation; });
      if (!taken) keys.push_back(key);
      return !taken;
    });
    if (!error.empty()) return done({Added::Status::failed, failed(std::move(error))});
    done({taken ? Added::Status::taken : Added::Status::added, {}});
  }

  void remove(std::uint64_t generation) override {
    change([generation](std::vector<StoredKey>& keys) {
      return std::erase_if(
                 keys, [generation](const StoredKey& k) { return k.generation == generation; }) > 0;
    });
  }

  std::string description() const override { return path_; }

  // All of them, in place of what was there. Empty, or a sentence.
  std::string replace(const std::vector<StoredKey>& all) const {
    return change([&all](std::vector<StoredKey>& keys) {
      const auto same = [](const StoredKey& a, const StoredKey& b) {
        return a.generation == b.generation && a.key->thumbprint() == b.key->thumbprint();
      };
      if (std::equal(keys.begin(), keys.end(), all.begin(), all.end(), same)) return false;
      keys = all;
      return true;
    });
  }

 private:
  static std::string because(const std::string& what) { return what + ": " + std::strerror(errno); }
  static base::Failure failed(std::string sentence) {
    return {base::FailureSource::self, true, std::move(sentence)};
  }

  Fd open_folder() const {
    if (::mkdir(folder_.c_str(), 0700) != 0 && errno != EEXIST) return Fd(-1);
    return Fd(::open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }

  // Empty, or a sentence. A file that is not there is an empty one.
  std::string read(int folder, std::vector<StoredKey>& keys) const {
    const Fd file(::openat(folder, name_.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    if (!file) return errno == ENOENT ? std::string() : because(path_);
    std::string text(kMostBytes, '\0');
    std::size_t size = 0;
    for (ssize_t n = 1; n > 0 && size < text.size(); size += static_cast<std::size_t>(n)) {
      n = ::read(file.get(), text.data() + size, text.size() - size);
      if (n < 0) return because(path_);
    }
    text.resize(size);
    const bool good = parse(text, keys);
    identity::jose::wipe(text);
    if (good) return {};
    return path_ +
           " is damaged; remove it, then new keys are made and tokens in flight (at most "
           "a minute old) are refused";
  }

  bool parse(std::string_view text, std::vector<StoredKey>& keys) const {
    json::error_code error;
    const json::value document = json::parse(text, error);
    const json::object* object = error ? nullptr : document.if_object();
    const json::value* list = object ? object->if_contains("keys") : nullptr;
    if (!list || !list->is_array() || list->get_array().size() > identity::kMostKeys) return false;
    for (const json::value& value : list->get_array()) {
      const json::object* row = value.if_object();
      const json::value* generation = row ? row->if_contains("generation") : nullptr;
      const json::value* from = row ? row->if_contains("signs_from") : nullptr;
      const json::value* pem = row ? row->if_contains("key") : nullptr;
      if (!generation || !generation->is_int64() || generation->get_int64() < 1 || !from ||
          !from->is_int64() || !pem || !pem->is_string())
        return false;
      auto stored = read_key(static_cast<std::uint64_t>(generation->get_int64()), from->get_int64(),
                             pem->get_string());
      if (!stored) return false;
      keys.push_back(std::move(*stored));
    }
    return true;
  }

  std::optional<StoredKey> read_key(std::uint64_t generation, std::int64_t from,
                                    std::string_view text) const {
    if (seal_) return unseal(*seal_, generation, from, text);
    auto made = identity::jose::Key::from_pem(text);
    if (!made.key || !made.key->can_sign()) return std::nullopt;
    return StoredKey{generation, from, std::move(made.key)};
  }

  // Reads, lets `decide` alter the list, and writes where it says so; all under a lock.
  template <typename Decide>
  std::string change(Decide decide) const {
    const Fd folder = open_folder();
    if (!folder || ::flock(folder.get(), LOCK_EX) != 0) return because(folder_);
    std::vector<StoredKey> keys;
    // A copy that is of no use is written anew; the one there is must not be lost.
    if (std::string error = read(folder.get(), keys); !error.empty() && !seal_) return error;
    if (!decide(keys)) return {};
    json::array rows;
    for (const StoredKey& k : keys) {
      std::string pem = seal_ ? seal(*seal_, k).value_or("") : k.key->private_text();
      rows.push_back(
          json::object{{"generation", k.generation}, {"signs_from", k.signs_from}, {"key", pem}});
      identity::jose::wipe(pem);
    }
    std::string text = json::serialize(json::object{{"keys", std::move(rows)}}) + "\n";
    const std::string error = base::replace_file(folder.get(), name_, name_ + ".new", 0600, {text});
    identity::jose::wipe(text);
    return error.empty() ? error : path_ + " " + error;
  }

  const std::string folder_;
  const std::string name_;
  const std::string path_;
  const std::optional<EncryptionKey> seal_;
};

// The keys of a database, with a copy of them in the state directory.
class CopiedKeys final : public identity::KeyStore {
 public:
  CopiedKeys(std::unique_ptr<KeyStore> database, const std::string& state_dir,
             const EncryptionKey& key)
      : copy_(state_dir, "directory.json", key), database_(std::move(database)) {}

  void load(std::function<void(Loaded)> done) override {
    // At the start what is at hand comes first: requests are about to come.
    if (std::exchange(first_, false)) {
      if (Loaded kept = copied({}); kept.ok) return done(std::move(kept));
    }
    database_->load([this, done = std::move(done)](Loaded loaded) {
      if (loaded.ok) {
        copy_.replace(loaded.keys);  // without it only the next start is poorer
        return done(std::move(loaded));
      }
      Loaded kept = copied(loaded.failure);
      done(kept.ok ? std::move(kept) : std::move(loaded));
    });
  }
  void add(const StoredKey& key, std::function<void(Added)> done) override {
    database_->add(key, std::move(done));
  }
  void remove(std::uint64_t generation) override { database_->remove(generation); }
  std::string description() const override { return database_->description(); }

 private:
  Loaded copied(base::Failure why) {
    Loaded out;
    copy_.load([&out](Loaded kept) { out = std::move(kept); });
    out.ok = out.ok && !out.keys.empty();
    out.stale = true;
    out.failure = std::move(why);
    return out;
  }

  KeyFile copy_;
  bool first_ = true;
  std::unique_ptr<KeyStore> database_;
};

}  // namespace

std::unique_ptr<identity::KeyStore> make_key_file(const std::string& state_dir) {
  return std::make_unique<KeyFile>(state_dir, "keys.json", std::nullopt);
}

std::unique_ptr<identity::KeyStore> with_copy(std::unique_ptr<identity::KeyStore> database,
                                              const std::string& state_dir,
                                              const EncryptionKey& key) {
  return std::make_unique<CopiedKeys>(std::move(database), state_dir, key);
}

}  // namespace marquee::store
