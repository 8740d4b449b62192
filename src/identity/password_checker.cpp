#include "identity/password_checker.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include "identity/basic_auth.hpp"

namespace marquee::identity {

PasswordChecker::PasswordChecker() : key_(32, '\0') {
  ::RAND_bytes(reinterpret_cast<unsigned char*>(key_.data()), static_cast<int>(key_.size()));
  thread_ = std::thread([this] { run(); });
}

PasswordChecker::~PasswordChecker() {
  {
    const std::lock_guard hold(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

std::string PasswordChecker::digest(std::string_view user, std::string_view password,
                                    std::string_view hash) const {
  // Lengths in front: no two triples make one text.
  std::string text = std::to_string(user.size()) + ":" + std::to_string(password.size()) + ":";
  text.append(user).append(password).append(hash);
  std::string out(EVP_MAX_MD_SIZE, '\0');
  unsigned size = 0;
  ::HMAC(::EVP_sha256(), key_.data(), static_cast<int>(key_.size()),
         reinterpret_cast<const unsigned char*>(text.data()), text.size(),
         reinterpret_cast<unsigned char*>(out.data()), &size);
  OPENSSL_cleanse(text.data(), text.size());
  out.resize(size);
  return out;
}

std::optional<bool> PasswordChecker::known(const std::string& digest, Time now) {
  const std::lock_guard hold(mutex_);
  const Verdict* const verdict = verdicts_.find(digest);
  if (!verdict || verdict->until <= now) return std::nullopt;
  return verdict->fits;
}

bool PasswordChecker::check(std::string digest, const base::ClientPrefix& client,
                            std::string password, std::string hash, Done done) {
  {
    const std::lock_guard hold(mutex_);
    if (stopping_ || jobs_.size() >= kMostWaiting) return false;
    std::size_t& own = of_client_[client];
    if (own >= kMostOfOneClient) return false;
    ++own;
    jobs_.push_back(
        {std::move(digest), client, std::move(password), std::move(hash), std::move(done)});
  }
  wake_.notify_one();
  return true;
}

std::uint64_t PasswordChecker::computed() const {
  const std::lock_guard hold(mutex_);
  return computed_;
}

void PasswordChecker::run() {
  for (;;) {
    Job job;
    std::optional<bool> fits;
    {
      std::unique_lock hold(mutex_);
      wake_.wait(hold, [this] { return stopping_ || !jobs_.empty(); });
      if (jobs_.empty()) return;
      job = std::move(jobs_.front());
      jobs_.pop_front();
      if (stopping_) fits = false;
      // Perhaps the one before it was the same.
      const Verdict* const verdict = verdicts_.find(job.digest);
      if (verdict && verdict->until > std::chrono::steady_clock::now()) fits = verdict->fits;
    }
    if (!fits) {
      fits = password_fits(job.password, job.hash);
      const std::lock_guard hold(mutex_);
      ++computed_;
      verdicts_.insert(
          job.digest,
          {*fits, std::chrono::steady_clock::now() + (*fits ? kRemembered : kRememberedWrong)}, 1);
    }
    OPENSSL_cleanse(job.password.data(), job.password.size());
    {
      const std::lock_guard hold(mutex_);
      const auto own = of_client_.find(job.client);
      if (own != of_client_.end() && --own->second == 0) of_client_.erase(own);
    }
    job.done(*fits);
  }
}

}  // namespace marquee::identity
