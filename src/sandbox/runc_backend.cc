#include "sandbox/runc_backend.h"

#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <utility>

#include "base/sha256.h"
#include "sandbox/command_run.h"
#include "sandbox/control_groups.h"
#include "sandbox/oci_bundle.h"
#include "sandbox/root_file_system.h"

namespace wasabi::sandbox {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr Duration kPatience = 60s;
constexpr int kSignalled = 128;  // and the number of the signal: how a runtime tells it
constexpr int kLastSignal = 64;
constexpr const char* kTrial = "trial";

Result<void> makeFolder(const std::string& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (!error) fs::permissions(path, fs::perms::owner_all, error);
  if (error) return fail(Error::fromErrno("make " + path, error.value()));
  return {};
}

std::vector<std::string> entriesOf(const std::string& directory) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end; entry.increment(error)) {
    names.push_back(entry->path().filename().string());
  }
  return names;
}

std::vector<std::string> presentResolverFiles() {
  std::vector<std::string> present;
  std::error_code ignored;
  for (const std::string_view file : kResolverFiles) {
    if (fs::is_regular_file(file, ignored)) present.emplace_back(file);
  }
  return present;
}

Exit exitOfContainer(Exit exit) {
  if (exit.code && *exit.code > kSignalled && *exit.code <= kSignalled + kLastSignal) {
    exit.signal = *exit.code - kSignalled;
    exit.code.reset();
  }
  return exit;
}

}  // namespace

// What the runtime is asked, and where everything lies.
class RuncBackend::Containers {
 public:
  Containers(RuncConfig config, std::unique_ptr<ProcessBackend> processes)
      : config_(std::move(config)),
        processes_(std::move(processes)),
        group_prefix_("wasabi-" + toHex(sha256(config_.directory).data(), 4)) {}

  std::string root() const { return config_.directory + "/root"; }
  std::string state() const { return config_.directory + "/state"; }
  std::string bundle(const std::string& name) const { return config_.directory + "/bundles/" + name; }
  const RuncConfig& config() const { return config_; }
  bool hasUserNamespaces() const { return user_namespaces_; }

  Result<void> prepare() {
    for (const std::string& folder : {config_.directory, state(), config_.directory + "/bundles"}) {
      if (auto made = makeFolder(folder); !made) return made;
    }
    // Nothing of it runs: all ended with the server whose it was.
    for (const std::string& folder : {state(), config_.directory + "/bundles"}) {
      for (const std::string& name : entriesOf(folder)) {
        if (auto removed = remove(name); !removed) return removed;
      }
    }
    auto made = makeRootFileSystem(*processes_, root(), config_.program);
    if (!made) return fail(std::move(made.error()).within("root file system of superpods"));
    const auto help = runToEnd(*processes_, {{config_.runtime, "run", "--help"}}, kPatience);
    if (!help) return fail(help.error());
    keeps_ = help->find("--keep ") != std::string::npos;
    return tryOut();
  }

  // Writes down what it is to be.
  Result<Command> commandFor(const SuperpodSpec& spec) const {
    if (auto made = makeFolder(bundle(spec.name)); !made) return fail(std::move(made.error()));
    const std::string path = bundle(spec.name) + "/config.json";
    std::ofstream file(path);
    file << ociConfig(bundleOf(spec)) << std::flush;
    if (!file) return fail(ErrorCode::kIo, "cannot write " + path);
    Command command{{config_.runtime, "--root", state(), "run"}, true, true};
    // Else how much memory it was refused is forgotten before anybody asks.
    if (keeps_) command.words.emplace_back("--keep");
    command.words.insert(command.words.end(), {"--bundle", bundle(spec.name), spec.name});
    return command;
  }

  Result<std::unique_ptr<Sandbox>> run(Command command, SandboxEvents events) {
    return processes_->run(std::move(command), std::move(events));
  }

  // What is left of one that has ended.
  Result<void> remove(const std::string& name) {
    const auto groups = controlGroupsOf(groupName(name));
    std::error_code error;
    if (fs::exists(state() + "/" + name, error)) {
      auto removed =
          runToEnd(*processes_, {{config_.runtime, "--root", state(), "delete", "--force", name}, true}, kPatience);
      if (!removed) return fail(std::move(removed.error()).within("remove " + name));
    }
    // The runtime knows of nothing where it died before it wrote anything down.
    for (const std::string& group : groups) fs::remove(group, error);
    fs::remove_all(state() + "/" + name, error);
    fs::remove_all(bundle(name), error);
    return {};
  }

  bool ranOutOfMemory(const std::string& name) const { return killedForMemory(controlGroupsOf(groupName(name))); }

 private:
  std::string groupName(const std::string& name) const { return group_prefix_ + "-" + name; }

  OciBundle bundleOf(const SuperpodSpec& spec) const {
    OciBundle of;
    of.root = root();
    of.control_group = groupName(spec.name);
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
    if (auto made = makeFolder(folder); !made) return made;
    auto ended = runTrial(spec);
    std::error_code ignored;
    fs::remove_all(folder, ignored);
    return ended;
  }

  Result<void> runTrial(const SuperpodSpec& spec) {
    auto command = commandFor(spec);
    if (!command) return fail(std::move(command.error()));
    const auto output = runToEnd(*processes_, std::move(*command), kPatience);
    auto removed = remove(spec.name);
    if (!output) return fail(output.error());
    return removed;
  }

  const RuncConfig config_;
  const std::unique_ptr<ProcessBackend> processes_;
  const std::string group_prefix_;
  bool keeps_ = false;
  bool user_namespaces_ = true;
};

class RuncBackend::Container final : public Sandbox {
 public:
  Container(std::shared_ptr<Containers> containers, std::string name, std::unique_ptr<Sandbox> runtime)
      : containers_(std::move(containers)), name_(std::move(name)), runtime_(std::move(runtime)) {}
  ~Container() override {
    runtime_.reset();
    // What cannot be removed now is removed at the next start.
    [[maybe_unused]] const auto removed = containers_->remove(name_);
  }

  // The runtime hands it on.
  void askToEnd() override { runtime_->askToEnd(); }
  void kill() override { runtime_->kill(); }
  pid_t pid() const override { return runtime_->pid(); }

 private:
  const std::shared_ptr<Containers> containers_;
  const std::string name_;
  std::unique_ptr<Sandbox> runtime_;
};

RuncBackend::RuncBackend(std::shared_ptr<Containers> containers) : containers_(std::move(containers)) {
  name_ = fs::path(containers_->config().runtime).filename().string();
  if (!containers_->hasUserNamespaces()) name_ += ", without user namespaces";
}
RuncBackend::~RuncBackend() = default;

Result<std::unique_ptr<RuncBackend>> RuncBackend::create(RuncConfig config) {
  auto processes = ProcessBackend::create();
  if (!processes) return fail(std::move(processes.error()));
  auto containers = std::make_shared<Containers>(std::move(config), std::move(*processes));
  if (auto prepared = containers->prepare(); !prepared) return fail(std::move(prepared.error()));
  return std::unique_ptr<RuncBackend>(new RuncBackend(std::move(containers)));
}

Result<std::unique_ptr<Sandbox>> RuncBackend::start(const SuperpodSpec& spec, SandboxEvents events) {
  if (spec.program != containers_->config().program) {
    return fail(ErrorCode::kInvalid, spec.program + " is not in the root file system of superpods");
  }
  auto command = containers_->commandFor(spec);
  if (!command) return fail(std::move(command.error()));
  // The container, which outlives its events, holds them.
  auto ended = [containers = containers_.get(), name = spec.name,
                told = std::move(events.ended)](const Exit& how) mutable {
    Exit exit = exitOfContainer(how);
    exit.out_of_memory = containers->ranOutOfMemory(name);
    told(exit);
  };
  auto runtime = containers_->run(std::move(*command), {std::move(events.line), std::move(ended)});
  if (!runtime) {
    [[maybe_unused]] const auto removed = containers_->remove(spec.name);
    return fail(std::move(runtime.error()));
  }
  return std::unique_ptr<Sandbox>(std::make_unique<Container>(containers_, spec.name, std::move(*runtime)));
}

}  // namespace wasabi::sandbox
