// The questions of the port, put to the database.
#include <openssl/crypto.h>

#include <algorithm>
#include <charconv>

#include "store/postgres/directory_core.hpp"
#include "store/postgres/notifications.hpp"
#include "store/record_row.hpp"
#include "store/tenant_sql.hpp"

namespace marquee::store::postgres {
namespace {

using routing::DirectoryAnswer;
using routing::RecordKind;

std::uint64_t number(std::string_view text) {
  std::uint64_t out = 0;
  std::from_chars(text.data(), text.data() + text.size(), out);
  return out;
}

std::optional<RecordKind> after(RecordKind kind) {
  if (kind == RecordKind::redirect) return std::nullopt;
  return static_cast<RecordKind>(static_cast<int>(kind) + 1);
}

}  // namespace

void DirectoryCore::find(const routing::LookupKeys& keys, routing::DomainDirectory::Found done) {
  ask_lookup(
      "marquee_find", find_sql_, find_parameters(keys),
      [this, done = std::move(done)](const Reply& reply) {
        DirectoryAnswer answer;
        answer.lineage = lineage_;
        if (!reply) {
          answer.failure = failure_of(reply);
          return done(std::move(answer));
        }
        const std::size_t rows = reply.result.rows();
        if (rows > 0) answer.generation = number(reply.result.text(rows - 1, kColumns));
        read_rows(reply.result, rows, [answer, done](Rows read) mutable {
          answer.failure = std::move(read.failure);
          if (!answer.failure.sentence.empty()) return done(std::move(answer));
          for (routing::DomainRecord& record : read.records)
            answer.rows.push_back(std::make_shared<routing::DomainRecord>(std::move(record)));
          answer.status = answer.rows.empty() ? DirectoryAnswer::Status::absent
                                              : DirectoryAnswer::Status::found;
          done(std::move(answer));
        });
      });
}

void DirectoryCore::load_certificate(const std::string& row,
                                     routing::DomainDirectory::Certificate done) {
  ask_lookup("marquee_certificate", certificate_sql_, {row},
             [this, done = std::move(done)](const Reply& reply) {
               routing::StoredCertificate out;
               if (!reply) {
                 out.failure = failure_of(reply);
                 return done(std::move(out));
               }
               if (reply.result.rows() == 0) {
                 out.status = routing::StoredCertificate::Status::absent;
                 out.failure = {base::FailureSource::dependency, false, "the domain is gone"};
                 return done(std::move(out));
               }
               const auto copy = [&reply](std::size_t column) -> std::optional<std::string> {
                 if (const auto value = reply.result.value(0, column)) return std::string(*value);
                 return std::nullopt;
               };
               // The end of the directory does not wait for the job, and the job does
               // not need the directory.
               elsewhere([certificate = copy(0), encrypted = copy(1), key = options_.key,
                          work = working_.open<routing::StoredCertificate>(done)] {
                 work->answer(make_certificate(certificate, encrypted, key ? &*key : nullptr));
               });
             });
}

// Kind after kind until the page is full. One row more than asked for says whether
// there is another page.
void DirectoryCore::list(const routing::ListQuery& query, Position position, routing::ListPage page,
                         routing::DomainDirectory::Listed done) {
  while (query.kind && *query.kind != position.kind) {
    const auto next = after(position.kind);
    if (!next) {
      page.ok = true;
      return done(std::move(page));
    }
    position = {*next, {}};
  }
  const std::size_t limit = std::clamp(query.limit, 1u, 1000u);
  const auto room = static_cast<std::uint32_t>(limit - page.rows.size() + 1);
  Question question;
  question.late_text = [this, kind = position.kind, query] {
    return list_sql(dialect(), kind, query);
  };
  question.parameters = list_parameters(query, position, room);
  question.limit = kPage;
  question.done = [this, weak = weak_from_this(), query, position, room, page = std::move(page),
                   done = std::move(done)](const Reply& reply) mutable {
    const auto self = weak.lock();
    if (!reply || !self) {
      status_.failures.fetch_add(1, std::memory_order_relaxed);
      return done({false, {}, {}, failure_of(reply)});
    }
    const std::size_t rows = reply.result.rows();
    const std::size_t kept = std::min<std::size_t>(rows, room - 1);
    if (kept > 0)
      position.after = reply.result.text(kept - 1, static_cast<std::size_t>(Column::row));
    // The next question is the control thread's to ask.
    read_rows(
        reply.result, kept,
        [this, query, position, more = rows >= room, page = std::move(page),
         done = std::move(done)](Rows read) mutable {
          if (!read.failure.sentence.empty()) return done({false, {}, {}, read.failure});
          for (routing::DomainRecord& record : read.records) page.rows.push_back(std::move(record));
          submit([query, position, more, page = std::move(page), done = std::move(done),
                  who = description_](DirectoryCore* core) mutable {
            if (core) return core->listed(query, position, more, std::move(page), done);
            done(
                {false, {}, {}, {base::FailureSource::dependency, true, who + " is being closed"}});
          });
        });
  };
  background_.ask(std::move(question));
}

void DirectoryCore::listed(const routing::ListQuery& query, Position position, bool more,
                           routing::ListPage page, routing::DomainDirectory::Listed done) {
  const auto next = after(position.kind);
  if (more) {
    page.next = show_position(position);
  } else if (next) {
    return list(query, {*next, {}}, std::move(page), std::move(done));
  }
  page.ok = true;
  done(std::move(page));
}

void DirectoryCore::list_names(const Position& position, std::uint32_t limit,
                               routing::DomainDirectory::Named done) {
  limit = std::clamp(limit, 1u, 50'000u);
  Question question;
  question.late_text = [this, kind = position.kind] { return names_sql(dialect(), kind); };
  question.parameters = {position.after, std::to_string(limit)};
  question.limit = kPage;
  question.done = [this, position, limit, done = std::move(done)](const Reply& reply) {
    routing::NamePage page;
    if (!reply) {
      status_.failures.fetch_add(1, std::memory_order_relaxed);
      page.failure = failure_of(reply);
      return done(std::move(page));
    }
    const std::size_t rows = reply.result.rows();
    page.names.reserve(rows);
    for (std::size_t i = 0; i < rows; ++i) {
      std::string name(reply.result.text(i, 0));
      if (position.kind == RecordKind::site_subdomain) name += '.';
      page.names.push_back(std::move(name));
    }
    if (rows > 0) page.generation = number(reply.result.text(0, 1));
    const auto next = after(position.kind);
    if (rows == limit)
      page.next = show_position({position.kind, std::string(reply.result.text(rows - 1, 0))});
    else if (next)
      page.next = show_position({*next, {}});
    page.ok = true;
    done(std::move(page));
  };
  background_.ask(std::move(question));
}

// Not prepared: an answer is kept for a minute. A table that is not there is a failure
// to know, told once in the log, and no reason to connect anew.
void DirectoryCore::ask_tenant(const identity::TenantKey& key,
                               identity::TenantDirectory::Done done) {
  Question question;
  question.late_text = [this, what = key.question] { return tenant_sql(dialect(), what); };
  question.parameters = tenant_parameters(key);
  question.limit = options_.timeout;
  question.done = [this, weak = weak_from_this(), what = key.question,
                   done = std::move(done)](const Reply& reply) {
    identity::TenantAnswer answer;
    if (!reply) {
      const auto self = weak.lock();
      answer.failure = {base::FailureSource::dependency, true, reply.sentence};
      if (self) {
        status_.failures.fetch_add(1, std::memory_order_relaxed);
        answer.failure = failure_of(reply);
        const unsigned bit = 1u << static_cast<unsigned>(what);
        if (reply.status == Reply::Status::refused &&
            (std::exchange(told_, told_ | bit) & bit) == 0)
          status_.logger().error("a table of tenants cannot be read; run  marquee db migrate",
                                 {{"reason", answer.failure.sentence}});
      }
      return done(std::move(answer));
    }
    for (std::size_t i = 0; i < reply.result.rows(); ++i) {
      TenantRow row;
      for (std::size_t c = 0; c < reply.result.columns(); ++c)
        row.push_back(reply.result.value(i, c));
      add_tenant_row(what, row, answer.facts);
    }
    answer.ok = true;
    done(std::move(answer));
  };
  lookups_.ask(std::move(question));
}

void DirectoryCore::generation(routing::DomainDirectory::Generation done) {
  Question question;
  question.late_text = [this] {
    return facts_.feed ? "SELECT generation FROM " + std::string(kGeneration) : "SELECT 0";
  };
  question.limit = options_.timeout;
  question.done = [this, done = std::move(done)](const Reply& reply) {
    if (!reply) return done(std::nullopt, feed_.lineage());
    done(number(reply.result.text(0, 0)), feed_.lineage());
  };
  background_.ask(std::move(question));
}

}  // namespace marquee::store::postgres
