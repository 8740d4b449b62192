// What is written to the platform's rows.
#include "store/certificate_sql.hpp"
#include "store/postgres/directory_core.hpp"

namespace marquee::store::postgres {
namespace {

Question statement(std::string text, std::chrono::milliseconds limit) {
  Question question;
  question.text = std::move(text);
  question.limit = limit;
  question.done = [](const Reply&) {};
  return question;
}

}  // namespace

// One transaction, which stays on one connection of a pooler; the session reads only.
// Questions go out in their order, so that none of another kind gets between.
void DirectoryCore::write_certificate(const std::string& sql, std::vector<std::string> values,
                                      const std::string& nothing,
                                      routing::CertificateStore::Stored done) {
  auto failure = std::make_shared<std::optional<base::Failure>>();
  Question put = statement(sql, options_.timeout);
  for (std::string& value : values) put.parameters.emplace_back(std::move(value));
  put.done = [failure, nothing](const Reply& reply) {
    if (!reply) {
      *failure = base::Failure{base::FailureSource::dependency, true, reply.sentence};
      if (reply.sqlstate == "42501")
        (*failure)->sentence += "; run  marquee db migrate  as the owner of the tables";
    } else if (reply.result.rows() == 0) {
      *failure = base::Failure{base::FailureSource::client, false, nothing};
    }
  };
  // After a failure it is a rollback.
  Question commit = statement("COMMIT", options_.timeout);
  commit.done = [this, weak = weak_from_this(), failure,
                 done = std::move(done)](const Reply& reply) {
    const auto self = weak.lock();
    if (!reply && !*failure)
      *failure = base::Failure{base::FailureSource::dependency, true, reply.sentence};
    if (self && *failure) status_.failures.fetch_add(1, std::memory_order_relaxed);
    done(*failure);
  };
  background_.ask(statement("BEGIN READ WRITE", options_.timeout));
  background_.ask(std::move(put));
  background_.ask(std::move(commit));
}

void DirectoryCore::store_certificate(const routing::NewCertificate& certificate,
                                      routing::CertificateStore::Stored done) {
  write_certificate(kPostgresStoreCertificate, postgres_certificate_values(certificate),
                    "the domain is gone", std::move(done));
}

void DirectoryCore::remove_certificate(const std::string& row,
                                       routing::CertificateStore::Stored done) {
  write_certificate(kPostgresRemoveCertificate, {row}, kNothingToRemove, std::move(done));
}

}  // namespace marquee::store::postgres
