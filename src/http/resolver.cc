#include "http/resolver.h"

#include <netdb.h>
#include <sys/socket.h>

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>

#include "base/check.h"

namespace wasabi::http {
namespace {

// Where an answer goes. Shared by the loop's side, which may lose interest at any time, and the resolver's thread.
struct Ticket {
  std::mutex mutex;
  EventLoop* loop;      // guarded by mutex; null once cancelled, after which the loop may be gone
  Resolver::Done done;  // touched on the loop's thread only
};

class TicketHolder : public Resolution {
 public:
  explicit TicketHolder(std::shared_ptr<Ticket> ticket) : ticket_(std::move(ticket)) {}
  ~TicketHolder() override {
    ticket_->done = {};
    const std::lock_guard lock(ticket_->mutex);
    ticket_->loop = nullptr;
  }
  TicketHolder(const TicketHolder&) = delete;
  TicketHolder& operator=(const TicketHolder&) = delete;

 private:
  std::shared_ptr<Ticket> ticket_;
};

struct Load {
  std::size_t running = 0;
  std::size_t pending = 0;  // running ones included
};

struct Job {
  std::string name;
  std::string partition;
  std::shared_ptr<Ticket> ticket;
};

bool cancelled(Ticket& ticket) {
  const std::lock_guard lock(ticket.mutex);
  return ticket.loop == nullptr;
}

void deliver(const std::shared_ptr<Ticket>& ticket, Result<Addresses> answer) {
  const std::lock_guard lock(ticket->mutex);
  if (ticket->loop == nullptr) return;
  ticket->loop->post([ticket, answer = std::move(answer)]() mutable {
    // The callback may destroy the Resolution, and with it the callback's own place.
    Resolver::Done done = std::move(ticket->done);
    if (done) done(std::move(answer));
  });
}

}  // namespace

struct Resolver::State {
  State(const ResolverLimits& resolver_limits, Lookup resolver_lookup)
      : limits(resolver_limits), lookup(std::move(resolver_lookup)) {}

  const ResolverLimits limits;
  const Lookup lookup;
  std::mutex mutex;
  std::condition_variable work;
  std::deque<Job> waiting;
  std::map<std::string, Load> loads;  // by partition
  std::size_t pending = 0;
  bool stopped = false;

  void runThread();
  std::deque<Job>::iterator firstAllowed();
  void forgetCancelled();
  void forget(const std::string& partition);
  std::optional<Error> refusal(const Job& job);
};

std::deque<Job>::iterator Resolver::State::firstAllowed() {
  return std::find_if(waiting.begin(), waiting.end(), [this](const Job& job) {
    return loads.at(job.partition).running < limits.max_running_per_partition;
  });
}

void Resolver::State::forget(const std::string& partition) {
  --pending;
  const auto load = loads.find(partition);
  if (--load->second.pending == 0) loads.erase(load);
}

void Resolver::State::forgetCancelled() {
  std::erase_if(waiting, [this](const Job& job) {
    if (!cancelled(*job.ticket)) return false;
    forget(job.partition);
    return true;
  });
}

std::optional<Error> Resolver::State::refusal(const Job& job) {
  const auto load = loads.find(job.partition);
  const std::size_t own = load == loads.end() ? 0 : load->second.pending;
  const bool own_full = own >= limits.max_pending_per_partition;
  if (!own_full && pending < limits.max_pending) return std::nullopt;
  return Error(ErrorCode::kExhausted,
               "cannot look up '" + job.name + "' now: " + std::to_string(own_full ? own : pending) +
                   " lookups are pending" +
                   (own_full ? " for this tenant (max_pending_per_partition)" : " (max_pending)"));
}

void Resolver::State::runThread() {
  std::unique_lock lock(mutex);
  for (;;) {
    auto next = firstAllowed();
    while (next == waiting.end() && !stopped) {
      work.wait(lock);
      next = firstAllowed();
    }
    if (stopped) return;
    const Job job = std::move(*next);
    waiting.erase(next);
    ++loads.at(job.partition).running;
    lock.unlock();
    if (!cancelled(*job.ticket)) {
      Result<Addresses> answer = lookup(job.name);
      if (answer && answer->size() > limits.max_addresses) answer->resize(limits.max_addresses);
      deliver(job.ticket, std::move(answer));
    }
    lock.lock();
    --loads.at(job.partition).running;
    forget(job.partition);
    // Jobs of this partition that were passed over may run now.
    work.notify_one();
  }
}

Resolver::Resolver(const ResolverLimits& limits, Lookup lookup)
    : state_(std::make_shared<State>(limits, std::move(lookup))) {
  WASABI_CHECK(limits.threads > 0 && limits.max_running_per_partition > 0);
  for (std::size_t i = 0; i < limits.threads; ++i) {
    std::thread([state = state_] { state->runThread(); }).detach();
  }
}

Resolver::~Resolver() {
  const std::lock_guard lock(state_->mutex);
  state_->stopped = true;
  state_->waiting.clear();
  state_->work.notify_all();
}

Result<std::unique_ptr<Resolution>> Resolver::resolve(const std::string& name, const std::string& partition,
                                                      EventLoop& loop, Done done) {
  auto ticket = std::make_shared<Ticket>();
  ticket->loop = &loop;
  ticket->done = std::move(done);
  Job job{name, partition, ticket};
  const std::lock_guard lock(state_->mutex);
  if (state_->refusal(job)) {
    state_->forgetCancelled();
    if (auto refusal = state_->refusal(job)) return fail(std::move(*refusal));
  }
  ++state_->pending;
  ++state_->loads[partition].pending;
  state_->waiting.push_back(std::move(job));
  state_->work.notify_one();
  return std::make_unique<TicketHolder>(std::move(ticket));
}

Result<Addresses> Resolver::systemLookup(const std::string& name) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int error = getaddrinfo(name.c_str(), nullptr, &hints, &found);
  if (error != 0) {
    const std::string reason = error == EAI_SYSTEM ? std::system_category().message(errno) : gai_strerror(error);
    const bool unknown = error == EAI_NONAME || error == EAI_NODATA;
    return fail(unknown ? ErrorCode::kNotFound : ErrorCode::kUnavailable, "cannot resolve '" + name + "': " + reason);
  }
  Addresses addresses;
  for (const addrinfo* entry = found; entry != nullptr; entry = entry->ai_next) {
    IpAddress address;
    if (entry->ai_family == AF_INET) {
      address.size = 4;
      std::memcpy(address.bytes, &reinterpret_cast<const sockaddr_in*>(entry->ai_addr)->sin_addr, 4);
      addresses.push_back(address);
    } else if (entry->ai_family == AF_INET6) {
      address.size = 16;
      std::memcpy(address.bytes, &reinterpret_cast<const sockaddr_in6*>(entry->ai_addr)->sin6_addr, 16);
      addresses.push_back(address);
    }
  }
  freeaddrinfo(found);
  return addresses;
}

}  // namespace wasabi::http
