#include "sandbox/runc_containers.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <utility>

#include "base/check.h"
#include "sandbox/container_config.h"
#include "sandbox/control_groups.h"
#include "sandbox/group_use.h"
#include "sandbox/oci_runtime.h"
#include "sandbox/root_file_system.h"

namespace wasabi::sandbox {
namespace {

namespace fs = std::filesystem;

// Far above those of people and packages, below what is kept for other purposes (systemd's, subuid's).
constexpr std::uint32_t kFirstUser = 1u << 30;
// Folders that every machine has and no OCI runtime needs.
constexpr const char* kPlaces[] = {"/mnt", "/media", "/srv", "/opt"};

// For control groups: the runtime makes them a moment after it was started, and some machines have none to read.
constexpr std::uint32_t kMostSearches = 30;

// A program that every machine has and that only ends.
constexpr const char* kTrial = "/bin/true";

std::string findPlace() {
  std::error_code ignored;
  for (const char* place : kPlaces) {
    if (fs::is_directory(fs::symlink_status(place, ignored))) return place;
  }
  return {};
}

// Of the calling thread; a socket stays in the network in which it was made.
Result<FileDescriptor> socketIn(int network) {
  static thread_local const FileDescriptor own(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
  if (!own.valid()) return fail(Error::fromErrno("the network of this thread", errno));
  if (::setns(network, CLONE_NEWNET) != 0) return fail(Error::fromErrno("the network of the container", errno));
  FileDescriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const int code = errno;
  WASABI_CHECK(::setns(own.get(), CLONE_NEWNET) == 0);
  if (!socket.valid()) return fail(Error::fromErrno("socket", code));
  return socket;
}

}  // namespace

class RuncContainers::Running final : public Container {
 public:
  Running(std::unique_ptr<Sandbox> runtime, FileDescriptor network, std::string group)
      : runtime_(std::move(runtime)),
        group_(std::move(group)),
        network_(std::make_shared<const FileDescriptor>(std::move(network))) {}

  void askToEnd() override { runtime_->askToEnd(); }
  void kill() override { runtime_->kill(); }
  pid_t pid() const override { return runtime_->pid(); }
  GroupUse used() override {
    if (!reader_.isComplete() && searches_ < kMostSearches) {
      ++searches_;
      reader_ = GroupReader(controlGroupsOf(group_));
    }
    return reader_.read();
  }
  MakeSocket sockets() const override {
    return [network = network_] { return socketIn(network->get()); };
  }
  Result<FileDescriptor> listenInside(std::uint16_t port) const override {
    auto socket = socketIn(network_->get());
    if (!socket) return socket;
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::bind(socket->get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        ::listen(socket->get(), SOMAXCONN) != 0) {
      return fail(Error::fromErrno(fmt::format("listening at port {} of the container", port), errno));
    }
    return socket;
  }

 private:
  const std::unique_ptr<Sandbox> runtime_;
  const std::string group_;
  GroupReader reader_;
  std::uint32_t searches_ = 0;
  const std::shared_ptr<const FileDescriptor> network_;
};

RuncContainers::RuncContainers(std::shared_ptr<OciRuntime> runtime, std::string place)
    : runtime_(std::move(runtime)), place_(std::move(place)), name_(runtime_->name()), first_user_(kFirstUser) {}
RuncContainers::~RuncContainers() = default;

Result<std::unique_ptr<RuncContainers>> RuncContainers::create(const RuncContainersConfig& config) {
  const std::string place = findPlace();
  if (place.empty()) return fail(ErrorCode::kNotFound, "there is none of the folders /mnt, /media, /srv and /opt");
  auto runtime = OciRuntime::open(config.runtime, config.directory);
  if (!runtime) return fail(std::move(runtime.error()));
  std::unique_ptr<RuncContainers> made(new RuncContainers(std::move(*runtime), place));
  const std::string root = config.directory + "/trial";
  auto filled = makeRootFileSystem(made->runtime_->processes(), root, kTrial);
  if (!filled) return fail(std::move(filled.error()).within("a container for a trial"));
  auto works = made->tryOut(root);
  if (!works) {
    made->first_user_ = 0;
    made->name_ += ", without user namespaces";
    works = made->tryOut(root);
  }
  std::error_code ignored;
  fs::remove_all(root, ignored);
  if (!works) return fail(std::move(works.error()));
  return made;
}

Result<Command> RuncContainers::commandFor(const ContainerSpec& spec) const {
  auto command = runtime_->commandFor(
      spec.name, containerConfig(spec, place_ + "/root", runtime_->groupName(spec.name), first_user_));
  if (!command) return command;
  command->own_network = true;
  command->copy = WritableCopy{spec.root, place_, first_user_, spec.walls.memory};
  return command;
}

Result<void> RuncContainers::tryOut(const std::string& root) {
  ContainerSpec spec;
  spec.name = "trial";
  spec.root = root;
  spec.command = {std::string(kProgramInside)};
  spec.walls = {ByteSize{64 << 20}, Cores{1}, 64, Network::kNone};
  auto command = commandFor(spec);
  if (!command) return fail(std::move(command.error()));
  const auto output = runtime_->runToItsEnd(spec.name, std::move(*command));
  if (!output) return fail(output.error());
  return {};
}

Result<std::unique_ptr<Container>> RuncContainers::start(const ContainerSpec& spec, SandboxEvents events) {
  auto command = commandFor(spec);
  if (!command) return fail(std::move(command.error()));
  auto runtime = runtime_->start(spec.name, std::move(*command), std::move(events));
  if (!runtime) return fail(std::move(runtime.error()));
  const std::string path = fmt::format("/proc/{}/ns/net", (*runtime)->pid());
  FileDescriptor network(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!network.valid()) return fail(Error::fromErrno("the network of " + spec.name, errno));
  return std::unique_ptr<Container>(
      std::make_unique<Running>(std::move(*runtime), std::move(network), runtime_->groupName(spec.name)));
}

}  // namespace wasabi::sandbox
