// What somebody wants to deploy.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/function_name.h"
#include "platform/version.h"

namespace wasabi::platform {

// Of `source` and of `created_by`.
inline constexpr std::size_t kMaxSourceBytes = 4'096;

struct Deployment {
  FunctionName name;
  std::string manifest;  // as the user gave it; may be empty for a module alone
  // One of the two; both are in the data directory already. A module may also be named by its digest in the manifest.
  std::optional<Digest> module;
  std::optional<Digest> image;
  std::optional<Digest> files;
  std::uint64_t content_bytes = 0;  // of the module or image
  std::uint64_t files_bytes = 0;
  std::string source;
  std::string created_by;
  std::int64_t now_ms = 0;
  bool promote = true;  // all traffic once it is ready
};

}  // namespace wasabi::platform
