#include "store/postgres/book_core.hpp"

#include <set>
#include <utility>

#include "store/record_row.hpp"

namespace marquee::store::postgres {
namespace {

using admin::BookAnswer;
using admin::BookRead;
using admin::BookResult;

// The batch joins by index whatever statistics say, and no plan is compiled.
constexpr std::string_view kSession =
    "SELECT set_config('statement_timeout', '30000', false), set_config('lock_timeout', '5000', "
    "false), set_config('jit', 'off', false), set_config('enable_hashjoin', 'off', false), "
    "set_config('enable_mergejoin', 'off', false)";

Connection::Options connection_options(std::chrono::milliseconds timeout) {
  Connection::Options out;
  out.connect_limit = std::max<std::chrono::milliseconds>(timeout, std::chrono::milliseconds(1000));
  out.most_open = 128;
  out.pipeline = 8;
  return out;
}

std::optional<std::string> copy(std::optional<std::string_view> value) {
  if (!value) return std::nullopt;
  return std::string(*value);
}

// The data of one row is at fault, not the batch.
bool is_of_a_row(const Reply& reply) {
  return reply.status == Reply::Status::refused &&
         (reply.sqlstate.starts_with("22") || reply.sqlstate.starts_with("23"));
}

}  // namespace

struct BookCore::Batch {
  Batch(std::vector<admin::DomainDraft> d, Created c, std::function<std::string()> new_id)
      : drafts(std::move(d)), done(std::move(c)), plan(std::move(new_id)) {}
  std::vector<admin::DomainDraft> drafts;
  Created done;
  BatchPlan plan;
  Answers collected;  // of one_by_one()
};

BookCore::BookCore(boost::asio::io_context& io, Conninfo info, std::chrono::milliseconds timeout,
                   std::optional<EncryptionKey> key)
    : io_(io),
      timeout_(timeout),
      key_(std::move(key)),
      description_(info.description),
      resolver_(io, net::ResolverSettings{}),
      connection_(io, resolver_, std::move(info), connection_options(timeout),
                  {[this] { prepare(); }, [](const std::string&) {}, {}}) {}

void BookCore::submit(Task task) {
  inbox_.submit(weak_from_this(), [task = std::move(task)](BookCore* core) {
    if (core && !std::exchange(core->started_, true)) core->connection_.start();
    task(core);
  });
}

void BookCore::stop() {
  inbox_.close();
  connection_.stop();
}

void BookCore::prepare() {
  read_facts(connection_, false, timeout_,
             [this](const DatabaseFacts& facts, const std::string& why) {
               if (!why.empty()) return connection_.give_up(why);
               role_ = facts.role;
               dialect_.proofs = facts.proofs ? "marquee.proofs" : "";
               Question question;
               question.text = kSession;
               question.limit = timeout_;
               question.done = [this](const Reply& reply) {
                 if (!reply) return connection_.give_up(reply.sentence);
                 connection_.ready();
               };
               connection_.ask_now(std::move(question));
             });
}

void BookCore::ask(std::string sql, std::vector<std::optional<std::string>> parameters,
                   std::function<void(const Reply&)> done) {
  Question question;
  question.text = std::move(sql);
  question.parameters = std::move(parameters);
  question.limit = kLimit;
  question.done = std::move(done);
  connection_.ask(std::move(question));
}

BookAnswer BookCore::answer_of(const Reply& reply, const std::string& what) const {
  const std::string& state = reply.sqlstate;
  const std::string words = reply.sentence.empty() ? description_ + ": no answer" : reply.sentence;
  if (reply.status != Reply::Status::refused || state == "25006" || state.starts_with("57"))
    return {BookResult::unavailable, {}, {}, words};
  if (state == "42501")
    return {BookResult::refused,
            {},
            {},
            "The database's role " + role_ + " may not " + what + " (" + words +
                "). Do it with the platform, or let the role: GRANT INSERT, UPDATE, "
                "DELETE on the tables, and a policy where row-level security is on."};
  if (state == "23503")
    return {BookResult::invalid,
            {},
            "installation",
            "There is no such installation; name one that exists (" + words + ")."};
  if (state == "23514")
    return {BookResult::invalid,
            {},
            "host",
            "The database refuses this domain (" + words +
                "); the platform takes no wildcards and no underscores."};
  if (state == "23502")
    return {BookResult::invalid,
            {},
            "installation",
            "Its tenant could not be made (" + words +
                "); make it with the platform, and name its installation here."};
  if (is_of_a_row(reply))
    return {BookResult::invalid, {}, {}, "The database refuses this domain (" + words + ")."};
  return {BookResult::unavailable, {}, {}, words};
}

std::string BookCore::new_id() {
  const auto now = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::system_clock::now().time_since_epoch());
  char out[base::kUuidSize];
  base::format_uuid7(static_cast<std::uint64_t>(now.count()), random_.next(), random_.next(), out);
  return {out, sizeof out};
}

void BookCore::read(const std::string& id, const std::function<void(BookRead)>& done) {
  // What proofs there are is known once the connection is ready.
  Question question;
  question.late_text = [this] { return read_sql(dialect_); };
  question.parameters = {id};
  question.limit = kLimit;
  question.done = [this, done](const Reply& reply) {
    if (!reply) return done({answer_of(reply, "read domains"), std::nullopt});
    RecordRow row;
    for (std::size_t i = 0; reply.result.rows() > 0 && i < kColumns; ++i)
      row.values[i] = reply.result.value(0, i);
    auto record =
        reply.result.rows() > 0 ? make_record(row, {}, key_ ? &*key_ : nullptr) : std::nullopt;
    if (!record)
      return done({{BookResult::gone, {}, {}, "There is no domain with this id."}, std::nullopt});
    admin::StoredDomain out(*std::move(record));
    out.installation = copy(row[Column::installation]);
    out.status = copy(row[Column::status]);
    out.config = copy(row[Column::config]);
    out.white_label = copy(row[Column::white_label]);
    done({{BookResult::done, {}, {}, {}}, std::move(out)});
  };
  connection_.ask(std::move(question));
}

void BookCore::create(std::vector<admin::DomainDraft> drafts, Created done) {
  const auto batch =
      std::make_shared<Batch>(std::move(drafts), std::move(done), [this] { return new_id(); });
  // What proofs there are is known once the connection is ready.
  Question question;
  question.late_text = [this] { return facts_sql(dialect_); };
  question.parameters = {facts_json(batch->drafts)};
  question.limit = kLimit;
  question.done = [this, batch](const Reply& reply) {
    if (!reply) return batch->done(Answers(batch->drafts.size(), answer_of(reply, "read domains")));
    std::vector<DraftFacts> facts(batch->drafts.size());
    for (std::size_t r = 0; r < reply.result.rows(); ++r) {
      const std::size_t n =
          static_cast<std::size_t>(std::stoul(std::string(reply.result.text(r, 0))));
      if (n >= facts.size()) continue;
      DraftFacts row;
      for (std::size_t i = 0; i < kFacts; ++i) row.values[i] = copy(reply.result.value(r, i));
      keep_fact(facts[n], std::move(row), batch->drafts[n].host);
    }
    for (std::size_t i = 0; i < facts.size(); ++i) batch->plan.add(batch->drafts[i], facts[i]);
    insert(batch);
  };
  connection_.ask(std::move(question));
}

BookAnswer BookCore::no_proofs() {
  return {BookResult::refused,
          {},
          "vouched",
          "This database has no table marquee.proofs; run  marquee db migrate  as its owner."};
}

void BookCore::insert(const std::shared_ptr<Batch>& batch) {
  const auto& planned = batch->plan.domains();
  if (planned.empty()) return batch->done(std::move(batch->plan.answers()));
  if (dialect_.proofs.empty())
    for (const PlannedDomain& p : planned)
      if (p.vouched) return batch->done(Answers(batch->drafts.size(), no_proofs()));
  ask(insert_sql(planned), {insert_json(planned)}, [this, batch](const Reply& reply) {
    Answers& answers = batch->plan.answers();
    const auto& domains = batch->plan.domains();
    if (!reply) {
      if (batch->drafts.size() > 1 && is_of_a_row(reply)) return one_by_one(batch, 0);
      for (const PlannedDomain& p : domains) answers[p.draft] = answer_of(reply, "add domains");
      return batch->done(std::move(answers));
    }
    std::set<std::string_view> made;
    for (std::size_t r = 0; r < reply.result.rows(); ++r) made.insert(reply.result.text(r, 0));
    for (const PlannedDomain& p : domains)
      if (!made.contains(p.id))
        answers[p.draft] = {BookResult::taken,
                            {},
                            "host",
                            p.host + " was added by somebody else at the same moment."};
    batch->done(std::move(answers));
  });
}

// To find the one at fault.
void BookCore::one_by_one(const std::shared_ptr<Batch>& batch, std::size_t next) {
  if (next == batch->drafts.size()) return batch->done(std::move(batch->collected));
  create({batch->drafts[next]}, [this, batch, next](Answers answers) {
    batch->collected.push_back(std::move(answers.front()));
    one_by_one(batch, next + 1);
  });
}

void BookCore::change(const admin::StoredDomain& seen, Statement statement, const std::string& what,
                      Changed done) {
  ask(std::move(statement.sql), std::move(statement.parameters),
      [this, seen, what, done = std::move(done)](const Reply& reply) {
        if (!reply) return done(answer_of(reply, what + " this domain"));
        if (reply.result.rows() > 0) return done({BookResult::done, {}, {}, {}});
        nothing_changed(seen, what, done);
      });
}

void BookCore::announce_credential(const std::string& value, Changed done) {
  Statement statement = announce_statement(dialect_, value);
  ask(std::move(statement.sql), std::move(statement.parameters),
      [this, done = std::move(done)](const Reply& reply) {
        if (reply) return done({BookResult::done, {}, {}, {}});
        if (reply.sqlstate == "42P01" || reply.sqlstate == "3F000")
          return done({BookResult::refused,
                       {},
                       {},
                       "This database has no table marquee.changes; run  marquee db migrate  as "
                       "its owner."});
        done(answer_of(reply, "write to marquee.changes"));
      });
}

void BookCore::analyze(Changed done) {
  ask(analyze_statements(dialect_).front(), {}, [this, done = std::move(done)](const Reply& reply) {
    done(reply ? BookAnswer{BookResult::done, {}, {}, {}} : answer_of(reply, "analyze tables"));
  });
}

// Somebody was faster, or row-level security hides the row from this command.
void BookCore::nothing_changed(const admin::StoredDomain& seen, const std::string& what,
                               const Changed& done) {
  read(seen.record.row, [this, seen, what, done](const BookRead& now) {
    const bool same = now.domain && now.domain->installation == seen.installation &&
                      now.domain->status == seen.status && now.domain->config == seen.config &&
                      now.domain->white_label == seen.white_label;
    if (same)
      return done({BookResult::refused,
                   {},
                   {},
                   "Row-level security does not let the database's role " + role_ + " " + what +
                       " this domain. Do it with the platform, or make a policy for the role."});
    if (!now.domain && now.answer.result != BookResult::gone) return done(now.answer);
    done({BookResult::changed, {}, {}, "It has changed since; GET it again."});
  });
}

}  // namespace marquee::store::postgres
