// What a registry without a registry brings, for tests.
#pragma once

#include <string_view>

#include "deploy/module_puller.h"

namespace wasabi::deploy {

// As if it were the module of an image whose manifest reads "manifest".
inline Result<oci::PulledWasm> bringModule(const oci::ImageLayout& into, std::string_view module) {
  auto blob = into.putDocument(module, "application/wasm");
  if (!blob) return fail(std::move(blob).error());
  Result<oci::PulledWasm> pulled;
  pulled->image.descriptor.digest = oci::digestOf("manifest");
  pulled->module = *std::move(blob);
  return pulled;
}

}  // namespace wasabi::deploy
