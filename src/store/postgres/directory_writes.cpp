// What is written to the platform's rows.
#include "store/certificate_sql.hpp"
#include "store/postgres/directory_core.hpp"

namespace marquee::store::postgres {
namespace {

// The connections read only, but for the moment of a write.
Question read_only(bool on, std::chrono::milliseconds limit) {
  Question question;
  question.text = std::string("SELECT set_config('default_transaction_read_only', '") +
                  (on ? "on" : "off") + "', false)";
  question.limit = limit;
  question.done = [](const Reply&) {};
  return question;
}

}  // namespace

void DirectoryCore::store_certificate(const routing::NewCertificate& certificate,
                                      routing::CertificateStore::Stored done) {
  Question question;
  question.text = kPostgresStoreCertificate;
  for (std::string& value : postgres_certificate_values(certificate))
    question.parameters.emplace_back(std::move(value));
  question.limit = options_.timeout;
  question.done = [this, weak = weak_from_this(), done = std::move(done)](const Reply& reply) {
    const auto self = weak.lock();
    if (!reply) {
      if (self) status_.failures.fetch_add(1, std::memory_order_relaxed);
      base::Failure failure{base::FailureSource::dependency, true, reply.sentence};
      if (reply.sqlstate == "42501")
        failure.sentence += "; run  marquee db migrate  as the owner of the tables";
      return done(std::move(failure));
    }
    if (reply.result.rows() == 0)
      return done(base::Failure{base::FailureSource::client, false, "the domain is gone"});
    done(std::nullopt);
  };
  background_.ask(read_only(false, options_.timeout));
  background_.ask(std::move(question));
  background_.ask(read_only(true, options_.timeout));
}

}  // namespace marquee::store::postgres
