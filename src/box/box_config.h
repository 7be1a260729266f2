// Everything a box can be told. Each limit of the box stands here or in the structs it is made of; docs/box.md and
// docs/box-toml.md list them with their defaults.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/units.h"
#include "catalog/builder.h"
#include "catalog/function_spec.h"
#include "engine/engine.h"
#include "http/client.h"
#include "http/server.h"
#include "policy/memory_book.h"
#include "policy/request_queue.h"

namespace wasabi::box {

// Whether the box may compile modules itself.
enum class CompileMode : std::uint8_t {
  kOnDemand,  // a builder process is forked at the start
  kNever,     // only what the store already holds is run
};

// What guests may reach beside what the catalog allows by name.
enum class PrivateNetworks : std::uint8_t {
  kRefused,  // private, loopback and link-local addresses
  kAllowed,
};

enum class Lockdown : std::uint8_t { kOn, kOff };

// Who stands before the box.
enum class Front : std::uint8_t {
  kClients,  // or somebody who knows nothing of Wasabi: the box routes, and lets requests wait
  kGateway,  // of a single machine: it says which version serves a request and for whom, and keeps what finds no room
};

inline constexpr std::string_view kNoAdmin = "none";
inline constexpr std::string_view kNoHistory = "none";

struct ProgramBudget {
  ByteSize mapped{2ull << 30};  // compiled modules loaded at once
  std::uint32_t max_programs = 12'000;
  ByteSize warm_memory{256ull << 20};  // of idle slots, by the pool's count; above it programs are let go
  std::uint32_t max_loading = 20'000;  // waiting to be loaded; more are refused
  std::uint32_t loaders = 2;           // threads
};

struct InvocationLimits {
  // Half of what is promised to those who wait: beside 64 invocations that compute, p99 is then 0.7 to 1.0 ms instead
  // of 1.4 to 2.0 (bench `isolation`), and computing takes no more CPU time, within the noise of 3 %.
  Duration slice = std::chrono::microseconds(500);
  Duration tick = std::chrono::microseconds(500);
  std::size_t input_high_watermark = 256 * 1024;  // of request body held for a guest; the client rests above it
  std::size_t input_low_watermark = 64 * 1024;
  std::size_t command_head_bytes = 64 * 1024;  // output after which a command's response head goes out
  std::size_t log_line_bytes = 8 * 1024;       // a longer stderr line is cut into lines
  std::uint32_t outbound_per_invocation = 64;  // calls open at once
};

struct LogLimits {
  std::size_t buffered_bytes = 4 << 20;  // lines waiting for the writer; more are dropped and counted
};

struct MetricsLimits {
  std::uint32_t functions = 500;  // the busiest ones have series of their own, the rest is summed as `other`
};

// What all functions together may use. Whoever starts a box sets it: container_limits.h tells what there is.
struct Capacity {
  ByteSize memory;  // of what functions book
  double cpu = 0;   // cores
  bool operator==(const Capacity&) const = default;
};

struct TenantPolicy {
  std::uint32_t weight = 1;                  // of its share, against the other tenants'
  std::optional<std::uint32_t> concurrency;  // invocations at once, of all its functions; no bound of its own without
  bool operator==(const TenantPolicy&) const = default;
};

// What can change while the box runs.
struct LiveConfig {
  Capacity capacity;
  policy::BookingMode booking;     // how much of its limit a request books
  double kept_for_others = 0.125;  // of the capacity, and of the invocations at once; policy/tenant_shares.h
  Duration cpu_backlog = std::chrono::milliseconds(50);  // of runnable work; while there is more, new requests wait
  policy::QueueBounds queue;
  std::map<std::string, TenantPolicy> tenants;  // by name; for others the defaults hold
  bool operator==(const LiveConfig&) const = default;
};

struct BoxConfig : LiveConfig {
  std::string config_file;  // absolute; empty for none. May be read again while the box runs
  std::string config_text;  // of that file, when it was read
  std::string catalog_directory;
  std::string store_directory;
  std::string history_file;  // of what functions were seen to need, or kNoHistory; empty: in the store
  std::vector<std::string> listen = {"127.0.0.1:8080"};
  // "unix:/path", a loopback address or kNoAdmin; empty for the usual place (base/admin_address.h).
  std::string admin_listen;
  std::string access_log;    // file, "-" for standard output, empty for none
  std::string function_log;  // where guests' stderr goes; as above
  std::uint32_t workers = 1;
  CompileMode compile = CompileMode::kOnDemand;
  std::string verify_key_file;  // the builder's public key, needed with CompileMode::kNever
  PrivateNetworks private_networks = PrivateNetworks::kRefused;
  Lockdown lockdown = Lockdown::kOn;
  Front front = Front::kClients;
  // "unix:/path", to which the gateway connects to carry outbound calls; empty: the box makes them by itself.
  std::string egress_listen;
  std::string secrets_directory;  // values of functions' secrets, as <tenant>/<NAME>; empty: they get none
  Duration drain_delay = std::chrono::seconds(0);     // from SIGTERM to closing the listeners, for balancers to notice
  Duration drain_timeout = std::chrono::seconds(30);  // then running requests are cut

  catalog::FunctionLimits function_defaults;  // of manifests that do not name them

  engine::EngineConfig engine = engine::EngineConfig::defaults();
  catalog::BuilderConfig builder;
  http::ServerLimits http;
  http::ClientLimits outbound;
  ProgramBudget programs;
  InvocationLimits invocation;
  LogLimits log;
  MetricsLimits metrics;
};

}  // namespace wasabi::box
