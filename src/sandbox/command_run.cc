#include "sandbox/command_run.h"

#include <fmt/format.h>

#include <condition_variable>
#include <mutex>
#include <optional>
#include <utility>

namespace wasabi::sandbox {
namespace {

constexpr std::size_t kMostOutput = 64 * 1024;

}  // namespace

Result<std::string> runToEnd(ProcessBackend& processes, Command command, Duration most) {
  std::mutex mutex;
  std::condition_variable changed;
  std::string output;
  std::string last_line;
  std::optional<Exit> exit;
  const std::string program = command.words.front();
  // The last of these to be made: no event comes once it is destroyed.
  auto running = processes.run(std::move(command), {[&](std::string_view line) {
                                                      const std::scoped_lock lock(mutex);
                                                      last_line = line;
                                                      if (output.size() + line.size() >= kMostOutput) return;
                                                      output.append(line).push_back('\n');
                                                    },
                                                    [&](const Exit& how) {
                                                      const std::scoped_lock lock(mutex);
                                                      exit = how;
                                                      changed.notify_all();
                                                    }});
  if (!running) return fail(std::move(running.error()));
  std::unique_lock lock(mutex);
  if (!changed.wait_for(lock, most, [&] { return exit.has_value(); })) {
    lock.unlock();
    running->reset();
    return fail(ErrorCode::kTimeout, fmt::format("{} did not end within {}", program, toString(most)));
  }
  lock.unlock();
  running->reset();
  if (exit->code != 0) return fail(ErrorCode::kIo, fmt::format("{} {}: {}", program, exit->words(), last_line));
  return output;
}

}  // namespace wasabi::sandbox
