// What functions wrote, on disk: logs/<tenant>/<function>.log, before it <function>.log.1, one line of text each. A
// thread of its own writes them; nobody waits for the disk but who reads.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/function_name.h"
#include "base/log.h"
#include "base/units.h"

namespace wasabi::serve {

class FunctionLogFiles {
 public:
  struct Limits {
    std::size_t file_bytes = 512 << 10;  // of each of a function's two files
    std::size_t queued_bytes = 4 << 20;  // not yet written, of all functions together
    Duration between_sweeps = std::chrono::seconds(1);
  };
  // Whether there is such a function: what others wrote is removed. Asked on the writing thread.
  using Exists = std::function<bool(const FunctionName&)>;

  // Makes the directory where it is missing, and removes the files of functions that are no more.
  static Result<std::unique_ptr<FunctionLogFiles>> open(std::string directory, Limits limits, Exists exists,
                                                        Logger& log);
  // Writes what is queued.
  ~FunctionLogFiles();
  FunctionLogFiles(const FunctionLogFiles&) = delete;
  FunctionLogFiles& operator=(const FunctionLogFiles&) = delete;

  // All of these are thread-safe. `line` without its newline; it is dropped where the queue is full or the disk fails.
  void append(const FunctionName& function, std::string_view line);
  // Some functions may be no more: looks which, soon.
  void functionsChanged();
  // The newer file, then the older one; empty where there is none. Reads the disk.
  std::array<std::string, 2> read(const FunctionName& function) const;
  std::uint64_t droppedLines() const { return dropped_.load(std::memory_order_relaxed); }

 private:
  FunctionLogFiles(std::string directory, Limits limits, Exists exists, Logger& log);

  void run();
  void write(const FunctionName& function, std::string_view lines);
  std::error_code writePiece(const std::string& path, std::string_view lines);
  void told(std::error_code failure);
  void sweep() const;
  std::string pathOf(const FunctionName& function) const;

  const std::string directory_;
  const Limits limits_;
  const Exists exists_;
  Logger& log_;
  std::atomic<std::uint64_t> dropped_{0};
  bool works_ = true;          // of the writing thread
  mutable std::mutex naming_;  // while a file becomes the older one, or both are opened
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::pair<FunctionName, std::string>> queue_;
  std::size_t queued_bytes_ = 0;
  bool sweeps_ = true;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace wasabi::serve
