#include "cli/superpod_manifests.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string_view>

#include "base/function_name.h"
#include "cli/yaml_text.h"
#include "oci/base64.h"

namespace wasabi::cli {
namespace {

constexpr int kUser = 65532;
constexpr std::string_view kSharedPath = "/wasabi";
constexpr Duration kDrainDelay = std::chrono::seconds(5);

enum class Kind : std::uint8_t { kKnative, kKubernetes };

// As Kubernetes writes amounts of memory: whole MiB.
std::string quantity(ByteSize size) {
  return std::to_string(size.value >> 20) + "Mi";
}

std::string quantity(Cores cores) {
  return fmt::format("{}m", static_cast<std::int64_t>(cores.value * 1000 + 0.5));
}

std::string image(const SuperpodPlan& plan, std::string_view name) {
  return fmt::format("{}/{}:{}", plan.registry, name, plan.version);
}

std::int64_t wholeSeconds(Duration duration) {
  return std::chrono::ceil<std::chrono::seconds>(duration).count();
}

void metadata(YamlText& out, const SuperpodPlan& plan, std::string_view name) {
  out.line("metadata:");
  const auto inside = out.deeper();
  out.set("name", name);
  out.set("namespace", plan.name_space);
}

void security(YamlText& out) {
  out.line("securityContext:");
  const auto inside = out.deeper();
  out.set("runAsNonRoot", "true");
  out.set("runAsUser", std::to_string(kUser));
  out.set("readOnlyRootFilesystem", "true");
  out.set("allowPrivilegeEscalation", "false");
  out.set("capabilities", "{drop: [ALL]}");
  out.set("seccompProfile", "{type: RuntimeDefault}");
}

void resources(YamlText& out, ByteSize memory, Cores cpu) {
  out.line("resources:");
  const auto inside = out.deeper();
  out.set("requests", fmt::format("{{memory: {}, cpu: {}}}", quantity(memory), quantity(cpu)));
  out.set("limits", fmt::format("{{memory: {}, cpu: {}}}", quantity(memory), quantity(cpu)));
}

void mount(YamlText& out, std::string_view volume, std::string_view path, bool read_only) {
  out.line(fmt::format("- {{name: {}, mountPath: {}{}}}", volume, path, read_only ? ", readOnly: true" : ""));
}

void arguments(YamlText& out, const std::vector<std::string>& all) {
  out.line("args:");
  for (const std::string& one : all) out.line("- " + yamlQuoted(one));
}

void probe(YamlText& out, std::string_view name, std::string_view path, std::string_view rest) {
  out.set(name, fmt::format("{{httpGet: {{path: {}, port: 8080}}{}}}", path, rest));
}

void boxContainer(YamlText& out, const SuperpodPlan& plan, Kind kind) {
  out.line("- name: box");
  const auto inside = out.deeper();
  out.set("image", image(plan, "wasabi-box"));
  std::vector<std::string> args = {"--catalog=/wasabi/catalog",
                                   "--store=/wasabi/store",
                                   "--verify-key=/wasabi/builder.pub",
                                   "--compile=never",
                                   "--await=10m",
                                   "--listen=:8080",
                                   "--admin=127.0.0.1:8081",
                                   "--access-log=-",
                                   "--function-log=-",
                                   "--history=none"};
  if (!plan.secrets.empty()) args.emplace_back("--secrets=/secrets");
  if (kind == Kind::kKubernetes) args.push_back("--drain-delay=" + toString(kDrainDelay));
  arguments(out, args);
  out.set("ports", kind == Kind::kKnative ? "[{containerPort: 8080}]" : "[{name: http, containerPort: 8080}]");
  out.comment("Ready once the companion has made every function ready. A pod that starts answers nobody before.");
  if (kind == Kind::kKnative) {
    probe(out, "readinessProbe", "/-/readyz", "");
  } else {
    probe(out, "startupProbe", "/-/healthz", ", periodSeconds: 2, failureThreshold: 300");
    probe(out, "readinessProbe", "/-/readyz", ", periodSeconds: 2");
    probe(out, "livenessProbe", "/-/healthz", ", periodSeconds: 10, failureThreshold: 6");
  }
  resources(out, plan.memory, plan.cpu);
  security(out);
  out.line("volumeMounts:");
  mount(out, "shared", kSharedPath, true);
  for (const TenantSecret& one : plan.secrets) mount(out, "secrets-" + one.tenant, "/secrets/" + one.tenant, true);
}

void companionContainer(YamlText& out, const SuperpodPlan& plan) {
  out.line("- name: companion");
  const auto inside = out.deeper();
  out.set("image", image(plan, "wasabi-companion"));
  std::vector<std::string> args = {"--catalog=/catalog", "--shared=/wasabi", "--key=/keys/builder.key",
                                   "--cache=/cache"};
  if (!plan.registry_secret.empty()) args.emplace_back("--credentials=/registry/.dockerconfigjson");
  if (plan.plain_http) args.emplace_back("--plain-http");
  arguments(out, args);
  out.comment("One compilation may take 2 GiB (--compile-memory).");
  resources(out, plan.companion_memory, plan.companion_cpu);
  security(out);
  out.line("volumeMounts:");
  mount(out, "catalog", "/catalog", true);
  mount(out, "shared", kSharedPath, false);
  out.comment("The private half of the key is made here, and the box does not see it.");
  mount(out, "keys", "/keys", false);
  mount(out, "cache", "/cache", false);
  if (!plan.registry_secret.empty()) mount(out, "registry", "/registry", true);
}

void catalogVolume(YamlText& out, const SuperpodPlan& plan) {
  out.line("- name: catalog");
  const auto inside = out.deeper();
  out.line("projected:");
  const auto projected = out.deeper();
  out.line("sources:");
  for (const CatalogMap& map : plan.catalog) {
    out.line("- configMap:");
    const auto source = out.deeper(2);
    out.set("name", map.name);
    out.line("items:");
    for (const MapEntry& entry : map.entries) {
      out.line(fmt::format("- {{key: {}, path: {}}}", yamlQuoted(entry.key), yamlQuoted(entry.path)));
    }
  }
}

void volumes(YamlText& out, const SuperpodPlan& plan) {
  out.line("volumes:");
  catalogVolume(out, plan);
  out.line("- {name: shared, emptyDir: {}}");
  out.line("- {name: keys, emptyDir: {medium: Memory, sizeLimit: 1Mi}}");
  out.line("- {name: cache, emptyDir: {}}");
  for (const TenantSecret& one : plan.secrets) {
    out.line(fmt::format("- {{name: secrets-{}, secret: {{secretName: {}}}}}", one.tenant, one.secret));
  }
  if (!plan.registry_secret.empty()) {
    out.line(fmt::format("- {{name: registry, secret: {{secretName: {}}}}}", plan.registry_secret));
  }
}

void podSpec(YamlText& out, const SuperpodPlan& plan, Kind kind) {
  out.comment("No token of the cluster: functions of strangers run here.");
  out.set("automountServiceAccountToken", "false");
  out.set("enableServiceLinks", "false");
  out.line("containers:");
  boxContainer(out, plan, kind);
  companionContainer(out, plan);
  volumes(out, plan);
}

void disruptionBudget(YamlText& out, const SuperpodPlan& plan, std::string_view label) {
  out.document();
  out.comment("Nodes that are emptied take one superpod at a time.");
  out.set("apiVersion", "policy/v1");
  out.set("kind", "PodDisruptionBudget");
  metadata(out, plan, plan.name);
  out.line("spec:");
  const auto spec = out.deeper();
  out.set("maxUnavailable", "1");
  out.set("selector", fmt::format("{{matchLabels: {{{}: {}}}}}", label, plan.name));
}

void deployment(YamlText& out, const SuperpodPlan& plan) {
  out.document();
  out.set("apiVersion", "apps/v1");
  out.set("kind", "Deployment");
  metadata(out, plan, plan.name);
  out.line("spec:");
  const auto spec = out.deeper();
  out.set("replicas", std::to_string(plan.replicas));
  out.set("selector", fmt::format("{{matchLabels: {{app: {}}}}}", plan.name));
  out.comment("The old pods stay until new ones are ready: no request finds nobody.");
  out.set("strategy", "{rollingUpdate: {maxUnavailable: 0, maxSurge: 1}}");
  out.line("template:");
  const auto inside = out.deeper();
  out.set("metadata", fmt::format("{{labels: {{app: {}}}}}", plan.name));
  out.line("spec:");
  const auto pod = out.deeper();
  out.comment("The box serves on for 5 s, until the Service leaves it out, and lets requests finish for 30 s.");
  out.set("terminationGracePeriodSeconds", std::to_string(wholeSeconds(kDrainDelay) + 35));
  podSpec(out, plan, Kind::kKubernetes);
}

bool isName(std::string_view text) {
  return isLabel(text);
}

}  // namespace

Result<TenantSecret> parseTenantSecret(std::string_view text) {
  const std::size_t equals = text.find('=');
  TenantSecret parsed{std::string(text.substr(0, equals)),
                      equals == std::string_view::npos ? std::string() : std::string(text.substr(equals + 1))};
  if (isLabel(parsed.tenant) && isName(parsed.secret)) return parsed;
  return fail(ErrorCode::kInvalid, fmt::format("'{}': write TENANT=SECRET, for example acme=acme-secrets", text));
}

Result<void> checkPlan(const SuperpodPlan& plan) {
  for (const std::string& name : {plan.name, plan.name_space}) {
    if (!isName(name)) {
      return fail(
          ErrorCode::kInvalid,
          fmt::format("'{}' is no name of Kubernetes: 1 to 63 of a-z, 0-9 and '-', no '-' at either end", name));
    }
  }
  if (!plan.registry_secret.empty() && !isName(plan.registry_secret)) {
    return fail(ErrorCode::kInvalid, fmt::format("'{}' is no name of a Secret", plan.registry_secret));
  }
  std::set<std::string_view> tenants;
  for (const TenantSecret& one : plan.secrets) {
    // The volume is called after it, and that name may be no longer than a label either.
    if (one.tenant.size() > 55)
      return fail(ErrorCode::kInvalid, "a tenant with secrets may have 55 characters in its name");
    if (!tenants.insert(one.tenant).second) {
      return fail(ErrorCode::kInvalid, fmt::format("two Secrets for {}: put them into one", one.tenant));
    }
  }
  if (plan.registry.empty())
    return fail(ErrorCode::kInvalid, "where are the images? --images registry.example.com/wasabi");
  if (plan.catalog.empty()) return fail(ErrorCode::kInvalid, "which functions? --catalog DIR");
  return {};
}

std::string configMapsYaml(const SuperpodPlan& plan) {
  YamlText out;
  for (const CatalogMap& map : plan.catalog) {
    out.document();
    out.set("apiVersion", "v1");
    out.set("kind", "ConfigMap");
    metadata(out, plan, map.name);
    for (const bool is_text : {true, false}) {
      if (std::ranges::none_of(map.entries, [&](const MapEntry& entry) { return entry.is_text == is_text; })) continue;
      out.line(is_text ? "data:" : "binaryData:");
      const auto inside = out.deeper();
      for (const MapEntry& entry : map.entries) {
        if (entry.is_text != is_text) continue;
        if (is_text) {
          out.block(yamlQuoted(entry.key), entry.content);
        } else {
          out.set(yamlQuoted(entry.key), oci::base64(entry.content));
        }
      }
    }
  }
  return out.take();
}

std::string knativeYaml(const SuperpodPlan& plan, const policy::SuperpodSizing& sizing) {
  YamlText out;
  out.set("apiVersion", "serving.knative.dev/v1");
  out.set("kind", "Service");
  metadata(out, plan, plan.name);
  out.line("spec:");
  {
    const auto spec = out.deeper();
    out.line("template:");
    const auto inside = out.deeper();
    out.line("metadata:");
    {
      const auto about = out.deeper();
      out.line("annotations:");
      const auto annotations = out.deeper();
      for (const policy::SizedSetting& setting : sizing.annotations) {
        out.comment(setting.why);
        out.text(setting.name, setting.value);
      }
    }
    out.line("spec:");
    const auto pod = out.deeper();
    for (const policy::SizedSetting& setting : sizing.fields) {
      out.comment(setting.why);
      out.set(setting.name, setting.value);
    }
    podSpec(out, plan, Kind::kKnative);
  }
  disruptionBudget(out, plan, "serving.knative.dev/service");
  return out.take();
}

std::string kubernetesYaml(const SuperpodPlan& plan) {
  YamlText out;
  deployment(out, plan);
  out.document();
  out.set("apiVersion", "v1");
  out.set("kind", "Service");
  metadata(out, plan, plan.name);
  out.line("spec:");
  {
    const auto spec = out.deeper();
    out.set("selector", fmt::format("{{app: {}}}", plan.name));
    out.set("ports", "[{name: http, port: 80, targetPort: http}]");
  }
  disruptionBudget(out, plan, "app");
  return out.take();
}

}  // namespace wasabi::cli
