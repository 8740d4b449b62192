#include "base/durable_file.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/fsuid.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

using marquee::base::replace_file;
namespace fs = std::filesystem;

namespace {

struct Folder {
  Folder() {
    char name[] = "/tmp/marquee-durable-XXXXXX";
    REQUIRE(::mkdtemp(name));
    path = name;
    descriptor = ::open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    REQUIRE(descriptor >= 0);
  }
  ~Folder() {
    ::close(descriptor);
    fs::remove_all(path);
  }
  std::string put(std::initializer_list<std::string_view> parts, int* opened = nullptr) const {
    return replace_file(descriptor, "file", "file.new", 0600, parts, opened);
  }
  std::string text() const {
    std::ostringstream out;
    out << std::ifstream(path / "file").rdbuf();
    return out.str();
  }
  std::set<std::string> names() const {
    std::set<std::string> out;
    for (const auto& entry : fs::directory_iterator(path)) out.insert(entry.path().filename());
    return out;
  }
  fs::path path;
  int descriptor = -1;
};

// A disk on which a file can grow to `most` bytes.
struct SmallDisk {
  explicit SmallDisk(rlim_t most) {
    ::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &before);
    const rlimit small{most, before.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &small);
  }
  ~SmallDisk() { ::setrlimit(RLIMIT_FSIZE, &before); }
  rlimit before{};
};

}  // namespace

TEST_CASE("a durable file is made, and replaced as a whole") {
  const Folder folder;
  int opened = -1;
  CHECK(folder.put({"a", "", "bc"}, &opened) == "");
  CHECK(folder.text() == "abc");
  REQUIRE(opened >= 0);
  char byte = 0;
  CHECK(::pread(opened, &byte, 1, 2) == 1);
  CHECK(byte == 'c');
  CHECK(folder.put({"d"}) == "");
  CHECK(folder.text() == "d");
  // Who has the old one open goes on with it.
  CHECK(::pread(opened, &byte, 1, 0) == 1);
  CHECK(byte == 'a');
  ::close(opened);
  struct stat is {};
  REQUIRE(::stat((folder.path / "file").c_str(), &is) == 0);
  CHECK((is.st_mode & 07777) == 0600);
  CHECK(folder.names() == std::set<std::string>{"file"});
}

TEST_CASE("what a crash left aside is in nobody's way, and its rights are not taken over") {
  const Folder folder;
  std::ofstream(folder.path / "file.new") << "half";
  fs::permissions(folder.path / "file.new", fs::perms::all);
  CHECK(folder.put({"whole"}) == "");
  CHECK(folder.text() == "whole");
  CHECK(fs::status(folder.path / "file").permissions() ==
        (fs::perms::owner_read | fs::perms::owner_write));
  fs::create_symlink("elsewhere", folder.path / "file.new");
  CHECK(folder.put({"again"}) == "");
  CHECK(folder.names() == std::set<std::string>{"file"});
}

TEST_CASE("on a full disk the old file survives") {
  const Folder folder;
  REQUIRE(folder.put({std::string(100, 'o')}) == "");
  std::string error;
  int opened = -1;
  {
    const SmallDisk disk(4096);
    error = folder.put({std::string(4000, 'n'), std::string(4000, 'n')}, &opened);
  }
  CHECK(error.starts_with("cannot be written: "));
  CHECK(opened == -1);
  CHECK(folder.text() == std::string(100, 'o'));
  CHECK(folder.names() == std::set<std::string>{"file"});
}

TEST_CASE("in a folder that cannot be written the old file survives") {
  const Folder folder;
  REQUIRE(folder.put({"old"}) == "");
  REQUIRE(::fchmod(folder.descriptor, 0500) == 0);
  // root may write anywhere: for a moment this thread is somebody else.
  const bool root = ::geteuid() == 0;
  if (root) ::setfsuid(65534);
  const std::string error = folder.put({"new"});
  if (root) ::setfsuid(0);
  REQUIRE(::fchmod(folder.descriptor, 0700) == 0);
  CHECK(error.starts_with("cannot be made: "));
  CHECK(folder.text() == "old");
  CHECK(folder.names() == std::set<std::string>{"file"});
}

TEST_CASE("what is no file is not replaced, and nothing is left aside") {
  const Folder folder;
  fs::create_directories(folder.path / "file" / "in");
  CHECK(folder.put({"new"}).starts_with("cannot be replaced: "));
  CHECK(fs::exists(folder.path / "file" / "in"));
  CHECK(folder.names() == std::set<std::string>{"file"});
  fs::create_directory(folder.path / "file.new");
  CHECK(folder.put({"new"}).starts_with("cannot be made: "));
}
