// The domains of the settings as a directory (routing/directory.hpp has the
// contract), for lists and for those who ask the port and not the host table.
// Immutable: a reload makes another one. Its feed is live and never tells anything.
// Certificates of these rows are files, which the settings name: none is given.
#pragma once
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "config/settings.hpp"
#include "routing/directory.hpp"

namespace marquee::store {

class YamlDirectory final : public routing::DomainDirectory {
 public:
  // Rows whose host is faulty are left out, as routing::check() says of them.
  explicit YamlDirectory(const config::Settings& settings);

  // All answer inside the call.
  void find(const routing::LookupKeys& keys, Found done) override;
  void subscribe(routing::ChangeListener* listener) override;
  void list(const routing::ListQuery& query, Listed done) override;
  void list_names(const std::string& cursor, std::uint32_t limit, Named done) override;
  void load_certificate(routing::RecordKind kind, const std::string& row,
                        Certificate done) override;
  void generation(Generation done) override { done(0, 1); }
  std::string description() const override { return "yaml " + file_; }

 private:
  using Row = std::shared_ptr<const routing::DomainRecord>;
  std::string file_;
  std::vector<Row> rows_;                       // in the order of the settings
  std::unordered_map<std::string, Row> named_;  // "*.parent" for wildcards
};

}  // namespace marquee::store
