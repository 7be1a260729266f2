#include "superpod_command.h"

#include <fmt/format.h>

#include <cstdio>
#include <utility>

#include "cli/api_commands.h"
#include "cli/catalog_maps.h"
#include "option_values.h"

namespace wasabi {
namespace {

constexpr int kUsage = 2;

int failed(const Error& error) {
  fmt::print(stderr, "wasabi: {}\n", error.message());
  return cli::exitCodeOf(error.code());
}

template <typename Value, typename Parse>
CLI::Option* add(CLI::App& command, const char* name, std::optional<Value>& value, Parse parse, const char* help) {
  return command.add_option_function<std::string>(name, parsedInto(value, parse), help);
}

}  // namespace

SuperpodCommand::SuperpodCommand(CLI::App& app)
    : knative_(app.add_subcommand("knative", "manifests of superpods that Knative scales by memory")),
      kubernetes_(app.add_subcommand("kubernetes", "manifests of superpods as a plain Deployment")) {
  plan_.version = WASABI_VERSION;
  wishes_.smallest_request = {32ull << 20};
  addPod(*knative_);
  addScaling(*knative_);
  addPod(*kubernetes_);
  kubernetes_->add_option("--replicas", plan_.replicas, "pods")->check(CLI::Range(1, 10'000))->capture_default_str();
  const std::string rest = " --catalog catalog --images registry.example.com/wasabi --memory 4GiB --cpu 2";
  knative_->footer("Examples:\n  wasabi knative" + rest + " | kubectl apply --server-side -f -");
  kubernetes_->footer("Examples:\n  wasabi kubernetes" + rest + " | kubectl apply --server-side -f -");
}

void SuperpodCommand::addPod(CLI::App& command) {
  command.add_option("--catalog", catalog_, "folder with <tenant>/<function>.toml: becomes ConfigMaps")->required();
  command.add_option("--images", plan_.registry, "where the images lie: registry.example.com/wasabi")->required();
  command.add_option("--version-of-images", plan_.version, "their tag")->capture_default_str();
  command.add_option("--name", plan_.name, "of all that is made")->capture_default_str();
  command.add_option("--namespace", plan_.name_space, "where it is made")->capture_default_str();
  command.add_option_function<std::string>("--memory", parsedInto(plan_.memory, parseByteSize), "of the box: 4GiB")
      ->required();
  command.add_option_function<std::string>("--cpu", parsedInto(plan_.cpu, parseCores), "of the box: 2, 500m")
      ->required();
  addSize(command, "--companion-memory", plan_.companion_memory, "of the companion: one compilation may take 2 GiB");
  command.add_option_function<std::string>("--companion-cpu", parsedInto(plan_.companion_cpu, parseCores),
                                           "of the companion (default: 1)");
  command.add_option("--secrets", secrets_, "TENANT=SECRET: a Secret whose keys are the names of functions' secrets");
  command.add_option("--registry-secret", plan_.registry_secret, "of type kubernetes.io/dockerconfigjson, for modules");
  command.add_flag("--plain-http", plan_.plain_http, "modules come from a registry without TLS");
  addDuration(command, "--longest-function", plan_.longest_function, "the longest timeout of a function");
}

void SuperpodCommand::addScaling(CLI::App& command) {
  const std::string group = "Scaling (chosen together; see docs/knative.md)";
  const auto grouped = [&](CLI::Option* option) { option->group(group); };
  grouped(
      addSize(command, "--smallest-request", wishes_.smallest_request, "memory that a usual request books at least"));
  grouped(add(command, "--unit", wishes_.unit, parseByteSize, "memory that counts as one request"));
  grouped(command.add_option("--target", wishes_.target, "units that a pod is to carry"));
  grouped(command.add_option("--container-concurrency", wishes_.container_concurrency, "requests in a pod at once"));
  grouped(command.add_option("--target-burst-capacity", wishes_.target_burst_capacity, "units, 0 or more"));
  grouped(command.add_option("--target-utilization-percentage", wishes_.target_utilization_percent, "100"));
  grouped(add(command, "--timeout", wishes_.timeout, parseDuration, "of a request: 30s to 10m"));
  grouped(addDuration(command, "--window", wishes_.window, "over which demand is averaged: 6s to 1h"));
  grouped(
      command.add_option("--panic-window-percentage", wishes_.panic_window_percent, "1 to 100")->capture_default_str());
  grouped(command.add_option("--panic-threshold-percentage", wishes_.panic_threshold_percent, "110 to 1000")
              ->capture_default_str());
  grouped(command.add_option("--min-scale", wishes_.min_scale, "pods at least")->capture_default_str());
  grouped(command.add_option("--max-scale", wishes_.max_scale, "pods at most; 0: any number")->capture_default_str());
  grouped(command.add_option("--initial-scale", wishes_.initial_scale, "pods at first")->capture_default_str());
}

int SuperpodCommand::run() {
  for (const std::string& text : secrets_) {
    auto secret = cli::parseTenantSecret(text);
    if (!secret) return failed(secret.error());
    plan_.secrets.push_back(std::move(*secret));
  }
  wishes_.pod_memory = plan_.memory;
  wishes_.pod_cpu = plan_.cpu;
  wishes_.longest_function = plan_.longest_function;
  const policy::SizedSuperpod sized = policy::sizeSuperpod(wishes_);
  for (const std::string& problem : sized.problems) fmt::print(stderr, "wasabi: {}\n", problem);
  if (!sized.problems.empty()) return kUsage;
  auto files = cli::readCatalogFolder(catalog_);
  if (!files) return failed(files.error());
  auto maps = cli::packIntoMaps(*files, plan_.name + "-catalog");
  if (!maps) return failed(maps.error());
  plan_.catalog = std::move(*maps);
  if (auto checked = cli::checkPlan(plan_); !checked) return failed(checked.error());
  fmt::print("{}---\n{}", cli::configMapsYaml(plan_),
             *knative_ ? cli::knativeYaml(plan_, sized.sizing) : cli::kubernetesYaml(plan_));
  return 0;
}

}  // namespace wasabi
