// What a function is, as its manifest says it: immutable once read. See docs/manifest.md for the file format.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/function_name.h"
#include "base/units.h"

namespace wasabi::catalog {

// SHA-256 of a module's bytes.
struct ModuleDigest {
  std::array<std::uint8_t, 32> bytes{};
  auto operator<=>(const ModuleDigest&) const = default;
  std::string toHex() const;
};
// Of 64 hex digits.
Result<ModuleDigest> parseModuleDigest(std::string_view hex);

// How a command's output becomes a response (design section 7.2).
enum class CommandHttp : std::uint8_t {
  kPlain,  // stdout is the body
  kCgi,    // stdout starts with CGI header lines
};

struct FunctionLimits {
  ByteSize memory{200ull << 20};
  std::optional<double> cpu;                    // cores; without it the fair share is all that bounds it
  Duration timeout = std::chrono::seconds(30);  // wall clock, from the request's head
  std::uint32_t concurrency = 1'000;            // invocations at once; more wait
  std::optional<ByteSize> request_body;         // 413 beyond it
  ByteSize response_body{1ull << 40};           // the invocation is ended beyond it
  ByteSize log_per_second{64ull << 10};         // stderr beyond it is dropped, and counted
  bool operator==(const FunctionLimits&) const = default;
};

// Where requests for the function come in, besides /<tenant>/<function>.
struct Route {
  std::string host;         // lower case, without port; empty for any
  std::string path_prefix;  // starts with '/', matches whole segments
  bool operator==(const Route&) const = default;
};

// A host a function may call: "api.example.com", "*.example.com" or either with ":port".
struct OutboundHost {
  std::string host;  // lower case; without the "*." of a wildcard
  bool subdomains = false;
  std::optional<std::uint16_t> port;  // 80 and 443 when absent
  bool operator==(const OutboundHost&) const = default;
};
bool matches(const OutboundHost& allowed, std::string_view lower_case_host, std::uint16_t port);

// Whom an outbound call is for: "API.example.com" by https is api.example.com, port 443. Nothing where the port is no
// number.
struct OutboundPeer {
  std::string host;  // lower case
  std::uint16_t port = 0;
};
std::optional<OutboundPeer> outboundPeer(std::string_view authority, bool tls);

// One immutable version of a function.
struct FunctionSpec {
  FunctionName name;
  ModuleDigest module;
  std::string module_file;  // where the module was read from; for messages
  std::string version;      // 12 hex digits of a digest over module and settings: "3f2a..."
  FunctionLimits limits;
  std::map<std::string, std::string> environment;
  std::vector<std::string> secrets;  // names of those that it finds in its environment
  std::vector<std::string> arguments;
  CommandHttp command_http = CommandHttp::kPlain;
  std::string files_directory;  // absolute; empty for none. The guest sees it read-only as "/"
  std::vector<OutboundHost> outbound;
  std::uint32_t reuse = 0;  // how many further requests an instance may serve; wasi:http only
  std::vector<Route> routes;
  std::string manifest_file;  // for messages
  bool operator==(const FunctionSpec&) const = default;

  bool mayCall(const OutboundPeer& peer) const;
};

// What `FunctionSpec::version` has to be: it depends on the module and on every setting that an invocation can
// notice, and not on the function's name, its routes or where its files were read from.
std::string versionOf(const FunctionSpec& spec);

using FunctionPtr = std::shared_ptr<const FunctionSpec>;

}  // namespace wasabi::catalog
