#include "store/postgres_directory.hpp"

#include <algorithm>
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <deque>
#include <mutex>

#include "net/resolver.hpp"
#include "store/postgres_connection.hpp"
#include "store/postgres_feed.hpp"
#include "store/record_row.hpp"

namespace marquee::store {
namespace {

using routing::DirectoryAnswer;
using routing::RecordKind;
using Parameters = std::vector<std::optional<std::string>>;

base::Failure unavailable(std::string sentence) {
  return {base::FailureSource::dependency, true, std::move(sentence)};
}

std::optional<RecordKind> after(RecordKind kind) {
  if (kind == RecordKind::redirect) return std::nullopt;
  return static_cast<RecordKind>(static_cast<int>(kind) + 1);
}

constexpr std::chrono::seconds kListTimeout{30};

}  // namespace

// All but the inbox is of the control thread.
class PostgresDirectory::Core : public std::enable_shared_from_this<Core> {
 public:
  // Called once: to be asked with the shape known, or told why that cannot be.
  struct Question {
    std::function<void(Core&)> ask;
    std::function<void(const std::string& why)> refuse;
    std::chrono::steady_clock::time_point deadline;
  };

  Core(boost::asio::io_context& io, Options options, AdapterStatus& status)
      : options_(std::move(options)),
        status_(status),
        io_(io),
        timer_(io),
        resolver_(io, resolver_settings(options_)),
        lookups_(io, resolver_, connection(options_.timeout), lookup_events()),
        lists_(io, resolver_, connection(kListTimeout), {}),
        follow_(io, resolver_, connection(options_.timeout), feed_events()),
        feed_(io, follow_, lookups_, feed_options(options_), status,
              [this](const PostgresShape& shape) { on_shape(shape); }) {}

  void start() {
    boost::asio::post(io_, [self = weak_from_this()] {
      const auto core = self.lock();
      if (!core || core->closed_) return;
      core->lookups_.start();
      core->lists_.start();
      core->follow_.start();
    });
  }

  void close() {
    {
      const std::lock_guard hold(mutex_);
      closed_ = true;
    }
    feed_.stop();
    timer_.cancel();
    lookups_.close();
    lists_.close();
    follow_.close();
    std::deque<Question> open;
    {
      const std::lock_guard hold(mutex_);
      open.swap(inbox_);
    }
    for (auto& question : waiting_) open.push_back(std::move(question));
    waiting_.clear();
    for (auto& question : open) question.refuse(shown() + " is being closed");
  }

  // From any thread.
  void take(Question question) {
    question.deadline = std::chrono::steady_clock::now() + options_.timeout;
    std::string refused;
    {
      const std::lock_guard hold(mutex_);
      if (closed_)
        refused = shown() + " is being closed";
      else if (inbox_.size() >= kMostQuestions)
        refused = shown() + " has too many questions waiting";
      else
        inbox_.push_back(std::move(question));
    }
    if (!refused.empty()) return question.refuse(refused);
    boost::asio::post(io_, [self = weak_from_this()] {
      if (const auto core = self.lock()) core->work();
    });
  }

  std::string shown() const { return options_.url.shown(); }
  PostgresFeed& feed() { return feed_; }

  void find(const routing::LookupKeys& keys, const Found& done) {
    lookups_.ask(
        find_sql_, find_parameters(keys),
        [this, done](const PostgresRows* rows, const std::string& why) {
          DirectoryAnswer answer;
          answer.lineage = shape_->lineage;
          if (!rows) {
            count_failure();
            answer.failure = unavailable(why);
            return done(std::move(answer));
          }
          for (int i = 0; i < rows->size(); ++i) {
            answer.generation = std::strtoull(
                std::string(rows->at(i, kColumns).value_or("0")).c_str(), nullptr, 10);
            if (auto record = record_of(*rows, i))
              answer.rows.push_back(std::make_shared<routing::DomainRecord>(std::move(*record)));
          }
          answer.status = answer.rows.empty() ? DirectoryAnswer::Status::absent
                                              : DirectoryAnswer::Status::found;
          done(std::move(answer));
        });
  }

  struct Listing {
    routing::ListQuery query;
    Position position;
    routing::ListPage page;
    Listed done;
  };

  // One statement for each kind, until the page is full.
  void list(const std::shared_ptr<Listing>& l) {
    while (l->query.kind && *l->query.kind != l->position.kind) {
      const auto next = after(l->position.kind);
      if (!next) return finish(*l);
      l->position = {*next, {}};
    }
    const auto limit = std::clamp(l->query.limit, 1u, 1000u);
    // One row more than asked for says whether there is another page.
    const auto room = static_cast<std::uint32_t>(limit - l->page.rows.size() + 1);
    lists_.ask(list_sql(shape_->dialect, l->position.kind, l->query),
               list_parameters(l->query, l->position, room),
               [this, l, room](const PostgresRows* rows, const std::string& why) {
                 if (!rows) {
                   count_failure();
                   l->page = {false, {}, {}, unavailable(why)};
                   return l->done(std::move(l->page));
                 }
                 for (int i = 0; i < rows->size(); ++i) {
                   if (i + 1 == static_cast<int>(room)) {
                     l->page.next = show_position(l->position);
                     return finish(*l);
                   }
                   l->position.after = rows->at(i, static_cast<int>(Column::row)).value_or("");
                   if (auto record = record_of(*rows, i))
                     l->page.rows.push_back(std::move(*record));
                 }
                 const auto next = after(l->position.kind);
                 if (!next) return finish(*l);
                 l->position = {*next, {}};
                 list(l);
               });
  }

  static void finish(Listing& l) {
    l.page.ok = true;
    l.done(std::move(l.page));
  }

  void list_names(const Position& position, std::uint32_t limit, const Named& done) {
    lists_.ask(names_sql(shape_->dialect, position.kind), {position.after, std::to_string(limit)},
               [this, position, limit, done](const PostgresRows* rows, const std::string& why) {
                 routing::NamePage page;
                 if (!rows) {
                   count_failure();
                   page.failure = unavailable(why);
                   return done(std::move(page));
                 }
                 Position last = position;
                 for (int i = 0; i < rows->size(); ++i) {
                   last.after = rows->at(i, 0).value_or("");
                   page.generation = std::strtoull(
                       std::string(rows->at(i, 1).value_or("0")).c_str(), nullptr, 10);
                   page.names.push_back(
                       position.kind == RecordKind::site_subdomain ? last.after + "." : last.after);
                 }
                 if (rows->size() == static_cast<int>(limit)) {
                   page.next = show_position(last);
                 } else if (const auto next = after(position.kind)) {
                   page.next = show_position({*next, {}});
                 }
                 page.ok = true;
                 done(std::move(page));
               });
  }

  void load_certificate(const std::string& row, const Certificate& done) {
    lookups_.ask(certificate_sql(shape_->dialect), {row},
                 [this, done](const PostgresRows* rows, const std::string& why) {
                   routing::StoredCertificate out;
                   if (!rows) {
                     count_failure();
                     out.failure = unavailable(why);
                   } else if (rows->size() == 0) {
                     out.status = routing::StoredCertificate::Status::absent;
                     out.failure.sentence = "the domain is gone";
                   } else {
                     out = make_certificate(rows->at(0, 0), rows->at(0, 1), key());
                   }
                   done(std::move(out));
                 });
  }

  void generation(const Generation& done) {
    if (shape_->dialect.changes.empty()) return done(0, shape_->lineage);
    lookups_.ask(
        "SELECT coalesce(max(generation), 0) FROM marquee.changes", {},
        [this, done](const PostgresRows* rows, const std::string&) {
          if (!rows) return done(std::nullopt, shape_->lineage);
          done(std::strtoull(std::string(rows->at(0, 0).value_or("0")).c_str(), nullptr, 10),
               shape_->lineage);
        });
  }

 private:
  static net::ResolverSettings resolver_settings(const Options& options) {
    net::ResolverSettings out;
    out.servers = options.name_servers;
    return out;
  }
  static PostgresFeed::Options feed_options(const Options& options) {
    PostgresFeed::Options out;
    out.poll_interval = options.poll_interval;
    out.sites_base = options.sites_base;
    out.shown = options.url.shown();
    return out;
  }
  PostgresConnection::Options connection(std::chrono::milliseconds timeout) const {
    PostgresConnection::Options out;
    out.url = options_.url;
    out.timeout = timeout;
    return out;
  }
  PostgresConnection::Events lookup_events() {
    PostgresConnection::Events out;
    out.up = [this] {
      status_.connects.fetch_add(1, std::memory_order_relaxed);
      work();
    };
    out.down = [this](const std::string& why) { refuse_waiting(why); };
    return out;
  }
  PostgresConnection::Events feed_events() {
    PostgresConnection::Events out;
    out.up = [this] { feed_.on_up(); };
    out.down = [this](const std::string& why) {
      refuse_waiting(why);
      feed_.on_down(why);
    };
    out.notified = [this](std::string_view channel, std::string_view payload) {
      feed_.on_notified(channel, payload);
    };
    return out;
  }

  void on_shape(const PostgresShape& shape) {
    shape_ = shape;
    find_sql_ = find_sql(shape.dialect);
    work();
  }

  // Until the shape is known, questions wait for it.
  void work() {
    if (closed_) return;
    std::deque<Question> taken;
    {
      const std::lock_guard hold(mutex_);
      taken.swap(inbox_);
    }
    for (Question& question : taken) waiting_.push_back(std::move(question));
    if (shape_) {
      std::deque<Question> ready = std::move(waiting_);
      waiting_.clear();
      for (Question& question : ready) question.ask(*this);
    } else if (!follow_.trouble().empty()) {
      refuse_waiting(follow_.trouble());
    } else {
      arm();
    }
  }

  void refuse_waiting(const std::string& why) {
    if (shape_) return;
    std::deque<Question> open = std::move(waiting_);
    waiting_.clear();
    for (Question& question : open) {
      count_failure();
      question.refuse(why);
    }
  }

  void arm() {
    if (waiting_.empty()) return;
    timer_.expires_at(waiting_.front().deadline);
    timer_.async_wait([self = weak_from_this()](const boost::system::error_code& ec) {
      const auto core = self.lock();
      if (!core || ec || core->closed_) return;
      const auto now = std::chrono::steady_clock::now();
      while (!core->waiting_.empty() && core->waiting_.front().deadline <= now) {
        Question late = std::move(core->waiting_.front());
        core->waiting_.pop_front();
        core->count_failure();
        late.refuse(core->shown() + " is not connected yet");
      }
      core->arm();
    });
  }

  std::optional<routing::DomainRecord> record_of(const PostgresRows& rows, int at) {
    RecordRow row;
    for (std::size_t i = 0; i < kColumns; ++i) row.values[i] = rows.at(at, static_cast<int>(i));
    auto record = make_record(row, options_.sites_base, key());
    if (record)
      status_.tell_faults(*record);
    else
      status_.tell_unreadable(row.text(Column::name));
    return record;
  }

  void count_failure() { status_.failures.fetch_add(1, std::memory_order_relaxed); }
  const EncryptionKey* key() const { return options_.key ? &*options_.key : nullptr; }

  const Options options_;
  AdapterStatus& status_;
  boost::asio::io_context& io_;
  boost::asio::steady_timer timer_;
  net::Resolver resolver_;
  PostgresConnection lookups_;
  PostgresConnection lists_;
  PostgresConnection follow_;
  PostgresFeed feed_;
  std::optional<PostgresShape> shape_;
  std::string find_sql_;
  std::deque<Question> waiting_;  // for the shape

  std::mutex mutex_;
  std::deque<Question> inbox_;
  std::atomic<bool> closed_{false};
};

PostgresDirectory::PostgresDirectory(boost::asio::io_context& control, Options options,
                                     AdapterStatus& status)
    : core_(std::make_shared<Core>(control, std::move(options), status)) {
  core_->start();
}

PostgresDirectory::~PostgresDirectory() { core_->close(); }

std::string PostgresDirectory::description() const { return core_->shown(); }

void PostgresDirectory::subscribe(routing::ChangeListener* listener) {
  core_->feed().subscribe(listener);
}

void PostgresDirectory::find(const routing::LookupKeys& keys, Found done) {
  const auto shared = std::make_shared<Found>(std::move(done));
  core_->take({[keys, shared](Core& core) { core.find(keys, *shared); },
               [shared](const std::string& why) {
                 DirectoryAnswer answer;
                 answer.failure = unavailable(why);
                 (*shared)(std::move(answer));
               },
               {}});
}

void PostgresDirectory::list(const routing::ListQuery& query, Listed done) {
  const auto position = parse_position(query.cursor);
  if (!position) {
    return done({false,
                 {},
                 {},
                 {base::FailureSource::client, false, "the cursor is not one of this list"}});
  }
  const auto listing = std::make_shared<Core::Listing>();
  listing->query = query;
  listing->position = *position;
  listing->done = std::move(done);
  core_->take({[listing](Core& core) { core.list(listing); },
               [listing](const std::string& why) {
                 listing->done({false, {}, {}, unavailable(why)});
               },
               {}});
}

void PostgresDirectory::list_names(const std::string& cursor, std::uint32_t limit, Named done) {
  const auto position = parse_position(cursor);
  const auto refuse = [](const Named& to, base::Failure failure) {
    routing::NamePage page;
    page.failure = std::move(failure);
    to(std::move(page));
  };
  if (!position) {
    return refuse(done, {base::FailureSource::client, false, "the cursor is not one of this list"});
  }
  const auto shared = std::make_shared<Named>(std::move(done));
  core_->take({[position = *position, limit, shared](Core& core) {
                 core.list_names(position, limit, *shared);
               },
               [shared, refuse](const std::string& why) { refuse(*shared, unavailable(why)); },
               {}});
}

void PostgresDirectory::load_certificate(RecordKind kind, const std::string& row,
                                         Certificate done) {
  if (kind != RecordKind::module_domain) {
    routing::StoredCertificate none;
    none.status = routing::StoredCertificate::Status::absent;
    none.failure.sentence = "rows of this kind have no certificate";
    return done(std::move(none));
  }
  const auto shared = std::make_shared<Certificate>(std::move(done));
  core_->take({[row, shared](Core& core) { core.load_certificate(row, *shared); },
               [shared](const std::string& why) {
                 routing::StoredCertificate out;
                 out.failure = unavailable(why);
                 (*shared)(std::move(out));
               },
               {}});
}

void PostgresDirectory::generation(Generation done) {
  const auto shared = std::make_shared<Generation>(std::move(done));
  core_->take({[shared](Core& core) { core.generation(*shared); },
               [shared](const std::string&) { (*shared)(std::nullopt, 0); },
               {}});
}

}  // namespace marquee::store
