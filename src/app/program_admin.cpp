// What the admin listener serves beside the status: domains, the cache, explain.
#include <boost/asio/post.hpp>

#include "admin/access_resource.hpp"
#include "admin/certificate_resource.hpp"
#include "admin/domain_resource.hpp"
#include "admin/inspect_resource.hpp"
#include "admin/limit_resource.hpp"
#include "admin/status_resource.hpp"
#include "app/live_explain.hpp"
#include "app/program.hpp"
#include "store/yaml_directory.hpp"

namespace marquee::app {

std::vector<admin::Route> Program::admin_routes() {
  std::vector<admin::Route> out = admin::status_routes(*this);
  const auto add = [&out](std::vector<admin::Route> routes) {
    for (admin::Route& route : routes) out.push_back(std::move(route));
  };
  admin::DomainParts domains;
  domains.post = [this](std::function<void()> then) {
    boost::asio::post(control_, std::move(then));
  };
  domains.settings = [this] { return settings_domains(); };
  domains.rules = [this] { return routing::directory_rules(snapshot_->settings()); };
  domains.directory = [this] { return directory_ ? &directory_->directory() : nullptr; };
  domains.book = [this] { return book_.get(); };
  // This node need not wait for the change feed to tell it what it wrote itself.
  domains.written = [this](const std::vector<std::string>& hosts) {
    if (directory_) directory_->flush(hosts);
  };
  domains.vouched = [this](const std::string& host, const std::string& id, bool vouched,
                           bool local) {
    logger_.info(
        vouched ? "an operator vouches for a domain" : "an operator vouches for a domain no longer",
        {{"host", host}, {"id", id}, {"by", local ? "unix socket" : "tcp"}});
  };
  domains.settings_file = path_;
  add(admin::domain_routes(std::move(domains)));
  admin::InspectParts inspect;
  inspect.flush = [this](const std::string& host) {
    if (directory_) directory_->flush({&host, 1});
    return directory_ != nullptr;
  };
  inspect.explain = [this](const std::string& method, const std::string& url,
                           std::function<void(std::string)> done) {
    explain_live(control_, snapshot_, directory_.get(), method, url, std::move(done));
  };
  add(admin::inspect_routes(std::move(inspect)));
  add(admin::limit_routes(limit_inspection_));
  add(admin::access_routes(access_parts()));
  if (certificate_service_) add(admin::certificate_routes(*certificate_service_));
  return out;
}

admin::AccessParts Program::access_parts() {
  admin::AccessParts access;
  access.forget = [this](const std::optional<identity::Digest>& which, std::function<void()> done) {
    access_.forget(which, std::move(done));
  };
  access.book = [this] { return book_.get(); };
  access.post = [this](std::function<void()> then) {
    boost::asio::post(control_, std::move(then));
  };
  access.told = [this](admin::ForgetResult result, bool all, bool local) {
    ++forgets_[static_cast<std::size_t>(result)];
    logger_.info("an operator had remembered proofs forgotten",
                 {{"all", all},
                  {"other_nodes", result == admin::ForgetResult::all_nodes},
                  {"by", local ? "unix socket" : "tcp"}});
  };
  return access;
}

std::shared_ptr<routing::DomainDirectory> Program::settings_domains() {
  if (!settings_domains_ || settings_domains_of_.lock() != snapshot_) {
    settings_domains_ = std::make_shared<store::YamlDirectory>(snapshot_->settings());
    settings_domains_of_ = snapshot_;
  }
  return settings_domains_;
}

}  // namespace marquee::app
