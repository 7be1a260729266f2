// The commands that speak to `wasabi serve`. Each prints to standard output, for people or as JSON.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/units.h"
#include "cli/api_client.h"

namespace wasabi::cli {

enum class Output : std::uint8_t {
  kText,
  kColours,  // text for a terminal
  kJson,     // what the API answered
};

struct DeployCommand {
  std::string source = ".";  // a .wasm file, "-" (standard input), a folder with wasabi.toml, a manifest, "oci://..."
  std::string name;          // "tenant/function"; else from wasabi.toml's folder and --tenant
  std::string manifest_file;
  std::vector<std::string> environment;  // "NAME=VALUE", besides what the manifest says
  std::string credential_file;           // whose entry for the registry of "oci://..." the server gets; empty: none
  bool promote = true;
};
Result<void> deploy(ApiClient& client, const DeployCommand& command, Output output);

Result<void> list(ApiClient& client, const std::string& tenant, Output output);
Result<void> describe(ApiClient& client, const std::string& function, Output output);
Result<void> versions(ApiClient& client, const std::string& function, Output output);
// `shares`: "v3=90", "v4=10".
Result<void> traffic(ApiClient& client, const std::string& function, const std::vector<std::string>& shares,
                     Output output);
Result<void> rollback(ApiClient& client, const std::string& function, Output output);
Result<void> remove(ApiClient& client, const std::string& function, Output output);

struct InvokeCommand {
  std::string function;  // "tenant/function" or "tenant/function@3"
  std::string path = "/";
  std::string method;                // empty: GET, or POST with a body
  std::optional<std::string> body;   // as curl's -d: text, @file or - for standard input
  std::vector<std::string> headers;  // "Name: value"
};
Result<void> invoke(ApiClient& client, const InvokeCommand& command, Output output);

struct LogsCommand {
  std::string function;
  bool follow = false;
  std::string since;    // "10m"
  std::string request;  // id
  std::optional<std::uint32_t> version;
  std::uint32_t limit = 1'000;
  Duration first_wait = std::chrono::milliseconds(250);  // before a follower connects again; doubles
};
// A follower connects again where the connection or the server ends, for about 30 s in vain; it shows no line twice.
Result<void> logs(ApiClient& client, const LogsCommand& command, Output output);

// Once, or again each second on a terminal until it is interrupted.
Result<void> top(ApiClient& client, bool once, Output output);

Result<void> listTenants(ApiClient& client, Output output);
Result<void> createTenant(ApiClient& client, const std::string& name, Output output);
// Quotas that are named; the others stay as they are.
struct TenantSetCommand {
  std::string tenant;
  std::optional<ByteSize> memory;
  std::optional<double> cpu_weight;
  std::optional<std::uint32_t> concurrency;
  std::optional<double> request_rate;
  std::optional<std::uint32_t> functions;
  std::optional<ByteSize> stored;
};
Result<void> setTenant(ApiClient& client, const TenantSetCommand& command, Output output);
Result<void> deleteTenant(ApiClient& client, const std::string& name, Output output);
Result<void> listTokens(ApiClient& client, Output output);
Result<void> createToken(ApiClient& client, const std::string& name, const std::string& tenant, Output output);
Result<void> revokeToken(ApiClient& client, const std::string& id, Output output);
Result<void> listSecrets(ApiClient& client, const std::string& tenant, Output output);
// The value comes from standard input.
Result<void> setSecret(ApiClient& client, const std::string& tenant, const std::string& name, Output output);
Result<void> deleteSecret(ApiClient& client, const std::string& tenant, const std::string& name, Output output);
Result<void> whyRemote(ApiClient& client, const std::string& function, Output output);

// What a command's error makes the program exit with: 1 failed, 2 usage, 3 not found, 4 denied, 5 unavailable.
int exitCodeOf(ErrorCode code);

}  // namespace wasabi::cli
