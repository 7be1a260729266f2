#include "api/version_json.h"

#include <algorithm>

namespace wasabi::api {
namespace {

// What building took; the one that is going on without a time.
Json stagesJson(const deploy::Progress& progress) {
  Json json = {{"now", deploy::nameOf(progress.stage)}};
  const auto add = [&](const char* name, const std::optional<Duration>& took) {
    if (took) json[name] = toSeconds(*took) * 1'000;
  };
  add("pull_ms", progress.pulled);
  add("compile_ms", progress.compiled);
  add("unpack_ms", progress.unpacked);
  add("check_ms", progress.checked);
  if (progress.bytes_all > 0) {
    json["bytes"] = progress.bytes_done;
    json["bytes_of"] = progress.bytes_all;
  }
  return json;
}

}  // namespace

Json versionJson(const platform::FunctionRecord& function, const platform::VersionEntry& entry, const Call& call) {
  const platform::Version& version = *entry.version;
  const catalog::FunctionLimits& limits = version.spec->limits;
  Json json = {
      {"number", version.number},
      {"state", platform::nameOf(entry.state)},
      {version.isContainer() ? "image" : "module", "sha256:" + version.content().toHex()},
      {"source", version.source},
      {"created", timeText(version.created_ms)},
      {"created_by", version.created_by},
      {"bytes", version.content_bytes + version.files_bytes},
      {"memory_bytes", limits.memory.value},
      {"timeout_seconds", toSeconds(limits.timeout)},
      {"concurrency", limits.concurrency},
      {"url", call.services().machine.urlOf(function.name, version.number)},
  };
  if (limits.cpu) json["cpu"] = *limits.cpu;
  if (!entry.reason.empty()) json["reason"] = entry.reason;
  if (const auto progress = call.services().deployer.progressOf({function.name, version.number})) {
    json["stages"] = stagesJson(*progress);
  }
  const auto& shares = function.traffic.shares();
  const auto share = std::ranges::find(shares, version.number, &platform::TrafficShare::version);
  json["percent"] = share == shares.end() ? 0 : share->percent;
  return json;
}

}  // namespace wasabi::api
