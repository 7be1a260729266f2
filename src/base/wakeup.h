// Ends the wait of a thread that polls descriptors.
#pragma once

#include "base/file_descriptor.h"

namespace wasabi {

class Wakeup {
 public:
  // Not valid where the process has no descriptor left.
  Wakeup();

  bool valid() const { return event_.valid(); }
  // Readable from a wake() until clear().
  int fd() const { return event_.get(); }

  // From any thread.
  void wake() const;
  void clear() const;

 private:
  FileDescriptor event_;
};

}  // namespace wasabi
