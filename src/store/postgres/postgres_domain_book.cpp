#include "store/postgres/postgres_domain_book.hpp"

#include "store/postgres/book_core.hpp"

namespace marquee::store {
namespace {

using admin::BookAnswer;
using admin::BookResult;
using postgres::BookCore;

bool is_uuid(std::string_view text) {
  if (text.size() != 36) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    const char c = text[i];
    const bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    if (dash ? c != '-' : !hex) return false;
  }
  return true;
}

BookAnswer closing() {
  return {BookResult::unavailable,
          {},
          {},
          "Too many changes are waiting, or the directory is being closed; try again."};
}

std::optional<BookAnswer> bad_id(const char* field, std::string& id) {
  if (id.empty()) return std::nullopt;
  if (!is_uuid(id))
    return BookAnswer{BookResult::invalid,
                      {},
                      field,
                      std::string(field) +
                          " has to be a UUID in this database, such as "
                          "6f1c9a52-8f0e-4f0b-9d3a-5f0f3f1f7c01."};
  // As the database will show it.
  for (char& c : id)
    if (c >= 'A' && c <= 'F') c = static_cast<char>(c + 32);
  return std::nullopt;
}

std::optional<BookAnswer> fault_of(admin::DomainDraft& draft) {
  const std::pair<const char*, std::string*> ids[] = {{"installation", &draft.installation},
                                                      {"module", &draft.module},
                                                      {"site", &draft.site},
                                                      {"client", &draft.client},
                                                      {"agency", &draft.agency}};
  for (const auto& [field, id] : ids)
    if (auto fault = bad_id(field, *id)) return fault;
  return std::nullopt;
}

class PostgresDomainBook final : public admin::DomainBook {
 public:
  explicit PostgresDomainBook(std::shared_ptr<BookCore> core) : core_(std::move(core)) {}
  ~PostgresDomainBook() override { core_->stop(); }

  void read(const std::string& id, std::function<void(admin::BookRead)> done) override {
    if (!is_uuid(id))
      return done({{BookResult::gone, {}, {}, "There is no domain with this id."}, std::nullopt});
    core_->submit([id, done = std::move(done)](BookCore* core) {
      if (core) return core->read(id, done);
      done({closing(), std::nullopt});
    });
  }

  void create(std::vector<admin::DomainDraft> drafts,
              std::function<void(std::vector<BookAnswer>)> done) override {
    std::vector<BookAnswer> answers;
    std::vector<admin::DomainDraft> good;
    std::vector<std::size_t> places;
    for (admin::DomainDraft& draft : drafts) {
      if (auto fault = fault_of(draft)) {
        answers.push_back(*std::move(fault));
        continue;
      }
      places.push_back(answers.size());
      answers.emplace_back();
      good.push_back(std::move(draft));
    }
    if (good.empty()) return done(std::move(answers));
    core_->submit([good = std::move(good), places = std::move(places), answers = std::move(answers),
                   done = std::move(done)](BookCore* core) {
      const auto finish = [answers, places, done](std::vector<BookAnswer> got) mutable {
        for (std::size_t i = 0; i < places.size(); ++i) answers[places[i]] = std::move(got[i]);
        done(std::move(answers));
      };
      if (core) return core->create(good, finish);
      std::vector<BookAnswer> none(good.size(), closing());
      auto copy = finish;
      copy(std::move(none));
    });
  }

  void edit(const admin::StoredDomain& seen, const admin::DomainEdit& wanted,
            std::function<void(BookAnswer)> done) override {
    admin::DomainEdit edit = wanted;
    if (edit.installation)
      if (auto fault = bad_id("installation", *edit.installation)) return done(*std::move(fault));
    core_->submit([seen, edit = std::move(edit), done = std::move(done)](BookCore* core) {
      if (core && edit.vouched && core->dialect().proofs.empty()) return done(core->no_proofs());
      if (core)
        return core->change(seen, edit_statement(core->dialect(), seen, edit), "change", done);
      done(closing());
    });
  }

  void remove(const admin::StoredDomain& seen, std::function<void(BookAnswer)> done) override {
    core_->submit([seen, done = std::move(done)](BookCore* core) {
      if (core) return core->change(seen, remove_statement(core->dialect(), seen), "remove", done);
      done(closing());
    });
  }

  void announce_credential(const std::string& value,
                           std::function<void(BookAnswer)> done) override {
    core_->submit([value, done = std::move(done)](BookCore* core) {
      if (core) return core->announce_credential(value, done);
      done(closing());
    });
  }

  void analyze(std::function<void(BookAnswer)> done) override {
    core_->submit([done = std::move(done)](BookCore* core) {
      if (core) return core->analyze(done);
      done(closing());
    });
  }

 private:
  std::shared_ptr<BookCore> core_;
};

}  // namespace

std::unique_ptr<admin::DomainBook> make_postgres_domain_book(boost::asio::io_context& control,
                                                             const std::string& url,
                                                             std::chrono::milliseconds timeout,
                                                             std::optional<EncryptionKey> key) {
  std::string why;
  auto info = postgres::parse_conninfo(url, why);
  if (!info) return nullptr;
  return std::make_unique<PostgresDomainBook>(
      std::make_shared<BookCore>(control, std::move(*info), timeout, std::move(key)));
}

}  // namespace marquee::store
