// Stored credentials in PostgreSQL. Not prepared: an answer is kept for a minute. A
// table that is not there is a failure to know, and no reason to connect anew.
#include "store/key_sql.hpp"
#include "store/postgres/directory_core.hpp"

namespace marquee::store::postgres {
namespace {

KeyColumns columns_of(const Result& result) {
  KeyColumns row;
  for (std::size_t i = 0; i < result.columns(); ++i) row.push_back(result.value(0, i));
  return row;
}

}  // namespace

template <typename Record, typename Make>
void DirectoryCore::ask_key(std::string sql, std::vector<std::optional<std::string>> parameters,
                            Make make, std::function<void(identity::KeyAnswer<Record>)> done) {
  Question question;
  question.text = std::move(sql);
  question.parameters = std::move(parameters);
  question.limit = options_.timeout;
  question.done = [this, weak = weak_from_this(), make,
                   done = std::move(done)](const Reply& reply) {
    identity::KeyAnswer<Record> answer;
    if (!reply) {
      answer.failure = {base::FailureSource::dependency, true, reply.sentence};
      if (const auto self = weak.lock()) {
        status_.failures.fetch_add(1, std::memory_order_relaxed);
        status_.logger().warn("a stored credential cannot be looked up",
                              {{"reason", reply.sentence}});
      }
    } else if (reply.result.rows() == 0) {
      answer.status = identity::KeyFound::absent;
    } else {
      answer.status = identity::KeyFound::found;
      answer.record = make(columns_of(reply.result));
    }
    done(std::move(answer));
  };
  lookups_.ask(std::move(question));
}

void DirectoryCore::find_api_key(const std::string& hash,
                                 identity::KeyDirectory::ApiKeyFound done) {
  ask_key<identity::ApiKeyRecord>(api_key_sql(true), {hash}, make_api_key, std::move(done));
}

void DirectoryCore::find_consumer(const std::string& hash,
                                  identity::KeyDirectory::ConsumerFound done) {
  ask_key<identity::ConsumerRecord>(consumer_sql(true), {hash}, make_consumer, std::move(done));
}

void DirectoryCore::find_embed_token(const std::string& site, const std::string& module,
                                     identity::KeyDirectory::EmbedFound done) {
  ask_key<identity::EmbedTokenRecord>(embed_token_sql(true), {site, module}, make_embed_token,
                                      std::move(done));
}

}  // namespace marquee::store::postgres
