// Containers of a version as the API tells of them. Private to this layer.
#pragma once

#include "api/json.h"
#include "api/machine.h"

namespace wasabi::api {

inline Json containersJson(const MachineStatus::OfContainers& version) {
  Json replicas = Json::array();
  for (const MachineStatus::OfContainers::Replica& replica : version.replicas) {
    replicas.push_back({{"name", replica.name},
                        {"state", replica.state},
                        {"age_seconds", replica.age_seconds},
                        {"pid", replica.pid},
                        {"running", replica.running},
                        {"cores_used", replica.cores_used},
                        {"memory_bytes", replica.memory.value},
                        {"memory_peak_bytes", replica.peak.value}});
  }
  Json json = {
      {"version", version.version.toString()}, {"image", version.image},     {"state", version.state},
      {"replicas", std::move(replicas)},       {"desired", version.desired}, {"scale_reason", version.scale_reason},
      {"scaled_by", version.scaled_by},        {"started", version.started}, {"died", version.died}};
  if (!version.last_end.empty()) {
    json["last_end"] = {
        {"why", version.last_end}, {"seconds_ago", version.last_end_seconds}, {"in_a_row", version.ends_in_a_row}};
  }
  return json;
}

}  // namespace wasabi::api
