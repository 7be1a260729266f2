// What a manifest asks of the platform around the box: who may call, how many copies, beside whom, and when a new
// version may have traffic. A box holds none of it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/units.h"

namespace wasabi::catalog {

enum class Visibility : std::uint8_t {
  kPublic,  // everybody
  kToken,   // who shows a token of the tenant, and functions of the tenant
  kTenant,  // functions of the tenant alone
};
std::string_view nameOf(Visibility visibility);
std::optional<Visibility> parseVisibility(std::string_view text);

enum class Isolation : std::uint8_t {
  kShared,     // in superpods with other tenants
  kDedicated,  // in superpods of its tenant alone
};
std::string_view nameOf(Isolation isolation);
std::optional<Isolation> parseIsolation(std::string_view text);

// Of a container function: its containers. Of a Wasm function: the superpods that hold it ready.
struct Scale {
  std::uint32_t min = 0;
  std::uint32_t max = 100;
  bool operator==(const Scale&) const = default;
};
inline constexpr std::uint32_t kMaxScale = 1'000;

// A GET that a new version has to answer before it gets traffic.
struct Check {
  std::string path = "/";               // of the function: after its prefix, with a query if wanted
  std::optional<std::uint16_t> status;  // any 2xx when absent
  Duration timeout = std::chrono::seconds(10);
  bool operator==(const Check&) const = default;
};

// Each only where the manifest names it.
struct PlatformSettings {
  std::optional<Visibility> visibility;
  std::optional<Isolation> isolation;
  std::optional<Scale> scale;
  std::optional<Check> check;
  bool operator==(const PlatformSettings&) const = default;
};

}  // namespace wasabi::catalog
