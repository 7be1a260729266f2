// How a superpod starts: its folders, its configuration, its sandbox, and the wait until its box is ready; see
// superpod.h.
#include <filesystem>
#include <utility>

#include "node/superpod.h"
#include "node/superpod_config.h"
#include "node/superpod_shared.h"

namespace wasabi::node {
namespace {

namespace fs = std::filesystem;

constexpr Duration kAskAgain = std::chrono::milliseconds(10);

Result<void> makeEmptyFolder(const std::string& path) {
  std::error_code error;
  fs::remove_all(path, error);
  if (!error) fs::create_directories(path, error);
  if (error) return fail(Error::fromErrno(path, error.value()));
  fs::permissions(path, fs::perms::owner_all, error);
  return {};
}

// What functions may book, and beside it what the box needs for itself: connections, programs, figures.
sandbox::Walls wallsOf(const SuperpodSettings& settings) {
  constexpr ByteSize kOfTheBox{256ull << 20};
  constexpr std::uint32_t kTasksBesideWorkers = 256;
  sandbox::Walls walls;
  walls.network = sandbox::Network::kNone;  // what leaves it goes through the gateway
  walls.memory = settings.memory + ByteSize{settings.memory.value / 4} + kOfTheBox;
  walls.cpu = Cores{settings.cores};
  walls.tasks = settings.workers + kTasksBesideWorkers;
  return walls;
}

}  // namespace

void Superpod::startOnWorkThread() {
  const SuperpodSettings& settings = services_.settings;
  sandbox::SuperpodSpec spec;
  spec.name = name_;
  spec.paths = {directory_, runtime_, settings.verify_key};
  spec.program = settings.program;
  spec.walls = wallsOf(settings);
  spec.arguments = [workers = settings.workers](const sandbox::SuperpodPaths& inside) {
    return std::vector<std::string>{"--behind-gateway",
                                    "--config",
                                    boxConfigFile(inside.directory),
                                    "--listen",
                                    "unix:" + inside.runtime + "/box.sock",
                                    "--admin",
                                    "unix:" + inside.runtime + "/admin.sock",
                                    "--catalog",
                                    inside.directory + "/catalog",
                                    "--store",
                                    inside.directory + "/store",
                                    "--egress",
                                    "unix:" + inside.runtime + "/egress.sock",
                                    "--secrets",
                                    inside.runtime + "/secrets",
                                    "--verify-key",
                                    inside.verify_key,
                                    "--compile",
                                    "never",
                                    "--history",
                                    "none",
                                    "--function-log",
                                    "-",
                                    "--workers",
                                    std::to_string(workers)};
  };
  platform::SuperpodPlace place;
  place.directory = directory_;
  place.secrets = runtime_ + "/secrets";
  place.fingerprint = settings.fingerprint;

  auto start = [shared = shared_, spec = std::move(spec), place = std::move(place), config = newConfig().value_or(""),
                services = services_,
                events = sandbox::SandboxEvents{
                    [line = settings.log_line](std::string_view text) { line(text); },
                    [this, alive = std::weak_ptr<bool>(alive_), &loop = services_.loop](const sandbox::Exit& exit) {
                      loop.post([this, alive, exit] {
                        if (alive.lock()) ended(exit);
                      });
                    }}]() mutable -> Result<std::unique_ptr<sandbox::Sandbox>> {
    for (const std::string& folder : {spec.paths.directory, spec.paths.runtime}) {
      if (auto made = makeEmptyFolder(folder); !made) return fail(std::move(made.error()));
    }
    auto catalog = platform::SuperpodCatalog::open(services.blobs, std::move(place), services.get_secret);
    if (!catalog) return fail(std::move(catalog.error()));
    shared->catalog.emplace(std::move(*catalog));
    auto written = makeBoxConfigFolder(spec.paths.directory);
    if (written) written = writeBoxConfig(spec.paths.directory, config);
    if (!written) return fail(std::move(written.error()));
    return services.backend.start(spec, std::move(events));
  };
  services_.work.post([this, alive = std::weak_ptr<bool>(alive_), shared = shared_, &loop = services_.loop,
                       start = std::move(start)]() mutable {
    auto sandbox = start();
    Result<void> made = sandbox ? Result<void>() : fail(std::move(sandbox.error()));
    // Not by what is posted: a loop that ends with it would wait for the end of the box, which is posted to it too.
    if (sandbox) shared->arriving = std::move(*sandbox);
    loop.post([this, alive, made = std::move(made)]() mutable {
      if (alive.lock()) started(std::move(made));
    });
  });
}

void Superpod::started(Result<void> made) {
  if (!made) return gone("cannot start: " + made.error().message());
  shared_->sandbox = std::move(shared_->arriving);
  if (state_ == State::kDraining) return kill();
  askUntilReady(services_.loop.now() + services_.settings.start_timeout);
}

void Superpod::askUntilReady(TimePoint give_up) {
  admin_.load([this, give_up](Result<BoxLoad> load) {
    if (state_ != State::kStarting) return;
    if (load && load->ready) {
      take(std::move(*load));
      return becomeReady();
    }
    if (services_.loop.now() >= give_up) return giveUp("it was not ready in time");
    timer_.arm(services_.loop.now() + kAskAgain, [this, give_up] { askUntilReady(give_up); });
  });
}

void Superpod::becomeReady() {
  enter(State::kReady);
  auto target = std::make_shared<Target>();
  target->id = target_;
  target->kind = Target::Kind::kSuperpod;
  target->name = name_;
  target->endpoint.name = runtime_ + "/box.sock";
  services_.egress.connectTo(target_, runtime_ + "/egress.sock", services_.settings.workers);
  services_.desk.addTarget(std::move(target), {});
  is_target_ = true;
  ready_at_ = since_;
  owner_.superpodReady(*this);
}

}  // namespace wasabi::node
