#include "store/postgres/postgres_directory.hpp"

#include <algorithm>

#include "store/postgres/directory_core.hpp"
#include "store/tenant_sql.hpp"

namespace marquee::store {
namespace {

using namespace routing;
using postgres::DirectoryCore;

base::Failure closing(const std::string& description) {
  return {base::FailureSource::dependency, true,
          description + ": too many questions are waiting, or it is being closed"};
}

base::Failure bad_cursor() {
  return {base::FailureSource::client, false, "the cursor is not one of this list"};
}

class PostgresDirectory final : public WritableDirectory,
                                public identity::TenantDirectory,
                                public identity::KeyDirectory {
 public:
  explicit PostgresDirectory(std::shared_ptr<DirectoryCore> made)
      : core_(std::move(made)), description_(core_->description()) {
    core_->submit([](DirectoryCore* core) {
      if (core) core->start();
    });
  }
  ~PostgresDirectory() override { core_->stop(); }

  void find(const LookupKeys& keys, Found done) override {
    core_->submit([keys, done = std::move(done), who = description_](DirectoryCore* core) {
      if (core) return core->find(keys, done);
      DirectoryAnswer answer;
      answer.failure = closing(who);
      done(std::move(answer));
    });
  }

  void subscribe(ChangeListener* listener) override {
    core_->feed().subscribe(listener);
    if (!listener) return;
    core_->submit([](DirectoryCore* core) {
      if (core) core->feed().greet();
    });
  }

  void list(const ListQuery& query, Listed done) override {
    const auto position = parse_position(query.cursor);
    if (!position || (!position->after.empty() && !is_uuid(position->after)))
      return done({false, {}, {}, bad_cursor()});
    // Whatever is not a UUID is nobody's id.
    for (const std::string* id :
         {&query.agency, &query.client, &query.installation, &query.site, &query.row})
      if (!id->empty() && !is_uuid(*id)) return done({true, {}, {}, {}});
    core_->submit([query, position = *position, done = std::move(done),
                   who = description_](DirectoryCore* core) {
      if (core) return core->list(query, position, {}, done);
      done({false, {}, {}, closing(who)});
    });
  }

  void list_names(const std::string& cursor, std::uint32_t limit, Named done) override {
    const auto position = parse_position(cursor);
    if (!position) return done({false, {}, {}, 0, bad_cursor()});
    core_->submit([position = *position, limit, done = std::move(done),
                   who = description_](DirectoryCore* core) {
      if (core) return core->list_names(position, limit, done);
      done({false, {}, {}, 0, closing(who)});
    });
  }

  void load_certificate(RecordKind kind, const std::string& row, Certificate done) override {
    if (kind != RecordKind::module_domain || !is_uuid(row)) {
      StoredCertificate none;
      none.status = StoredCertificate::Status::absent;
      none.failure = {base::FailureSource::client, false, "rows of this kind have no certificate"};
      return done(std::move(none));
    }
    core_->submit([row, done = std::move(done), who = description_](DirectoryCore* core) {
      if (core) return core->load_certificate(row, done);
      StoredCertificate out;
      out.failure = closing(who);
      done(std::move(out));
    });
  }

  void store_certificate(const NewCertificate& certificate, Stored done) override {
    if (!is_uuid(certificate.row))
      return done(base::Failure{base::FailureSource::client, false, "the domain is gone"});
    core_->submit([certificate, done = std::move(done), who = description_](DirectoryCore* core) {
      if (core) return core->store_certificate(certificate, done);
      done(closing(who));
    });
  }

  void remove_certificate(const std::string& row, Stored done) override {
    if (!is_uuid(row))
      return done(base::Failure{base::FailureSource::client, false, "the domain is gone"});
    core_->submit([row, done = std::move(done), who = description_](DirectoryCore* core) {
      if (core) return core->remove_certificate(row, done);
      done(closing(who));
    });
  }

  void generation(Generation done) override {
    core_->submit([done = std::move(done)](DirectoryCore* core) {
      if (core) return core->generation(done);
      done(std::nullopt, 0);
    });
  }

  void ask(const identity::TenantKey& key, identity::TenantDirectory::Done done) override {
    if (!may_have_rows(true, key)) return done({true, {}, {}});
    core_->submit([key, done = std::move(done), who = description_](DirectoryCore* core) {
      if (core) return core->ask_tenant(key, done);
      done({false, {}, closing(who)});
    });
  }

  void find_api_key(const std::string& hash, ApiKeyFound done) override {
    core_->submit([hash, done = std::move(done), who = description_](DirectoryCore* core) {
      if (core) return core->find_api_key(hash, done);
      done({identity::KeyFound::unavailable, {}, closing(who)});
    });
  }

  void find_consumer(const std::string& hash, const std::string&, ConsumerFound done) override {
    core_->submit([hash, done = std::move(done), who = description_](DirectoryCore* core) {
      if (core) return core->find_consumer(hash, done);
      done({identity::KeyFound::unavailable, {}, closing(who)});
    });
  }

  void find_embed_token(const std::string& site, const std::string& module,
                        EmbedFound done) override {
    // Whatever is not a UUID is nobody's id.
    if (!is_uuid(site) || !is_uuid(module)) return done({identity::KeyFound::absent, {}, {}});
    core_->submit([site, module, done = std::move(done), who = description_](DirectoryCore* core) {
      if (core) return core->find_embed_token(site, module, done);
      done({identity::KeyFound::unavailable, {}, closing(who)});
    });
  }

  std::string description() const override { return description_; }

 private:
  std::shared_ptr<DirectoryCore> core_;
  const std::string description_;
};

}  // namespace

std::unique_ptr<WritableDirectory> make_postgres_directory(boost::asio::io_context& control,
                                                           PostgresOptions options,
                                                           AdapterStatus& status,
                                                           std::string& why) {
  auto info = postgres::parse_conninfo(options.url, why);
  if (!info) return nullptr;
  return std::make_unique<PostgresDirectory>(
      std::make_shared<DirectoryCore>(control, std::move(*info), std::move(options), status));
}

}  // namespace marquee::store
