// What ends a program, or makes it read its configuration again: signals, which no handler takes anywhere, and wishes
// from inside. The main thread waits for them.
#pragma once

#include <cstdint>

#include "base/file_descriptor.h"
#include "base/units.h"
#include "base/wakeup.h"

namespace wasabi {

class Signals {
 public:
  enum class Reload : std::uint8_t { kIgnoredByDefault, kTaken };

  // Before any other thread exists: blocks SIGTERM, SIGINT and, if it is taken, SIGHUP for all of them; SIGPIPE is
  // ignored.
  explicit Signals(Reload reload);

  // Not where the process has no descriptor left.
  bool valid() const { return signals_.valid() && end_asked_.valid() && reload_asked_.valid(); }

  // From any thread: ends wait() as a signal does. A wish that comes while nobody waits is kept.
  void askToEnd() const { end_asked_.wake(); }
  void askToReload() const { reload_asked_.wake(); }

  enum class Wanted : std::uint8_t { kEnd, kReload };
  Wanted wait() const;
  // Whether a signal to end came within the time.
  bool waitFor(Duration time) const;

 private:
  int takeSignal() const;

  FileDescriptor signals_;
  Wakeup end_asked_;
  Wakeup reload_asked_;
};

}  // namespace wasabi
