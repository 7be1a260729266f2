// How layers become files: limits, owners, and what is told about it.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <stop_token>

#include "base/units.h"
#include "oci/root_tree.h"

namespace wasabi::oci {

// Of one image, all its layers together.
struct UnpackLimits {
  ByteSize bytes{16ull << 30};  // of archives unpacked, and of files with their holes
  std::uint64_t entries = 1'000'000;
  std::uint32_t ratio = 200;  // see StreamLimits
  ByteSize ratio_grace{64ull << 20};
  PathLimits path;
};

// Whose the files are.
enum class Owners : std::uint8_t {
  kKeep,    // as the layers say; needs root
  kShift,   // user and group ids of the layers begin at `first_id`, for a user namespace; needs root
  kRecord,  // all belong to this process; what the layers say is written to the file "owners"
};

struct Ownership {
  Owners owners = Owners::kKeep;
  std::uint32_t first_id = 0;  // kShift
  std::uint32_t ids = 65'536;  // kShift: ids from there on are refused

  bool operator==(const Ownership&) const = default;
  // kKeep for root, else kRecord.
  static Ownership forThisProcess();
};

struct UnpackReport {
  std::uint64_t entries = 0;
  std::uint64_t bytes = 0;            // of files, with their holes
  std::uint64_t removed = 0;          // by whiteouts
  std::uint64_t skipped_devices = 0;  // devices and sockets: the runtime makes the devices that a container may have
  std::uint64_t dropped_set_ids = 0;  // set-user-id and set-group-id bits of files: containers cannot gain rights
  std::uint64_t dropped_xattrs = 0;   // all but "user.*": "security.capability" would be rights, too

  bool operator==(const UnpackReport&) const = default;
};

struct UnpackOptions {
  UnpackLimits limits;
  Ownership ownership = Ownership::forThisProcess();
  std::stop_token stop;
  // Bytes of packed layers read so far, and of all. Called on the unpacking thread.
  std::function<void(std::uint64_t done, std::uint64_t all)> progress;
};

}  // namespace wasabi::oci
