// How a registry is talked to: transport, credentials, limits.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>

#include "base/units.h"
#include "oci/credentials.h"
#include "oci/manifest.h"

struct sockaddr;

namespace wasabi::oci {

enum class Transport : std::uint8_t {
  kAuto,  // HTTPS, but plain HTTP to this machine (isLoopback)
  kHttps,
  kPlainHttp,  // credentials go over the wire as they are
};

struct RegistryLimits {
  ByteSize document = kMaxDocumentBytes;
  ByteSize blob{10ull << 30};   // larger ones are refused before they are asked for
  ByteSize image{40ull << 30};  // of all its layers; likewise
  ByteSize head_fields{64ull << 10};
  int redirects = 5;
  Duration connect = std::chrono::seconds(15);
  Duration stall = std::chrono::seconds(30);  // without a byte in either direction
  // A failure that may pass (a cut connection, 429, 5xx) is followed by another attempt, after a wait that doubles.
  int attempts = 5;        // without a byte of progress between them
  int all_attempts = 100;  // of one blob
  Duration first_wait = std::chrono::milliseconds(250);
  Duration longest_wait = std::chrono::seconds(30);  // of a registry's Retry-After as well
  ByteSize upload_chunk{16ull << 20};  // what is larger goes up in chunks of it, and goes on from the last one
};

// Whether an address may be connected to. For servers that fetch what strangers name: without it, names can lead into
// the operator's own network. Asked on the calling thread, before each connection; of a proxy where one is used.
using AddressFilter = std::function<bool(const sockaddr& address, std::size_t size)>;

struct RegistryOptions {
  Transport transport = Transport::kAuto;
  std::optional<Credentials> credentials;  // none: anonymous
  std::string ca_file;                     // PEM, in place of the system's; empty for those
  std::string user_agent = "wasabi";
  RegistryLimits limits;
  AddressFilter may_connect;  // empty: any
};

// What the caller may do to, and hear of, work that takes long. The callback runs on the calling thread.
struct TransferControl {
  std::stop_token stop;  // noticed within about a second; the work ends with kUnavailable "cancelled"
  std::function<void(std::uint64_t done, std::uint64_t all)> progress;  // bytes
};

}  // namespace wasabi::oci
