// Any bytes as a settings file: read to the end, no crash, no hang, no file.
#include "../unit/config/fake_ports.hpp"
#include "config/reader.hpp"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace marquee::config;
  const MemoryFiles files({{"m.yaml", std::string(data, data + size)}});
  const Reading reading = load_settings("m.yaml", FixedEnvironment(), files);
  for (const auto& p : reading.problems) {
    if (show(p, reading.settings.files).rfind("m.yaml:", 0) != 0) __builtin_trap();
  }
  return 0;
}
