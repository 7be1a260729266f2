#include "node/container_replica.h"

#include <fmt/format.h>

#include <mutex>
#include <utility>
#include <vector>

#include "node/container_door.h"
#include "node/container_output.h"

namespace wasabi::node {
namespace {

using namespace std::chrono_literals;

constexpr Duration kLookAgain = 20ms;
// Beyond a request's deadline: it is over by then, or cut off.
constexpr Duration kGrace = 5s;
constexpr std::uint32_t kMostTasks = 4'096;

sandbox::Walls wallsOf(const catalog::FunctionLimits& limits) {
  sandbox::Walls walls;
  walls.memory = limits.memory;
  if (limits.cpu) walls.cpu = Cores{*limits.cpu};
  walls.tasks = kMostTasks;
  walls.network = sandbox::Network::kNone;
  return walls;
}

// As Kubernetes has it: whoever names another program does not want the image's arguments for it.
std::vector<std::string> commandOf(const platform::Version& version, const ContainerImage& image) {
  const std::vector<std::string>& own = version.container->command;
  std::vector<std::string> command = own.empty() ? image.entry_point : own;
  const std::vector<std::string>& arguments =
      !version.spec->arguments.empty() || !own.empty() ? version.spec->arguments : image.arguments;
  command.insert(command.end(), arguments.begin(), arguments.end());
  return command;
}

// What comes later goes before.
class Environment {
 public:
  void add(const std::string& entry) { set(entry.substr(0, entry.find('=')), entry); }
  void add(const std::string& name, std::string_view value) { set(name, fmt::format("{}={}", name, value)); }
  std::vector<std::string> take() && {
    std::vector<std::string> entries;
    for (auto& [name, entry] : entries_) entries.push_back(std::move(entry));
    return entries;
  }

 private:
  void set(const std::string& name, std::string entry) { entries_[name] = std::move(entry); }
  std::map<std::string, std::string> entries_;
};

// As curl, Go, Node and Python read them. Who calls itself needs no proxy.
void addProxy(Environment& environment) {
  const std::string proxy = fmt::format("http://127.0.0.1:{}", kContainerProxyPort);
  for (const char* name : {"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy"}) environment.add(name, proxy);
  for (const char* name : {"NO_PROXY", "no_proxy"}) environment.add(name, "localhost,127.0.0.1");
}

Result<std::vector<std::string>> environmentOf(const platform::Version& version, const ContainerImage& image,
                                               const platform::SuperpodCatalog::GetSecret& get_secret) {
  Environment environment;
  for (const std::string& entry : image.environment) environment.add(entry);
  if (!version.spec->outbound.empty()) addProxy(environment);
  for (const auto& [name, value] : version.spec->environment) environment.add(name, value);
  for (const std::string& secret : version.spec->secrets) {
    auto value = get_secret(version.name().tenant, secret);
    if (!value) return fail(std::move(value).error());
    environment.add(secret, value->reveal());
  }
  environment.add("PORT", std::to_string(version.container->port));
  return std::move(environment).take();
}

}  // namespace

// What other threads use; they may still be at it when the replica is gone.
struct ContainerReplica::Shared {
  explicit Shared(ByteSize log_per_second) : output(log_per_second) {}

  std::unique_ptr<sandbox::Container> arriving;   // of the work thread, until it has posted that it is there
  std::unique_ptr<sandbox::Container> container;  // of the control loop, once it was handed over
  FileDescriptor proxy_listener;                  // likewise; none where its function may call nobody
  ContainerOutput output;
};

ContainerReplica::ContainerReplica(std::uint32_t name_number, policy::VersionId number, policy::TargetId target,
                                   platform::VersionPtr version, const Services& services, ReplicaOwner& owner)
    : number_(number),
      target_(target),
      version_(std::move(version)),
      name_(fmt::format("container-{}", name_number)),
      services_(services),
      owner_(owner),
      since_(services.loop.now()),
      timer_(services.loop),
      shared_(std::make_shared<Shared>(version_->spec->limits.log_per_second)),
      alive_(std::make_shared<bool>(true)) {
  services_.find_image(
      version_, [this, alive = std::weak_ptr<bool>(alive_), &loop = services_.loop](Result<ContainerImage> image) {
        loop.post([this, alive, image = std::move(image)]() mutable {
          if (alive.lock()) imageFound(std::move(image));
        });
      });
}

// What ends it blocks.
ContainerReplica::~ContainerReplica() {
  measure();
  services_.egress.disconnect(target_);
  if (is_target_) services_.desk.closeTarget(target_);
  services_.sockets.remove(name_);
  // After what the thread of starts has still to do with it.
  services_.starts.post([&ends = services_.ends, shared = shared_] {
    ends.post([shared] {
      shared->arriving.reset();
      shared->container.reset();
    });
  });
}

pid_t ContainerReplica::pid() const {
  return shared_->container ? shared_->container->pid() : 0;
}

void ContainerReplica::enter(State next) {
  state_ = next;
  since_ = services_.loop.now();
}

// ---- its start ------------------------------------------------------------------------------------------------------

void ContainerReplica::imageFound(Result<ContainerImage> image) {
  if (state_ != State::kStarting) return;
  if (!image) return gone({false, false, "cannot start: " + image.error().message()});
  startOnWorkThread(*std::move(image));
}

void ContainerReplica::startOnWorkThread(ContainerImage image) {
  enter(State::kStarting);  // what the start may take begins here
  meter_.emplace(since_);
  sandbox::SandboxEvents events{
      [shared = shared_, name = platform::VersionName{version_->name(), version_->number},
       log_line = services_.log_line](std::string_view line) {
        shared->output.take(line, Clock::now(), [&](std::string_view taken) { log_line(name, taken); });
      },
      [this, alive = std::weak_ptr<bool>(alive_), &loop = services_.loop](const sandbox::Exit& exit) {
        loop.post([this, alive, exit] {
          if (alive.lock()) ended(exit);
        });
      }};
  services_.starts.post([this, alive = std::weak_ptr<bool>(alive_), shared = shared_, &loop = services_.loop,
                         &runner = services_.runner, version = version_, name = name_, image = std::move(image),
                         get_secret = services_.get_secret, events = std::move(events)]() mutable {
    auto environment = environmentOf(*version, image, get_secret);
    Result<void> made;
    if (environment) {
      const sandbox::ContainerSpec spec{name,
                                        image.root,
                                        commandOf(*version, image),
                                        *std::move(environment),
                                        image.working_directory,
                                        image.user,
                                        image.group,
                                        image.groups,
                                        wallsOf(version->spec->limits)};
      auto container = runner.start(spec, std::move(events));
      if (container && !version->spec->outbound.empty()) {
        auto listener = (*container)->listenInside(kContainerProxyPort);
        if (listener) shared->proxy_listener = *std::move(listener);
        if (!listener) container = fail(std::move(listener).error());
      }
      if (container) {
        // Not by what is posted: a loop that ends with it would wait for the container's end, which is posted there.
        shared->arriving = *std::move(container);
      } else {
        made = fail(std::move(container).error());
      }
    } else {
      made = fail(std::move(environment).error());
    }
    loop.post([this, alive, made = std::move(made)]() mutable {
      if (alive.lock()) started(std::move(made));
    });
  });
}

void ContainerReplica::started(Result<void> made) {
  if (state_ == State::kGone) return;
  if (!made) return gone({meant_to_end_, false, "cannot start: " + made.error().message()});
  shared_->container = std::move(shared_->arriving);
  if (state_ == State::kDraining) return shared_->container->kill();
  services_.sockets.add(name_, shared_->container->sockets());
  if (shared_->proxy_listener.valid()) {
    services_.egress.serveContainer(target_, std::move(shared_->proxy_listener), version_);
  }
  timer_.arm(since_ + version_->container->start_timeout, [this] { notReadyInTime(); });
  asking_ = services_.ask_until_ready(name_, *version_->container, [this] { becomeReady(); });
}

void ContainerReplica::becomeReady() {
  if (state_ != State::kStarting) return;
  timer_.cancel();
  asking_.reset();
  enter(State::kReady);
  auto target = std::make_shared<Target>();
  target->id = target_;
  target->kind = Target::Kind::kContainer;
  target->name = name_;
  target->endpoint = {name_, version_->container->port};
  policy::Dispatch::TargetTerms terms;
  terms.most_running = version_->spec->limits.concurrency;
  services_.desk.addTarget(std::move(target), terms);
  is_target_ = true;
  ready_at_ = since_;
  services_.desk.serves(target_, number_, since_);
  owner_.replicaReady(*this);
}

void ContainerReplica::notReadyInTime() {
  not_in_time_ = true;
  asking_.reset();
  measure();
  shared_->container->kill();
}

// ---- what it uses ---------------------------------------------------------------------------------------------------

std::optional<TimePoint> ContainerReplica::measuredAt() const {
  const bool runs = state_ != State::kGone && shared_->container != nullptr;
  return runs ? std::optional(meter_->readAt()) : std::nullopt;
}

void ContainerReplica::measure() {
  if (measuredAt()) account(shared_->container->used());
}

void ContainerReplica::account(const sandbox::GroupUse& use) {
  const ContainerMeter::Growth growth = meter_->take(use, services_.loop.now());
  services_.used({version_->name().tenant, growth.cpu_seconds, growth.memory_byte_seconds});
}

std::optional<Cores> ContainerReplica::coresServing() const {
  const bool tells = state_ == State::kReady && meter_->rate() && meter_->rate()->since >= *ready_at_;
  return tells ? std::optional(meter_->rate()->cores) : std::nullopt;
}

// ---- its end --------------------------------------------------------------------------------------------------------

void ContainerReplica::drain() {
  if (state_ == State::kDraining || state_ == State::kGone) return;
  meant_to_end_ = true;
  timer_.cancel();
  asking_.reset();
  const State before = state_;
  enter(State::kDraining);
  if (is_target_) services_.desk.closeTarget(target_);
  if (before == State::kReady) return watchDrain();
  if (shared_->container) {
    measure();
    return shared_->container->kill();
  }
  // It is with the work thread, or its image still comes: then nobody else tells its end.
  services_.starts.post([this, alive = std::weak_ptr<bool>(alive_), &loop = services_.loop] {
    loop.post([this, alive] {
      if (alive.lock() && !shared_->container) gone({true, false, {}});
    });
  });
}

void ContainerReplica::watchDrain() {
  const TimePoint now = services_.loop.now();
  const bool in_time = now - since_ < version_->spec->limits.timeout + kGrace;
  // What is on its way to the desk's target finds it closed from now on.
  if (in_time && !services_.desk.drained(target_)) {
    timer_.arm(now + kLookAgain, [this] { watchDrain(); });
    return;
  }
  measure();
  shared_->container->askToEnd();
  timer_.arm(now + services_.patience, [this] {
    measure();
    shared_->container->kill();
  });
}

std::string ContainerReplica::lastWords() const {
  const std::string line = shared_->output.last();
  return line.empty() ? std::string() : fmt::format("; it said last: {}", line);
}

void ContainerReplica::ended(const sandbox::Exit& exit) {
  if (state_ != State::kGone) account(exit.used.value_or(sandbox::GroupUse{}));
  if (not_in_time_) {
    return gone(
        {false, true,
         fmt::format("was not ready within {}{}", wasabi::toString(version_->container->start_timeout), lastWords())});
  }
  gone({meant_to_end_, false, exit.words() + lastWords()});
}

void ContainerReplica::gone(ReplicaEnd end) {
  if (state_ == State::kGone) return;
  timer_.cancel();
  asking_.reset();
  services_.sockets.remove(name_);
  services_.egress.disconnect(target_);
  if (std::exchange(is_target_, false)) services_.desk.closeTarget(target_);
  enter(State::kGone);
  owner_.replicaGone(*this, end);
}

}  // namespace wasabi::node
