// A log of lines that never makes its writers wait: they append to a bounded buffer, one thread writes it out.
// What does not fit is dropped and counted. Used for the access log and for what functions write to stderr.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "base/error.h"
#include "base/file_descriptor.h"

namespace wasabi {

class LineLog {
 public:
  // `target`: a file to append to, "-" for standard output, or empty for nowhere (an invalid descriptor).
  static Result<FileDescriptor> openTarget(const std::string& target);

  // Starts the writer's thread, where there is something to write to.
  LineLog(FileDescriptor file, std::size_t max_buffered_bytes);
  // Writes what is buffered; of a pipe whose reader is stuck, only what it takes within two seconds.
  ~LineLog();
  LineLog(const LineLog&) = delete;
  LineLog& operator=(const LineLog&) = delete;

  // Whole lines with their newlines. Thread-safe; takes a lock for a memcpy.
  void append(std::string_view lines);
  // Whether anybody will ever see a line; callers may save themselves making one.
  bool enabled() const { return file_.valid(); }

  std::uint64_t droppedLines() const { return dropped_.load(std::memory_order_relaxed); }

 private:
  void run();
  bool writeOut(std::string_view bytes);
  bool waitForReader();

  FileDescriptor file_;
  const bool regular_;
  const std::size_t max_buffered_bytes_;
  std::atomic<std::uint64_t> dropped_{0};
  std::mutex mutex_;
  std::condition_variable filled_;
  std::string buffer_;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace wasabi
