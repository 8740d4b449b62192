#include "config/reader.hpp"

#include <algorithm>
#include <filesystem>
#include <map>
#include <tuple>

#include "config/check.hpp"
#include "config/decode.hpp"
#include "config/description.hpp"
#include "config/page_files.hpp"
#include "config/text.hpp"
#include "config/yaml_tree.hpp"

namespace marquee::config {
namespace {

constexpr std::size_t kMaxTotalSize = 64u << 20;  // all files together

bool is_joined(const Key& key) {
  return std::holds_alternative<Items>(key.type) || std::holds_alternative<Named>(key.type) ||
         std::holds_alternative<Texts>(key.type);
}

class FileReader {
 public:
  FileReader(const Environment& environment, const Files& files)
      : environment_(environment), files_(files) {}

  Reading run(const std::string& path) {
    file(path, nullptr);
    sort_problems(out_.problems);
    return std::move(out_);
  }

 private:
  // `from` is where the file was named; null for the first one.
  void file(const std::string& path, const Mark* from) {
    const auto index = static_cast<std::uint32_t>(out_.settings.files.size());
    const Mark at = from != nullptr ? *from : Mark{0, 1, 1};
    if (from == nullptr) out_.settings.files.push_back(path);
    const auto content = files_.read(path, std::min(kMaxFileSize, kMaxTotalSize - total_));
    if (!content.bytes) {
      const std::string name =
          from == nullptr ? "the file" : "include names " + in_quotes(path) + ", which";
      return fault(
          at, name + " cannot be read: " + content.why + "; write the path of a settings file");
    }
    total_ += content.bytes->size();
    if (from != nullptr) out_.settings.files.push_back(path);
    Tree tree = parse_yaml(*content.bytes, index);
    out_.problems.insert(out_.problems.end(), tree.problems.begin(), tree.problems.end());
    if (!tree.root) return;
    open_.push_back(files_.identity(path));
    seen_.emplace(open_.back(), at);
    document(path, *tree.root);
    open_.pop_back();
  }

  void document(const std::string& path, const Node& root) {
    std::vector<Marked<std::string>> includes;
    const Section top{describe(out_.settings, includes)};
    Node news = root;
    std::erase_if(news.entries,
                  [&](const Node::Entry& entry) { return given_already(entry, top); });
    const std::string folder = std::filesystem::path(path).parent_path().string();
    Decoder decoder(environment_, files_, out_.settings.files, folder, out_.problems);
    decoder.section(news, top, "");
    for (const auto& include : includes) follow({decoder.resolve(*include), include.mark});
  }

  // Keys that are not joined stand in one file only: a second one is reported
  // and not read.
  bool given_already(const Node::Entry& entry, const Section& top) {
    const auto key = std::find_if(top.keys.begin(), top.keys.end(),
                                  [&](const Key& k) { return k.name == entry.key; });
    if (key == top.keys.end() || is_joined(*key)) return false;
    const auto [first, fresh] = given_.emplace(entry.key, entry.mark);
    if (fresh) return false;
    fault(entry.mark,
          entry.key + " is given already, at " + place(first->second) + "; keep it in one file");
    return true;
  }

  void follow(const Marked<std::string>& include) {
    const std::string& path = *include;
    if (path.find_first_of("*?[") == std::string::npos) return enter(path, include.mark);
    for (const auto& match : files_.match(path, kMaxFiles + 1)) enter(match, include.mark);
  }

  void enter(const std::string& path, Mark at) {
    if (out_.problems.size() > kMaxProblems) return;
    const std::string identity = files_.identity(path);
    if (std::find(open_.begin(), open_.end(), identity) != open_.end()) {
      return fault(at, "include names " + in_quotes(path) +
                           ", which includes this file; remove one of the two");
    }
    if (const auto first = seen_.find(identity); first != seen_.end()) {
      return fault(at, "include names " + in_quotes(path) + ", which is included already, at " +
                           place(first->second) + "; remove one of them");
    }
    if (open_.size() > kMaxIncludeDepth) {
      return fault(at, "include names " + in_quotes(path) + " at a depth of more than " +
                           std::to_string(kMaxIncludeDepth) +
                           " files; include it from a file further up");
    }
    if (out_.settings.files.size() >= kMaxFiles) {
      return fault(at,
                   "more than " + std::to_string(kMaxFiles) + " settings files; join some of them");
    }
    file(path, &at);
  }

  std::string place(Mark at) const {
    return out_.settings.files[at.file] + ":" + std::to_string(at.line) + ":" +
           std::to_string(at.column);
  }

  void fault(Mark at, std::string sentence) { out_.problems.push_back({at, std::move(sentence)}); }

  const Environment& environment_;
  const Files& files_;
  Reading out_;
  std::size_t total_ = 0;
  std::vector<std::string> open_;      // identities of the files being read, outermost first
  std::map<std::string, Mark> seen_;   // every file's identity, and where it was named
  std::map<std::string, Mark> given_;  // keys that may stand in one file only
};

auto order(const Problem& p) { return std::tie(p.mark.file, p.mark.line, p.mark.column); }

}  // namespace

void sort_problems(std::vector<Problem>& problems) {
  std::stable_sort(problems.begin(), problems.end(),
                   [](const Problem& a, const Problem& b) { return order(a) < order(b); });
  problems.erase(std::unique(problems.begin(), problems.end(),
                             [](const Problem& a, const Problem& b) {
                               return order(a) == order(b) && a.sentence == b.sentence;
                             }),
                 problems.end());
  if (problems.size() <= kMaxProblems) return;
  problems.resize(kMaxProblems);
  problems.push_back({problems.back().mark, "more problems follow; mend these first"});
}

Reading read_settings(const std::string& path, const Environment& environment, const Files& files) {
  return FileReader(environment, files).run(path);
}

Reading load_settings(const std::string& path, const Environment& environment, const Files& files) {
  Reading out = read_settings(path, environment, files);
  const bool complete = out.ok();
  auto found = check_values(out.settings, files);
  // What is missing may be missing because it was misspelt.
  if (complete) {
    auto missing = check_presence(out.settings);
    found.insert(found.end(), missing.begin(), missing.end());
  }
  for (auto& problem : found) {
    const bool said = std::any_of(out.problems.begin(), out.problems.end(),
                                  [&](const Problem& p) { return order(p) == order(problem); });
    if (!said) out.problems.push_back(std::move(problem));
  }
  for (auto& problem : read_page_files(out.settings.pages, files))
    out.problems.push_back(std::move(problem));
  sort_problems(out.problems);
  return out;
}

std::string show(const Problem& problem, const std::vector<std::string>& files) {
  const auto at = [](std::uint32_t n) { return std::to_string(std::max<std::uint32_t>(n, 1)); };
  const std::string file = problem.mark.file < files.size() ? files[problem.mark.file] : "settings";
  return file + ":" + at(problem.mark.line) + ":" + at(problem.mark.column) + ": " +
         problem.sentence;
}

}  // namespace marquee::config
