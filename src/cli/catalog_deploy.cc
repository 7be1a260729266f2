#include "cli/catalog_deploy.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <utility>

#include "base/function_name.h"
#include "cli/api_answer.h"

namespace wasabi::cli {
namespace {

namespace fs = std::filesystem;

struct Found {
  FunctionName name;
  std::string manifest;
};

// As a box finds them: <tenant>/<function>.toml, and nothing that begins with a dot.
Result<std::vector<Found>> functionsIn(const std::string& directory) {
  std::vector<Found> found;
  std::error_code error;
  for (const auto& tenant : fs::directory_iterator(directory, error)) {
    const std::string name = tenant.path().filename().string();
    if (!tenant.is_directory() || !isLabel(name) || name == "modules") continue;
    for (const auto& file : fs::directory_iterator(tenant.path(), error)) {
      const std::string function = file.path().stem().string();
      if (file.path().extension() != ".toml" || function.starts_with('.')) continue;
      if (!isLabel(function)) {
        return fail(ErrorCode::kInvalid,
                    fmt::format("{}: '{}' is not a name: 1 to 63 of a-z, 0-9 and '-', no '-' at either end",
                                file.path().string(), function));
      }
      found.push_back({{name, function}, file.path().string()});
    }
  }
  if (error) return fail(Error::fromErrno(directory, error.value()));
  if (found.empty()) return fail(ErrorCode::kNotFound, directory + " holds no functions: no <tenant>/<function>.toml");
  std::ranges::sort(found, {}, &Found::name);
  return found;
}

// Those who may not make tenants can still deploy to one that is there.
Result<void> ensureTenant(ApiClient& client, const std::string& tenant) {
  const auto made = ask(client, "POST", "/tenants", {{"name", tenant}});
  if (made || made.error().code() == ErrorCode::kConflict || made.error().code() == ErrorCode::kDenied) return {};
  return fail(made.error());
}

}  // namespace

Result<void> deployCatalog(ApiClient& client, const std::string& directory, const DeployCommand& command,
                           Output output) {
  auto found = functionsIn(directory);
  if (!found) return fail(std::move(found.error()));
  std::size_t failures = 0;
  ErrorCode code = ErrorCode::kInvalid;
  std::string tenant;
  for (const Found& one : *found) {
    if (one.name.tenant != tenant) {
      tenant = one.name.tenant;
      if (auto there = ensureTenant(client, tenant); !there) return there;
    }
    DeployCommand each = command;
    each.source = one.manifest;
    each.name = one.name.toString();
    if (auto deployed = deploy(client, each, output); !deployed) {
      fmt::print(stderr, "wasabi: {}: {}\n", each.name, deployed.error().message());
      code = deployed.error().code();
      ++failures;
    }
  }
  if (failures == 0) return {};
  return fail(code, fmt::format("{} of {} functions were not deployed", failures, found->size()));
}

}  // namespace wasabi::cli
