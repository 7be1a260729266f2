// What an image says about the process that runs in it, and the digests of its unpacked layers.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "oci/digest.h"
#include "oci/manifest.h"

namespace wasabi::oci {

enum class PortProtocol : std::uint8_t { kTcp, kUdp, kSctp };

struct ExposedPort {
  std::uint16_t port = 0;
  PortProtocol protocol = PortProtocol::kTcp;
  bool operator==(const ExposedPort&) const = default;
};

struct ImageConfig {
  Platform platform;
  std::vector<std::string> entrypoint;
  std::vector<std::string> cmd;
  std::vector<std::string> env;  // "NAME=value"
  std::string working_dir;       // empty: "/"
  std::string user;              // "name", "1000", "name:group", "1000:1000"; empty: root. See image_user.h
  std::vector<ExposedPort> exposed_ports;
  std::string stop_signal;  // "SIGTERM", "15"; empty: none is said
  std::map<std::string, std::string, std::less<>> labels;
  std::vector<Digest> diff_ids;  // of the layers unpacked (plain tar), lowest first

  bool operator==(const ImageConfig&) const = default;
  // Entrypoint and Cmd together; empty where the image names no program.
  std::vector<std::string> command() const;
};

inline constexpr std::size_t kMaxConfigEntries = 4'096;  // of each list

// kInvalid names the member that is wrong. Environment entries without a name, and anything with a NUL, are refused.
Result<ImageConfig> parseImageConfig(std::string_view json);

class ImageLayout;
// The config of an image in a layout. kInvalid if it is no image for containers, or one for another platform.
Result<ImageConfig> readImageConfig(const ImageLayout& layout, const Manifest& manifest, const Platform& wanted);
Result<void> checkPlatform(const ImageConfig& config, const Platform& wanted);

// The name of a layer stack: of one layer its diff_id, of more SHA-256 over "<chain id below> <diff_id>".
// The diff_ids are not empty.
Digest chainId(const std::vector<Digest>& diff_ids);

}  // namespace wasabi::oci
