#include "sandbox/runc_backend.h"

#include <unistd.h>

#include <filesystem>
#include <system_error>
#include <utility>

#include "sandbox/oci_bundle.h"
#include "sandbox/oci_runtime.h"
#include "sandbox/root_file_system.h"

namespace wasabi::sandbox {
namespace {

namespace fs = std::filesystem;

constexpr const char* kTrial = "trial";

std::vector<std::string> presentResolverFiles() {
  std::vector<std::string> present;
  std::error_code ignored;
  for (const std::string_view file : kResolverFiles) {
    if (fs::is_regular_file(file, ignored)) present.emplace_back(file);
  }
  return present;
}

}  // namespace

// Superpods as containers of a runtime.
class RuncBackend::Containers {
 public:
  Containers(RuncConfig config, std::shared_ptr<OciRuntime> runtime)
      : config_(std::move(config)), runtime_(std::move(runtime)) {}

  const RuncConfig& config() const { return config_; }
  OciRuntime& runtime() const { return *runtime_; }
  bool hasUserNamespaces() const { return user_namespaces_; }

  Result<void> prepare() {
    auto made = makeRootFileSystem(runtime_->processes(), root(), config_.program);
    if (!made) return fail(std::move(made.error()).within("root file system of superpods"));
    return tryOut();
  }

  Result<Command> commandFor(const SuperpodSpec& spec) const {
    return runtime_->commandFor(spec.name, ociConfig(bundleOf(spec)));
  }

 private:
  std::string root() const { return config_.directory + "/root"; }

  OciBundle bundleOf(const SuperpodSpec& spec) const {
    OciBundle of;
    of.root = root();
    of.control_group = runtime_->groupName(spec.name);
    of.command = {std::string(kProgramInside)};
    const SuperpodPaths inside = {std::string(kSuperpodInside), std::string(kRuntimeInside),
                                  std::string(kVerifyKeyInside)};
    for (std::string& argument : spec.arguments(inside)) of.command.push_back(std::move(argument));
    of.paths = spec.paths;
    of.walls = spec.walls;
    of.resolver_files = presentResolverFiles();
    if (user_namespaces_) of.user_namespace = OciBundle::User{::geteuid(), ::getegid()};
    return of;
  }

  // With a user namespace, else without one: not every kernel lets root have them.
  Result<void> tryOut() {
    auto with = tryOnce();
    if (with) return with;
    user_namespaces_ = false;
    return tryOnce();
  }

  Result<void> tryOnce() {
    SuperpodSpec spec;
    spec.name = kTrial;
    const std::string folder = config_.directory + "/trial";
    spec.paths = {folder, folder, ""};
    spec.walls = {ByteSize{1ull << 30}, Cores{1}, 1024, Network::kNone};
    spec.arguments = [this](const SuperpodPaths&) { return config_.trial; };
    if (auto made = makePrivateFolder(folder); !made) return made;
    auto ended = runTrial(spec);
    std::error_code ignored;
    fs::remove_all(folder, ignored);
    return ended;
  }

  Result<void> runTrial(const SuperpodSpec& spec) {
    auto command = commandFor(spec);
    if (!command) return fail(std::move(command.error()));
    const auto output = runtime_->runToItsEnd(spec.name, std::move(*command));
    if (!output) return fail(output.error());
    return {};
  }

  const RuncConfig config_;
  const std::shared_ptr<OciRuntime> runtime_;
  bool user_namespaces_ = true;
};

RuncBackend::RuncBackend(std::unique_ptr<Containers> containers) : containers_(std::move(containers)) {
  name_ = containers_->runtime().name();
  if (!containers_->hasUserNamespaces()) name_ += ", without user namespaces";
}
RuncBackend::~RuncBackend() = default;

Result<std::unique_ptr<RuncBackend>> RuncBackend::create(RuncConfig config) {
  auto runtime = OciRuntime::open(config.runtime, config.directory);
  if (!runtime) return fail(std::move(runtime.error()));
  auto containers = std::make_unique<Containers>(std::move(config), std::move(*runtime));
  if (auto prepared = containers->prepare(); !prepared) return fail(std::move(prepared.error()));
  return std::unique_ptr<RuncBackend>(new RuncBackend(std::move(containers)));
}

Result<std::unique_ptr<Sandbox>> RuncBackend::start(const SuperpodSpec& spec, SandboxEvents events) {
  if (spec.program != containers_->config().program) {
    return fail(ErrorCode::kInvalid, spec.program + " is not in the root file system of superpods");
  }
  auto command = containers_->commandFor(spec);
  if (!command) return fail(std::move(command.error()));
  return containers_->runtime().start(spec.name, std::move(*command), std::move(events));
}

}  // namespace wasabi::sandbox
