// Kubernetes manifests of superpods, as YAML with the reason beside each setting that is not obvious.
//
// A pod holds a box, which runs the functions and fetches nothing, and a companion, which makes their modules ready for
// it (docs/companion.md). They share one volume, which the box cannot write; the signing key is the companion's alone.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/units.h"
#include "cli/catalog_maps.h"
#include "policy/superpod_sizing.h"

namespace wasabi::cli {

// Values of a tenant's secrets: a Secret of Kubernetes, whose keys are their names.
struct TenantSecret {
  std::string tenant;
  std::string secret;
};
// "acme=acme-secrets"
Result<TenantSecret> parseTenantSecret(std::string_view text);

struct SuperpodPlan {
  std::string name = "superpod";
  std::string name_space = "default";
  std::string registry;  // of the images: "registry.example.com/wasabi"
  std::string version;   // their tag
  ByteSize memory;       // of the box, request and limit
  Cores cpu;
  ByteSize companion_memory{2560ull << 20};
  Cores companion_cpu{1};
  std::vector<CatalogMap> catalog;
  std::vector<TenantSecret> secrets;
  std::string registry_secret;  // of type kubernetes.io/dockerconfigjson, for modules; empty: anonymous
  bool plain_http = false;      // to registries of modules
  std::uint32_t replicas = 2;   // of a Deployment
  Duration longest_function = std::chrono::seconds(30);
};

// kInvalid names what Kubernetes would refuse.
Result<void> checkPlan(const SuperpodPlan& plan);

// One document each, "---" between them.
std::string configMapsYaml(const SuperpodPlan& plan);
// A Service of Knative Serving, and the PodDisruptionBudget of its pods.
std::string knativeYaml(const SuperpodPlan& plan, const policy::SuperpodSizing& sizing);
// A Deployment without Knative, with its Service and PodDisruptionBudget.
std::string kubernetesYaml(const SuperpodPlan& plan);

}  // namespace wasabi::cli
