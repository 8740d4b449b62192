#include "app/explain.hpp"

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <optional>

#include "base/hostname.hpp"
#include "proxy/http/field_id.hpp"
#include "routing/host_table.hpp"
#include "routing/resolution.hpp"

namespace marquee::app {
namespace {

struct Url {
  bool https = true;
  std::string_view authority;
  std::string_view target;  // "/..." with the query; "/" when there was none
};

std::optional<Url> split(std::string_view url) {
  Url out;
  if (url.starts_with("https://")) {
    url.remove_prefix(8);
  } else if (url.starts_with("http://")) {
    url.remove_prefix(7);
    out.https = false;
  } else {
    return std::nullopt;
  }
  url = url.substr(0, url.find('#'));
  const std::size_t end = std::min(url.find_first_of("/?"), url.size());
  out.authority = url.substr(0, end);
  out.target = url.substr(end);
  return out;
}

std::string ticked(std::string_view text) { return "`" + std::string(text) + "`"; }

// One explanation in the making; each function is one step of a request's way
// and returns whether there is a next one.
class Walk {
 public:
  Walk(const config::Settings& settings, std::string_view method,
       const DirectoryFinding* finding = nullptr)
      : settings_(settings), method_(method), table_(settings), finding_(finding) {}

  bool url(std::string_view text) {
    const auto parts = split(text);
    if (!parts)
      return stop("url",
                  ticked(text) + " is not a URL; write https://HOST/PATH or http://HOST/PATH");
    url_ = *parts;
    target_ = std::string(url_.target);
    if (target_.empty() || target_.front() != '/') target_.insert(0, "/");
    const auto host = base::parse_hostname(url_.authority);
    if (!host) {
      // A name's sentence goes on to say what to write; here the outcome matters.
      const std::string_view why =
          base::sentence(host.error).substr(0, base::sentence(host.error).find(';'));
      const bool literal = host.kind == base::HostKind::ipv4 || host.kind == base::HostKind::ipv6;
      return stop("host", literal ? "an IP address names no domain: the TLS handshake is refused, "
                                    "plain HTTP gets 421"
                                  : "the host " + std::string(why) + ": the request gets 400");
    }
    host_ = host.name->string();
    port_ = host.port >= 0 ? host.port : (url_.https ? 443 : 80);
    return true;
  }

  bool listener() {
    const auto protocol =
        url_.https ? config::ListenerProtocol::https : config::ListenerProtocol::http;
    const std::string word = url_.https ? "https" : "http";
    std::string others;
    const config::Listener* wrong = nullptr;
    for (const config::Listener& l : settings_.listeners) {
      const bool here = l.address.ends_with(":" + std::to_string(port_)) || l.public_port == port_;
      if (here && l.protocol == protocol) {
        return step("listener", word + " on " + l.address +
                                    (l.proxy_protocol == config::ProxyProtocol::off
                                         ? ""
                                         : ", which expects the PROXY protocol"));
      }
      if (here) wrong = &l;
      if (l.protocol == protocol) others += (others.empty() ? "" : ", ") + l.address;
    }
    if (wrong) {
      return stop("listener",
                  wrong->address + " does not speak " + word + ": the connection fails");
    }
    if (others.empty())
      return stop("listener", "there is no " + word + " listener: the connection fails");
    return step("listener", "none has port " + std::to_string(port_) + " (there is " + others +
                                "); what follows holds if that port is led to one of them");
  }

  bool host() {
    match_ = table_.lookup(host_);
    if (match_) {
      const routing::Domain& d = *match_.domain;
      const std::string row = (d.wildcard ? "*." : "") + d.host.string();
      const std::string how =
          match_.kind == routing::MatchKind::app        ? "an app host of the platform"
          : match_.kind == routing::MatchKind::site     ? "a client site below " + row
          : match_.kind == routing::MatchKind::pair     ? "the www pair of domain " + row
          : match_.kind == routing::MatchKind::wildcard ? "domain " + row + ", a wildcard"
                                                        : "domain " + row;
      return step("host", host_ + " is " + how + tenant(d));
    }
    if (finding_) return directory();
    if (settings_.directory.kind != config::DirectoryKind::yaml)
      return stop("host", host_ +
                              " is not in the settings; only the running Marquee knows whether it "
                              "is in the directory: ask it, without -c");
    return unknown();
  }

  // The last part of host(): who is not in the settings.
  bool directory() {
    step("directory", finding_->words);
    for (const std::string& conflict : finding_->conflicts) step("directory", conflict);
    if (!finding_->available)
      return stop("host", "whose " + host_ +
                              " is cannot be known now: the request gets 503 with Retry-After");
    if (!finding_->domain) {
      if (!finding_->unserved.empty()) step("directory", finding_->unserved);
      return unknown();
    }
    match_ = {finding_->domain.get(), finding_->match};
    const routing::Domain& d = *match_.domain;
    if (d.redirect) return redirect(*d.redirect);
    return step("host", host_ + " is " + std::string(routing::name(match_.kind)) + " match of " +
                            (d.wildcard ? "*." : "") + d.host.string() + tenant(d));
  }

  bool unknown() {
    return url_.https
               ? unknown_over_tls()
               : stop("host", host_ + " is not known: the request gets 404 \"not connected\"");
  }

  bool redirect(const routing::RedirectTo& to) {
    const unsigned status = routing::redirect_status(to.type, method_);
    return stop("host", host_ + " is a redirect row: " + std::to_string(status) + " to https://" +
                            to.host.string() + (to.preserve_path ? target_ : "/"));
  }

  bool certificate() {
    if (!url_.https) return true;
    const routing::Domain& d = *match_.domain;
    if (d.certificate_source == routing::CertificateSource::directory)
      return step("certificate", "from the directory");
    if (d.certificate_source == routing::CertificateSource::internal) {
      return step("certificate",
                  "made by Marquee's internal CA for this name when it is first asked for");
    }
    std::string files;
    for (const auto& c : d.certificates) files += (files.empty() ? "" : ", ") + c.cert_file;
    return step("certificate", "from " + files);
  }

  bool policies() {
    const routing::Domain& d = *match_.domain;
    if (!d.enabled)
      return stop("policy",
                  "the domain is disabled: the request gets its page, and no upstream sees it");
    if (d.state != routing::DomainState::serving)
      return stop("policy", "the request gets the page of state " +
                                std::string(routing::name(d.state)) + ", and no upstream sees it");
    const std::string_view www = routing::www_redirect(d, host_);
    const bool to_https = !url_.https && d.redirect_to_https;
    if (to_https || !www.empty()) {
      const std::string host(www.empty() ? std::string_view(host_) : www);
      const bool safe = method_ == "GET" || method_ == "HEAD";
      return stop("policy", std::string(safe ? "301" : "308") + " to " +
                                (url_.https || to_https ? "https://" : "http://") + host +
                                port_text(to_https) + target_ + " (" +
                                (to_https ? "redirect_to_https" : "") +
                                (to_https && !www.empty() ? ", " : "") +
                                (www.empty() ? "" : "force_www") + ")");
    }
    return step("policy", "nothing redirects or refuses it");
  }

  bool upstream() {
    const routing::Domain& d = *match_.domain;
    const auto pool = std::find_if(settings_.upstreams.begin(), settings_.upstreams.end(),
                                   [&](const config::Upstream& u) { return u.name == d.upstream; });
    if (pool == settings_.upstreams.end())
      return stop("upstream", "pool " + ticked(d.upstream) + " does not exist");
    std::string endpoints;
    for (const auto& e : pool->endpoints) endpoints += (endpoints.empty() ? "" : ", ") + e.value;
    step("upstream",
         "pool " + pool->name + ": " + endpoints +
             (pool->endpoints.size() < 2                      ? ""
              : pool->balance == config::Balance::round_robin ? " (in turn)"
                                                              : " (the less busy of two)"));
    std::array<char, 16384> buffer;
    const auto expanded = d.path.expand(host_, target_, buffer);
    if (expanded.status != routing::Expansion::ok) {
      return stop("path", expanded.status == routing::Expansion::climbs
                              ? "the path climbs with `..` and could leave the domain's prefix: 400"
                              : "the path cannot be rewritten: 400");
    }
    step("path", expanded.target == target_ ? std::string(expanded.target) + ", as it came"
                                            : target_ + " becomes " + std::string(expanded.target));
    return true;
  }

  Explanation take() && { return std::move(out_); }
  void reached() { out_.reaches_upstream = true; }

 private:
  bool step(std::string name, std::string result) {
    out_.steps.push_back({std::move(name), std::move(result)});
    return true;
  }
  bool stop(std::string name, std::string result) {
    step(std::move(name), std::move(result));
    return false;
  }

  bool unknown_over_tls() {
    for (const config::Listener& l : settings_.listeners) {
      if (!l.fallback.value.empty()) {
        return stop("host", host_ + " is not known: " + l.address +
                                " shows the certificate of its fallback " + l.fallback.value +
                                ", and the request gets 421");
      }
    }
    return stop("host",
                host_ + " is not known: the TLS handshake is refused with unrecognized_name");
  }

  static std::string tenant(const routing::Domain& d) {
    std::string out;
    const auto add = [&](const char* what, std::string_view id) {
      if (!id.empty())
        out += (out.empty() ? " (" : ", ") + std::string(what) + " " + std::string(id);
    };
    add("installation", d.installation.text());
    add("site", d.site.text());
    add("client", d.client.text());
    add("agency", d.agency.text());
    return out.empty() ? "" : out + ")";
  }

  // The port of the redirect's target, as a client would have to write it.
  std::string port_text(bool to_https) const {
    if (!to_https) return port_ == (url_.https ? 443 : 80) ? "" : ":" + std::to_string(port_);
    for (const config::Listener& l : settings_.listeners) {
      if (l.protocol != config::ListenerProtocol::https) continue;
      const std::string bound = l.address.substr(l.address.rfind(':') + 1);
      const std::string port = l.public_port ? std::to_string(l.public_port) : bound;
      return port == "443" ? "" : ":" + port;
    }
    return "";
  }

  const config::Settings& settings_;
  const std::string method_;
  const routing::HostTable table_;
  const DirectoryFinding* const finding_;
  Url url_;
  std::string host_, target_;
  int port_ = 0;
  routing::Match match_;
  Explanation out_;
};

}  // namespace

std::optional<base::Hostname> directory_host(const config::Settings& settings,
                                             std::string_view url) {
  const auto parts = split(url);
  auto host = parts ? base::parse_hostname(parts->authority) : base::HostnameResult{};
  if (!host || routing::HostTable(settings).lookup(host.name->text())) return std::nullopt;
  return std::move(host.name);
}

Explanation explain(const config::Settings& settings, std::string_view method, std::string_view url,
                    const DirectoryFinding* finding) {
  Walk walk(settings, method, finding);
  if (walk.url(url) && walk.listener() && walk.host() && walk.certificate() && walk.policies() &&
      walk.upstream()) {
    walk.reached();
  }
  return std::move(walk).take();
}

std::string not_a_request(std::string_view method, std::string_view url) {
  if (!split(url))
    return ticked(url) + " is not a URL; write https://HOST/PATH or http://HOST/PATH";
  const bool token = !method.empty() && std::all_of(method.begin(), method.end(), [](char c) {
    return proxy::http::token_fold[static_cast<unsigned char>(c)] != 0;
  });
  return token ? "" : ticked(method) + " is not a method; write one word, such as GET";
}

std::string explanation_json(const Explanation& explanation) {
  boost::json::array steps;
  for (const auto& s : explanation.steps)
    steps.push_back(boost::json::object{{"step", s.name}, {"result", s.result}});
  return boost::json::serialize(boost::json::object{
      {"reaches_upstream", explanation.reaches_upstream}, {"steps", std::move(steps)}});
}

}  // namespace marquee::app
