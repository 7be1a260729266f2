#include "deploy/module_puller.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "deploy/incoming_folder.h"
#include "oci/reference.h"
#include "oci/registry_client.h"

namespace wasabi::deploy {
namespace {

constexpr std::size_t kPieceBytes = 256 << 10;

Result<platform::ModuleUpload::Module> store(const platform::Blobs& blobs, int file, ByteSize limit) {
  auto upload = blobs.uploadModule(limit);
  if (!upload) return fail(std::move(upload).error());
  std::string piece(kPieceBytes, '\0');
  while (true) {
    const ssize_t got = ::read(file, piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail(Error::fromErrno("read what was pulled", errno));
    if (got == 0) return upload->finish();
    if (auto written = upload->write({piece.data(), static_cast<std::size_t>(got)}); !written) {
      return fail(std::move(written).error());
    }
  }
}

std::string pinned(oci::Reference reference, const oci::Digest& digest) {
  reference.digest = digest;
  return oci::toString(reference);
}

Error ofStop() {
  return {ErrorCode::kUnavailable, "the server is ending; deploy again"};
}

}  // namespace

FetchModule fetchFromRegistries(oci::RegistryOptions options) {
  return [options = std::move(options)](
             const oci::Reference& reference, const std::optional<oci::Credentials>& credentials,
             const oci::ImageLayout& into, const oci::TransferControl& control) -> Result<oci::PulledWasm> {
    oci::RegistryOptions own = options;
    own.credentials = credentials;
    auto client = oci::RegistryClient::open(reference.registry, std::move(own));
    if (!client) return fail(std::move(client).error());
    return oci::pullWasm(*client, reference, into, control);
  };
}

ModulePuller::ModulePuller(const platform::Blobs& blobs, FetchModule fetch, PullLimits limits)
    : blobs_(blobs), fetch_(std::move(fetch)), limits_(limits) {
  for (std::uint32_t i = 0; i < limits_.threads; ++i) threads_.emplace_back([this] { work(); });
  threads_.emplace_back([this] { watchDeadlines(); });
}

ModulePuller::~ModulePuller() {
  stop();
}

void ModulePuller::pull(Remote remote, Done done) {
  auto reference = oci::parseReference(remote.reference);
  if (!reference) return done(fail(std::move(reference).error()));
  std::unique_lock lock(mutex_);
  if (stopped_) {
    lock.unlock();
    return done(fail(ofStop()));
  }
  if (waiting_.size() >= limits_.waiting) {
    lock.unlock();
    return done(fail(ErrorCode::kUnavailable,
                     fmt::format("{} pulls from registries wait already; try again later", limits_.waiting)));
  }
  waiting_.push_back({*std::move(reference), std::move(remote.credentials), std::move(done)});
  waiting_changed_.notify_one();
}

void ModulePuller::stop() {
  std::deque<Job> dropped;
  std::vector<std::thread> threads;
  {
    const std::scoped_lock lock(mutex_);
    stopped_ = true;
    dropped.swap(waiting_);
    threads.swap(threads_);
    for (Running& one : running_) one.stop.request_stop();
    waiting_changed_.notify_all();
    running_changed_.notify_all();
  }
  for (Job& job : dropped) job.done(fail(ofStop()));
  for (std::thread& thread : threads) thread.join();
}

void ModulePuller::work() {
  std::unique_lock lock(mutex_);
  while (true) {
    waiting_changed_.wait(lock, [this] { return stopped_ || !waiting_.empty(); });
    if (stopped_) return;
    Job job = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    run(std::move(job));
    lock.lock();
  }
}

void ModulePuller::run(Job job) {
  const TimePoint begin = Clock::now();
  std::list<Running>::iterator self;
  {
    const std::scoped_lock lock(mutex_);
    self = running_.insert(running_.end(), {{}, begin + limits_.longest, false});
    if (stopped_) self->stop.request_stop();
    running_changed_.notify_one();
  }
  auto pulled = fetch(job, self->stop.get_token());
  bool late = false;
  bool stopped = false;
  {
    const std::scoped_lock lock(mutex_);
    late = self->late;
    stopped = stopped_;
    running_.erase(self);
  }
  if (pulled) {
    pulled->took = Clock::now() - begin;
  } else if (late) {
    pulled = fail(ErrorCode::kTimeout,
                  fmt::format("{}: not there after {}", oci::toString(job.reference), toString(limits_.longest)));
  } else if (stopped) {
    pulled = fail(ofStop());
  }
  job.done(std::move(pulled));
}

Result<PulledModule> ModulePuller::fetch(const Job& job, const std::stop_token& stop) const {
  auto folder = IncomingFolder::make(blobs_);
  if (!folder) return fail(std::move(folder).error());
  auto layout = oci::ImageLayout::openOrCreate(folder->path("layout"));
  if (!layout) return fail(std::move(layout).error());
  auto pulled = fetch_(job.reference, job.credentials, *layout, {stop, {}});
  if (!pulled) return fail(std::move(pulled).error());
  auto blob = layout->openBlob(pulled->module);
  if (!blob) return fail(std::move(blob).error());
  auto stored = store(blobs_, blob->get(), limits_.module);
  if (!stored) return fail(std::move(stored).error().within(oci::toString(job.reference)));
  return PulledModule{stored->digest, stored->bytes, pinned(job.reference, pulled->image.descriptor.digest), {}};
}

// A peer that sends a byte now and then is never still, and never done.
void ModulePuller::watchDeadlines() {
  std::unique_lock lock(mutex_);
  while (!stopped_) {
    const TimePoint now = Clock::now();
    TimePoint next = TimePoint::max();
    for (Running& one : running_) {
      if (one.late) continue;
      if (one.deadline <= now) {
        one.late = true;
        one.stop.request_stop();
      } else {
        next = std::min(next, one.deadline);
      }
    }
    if (next == TimePoint::max()) {
      running_changed_.wait(lock);
    } else {
      running_changed_.wait_until(lock, next);
    }
  }
}

}  // namespace wasabi::deploy
