#include "serve/config_file.h"

#include <filesystem>

#include "catalog/config_key_kinds.h"
#include "catalog/config_reader.h"

namespace wasabi::serve {
namespace {

using namespace literals;
using namespace std::chrono_literals;
using namespace catalog::keys;
using catalog::Change;
using catalog::Contradictions;
using catalog::Range;

constexpr std::size_t kMaxListeners = 64;
constexpr std::size_t kMaxCertificates = 1'000;
constexpr Range<std::int64_t> kThreads{1, 256};

// Each is one path, or two with a comma between.
std::string absolutePair(Source from, Name files) {
  const std::size_t comma = files.find(',');
  if (comma == Name::npos) return absolute(from, files);
  return absolute(from, files.substr(0, comma)) + ',' + absolute(from, files.substr(comma + 1));
}

ServeKey certificates() {
  ServeKey key = strings<ServeConfig>("tls.certificates", kMaxCertificates, WASABI_IN(certificates));
  key.type = "paths";
  key.read = [](Source from, Name name, ServeConfig& config) {
    std::vector<std::string> found;
    from.table.strings(name, kMaxCertificates,
                       [&](const toml::node&, Name files) { found.push_back(absolutePair(from, files)); });
    if (!found.empty()) config.certificates = std::move(found);
  };
  return key;
}

void addFront(std::vector<ServeKey>& keys) {
  keys.insert(
      keys.end(),
      {path<ServeConfig>("data", "the directory that `--data` names", WASABI_IN(data_directory)),
       strings<ServeConfig>("listen", kMaxListeners, WASABI_IN(listen)),
       count<ServeConfig>("workers", Change::kRestart, kThreads, WASABI_IN(workers), "half as many as a superpod has"),
       string<ServeConfig>("base_domain", "none", WASABI_IN(base_domain)),
       strings<ServeConfig>("tls.listen", kMaxListeners, WASABI_IN(listen_tls)), certificates(),
       path<ServeConfig>("logs.access", "none", WASABI_IN(access_log)),
       path<ServeConfig>("logs.function", "none", WASABI_IN(function_log)),
       duration<ServeConfig>("drain.timeout", Change::kRestart, {0s, 1h}, WASABI_IN(drain_timeout)),
       flag<ServeConfig>("outbound.private_networks", Change::kRestart, WASABI_IN(private_networks)),
       flag<ServeConfig>("registries.private", Change::kRestart, WASABI_IN(private_registries))});
}

void addSuperpods(std::vector<ServeKey>& keys) {
  keys.insert(keys.end(),
              {string<ServeConfig>("superpods.backend", "`\"process\"`", WASABI_IN(backend)),
               count<ServeConfig>("superpods.most", Change::kRestart, {1, 1'000}, WASABI_IN(most_superpods)),
               count<ServeConfig>("superpods.spares", Change::kRestart, {0, 100}, WASABI_IN(spares)),
               duration<ServeConfig>("superpods.idle", Change::kRestart, {1s, 24h}, WASABI_IN(idle_period)),
               size<ServeConfig>("superpods.memory", Change::kRestart, {16_MiB, 16'384_GiB}, WASABI_IN(superpod_memory),
                                 "a fifth of the machine's, 256MiB at least"),
               cores<ServeConfig>("superpods.cpu", Change::kRestart, catalog::kCoresRange, WASABI_IN(superpod_cores),
                                  "the machine's"),
               count<ServeConfig>("superpods.workers", Change::kRestart, kThreads, WASABI_IN(superpod_workers),
                                  "as many as the machine has cores"),
               choice<ServeConfig>("memory.mode", Change::kRestart, policy::kBookingModeNames, WASABI_IN(booking.kind)),
               number<ServeConfig>("memory.ratio", Change::kRestart, {1, 100}, WASABI_IN(booking.ratio)),
               number<ServeConfig>("memory.risk", Change::kRestart, {1e-9, 0.5}, WASABI_IN(booking.risk)),
               size<ServeConfig>("defaults.memory", Change::kRestart, catalog::kMemoryRange,
                                 WASABI_IN(function_defaults.memory)),
               duration<ServeConfig>("defaults.timeout", Change::kRestart, catalog::kTimeoutRange,
                                     WASABI_IN(function_defaults.timeout)),
               count<ServeConfig>("defaults.concurrency", Change::kRestart, catalog::kConcurrencyRange,
                                  WASABI_IN(function_defaults.concurrency))});
}

void addContainers(std::vector<ServeKey>& keys) {
  keys.insert(keys.end(),
              {string<ServeConfig>("containers.backend", "`\"auto\"`", WASABI_IN(containers)),
               duration<ServeConfig>("containers.idle", Change::kRestart, {1s, 24h}, WASABI_IN(container_idle)),
               size<ServeConfig>("machine.memory", Change::kRestart, {64_MiB, 16'384_GiB}, WASABI_IN(machine_memory),
                                 "nine tenths of the machine's")});
}

void checkTogether(const toml::table& root, catalog::Problems& problems, const ServeConfig& config) {
  Contradictions contradictions(root, problems);
  using Mode = policy::BookingMode::Kind;
  contradictions.onlyInMode("memory.ratio", nameOf(Mode::kRatio), nameOf(config.booking.kind));
  contradictions.onlyInMode("memory.risk", nameOf(Mode::kRisk), nameOf(config.booking.kind));
  contradictions.notAbove("defaults.memory", config.function_defaults.memory, "superpods.memory",
                          config.superpod_memory);
  contradictions.notAbove("superpods.memory", config.superpod_memory, "machine.memory", config.machine_memory);
  if (contradictions.has("superpods.spares") && config.spares >= config.most_superpods) {
    contradictions.add("superpods.spares",
                       fmt::format("'superpods.spares' is {}, of {} superpods at most: none would be left to serve; "
                                   "write less, or more in 'superpods.most'",
                                   config.spares, config.most_superpods));
  }
  if (contradictions.has("tls.listen") && config.certificates.empty()) {
    contradictions.add("tls.listen",
                       "'tls.listen' needs a certificate; write certificates = "
                       "[\"certificate.pem,key.pem\"] in [tls]");
  }
}

}  // namespace

const std::vector<ServeKey>& serveKeys() {
  static const std::vector<ServeKey> kKeys = [] {
    std::vector<ServeKey> keys;
    addFront(keys);
    addSuperpods(keys);
    addContainers(keys);
    return keys;
  }();
  return kKeys;
}

std::vector<catalog::TextProblem> readConfig(std::string_view text, const std::string& folder, ServeConfig& config) {
  return catalog::readConfigText(text, kMaxConfigBytes, [&](const toml::table& root, catalog::ConfigProblems found) {
    catalog::KnownTable top(root, "", found.problems);
    catalog::readKeys(serveKeys(), top, found.problems, folder, config);
    top.finish();
    if (found.none()) checkTogether(root, found.problems, config);
  });
}

std::vector<catalog::TextProblem> readConfigFile(const std::string& file, ServeConfig& config) {
  const std::string folder = std::filesystem::path(file).parent_path().string();
  return catalog::readConfigFile(file, kMaxConfigBytes,
                                 [&](std::string_view text) { return readConfig(text, folder, config); });
}

catalog::ConfigChanges changesBetween(const ServeConfig& before, const ServeConfig& after) {
  catalog::ConfigChanges changes;
  catalog::addChanges(serveKeys(), "", before, after, changes);
  return changes;
}

}  // namespace wasabi::serve
