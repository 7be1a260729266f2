#include "box/history_keeper.h"

#include <pthread.h>

#include <utility>

namespace wasabi::box {

HistoryKeeper::HistoryKeeper(std::optional<HistoryFile> file, Logger& log) : file_(std::move(file)), log_(log) {
  if (!file_) return;
  read();
  writer_ = std::thread([this] {
    ::pthread_setname_np(::pthread_self(), "history");
    run();
  });
}

HistoryKeeper::~HistoryKeeper() {
  if (!writer_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  writer_.join();
}

void HistoryKeeper::read() {
  const auto refuse = [this](const Error& error) {
    log_.warn("the histories of functions cannot be used: they begin anew, and the file is replaced",
              {{"file", file_->path()}, {"reason", error.message()}});
  };
  const auto text = file_->read();
  if (!text) return refuse(text.error());
  if (!*text) return;
  auto histories = policy::readHistories(**text, Clock::now());
  if (!histories) return refuse(histories.error());
  log_.info("histories of functions read", {{"file", file_->path()}, {"functions", histories->size()}});
  remembered_.reserve(histories->size());
  for (policy::FunctionHistory& one : *histories) remembered_.emplace(one.function, std::move(one));
}

std::optional<policy::DemandHistory> HistoryKeeper::take(const FunctionName& function, const std::string& module) {
  const auto found = remembered_.extract(function);
  if (found.empty() || found.mapped().module != module) return std::nullopt;
  return found.mapped().history;
}

void HistoryKeeper::write(std::vector<policy::FunctionHistory> histories) {
  {
    const std::lock_guard lock(mutex_);
    wanted_ = std::move(histories);
  }
  changed_.notify_one();
}

void HistoryKeeper::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return wanted_ || stopping_; });
    if (!wanted_) return;
    const std::vector<policy::FunctionHistory> histories = std::move(*wanted_);
    wanted_.reset();
    lock.unlock();
    writeNow(histories);
    lock.lock();
  }
}

// Told when it begins to fail and when it works again, not each time.
void HistoryKeeper::writeNow(const std::vector<policy::FunctionHistory>& histories) {
  const auto written = file_->write(policy::writeHistories(histories));
  if (failed_.exchange(!written.has_value()) == !written.has_value()) return;
  if (!written) {
    log_.warn("the histories of functions cannot be written: a restart would forget what was seen since",
              {{"file", file_->path()}, {"reason", written.error().message()}});
  } else {
    log_.info("the histories of functions are written again", {{"file", file_->path()}});
  }
}

}  // namespace wasabi::box
