// What a container used, from the files of its control groups (v1 or v2).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/units.h"

namespace wasabi::sandbox {

// What the kernel does not tell is nothing, and not 0.
struct GroupUse {
  std::optional<Duration> cpu;     // processor time since the group was made
  std::optional<ByteSize> memory;  // now; as its limit counts it, so that cached files are in it
  std::optional<ByteSize> peak;    // the most that `memory` was
};

// Reads three small files of the kernel, which blocks nobody.
class GroupReader {
 public:
  // `folders`: of one container's groups, as controlGroupsOf() finds them. v1 has several, each with a part of it.
  explicit GroupReader(const std::vector<std::string>& folders);
  GroupReader() = default;  // of none

  // Processor time and memory are both told. While a runtime still makes the groups, some are missing.
  bool isComplete() const { return !cpu_.path.empty() && !memory_.empty(); }
  // Of a group that is gone: nothing.
  GroupUse read() const;

 private:
  struct CpuFile {
    std::string path;
    bool is_v2 = false;
  };
  CpuFile cpu_;
  std::string memory_;
  std::string peak_;
};

}  // namespace wasabi::sandbox
