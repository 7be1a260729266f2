#include "sandbox/oci_runtime.h"

#include <chrono>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <utility>

#include "base/sha256.h"
#include "sandbox/command_run.h"
#include "sandbox/control_groups.h"

namespace wasabi::sandbox {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr Duration kPatience = 60s;
constexpr int kSignalled = 128;  // and the number of the signal: how a runtime tells it
constexpr int kLastSignal = 64;

std::vector<std::string> entriesOf(const std::string& directory) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end; entry.increment(error)) {
    names.push_back(entry->path().filename().string());
  }
  return names;
}

Exit exitOfContainer(Exit exit) {
  if (exit.code && *exit.code > kSignalled && *exit.code <= kSignalled + kLastSignal) {
    exit.signal = *exit.code - kSignalled;
    exit.code.reset();
  }
  return exit;
}

}  // namespace

Result<void> makePrivateFolder(const std::string& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (!error) fs::permissions(path, fs::perms::owner_all, error);
  if (error) return fail(Error::fromErrno("make " + path, error.value()));
  return {};
}

class OciRuntime::Container final : public Sandbox {
 public:
  Container(std::shared_ptr<OciRuntime> of, std::string name, std::unique_ptr<Sandbox> runtime)
      : of_(std::move(of)), name_(std::move(name)), runtime_(std::move(runtime)) {}
  ~Container() override {
    runtime_.reset();
    // What cannot be removed now is removed at the next start.
    [[maybe_unused]] const auto removed = of_->remove(name_);
  }

  // The runtime hands it on.
  void askToEnd() override { runtime_->askToEnd(); }
  void kill() override { runtime_->kill(); }
  pid_t pid() const override { return runtime_->pid(); }

 private:
  const std::shared_ptr<OciRuntime> of_;
  const std::string name_;
  std::unique_ptr<Sandbox> runtime_;
};

OciRuntime::OciRuntime(std::string runtime, std::string directory, std::unique_ptr<ProcessBackend> processes)
    : runtime_(std::move(runtime)),
      directory_(std::move(directory)),
      processes_(std::move(processes)),
      group_prefix_("wasabi-" + toHex(sha256(directory_).data(), 4)) {}

Result<std::shared_ptr<OciRuntime>> OciRuntime::open(std::string runtime, std::string directory) {
  auto processes = ProcessBackend::create();
  if (!processes) return fail(std::move(processes.error()));
  std::shared_ptr<OciRuntime> opened(new OciRuntime(std::move(runtime), std::move(directory), std::move(*processes)));
  if (auto prepared = opened->prepare(); !prepared) return fail(std::move(prepared.error()));
  return opened;
}

std::string OciRuntime::name() const {
  return fs::path(runtime_).filename().string();
}

Result<void> OciRuntime::prepare() {
  for (const std::string& folder : {directory_, state(), directory_ + "/bundles"}) {
    if (auto made = makePrivateFolder(folder); !made) return made;
  }
  for (const std::string& folder : {state(), directory_ + "/bundles"}) {
    for (const std::string& container : entriesOf(folder)) {
      if (auto removed = remove(container); !removed) return removed;
    }
  }
  const auto help = runToEnd(*processes_, {{runtime_, "run", "--help"}}, kPatience);
  if (!help) return fail(help.error());
  keeps_ = help->find("--keep ") != std::string::npos;
  return {};
}

Result<Command> OciRuntime::commandFor(const std::string& container, const std::string& config) const {
  if (auto made = makePrivateFolder(bundle(container)); !made) return fail(std::move(made.error()));
  const std::string path = bundle(container) + "/config.json";
  std::ofstream file(path);
  file << config << std::flush;
  if (!file) return fail(ErrorCode::kIo, "cannot write " + path);
  Command command;
  // Keyrings are few for each user (kernel.keys.maxkeys), and the filters of system calls let nobody use one.
  command.words = {runtime_, "--root", state(), "run", "--no-new-keyring"};
  command.apart = true;
  command.two_streams = true;
  // Else how much memory it was refused is forgotten before anybody asks.
  if (keeps_) command.words.emplace_back("--keep");
  command.words.insert(command.words.end(), {"--bundle", bundle(container), container});
  return command;
}

Result<std::unique_ptr<Sandbox>> OciRuntime::start(const std::string& container, Command command,
                                                   SandboxEvents events) {
  // The container, which outlives its events, holds it.
  auto ended = [this, container, told = std::move(events.ended)](const Exit& how) mutable {
    Exit exit = exitOfContainer(how);
    const auto groups = controlGroupsOf(groupName(container));
    exit.out_of_memory = killedForMemory(groups);
    if (!groups.empty()) exit.used = GroupReader(groups).read();
    told(exit);
  };
  auto runtime = processes_->run(std::move(command), {std::move(events.line), std::move(ended)});
  if (!runtime) {
    [[maybe_unused]] const auto removed = remove(container);
    return fail(std::move(runtime.error()));
  }
  return std::unique_ptr<Sandbox>(std::make_unique<Container>(shared_from_this(), container, std::move(*runtime)));
}

Result<std::string> OciRuntime::runToItsEnd(const std::string& container, Command command) const {
  auto output = runToEnd(*processes_, std::move(command), kPatience);
  auto removed = remove(container);
  if (!output) return output;
  if (!removed) return fail(std::move(removed.error()));
  return output;
}

// What is left of one that has ended.
Result<void> OciRuntime::remove(const std::string& container) const {
  const auto groups = controlGroupsOf(groupName(container));
  std::error_code error;
  if (fs::exists(state() + "/" + container, error)) {
    Command command;
    command.words = {runtime_, "--root", state(), "delete", "--force", container};
    command.apart = true;
    auto removed = runToEnd(*processes_, std::move(command), kPatience);
    if (!removed) return fail(std::move(removed.error()).within("remove " + container));
  }
  // The runtime knows of nothing where it died before it wrote anything down.
  for (const std::string& group : groups) fs::remove(group, error);
  fs::remove_all(state() + "/" + container, error);
  fs::remove_all(bundle(container), error);
  return {};
}

}  // namespace wasabi::sandbox
