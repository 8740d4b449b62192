// Import and export of domains: files of lines, in batches over the admin API.
#include <unistd.h>

#include <boost/json.hpp>
#include <chrono>
#include <fstream>
#include <iostream>

#include "admin/domain_lines.hpp"
#include "admin/resource.hpp"
#include "app/domains.hpp"
#include "app/remote.hpp"
#include "base/csv.hpp"

namespace marquee::app {
namespace {

namespace json = boost::json;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kMostBytes = 1u << 20;  // of one batch
constexpr std::uint64_t kManyNew = 1000;      // statistics are worth renewing

class Import {
 public:
  Import(const CommandLine& line, std::istream& in) : line_(line), in_(in) {}

  int run() {
    std::string first;
    if (!next_line(first)) return finish();
    const std::string& wanted = line_.domains.format;
    const auto format = wanted.empty()    ? admin::format_of(first)
                        : wanted == "csv" ? admin::LineFormat::csv
                                          : admin::LineFormat::json;
    if (format == admin::LineFormat::csv) {
      std::string error;
      columns_ = admin::parse_header(base::parse_csv(first).cells, error);
      if (!error.empty()) return fail_all(1, error);
    } else if (!take(1, admin::json_draft(first))) {
      return broken_off();
    }
    std::string text;
    while (next_line(text)) {
      const std::uint64_t begun = number_;
      if (text.find_first_not_of(" \t\r") == std::string::npos) continue;
      const bool good = format == admin::LineFormat::csv ? take_csv(begun, text)
                                                         : take(begun, admin::json_draft(text));
      if (!good) return broken_off();
    }
    if (!flush()) return broken_off();
    analyze();
    return finish();
  }

 private:
  bool next_line(std::string& out) {
    if (!std::getline(in_, out)) return false;
    ++number_;
    return true;
  }

  bool take_csv(std::uint64_t begun, std::string text) {
    base::CsvRecord record = base::parse_csv(text);
    std::string more;
    while (record.status == base::CsvRecord::Status::open && text.size() <= admin::kMostLine &&
           next_line(more)) {
      text += "\n" + more;
      record = base::parse_csv(text);
    }
    if (record.status != base::CsvRecord::Status::whole)
      return take(begun, {{}, "its quotes do not match"});
    return take(begun, admin::csv_draft(columns_, record.cells));
  }

  // False: the import cannot go on.
  bool take(std::uint64_t number, const admin::DraftLine& draft) {
    if (number < line_.domains.from_line) return true;
    if (!draft.error.empty() || draft.draft.size() > admin::kMostLine) {
      fault(number, draft.error.empty() ? "it is longer than 256 KiB" : draft.error);
      return true;
    }
    if (!numbers_.empty() &&
        (numbers_.size() >= line_.domains.batch ||
         batch_.size() + draft.draft.size() > kMostBytes) &&
        !flush())
      return false;
    batch_ += (numbers_.empty() ? "" : ",") + draft.draft;
    numbers_.push_back(number);
    return true;
  }

  bool flush() {
    if (numbers_.empty()) return true;
    const auto reply =
        ask_running(line_, {"POST", "/v1/domains:batch", "{\"domains\":[" + batch_ + "]}", {}});
    if (!reply) return false;
    boost::system::error_code error;
    const json::value answer = json::parse(reply->body, error);
    if (reply->status != 200 || error) {
      std::cerr << "marquee: " << problem_words(*reply) << "\n";
      return false;
    }
    const json::array& results = answer.at("results").as_array();
    for (std::size_t i = 0; i < results.size() && i < numbers_.size(); ++i) {
      const auto& word = results[i].at("result").as_string();
      if (word == "created")
        ++created_;
      else if (word == "unchanged")
        ++unchanged_;
      else if (const json::value& problem = results[i].at("problem");
               problem.at("status").to_number<int>(error) == 503) {
        // Nobody's fault but the database's, and so would be all that follow.
        std::cerr << "marquee: " << problem.at("detail").as_string().c_str() << "\n";
        reached_ = numbers_.front() - 1;
        return false;
      } else {
        fault(numbers_[i], problem.at("detail").as_string().c_str());
      }
    }
    reached_ = numbers_.back();
    numbers_.clear();
    batch_.clear();
    progress(false);
    return true;
  }

  // So that the database plans by what it has now. Where it may not, or does not answer
  // in time, nothing is lost.
  void analyze() {
    if (created_ < kManyNew) return;
    const auto reply = ask_running(line_, {"POST", "/v1/domains:analyze", {}, {}});
    if (!reply || reply->status < 300) return;
    clear_progress();
    std::cerr << "The database's statistics were not renewed: " << problem_words(*reply) << "\n";
  }

  void fault(std::uint64_t number, const std::string& words) {
    ++failed_;
    clear_progress();
    std::cerr << line_.domains.file << ":" << number << ": " << words << "\n";
  }

  void progress(bool last) {
    const auto now = Clock::now();
    const auto every = terminal_ ? std::chrono::milliseconds(200) : std::chrono::milliseconds(2000);
    if (!last && now - told_ < every) return;
    told_ = now;
    std::cerr << "line " << reached_ << ": " << created_ << " added, " << unchanged_
              << " there already, " << failed_ << " failed" << (terminal_ ? "\r" : "\n")
              << std::flush;
    shown_ = terminal_;
  }
  void clear_progress() {
    if (std::exchange(shown_, false)) std::cerr << "\n";
  }

  int fail_all(std::uint64_t number, const std::string& words) {
    fault(number, words);
    return exit_code::failed;
  }

  int broken_off() {
    clear_progress();
    std::cerr << "Broken off. Up to line " << reached_ << " all is done; go on with --from "
              << reached_ + 1 << ".\n";
    return exit_code::failed;
  }

  int finish() {
    const double seconds = std::chrono::duration<double>(Clock::now() - begun_).count();
    reached_ = number_;
    clear_progress();
    if (line_.json) {
      std::cout << json::serialize(json::object{{"created", created_},
                                                {"unchanged", unchanged_},
                                                {"failed", failed_},
                                                {"last_line", reached_},
                                                {"seconds", seconds}})
                << "\n";
    } else {
      std::cout << created_ << " added, " << unchanged_ << " there already, " << failed_
                << " failed, up to line " << reached_ << ", in " << seconds << " s\n";
    }
    return failed_ == 0 ? exit_code::ok : exit_code::failed;
  }

  const CommandLine& line_;
  std::istream& in_;
  std::vector<std::string> columns_;
  std::uint64_t number_ = 0;   // of the line that was read last
  std::uint64_t reached_ = 0;  // all lines up to it are done
  std::string batch_;          // drafts, with commas
  std::vector<std::uint64_t> numbers_;
  std::uint64_t created_ = 0, unchanged_ = 0, failed_ = 0;
  const Clock::time_point begun_ = Clock::now();
  Clock::time_point told_ = Clock::now();
  const bool terminal_ = ::isatty(STDERR_FILENO) == 1;
  bool shown_ = false;
};

}  // namespace

int run_domains_import(const CommandLine& line) {
  if (line.domains.file == "-") return Import(line, std::cin).run();
  std::ifstream in(line.domains.file, std::ios::binary);
  if (!in) {
    std::cerr << "marquee: cannot read " << line.domains.file << "; is it there?\n";
    return exit_code::failed;
  }
  return Import(line, in).run();
}

int run_domains_export(const CommandLine& line) {
  const DomainsArguments& a = line.domains;
  std::ofstream file;
  if (a.file != "-") {
    file.open(a.file, std::ios::binary | std::ios::trunc);
    if (!file) {
      std::cerr << "marquee: cannot write " << a.file << "\n";
      return exit_code::failed;
    }
  }
  std::ostream& out = a.file == "-" ? std::cout : file;
  const bool as_json =
      a.format.empty() ? line.json || a.file.ends_with(".jsonl") : a.format == "jsonl";
  const auto format = as_json ? admin::LineFormat::json : admin::LineFormat::csv;
  if (!as_json) out << admin::header_line() << "\n";
  std::string filters = "limit=1000&source=directory&kind=module_domain";
  const std::pair<const char*, const std::string*> fields[] = {{"agency", &a.agency},
                                                               {"client", &a.client},
                                                               {"site", &a.site},
                                                               {"installation", &a.installation}};
  for (const auto& [name, value] : fields)
    if (!value->empty()) filters += "&" + std::string(name) + "=" + admin::percent_encoded(*value);
  std::string cursor;
  do {
    const auto reply = ask_running(
        line,
        {"GET", "/v1/domains?" + filters + (cursor.empty() ? "" : "&cursor=" + cursor), {}, {}});
    if (!reply) return exit_code::failed;
    boost::system::error_code error;
    const json::value page = json::parse(reply->body, error);
    if (reply->status != 200 || error) {
      std::cerr << "marquee: " << problem_words(*reply) << "\n";
      return exit_code::failed;
    }
    for (const json::value& domain : page.at("domains").as_array())
      out << admin::export_line(json::serialize(domain), format) << "\n";
    cursor = page.at("next").is_null() ? "" : std::string(page.at("next").as_string());
  } while (!cursor.empty());
  out.flush();
  if (!out) {
    std::cerr << "marquee: could not write all of it; is the disk full?\n";
    return exit_code::failed;
  }
  return exit_code::ok;
}

}  // namespace marquee::app
