// One version of a function: what was deployed, never changed afterwards.
#pragma once

#include <compare>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "catalog/container_settings.h"
#include "catalog/function_spec.h"
#include "catalog/platform_settings.h"

namespace wasabi::platform {

// SHA-256, as in names of modules, images, layers and directories of files.
using Digest = catalog::ModuleDigest;

struct Version {
  std::uint32_t number = 0;  // from 1; never given twice under one name (retired_numbers.h)
  // Limits, environment, arguments, secrets, outbound hosts and routes of both kinds; the module of a Wasm function.
  // `spec->files_directory` is where the data directory holds the files.
  catalog::FunctionPtr spec;
  std::optional<catalog::ContainerSettings> container;  // of a container function
  Digest image;                                         // of a container function: its image manifest's digest
  std::optional<Digest> files;
  catalog::PlatformSettings settings;
  // A digest over the module or image, the files and all settings: the same input gives the same one.
  Digest identity;
  std::string source;  // where it came from, for people: "upload", "oci://host/repository:tag"
  std::string created_by;
  std::int64_t created_ms = 0;  // milliseconds since 1970
  // What its module or image and its files take on disk.
  std::uint64_t content_bytes = 0;
  std::uint64_t files_bytes = 0;

  bool isContainer() const { return container.has_value(); }
  const FunctionName& name() const { return spec->name; }
  // Module or image.
  const Digest& content() const { return isContainer() ? image : spec->module; }
};

using VersionPtr = std::shared_ptr<const Version>;

// Names one version: "tenant/function@3".
struct VersionName {
  FunctionName function;
  std::uint32_t number = 0;

  auto operator<=>(const VersionName&) const = default;
  std::string toString() const;
};
Result<VersionName> parseVersionName(std::string_view text);

}  // namespace wasabi::platform

template <>
struct std::hash<wasabi::platform::VersionName> {
  std::size_t operator()(const wasabi::platform::VersionName& name) const noexcept {
    return std::hash<wasabi::FunctionName>()(name.function) * 31 + name.number;
  }
};
