// Keys of the tenant context in PostgreSQL: a connection of its own, so that a key is
// read and made while look-ups wait.
#include <charconv>

#include "net/resolver.hpp"
#include "store/context_keys.hpp"
#include "store/postgres/connection.hpp"

namespace marquee::store {
namespace {

using identity::StoredKey;
using postgres::Connection;
using postgres::Conninfo;
using postgres::Question;
using postgres::Reply;

template <typename Number>
Number number_of(std::string_view text) {
  Number out = 0;
  std::from_chars(text.data(), text.data() + text.size(), out);
  return out;
}

Connection::Options options_of(std::chrono::milliseconds timeout) {
  Connection::Options out;
  out.connect_limit = std::max(timeout, std::chrono::milliseconds(1000));
  return out;
}

class PostgresKeys final : public identity::KeyStore {
 public:
  PostgresKeys(boost::asio::io_context& control, Conninfo info, const EncryptionKey& key,
               std::chrono::milliseconds timeout)
      : key_(key),
        timeout_(timeout),
        description_(info.description),
        resolver_(control, {}),
        connection_(control, resolver_, std::move(info), options_of(timeout),
                    {[this] { connection_.ready(); }, [](const std::string&) {}, {}}) {
    connection_.start();
  }
  ~PostgresKeys() override {
    alive_.reset();
    connection_.stop();
  }

  void load(std::function<void(Loaded)> done) override {
    ask("SELECT generation, signs_from, sealed FROM marquee.context_keys "
        "ORDER BY generation DESC LIMIT 32",
        {}, [this, done = std::move(done)](const Reply& reply) {
          if (!reply) return done({false, false, {}, failed(reply)});
          Loaded out;
          for (std::size_t i = 0; i < reply.result.rows(); ++i) {
            const auto generation = number_of<std::uint64_t>(reply.result.text(i, 0));
            auto stored = unseal(key_, generation, number_of<std::int64_t>(reply.result.text(i, 1)),
                                 reply.result.text(i, 2));
            if (!stored)
              return done({false,
                           false,
                           {},
                           {base::FailureSource::dependency, true,
                            unreadable_key(description_, generation)}});
            out.keys.push_back(std::move(*stored));
          }
          out.ok = true;
          done(std::move(out));
        });
  }

  void add(const StoredKey& key, std::function<void(Added)> done) override {
    const auto sealed = seal(key_, key);
    if (!sealed)
      return done({Added::Status::failed,
                   {base::FailureSource::self, true, "the key cannot be encrypted"}});
    ask("INSERT INTO marquee.context_keys (generation, signs_from, sealed) VALUES ($1, $2, $3) "
        "ON CONFLICT DO NOTHING RETURNING generation",
        {std::to_string(key.generation), std::to_string(key.signs_from), *sealed},
        [this, done = std::move(done)](const Reply& reply) {
          if (!reply) return done({Added::Status::failed, failed(reply)});
          done({reply.result.rows() > 0 ? Added::Status::added : Added::Status::taken, {}});
        });
  }

  void remove(std::uint64_t generation) override {
    ask("DELETE FROM marquee.context_keys WHERE generation = $1", {std::to_string(generation)},
        [](const Reply&) {});
  }

  std::string description() const override { return description_; }

 private:
  base::Failure failed(const Reply& reply) const {
    // No such schema, table or right.
    const bool outdated =
        reply.sqlstate == "42P01" || reply.sqlstate == "3F000" || reply.sqlstate == "42501";
    std::string sentence = reply.sentence.empty() ? description_ + ": no answer" : reply.sentence;
    if (outdated) sentence += "; run  marquee db migrate";
    return {base::FailureSource::dependency, true, std::move(sentence)};
  }

  void ask(std::string text, std::vector<std::optional<std::string>> parameters,
           std::function<void(const Reply&)> done) {
    Question question;
    question.text = std::move(text);
    question.parameters = std::move(parameters);
    question.limit = timeout_;
    question.done = [done = std::move(done), alive = std::weak_ptr(alive_)](const Reply& reply) {
      if (alive.lock()) done(reply);
    };
    connection_.ask(std::move(question));
  }

  const EncryptionKey key_;
  const std::chrono::milliseconds timeout_;
  const std::string description_;
  net::Resolver resolver_;
  Connection connection_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace

std::unique_ptr<identity::KeyStore> make_postgres_keys(boost::asio::io_context& control,
                                                       const std::string& url,
                                                       const EncryptionKey& key,
                                                       std::chrono::milliseconds timeout,
                                                       std::string& why) {
  auto info = postgres::parse_conninfo(url, why);
  if (!info) return nullptr;
  return std::make_unique<PostgresKeys>(control, std::move(*info), key, timeout);
}

}  // namespace marquee::store
