#include "catalog/catalog_source.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <mutex>
#include <optional>
#include <set>
#include <string_view>
#include <thread>
#include <tuple>

#include "base/wakeup.h"
#include "catalog/catalog_scanner.h"
#include "catalog/directory_watch.h"
#include "catalog/file_stamp.h"

namespace wasabi::catalog {
namespace {

using namespace std::chrono_literals;

// One save of an editor or one `kubectl apply` is many events: they are taken together.
constexpr Duration kQuietTime = 50ms;
constexpr Duration kLongestBurst = 250ms;
// A link in the place of the whole directory tells no watch when it is turned to another.
constexpr Duration kRootCheckInterval = 500ms;
constexpr Duration kPollInterval = 700ms;
constexpr Duration kSafetyInterval = 30s;
constexpr std::size_t kMaxProblemsLogged = 100;

std::int64_t unixNanoseconds() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

// Which folder the path leads to now; contents do not matter.
std::pair<std::uint64_t, std::uint64_t> identityOf(const std::string& path) {
  struct stat status{};
  if (stat(path.c_str(), &status) != 0) return {0, 0};
  return {status.st_dev, status.st_ino};
}

}  // namespace

struct CatalogSource::Impl {
  Impl(std::string absolute_directory, Logger& logger, OnChange callback, const CatalogTerms& terms)
      : directory(std::move(absolute_directory)),
        log(logger),
        on_change(std::move(callback)),
        scanner(directory, terms) {}

  ~Impl() {
    if (!thread.joinable()) return;
    {
      std::lock_guard lock(mutex);
      stopping = true;
    }
    wakeup.wake();
    thread.join();
  }

  Result<void> start();
  void run();
  // Waits for an event, a wake-up or the end of `timeout`; false when it is time to stop.
  bool wait(Duration timeout, bool& event);
  bool waitForQuiet();
  // Whether something changed.
  Result<bool> scan(CatalogScanner::Haste haste);
  void scanAgain();
  void scanAsAsked(std::vector<OnRead> asked);
  std::vector<OnRead> takeAsked();
  CatalogPtr publish();
  void logProblems(const Catalog& before, const Catalog& now);

  const std::string directory;
  Logger& log;
  OnChange on_change;
  CatalogScanner scanner;
  DirectoryWatch watch;
  Wakeup wakeup;
  std::optional<TimePoint> scan_due;
  std::pair<std::uint64_t, std::uint64_t> scanned_root{0, 0};
  std::string last_scan_error;
  mutable std::mutex mutex;  // of the next three
  bool stopping = false;
  std::vector<OnRead> asked_to_read;
  CatalogPtr current = std::make_shared<const Catalog>(std::vector<FunctionPtr>(), std::vector<CatalogProblem>());
  std::thread thread;
};

Result<void> CatalogSource::Impl::start() {
  if (!wakeup.valid()) return fail(Error::fromErrno("eventfd", errno));
  // Watched before it is read, so that no change falls between.
  watch.set({directory});
  if (auto scanned = scan(CatalogScanner::Haste::kTakeAll); !scanned) return fail(std::move(scanned).error());
  publish();
  thread = std::thread([this] { run(); });
  return {};
}

Result<bool> CatalogSource::Impl::scan(CatalogScanner::Haste haste) {
  scanned_root = identityOf(directory);
  auto outcome = scanner.scan(unixNanoseconds(), haste);
  const TimePoint now = Clock::now();
  scan_due = now + (watch.isComplete() ? kSafetyInterval : kPollInterval);
  if (!outcome) return fail(std::move(outcome).error());
  // What changed in a folder between its scan and its first watch would be told to nobody.
  const bool watched_more = watch.set(scanner.directories());
  if (watched_more) scan_due = now;
  if (outcome->scan_again_in) scan_due = std::min(*scan_due, now + *outcome->scan_again_in);
  return outcome->changed;
}

void CatalogSource::Impl::scanAgain() {
  auto scanned = scan(CatalogScanner::Haste::kLeaveUnsettled);
  const std::string error = scanned ? std::string() : scanned.error().message();
  if (!error.empty() && error != last_scan_error) {
    log.error("catalog directory cannot be read; the last state stays in force", {{"reason", error}});
  }
  last_scan_error = error;
  if (scanned && *scanned) on_change(publish());
}

void CatalogSource::Impl::scanAsAsked(std::vector<OnRead> asked) {
  auto scanned = scan(CatalogScanner::Haste::kTakeAll);
  if (scanned && *scanned) on_change(publish());
  for (OnRead& on_read : asked) {
    on_read(scanned ? Result<CatalogPtr>(current) : Result<CatalogPtr>(fail(scanned.error())));
  }
}

std::vector<CatalogSource::OnRead> CatalogSource::Impl::takeAsked() {
  std::lock_guard lock(mutex);
  return std::exchange(asked_to_read, {});
}

void CatalogSource::Impl::run() {
  on_change(current);
  while (true) {
    bool event = false;
    const TimePoint now = Clock::now();
    const Duration until_scan = std::max(*scan_due - now, Duration::zero());
    if (!wait(std::min(until_scan, kRootCheckInterval), event)) return;
    if (event && !waitForQuiet()) return;
    if (auto asked = takeAsked(); !asked.empty()) {
      scanAsAsked(std::move(asked));
    } else if (event || Clock::now() >= *scan_due || identityOf(directory) != scanned_root) {
      scanAgain();
    }
  }
}

bool CatalogSource::Impl::wait(Duration timeout, bool& event) {
  std::array<pollfd, 2> fds = {pollfd{wakeup.fd(), POLLIN, 0}, pollfd{watch.fd(), POLLIN, 0}};
  const auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(timeout).count();
  const int ready = poll(fds.data(), fds.size(), static_cast<int>(milliseconds));
  if (ready > 0 && fds[0].revents != 0) {
    wakeup.clear();
    std::lock_guard lock(mutex);
    if (stopping) return false;
  }
  event = ready > 0 && fds[1].revents != 0;
  return true;
}

bool CatalogSource::Impl::waitForQuiet() {
  const TimePoint end = Clock::now() + kLongestBurst;
  bool event = true;
  while (event && Clock::now() < end) {
    watch.drain();
    if (!wait(kQuietTime, event)) return false;
  }
  return true;
}

CatalogPtr CatalogSource::Impl::publish() {
  auto next = std::make_shared<const Catalog>(scanner.functions(), scanner.problems());
  CatalogPtr before;
  {
    std::lock_guard lock(mutex);
    before = std::exchange(current, next);
  }
  logProblems(*before, *next);
  log.info("catalog read", {{"directory", directory},
                            {"functions", static_cast<std::int64_t>(next->functions().size())},
                            {"problems", static_cast<std::int64_t>(next->problems().size())}});
  return next;
}

void CatalogSource::Impl::logProblems(const Catalog& before, const Catalog& now) {
  const auto key = [](const CatalogProblem& problem) {
    return std::tuple<std::string_view, int, std::string_view>(problem.file, problem.line, problem.reason);
  };
  std::set<std::tuple<std::string_view, int, std::string_view>> known;
  for (const CatalogProblem& problem : before.problems()) known.insert(key(problem));
  std::size_t fresh = 0;
  for (const CatalogProblem& problem : now.problems()) {
    if (known.contains(key(problem))) continue;
    if (++fresh > kMaxProblemsLogged) continue;
    log.warn("catalog problem", {{"file", problem.file}, {"line", problem.line}, {"reason", problem.reason}});
  }
  if (fresh > kMaxProblemsLogged) {
    log.warn("more catalog problems", {{"count", static_cast<std::int64_t>(fresh - kMaxProblemsLogged)}});
  }
}

Result<std::unique_ptr<CatalogSource>> CatalogSource::open(std::string directory, Logger& log, OnChange on_change,
                                                           const CatalogTerms& terms) {
  std::error_code error;
  // The working directory may change later; links on the way are followed anew at every scan.
  std::filesystem::path absolute = std::filesystem::absolute(directory, error).lexically_normal();
  if (error) return fail(Error::fromErrno(directory, error.value()));
  std::string text = absolute.string();
  if (text.size() > 1 && text.ends_with('/')) text.pop_back();
  auto impl = std::make_unique<Impl>(std::move(text), log, std::move(on_change), terms);
  if (auto started = impl->start(); !started) return fail(std::move(started).error().within("catalog"));
  return std::unique_ptr<CatalogSource>(new CatalogSource(std::move(impl)));
}

CatalogSource::CatalogSource(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
CatalogSource::~CatalogSource() = default;

void CatalogSource::reload(OnRead on_read) {
  {
    std::lock_guard lock(impl_->mutex);
    impl_->asked_to_read.push_back(std::move(on_read));
  }
  impl_->wakeup.wake();
}

CatalogPtr CatalogSource::current() const {
  std::lock_guard lock(impl_->mutex);
  return impl_->current;
}

}  // namespace wasabi::catalog
