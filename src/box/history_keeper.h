// Keeps what was seen of functions from one box to the next: reads the file at the start, hands out what it had, and
// writes it again on a thread of its own, since a disk may take seconds and who makes room for memory cannot wait.
//
// No fault of the file is one of the box: it is told in the log, and histories begin anew.
#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/function_name.h"
#include "base/log.h"
#include "box/history_file.h"
#include "policy/demand_histories.h"

namespace wasabi::box {

class HistoryKeeper {
 public:
  // Reads the file. Without one nothing is kept. `log` outlives the keeper.
  HistoryKeeper(std::optional<HistoryFile> file, Logger& log);
  // Writes what is still to be written.
  ~HistoryKeeper();

  bool keeps() const { return file_.has_value(); }

  // What the file had of the function, once: nothing if that was another module (64 hex digits), nor a second time.
  std::optional<policy::DemandHistory> take(const FunctionName& function, const std::string& module);

  // Replaces the file, soon. Of several that wait only the last is written.
  void write(std::vector<policy::FunctionHistory> histories);
  // Whether the last writing failed. From any thread.
  bool failed() const { return failed_.load(std::memory_order_relaxed); }

 private:
  void read();
  void run();
  void writeNow(const std::vector<policy::FunctionHistory>& histories);

  const std::optional<HistoryFile> file_;
  Logger& log_;
  std::unordered_map<FunctionName, policy::FunctionHistory> remembered_;
  std::atomic<bool> failed_{false};

  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<std::vector<policy::FunctionHistory>> wanted_;
  bool stopping_ = false;
  std::thread writer_;
};

}  // namespace wasabi::box
