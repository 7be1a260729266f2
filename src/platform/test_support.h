// Functions and versions made up for tests.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/sha256.h"
#include "catalog/manifest_parser.h"
#include "platform/deployment.h"
#include "platform/function_record.h"
#include "platform/tenant_record.h"

namespace wasabi::platform {

inline Digest digestOf(std::string_view text) {
  return Digest{sha256(text)};
}

inline VersionPtr versionMadeUp(const FunctionName& name, std::uint32_t number, std::string_view manifest = "",
                                std::int64_t created_ms = 0) {
  const catalog::ParsedManifest parsed = catalog::parseManifest(manifest, {}, catalog::ProgramKey::kOptional);
  EXPECT_TRUE(parsed.problems.empty()) << parsed.problems.front().reason;
  auto spec = std::make_shared<catalog::FunctionSpec>(catalog::specWithSettings(name, parsed.manifest));
  spec->module = digestOf("module of " + std::to_string(number));
  spec->manifest_file = name.toString() + "@" + std::to_string(number);
  auto version = std::make_shared<Version>();
  version->number = number;
  version->spec = std::move(spec);
  version->container = parsed.manifest.container;
  version->settings = parsed.manifest.platform;
  version->identity = digestOf(manifest);
  version->created_ms = created_ms;
  return version;
}

// With one ready version that has all traffic.
inline FunctionRecordPtr functionMadeUp(const std::string& tenant, const std::string& function,
                                        std::string_view manifest = "") {
  FunctionRecord record;
  record.name = {tenant, function};
  auto added = withVersion(std::move(record), versionMadeUp({tenant, function}, 1, manifest), true);
  EXPECT_TRUE(added);
  auto ready = withReady(std::move(*added), 1);
  EXPECT_TRUE(ready);
  return std::make_shared<const FunctionRecord>(std::move(*ready));
}

inline TenantRecordPtr tenantMadeUp(const std::string& name, std::vector<std::string> hosts = {}) {
  TenantRecord tenant;
  tenant.name = name;
  tenant.hosts = std::move(hosts);
  return std::make_shared<const TenantRecord>(std::move(tenant));
}

inline Deployment deploymentOf(const std::string& tenant, const std::string& function, std::string manifest = "") {
  Deployment deployment;
  deployment.name = {tenant, function};
  deployment.manifest = std::move(manifest);
  deployment.module = digestOf("module");
  deployment.content_bytes = 1'000;
  deployment.source = "upload";
  deployment.created_by = "token-1";
  deployment.now_ms = 1'000;
  return deployment;
}

}  // namespace wasabi::platform
