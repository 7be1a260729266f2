// tenant, token, secret.
#include <fmt/format.h>

#include <iostream>
#include <iterator>
#include <utility>

#include "cli/api_answer.h"
#include "cli/table.h"

namespace wasabi::cli {
namespace {

constexpr std::size_t kMostSecretBytes = 64 << 10;

Result<void> show(Result<Json> answer, Output output, const std::string& words) {
  if (!answer) return fail(std::move(answer.error()));
  if (output == Output::kJson) {
    printJson(*answer);
  } else {
    print(words + "\n");
  }
  return {};
}

Result<void> showTable(Result<Json> answer, Output output, const char* list, const std::vector<const char*>& members) {
  if (!answer) return fail(std::move(answer.error()));
  if (output == Output::kJson) {
    printJson(*answer);
    return {};
  }
  std::vector<std::string> head;
  for (std::string name : members) {
    for (char& c : name) c = static_cast<char>(c == '_' ? ' ' : std::toupper(static_cast<unsigned char>(c)));
    head.push_back(std::move(name));
  }
  Table table(std::move(head));
  for (const Json& one : (*answer)[list]) {
    std::vector<std::string> row;
    for (const char* name : members) row.push_back(textOf(one, name));
    table.add(std::move(row));
  }
  print(table.text());
  return {};
}

}  // namespace

Result<void> listTenants(ApiClient& client, Output output) {
  return showTable(ask(client, "GET", "/tenants"), output, "tenants", {"name", "functions", "isolation", "created"});
}

Result<void> createTenant(ApiClient& client, const std::string& name, Output output) {
  return show(ask(client, "POST", "/tenants", {{"name", name}}), output, fmt::format("tenant {} is made", name));
}

Result<void> setTenant(ApiClient& client, const TenantSetCommand& command, Output output) {
  Json body = Json::object();
  const auto name = [&body](const char* member, const auto& value) {
    if (value) body[member] = *value;
  };
  if (command.memory) body["memory_bytes"] = command.memory->value;
  if (command.stored) body["stored_bytes"] = command.stored->value;
  name("cpu_weight", command.cpu_weight);
  name("concurrency", command.concurrency);
  name("request_rate", command.request_rate);
  name("functions", command.functions);
  if (body.empty()) return fail(ErrorCode::kInvalid, "name at least one quota, such as --memory 512MiB");
  return show(ask(client, "PATCH", "/tenants/" + command.tenant, body), output,
              fmt::format("tenant {} is changed", command.tenant));
}

Result<void> deleteTenant(ApiClient& client, const std::string& name, Output output) {
  return show(ask(client, "DELETE", "/tenants/" + name), output, fmt::format("tenant {} is deleted", name));
}

Result<void> listTokens(ApiClient& client, Output output) {
  return showTable(ask(client, "GET", "/tokens"), output, "tokens",
                   {"id", "name", "role", "tenant", "created", "last_used"});
}

Result<void> createToken(ApiClient& client, const std::string& name, const std::string& tenant, Output output) {
  Json body = {{"name", name}};
  body[tenant.empty() ? "role" : "tenant"] = tenant.empty() ? "operator" : tenant;
  auto answer = ask(client, "POST", "/tokens", body);
  const std::string words = answer ? textOf(*answer, "token") : "";
  return show(std::move(answer), output, words);
}

Result<void> revokeToken(ApiClient& client, const std::string& id, Output output) {
  return show(ask(client, "DELETE", "/tokens/" + id), output, fmt::format("token {} is revoked", id));
}

Result<void> listSecrets(ApiClient& client, const std::string& tenant, Output output) {
  return showTable(ask(client, "GET", "/tenants/" + tenant + "/secrets"), output, "secrets", {"name", "set"});
}

Result<void> setSecret(ApiClient& client, const std::string& tenant, const std::string& name, Output output) {
  std::string value{std::istreambuf_iterator<char>(std::cin), std::istreambuf_iterator<char>()};
  if (value.ends_with('\n')) value.pop_back();
  if (value.empty() || value.size() > kMostSecretBytes) {
    return fail(ErrorCode::kInvalid,
                fmt::format("the value is read from standard input, 1 to {} bytes: printf %s VALUE | wasabi secret set "
                            "{} {}",
                            kMostSecretBytes, tenant, name));
  }
  auto set =
      client.call("PUT", "/tenants/" + tenant + "/secrets/" + name, std::move(value), "application/octet-stream");
  if (!set) return fail(std::move(set.error()));
  return show(Json{{"name", name}}, output, fmt::format("secret {} of {} is set", name, tenant));
}

Result<void> deleteSecret(ApiClient& client, const std::string& tenant, const std::string& name, Output output) {
  return show(ask(client, "DELETE", "/tenants/" + tenant + "/secrets/" + name), output,
              fmt::format("secret {} of {} is deleted", name, tenant));
}

}  // namespace wasabi::cli
