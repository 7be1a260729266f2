// A compiled module that becomes code of this process: an open file that nobody can change unnoticed.
//
// The hold is a read lease (fcntl(2), F_SETLEASE) on the very descriptor that is verified and mapped. Whoever opens the
// file for writing or truncates it meanwhile is kept waiting by the kernel, for /proc/sys/fs/lease-break-time (45 s) at
// most, and this process gets SIGIO: time to let go of the mapping, which would else end the process (SIGBUS) or run
// what was written. Removing the file, or putting another in its place, is no writing: it waits for nobody.
//
// SIGIO must be blocked in all threads, or handled: by default it ends a process.
#pragma once

#include <optional>

#include "base/error.h"
#include "base/file_descriptor.h"

namespace wasabi::catalog {

class HeldFile {
 public:
  // Holds the file, which must be open for reading only, if the kernel lets us (see whyNotHeld). kCorrupt: somebody has
  // it open for writing at this moment.
  static Result<HeldFile> hold(FileDescriptor file);
  HeldFile(const HeldFile&) = delete;
  HeldFile& operator=(const HeldFile&) = delete;
  HeldFile(HeldFile&&) noexcept = default;
  HeldFile& operator=(HeldFile&&) = delete;
  // Lets go: a waiting writer goes on, even while duplicates of the descriptor or mappings are left.
  ~HeldFile();

  const FileDescriptor& descriptor() const { return file_; }

  // Thread-safe. Somebody wants to write the file, and waits (or has waited long enough and goes on).
  bool isWanted() const;

  // Nothing if the file is held. It cannot be where it belongs to another user, on file systems without leases, and on
  // those that other machines write to.
  std::optional<Error> whyNotHeld() const;

 private:
  HeldFile(FileDescriptor file, int refusal) : file_(std::move(file)), refusal_(refusal) {}

  FileDescriptor file_;
  int refusal_;  // errno, 0 when held
};

}  // namespace wasabi::catalog
