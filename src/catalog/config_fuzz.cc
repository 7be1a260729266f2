// Any text is either a configuration whose values keep their ranges, or has problems. The keys are one of each kind.
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "catalog/config_key_kinds.h"
#include "catalog/config_reader.h"

namespace {

using namespace wasabi;
using namespace wasabi::literals;
using namespace wasabi::catalog;
using namespace wasabi::catalog::keys;

enum class Colour : std::uint8_t { kRed, kGreen };
constexpr std::array<std::string_view, 2> kColours = {"red", "green"};

struct Settings {
  ByteSize size{1 << 20};
  Duration time = std::chrono::seconds(1);
  double cores = 1;
  double share = 0.5;
  std::uint32_t count = 1;
  std::optional<std::uint32_t> most;
  Colour colour = Colour::kRed;
  bool on = false;
  std::string file;
  std::vector<std::string> names;
};

const std::vector<ConfigKey<Settings>>& allKeys() {
  static const std::vector<ConfigKey<Settings>> kKeys = {
      size<Settings>("size", Change::kLive, {64_KiB, 4_GiB}, WASABI_IN(size)),
      path<Settings>("file", "none", WASABI_IN(file)),
      flag<Settings>("on", Change::kLive, WASABI_IN(on)),
      duration<Settings>("a.time", Change::kLive, {std::chrono::milliseconds(1), std::chrono::hours(1)},
                         WASABI_IN(time)),
      cores<Settings>("a.cores", Change::kLive, kCoresRange, WASABI_IN(cores), "one"),
      number<Settings>("a.share", Change::kLive, {0.25, 0.75}, WASABI_IN(share)),
      count<Settings>("b.count", Change::kLive, {1, 1000}, WASABI_IN(count)),
      count<Settings>("b.most", Change::kLive, {1, 1000}, WASABI_IN(most), "none"),
      choice<Settings>("b.colour", Change::kLive, kColours, WASABI_IN(colour)),
      strings<Settings>("b.names", 4, WASABI_IN(names))};
  return kKeys;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t kMostBytes = 1 << 16;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  Settings settings;
  const auto problems = readConfigText(text, kMostBytes, [&](const toml::table& root, ConfigProblems found) {
    KnownTable top(root, "", found.problems);
    readKeys(allKeys(), top, found.problems, "/folder", settings);
    top.finish();
    if (found.none()) {
      Contradictions contradictions(root, found.problems);
      contradictions.notAbove("b.count", std::size_t{settings.count}, "b.most", std::size_t{settings.most.value_or(0)});
    }
  });
  WASABI_CHECK(problems.size() <= kMaxTextProblems);
  WASABI_CHECK(settings.size >= 64_KiB && settings.size <= 4_GiB);
  WASABI_CHECK(settings.time >= std::chrono::milliseconds(1) && settings.time <= std::chrono::hours(1));
  WASABI_CHECK(settings.cores > 0 && settings.share >= 0.25 && settings.share <= 0.75);
  WASABI_CHECK(settings.count >= 1 && settings.count <= 1000 && settings.names.size() <= 4);
  WASABI_CHECK(settings.file.empty() || settings.file == "-" || settings.file.front() == '/');
  if (!problems.empty()) return 0;
  // What is written from the values is read as the same.
  for (const auto& key : allKeys()) {
    if (key.name.find('.') != std::string_view::npos || key.name == "file" || key.value(settings).empty()) continue;
    Settings again;
    const std::string line = std::string(key.name) + " = " + key.value(settings);
    const auto bad = readConfigText(line, kMostBytes, [&](const toml::table& root, ConfigProblems found) {
      KnownTable top(root, "", found.problems);
      readKeys(allKeys(), top, found.problems, "/folder", again);
    });
    WASABI_CHECK(bad.empty() && key.value(again) == key.value(settings));
  }
  return 0;
}
