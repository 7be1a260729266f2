// What the box's process and the builder's say to each other: one message per packet of a SOCK_SEQPACKET pair.
// Both are the same program, so numbers are in its own byte order; the builder still trusts nothing it reads.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/error.h"
#include "base/file_descriptor.h"
#include "catalog/builder.h"
#include "catalog/function_spec.h"

namespace wasabi::catalog {

struct BuildRequest {
  std::uint64_t id = 0;
  BuildPriority priority = BuildPriority::kRequested;
  ModuleDigest digest;
  std::string module_file;
};

// Somebody waits for a module that was asked for with kBackground. Without effect once it is built.
struct Promotion {
  std::uint64_t id = 0;
};

using ToBuilder = std::variant<BuildRequest, Promotion>;

// The first message of the builder: that it is ready, or why it cannot be.
struct BuilderHello {
  VerifyKey key;
  std::string fingerprint;
};

struct BuildReply {
  std::uint64_t id = 0;
  Result<void> result;
};

inline constexpr std::size_t kMaxModulePathBytes = 4096;
inline constexpr std::size_t kMaxPacketBytes = 8192;

std::string encode(const ToBuilder& message);
std::string encode(const Result<BuilderHello>& hello);
std::string encode(const BuildReply& reply);
// The same form as a reply, for the process of one build.
std::string encode(const Result<void>& result);

// Nothing if the packet is not what it should be.
std::optional<ToBuilder> decodeToBuilder(std::string_view packet);
std::optional<Result<BuilderHello>> decodeHello(std::string_view packet);
std::optional<BuildReply> decodeReply(std::string_view packet);
std::optional<Result<void>> decodeResult(std::string_view packet);

// kUnavailable when the other side is gone. Blocks while there is no room.
Result<void> sendPacket(int socket, std::string_view packet);
// Blocks until there is one; empty at the end of the stream.
Result<std::string> receivePacket(int socket);

}  // namespace wasabi::catalog
