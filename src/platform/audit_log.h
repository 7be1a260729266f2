// Who has asked what of the API: one JSON object a line, in audit.log and the files it was before (audit.log.1 is the
// youngest of them). Calls without a token of ours have a log of their own, refused.log, so that nobody from outside
// can push out what was done.
//
// Lines are written at once and survive the end of this process; of a loss of power those that the kernel has not
// written yet do not. A line that cannot be written is counted and told, and delays no answer.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/file_descriptor.h"
#include "base/units.h"

namespace wasabi::platform {

struct AuditEntry {
  std::int64_t unix_ms = 0;
  std::string_view request_id;
  std::string_view token_id;  // empty: without a token
  std::string_view role;
  std::string_view tenant;
  std::string_view peer;    // address, or "unix"
  std::string_view method;  // of the call: "PUT"
  std::string_view path;    // without its query: that may hold what must not be written
  int status = 0;
  std::string_view error;      // reason of a refusal
  std::uint64_t left_out = 0;  // calls without a line, since the line before
};

struct AuditLimits {
  ByteSize file{16ull << 20};
  std::uint32_t old_files = 4;
  std::size_t text_bytes = 1'024;  // of each text of an entry; the rest is cut
};

// Of refused.log.
inline constexpr AuditLimits kRefusedLimits{ByteSize{4ull << 20}, 1, 256};

// Thread-safe. Blocks on the disk.
class AuditLog {
 public:
  static Result<std::unique_ptr<AuditLog>> open(std::string directory, const AuditLimits& limits = {},
                                                std::string name = "audit.log");

  // The error is for the operator's log; the call that is audited goes on.
  Result<void> write(const AuditEntry& entry);
  std::uint64_t lost() const;

 private:
  AuditLog(std::string path, const AuditLimits& limits, FileDescriptor file, std::uint64_t size);
  Result<void> rotate();
  std::string pathOf(std::uint32_t age) const;

  const std::string path_;
  const AuditLimits limits_;
  mutable std::mutex mutex_;
  FileDescriptor file_;
  std::uint64_t size_;
  std::uint64_t lost_ = 0;
};

}  // namespace wasabi::platform
