#include "sandbox/process_backend.h"

#include <fmt/format.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

#include "base/wakeup.h"
#include "sandbox/line_splitter.h"
#include "sandbox/spawn.h"

namespace wasabi::sandbox {
namespace {

constexpr std::size_t kReadAtOnce = 64 * 1024;

Exit exitOf(int status) {
  if (WIFSIGNALED(status)) return {std::nullopt, WTERMSIG(status)};
  return {WEXITSTATUS(status), std::nullopt};
}

}  // namespace

std::string Exit::words() const {
  return fmt::format(
      "{}{}", signal ? fmt::format("killed by signal {}", *signal) : fmt::format("ended with {}", code.value_or(-1)),
      out_of_memory ? ", out of memory" : "");
}

// The thread that makes the children, reads what they say and waits for them.
class ProcessBackend::Keeper {
 public:
  struct Entry {
    Spawned spawned;
    SandboxEvents events;
    LineSplitter lines{kMostLineBytes};
    LineSplitter error_lines{kMostLineBytes};
    bool reaped = false;  // its number may be somebody else's
    bool over = false;
  };
  using EntryPtr = std::shared_ptr<Entry>;

  Keeper() {
    thread_ = std::thread([this] {
      ::pthread_setname_np(::pthread_self(), "superpods");
      run();
    });
  }
  ~Keeper() {
    {
      const std::scoped_lock lock(mutex_);
      stopping_ = true;
    }
    wakeup_.wake();
    thread_.join();
  }
  bool valid() const { return wakeup_.valid(); }

  Result<EntryPtr> start(Command command, SandboxEvents events) {
    Order order{std::move(command), std::move(events), {}};
    std::unique_lock lock(mutex_);
    orders_.push_back(&order);
    wakeup_.wake();
    done_.wait(lock, [&] { return order.answer.has_value(); });
    return std::move(*order.answer);
  }
  void waitForEnd(const EntryPtr& entry) {
    std::unique_lock lock(mutex_);
    done_.wait(lock, [&] { return entry->over; });
  }
  void signal(const EntryPtr& entry, int number) {
    const std::scoped_lock lock(mutex_);
    if (entry->reaped) return;
    // The group: its children too.
    if (number == SIGKILL) ::kill(-entry->spawned.pid, number);
    ::syscall(SYS_pidfd_send_signal, entry->spawned.process.get(), number, nullptr, 0);
  }

 private:
  struct Order {
    Command command;
    SandboxEvents events;
    std::optional<Result<EntryPtr>> answer;
  };

  void run() {
    while (carryOutOrders()) {
      std::vector<pollfd> watched = {{wakeup_.fd(), POLLIN, 0}};
      for (const EntryPtr& entry : entries_) {
        watched.push_back({entry->spawned.output.get(), POLLIN, 0});  // -1, which is passed over, where there is none
        watched.push_back({entry->spawned.errors.get(), POLLIN, 0});
        watched.push_back({entry->spawned.process.get(), POLLIN, 0});
      }
      if (::poll(watched.data(), watched.size(), -1) < 0) continue;
      if (watched[0].revents != 0) wakeup_.clear();
      const std::vector<EntryPtr> present = entries_;
      for (std::size_t i = 0; i < present.size(); ++i) {
        Entry& entry = *present[i];
        if (watched[1 + 3 * i].revents != 0) read(entry.spawned.output, entry.lines, entry.events);
        if (watched[2 + 3 * i].revents != 0) read(entry.spawned.errors, entry.error_lines, entry.events);
        if (watched[3 + 3 * i].revents != 0) end(present[i]);
      }
    }
  }

  bool carryOutOrders() {
    std::vector<Order*> orders;
    {
      const std::scoped_lock lock(mutex_);
      if (stopping_) return false;
      orders.swap(orders_);
    }
    for (Order* order : orders) carryOut(*order);
    return true;
  }

  void carryOut(Order& order) {
    auto spawned = spawn(order.command);
    const std::scoped_lock lock(mutex_);
    if (spawned) {
      auto entry = std::make_shared<Entry>(Entry{std::move(*spawned), std::move(order.events)});
      entries_.push_back(entry);
      order.answer = std::move(entry);
    } else {
      order.answer = fail(std::move(spawned.error()));
    }
    done_.notify_all();
  }

  // Nothing more comes once the pipe is closed at the other side; then it is watched no longer.
  static void read(FileDescriptor& stream, LineSplitter& lines, SandboxEvents& events) {
    std::array<char, kReadAtOnce> buffer;
    const ssize_t got = ::read(stream.get(), buffer.data(), buffer.size());
    if (got > 0) {
      lines.add({buffer.data(), static_cast<std::size_t>(got)}, std::ref(events.line));
    } else if (got == 0) {
      stream.reset();
    }
  }

  void end(const EntryPtr& entry) {
    int status = 0;
    {
      const std::scoped_lock lock(mutex_);
      ::kill(-entry->spawned.pid, SIGKILL);  // what it has left behind
      if (::waitpid(entry->spawned.pid, &status, 0) < 0) return;
      entry->reaped = true;
    }
    readRest(entry->spawned.output, entry->lines, entry->events);
    readRest(entry->spawned.errors, entry->error_lines, entry->events);
    entry->events.ended(exitOf(status));
    std::erase(entries_, entry);
    const std::scoped_lock lock(mutex_);
    entry->over = true;
    done_.notify_all();
  }

  static void readRest(FileDescriptor& stream, LineSplitter& lines, SandboxEvents& events) {
    std::array<char, kReadAtOnce> buffer;
    while (stream.valid()) {
      const ssize_t got = ::read(stream.get(), buffer.data(), buffer.size());
      if (got <= 0) break;
      lines.add({buffer.data(), static_cast<std::size_t>(got)}, std::ref(events.line));
    }
    lines.finish(std::ref(events.line));
  }

  Wakeup wakeup_;
  std::mutex mutex_;
  std::condition_variable done_;
  bool stopping_ = false;
  std::vector<Order*> orders_;
  std::vector<EntryPtr> entries_;  // of the thread
  std::thread thread_;
};

class ProcessBackend::Child final : public Sandbox {
 public:
  Child(std::shared_ptr<Keeper> keeper, Keeper::EntryPtr entry)
      : keeper_(std::move(keeper)), entry_(std::move(entry)), pid_(entry_->spawned.pid) {}
  ~Child() override {
    kill();
    keeper_->waitForEnd(entry_);
  }

  void askToEnd() override { keeper_->signal(entry_, SIGTERM); }
  void kill() override { keeper_->signal(entry_, SIGKILL); }
  pid_t pid() const override { return pid_; }

 private:
  const std::shared_ptr<Keeper> keeper_;
  const Keeper::EntryPtr entry_;
  const pid_t pid_;
};

ProcessBackend::ProcessBackend(std::shared_ptr<Keeper> keeper) : keeper_(std::move(keeper)) {}
ProcessBackend::~ProcessBackend() = default;

Result<std::unique_ptr<ProcessBackend>> ProcessBackend::create() {
  auto keeper = std::make_shared<Keeper>();
  if (!keeper->valid()) return fail(ErrorCode::kExhausted, "too many open files; raise the limit (ulimit -n)");
  return std::unique_ptr<ProcessBackend>(new ProcessBackend(std::move(keeper)));
}

Result<std::unique_ptr<Sandbox>> ProcessBackend::start(const SuperpodSpec& spec, SandboxEvents events) {
  Command command{{spec.program}};
  for (std::string& argument : spec.arguments(spec.paths)) command.words.push_back(std::move(argument));
  return run(std::move(command), std::move(events));
}

Result<std::unique_ptr<Sandbox>> ProcessBackend::run(Command command, SandboxEvents events) {
  auto entry = keeper_->start(std::move(command), std::move(events));
  if (!entry) return fail(std::move(entry.error()));
  return std::unique_ptr<Sandbox>(std::make_unique<Child>(keeper_, std::move(*entry)));
}

}  // namespace wasabi::sandbox
