// The engine's C header and the conversions its callers here share. Private: only .cc files of src/engine include it.
#pragma once

#include <wasabi_engine.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "engine/invocation_host.h"

namespace wasabi::engine {

inline wsb_bytes toAbi(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

inline wsb_bytes toAbi(std::span<const std::byte> data) {
  return {reinterpret_cast<const std::uint8_t*>(data.data()), data.size()};
}

inline std::string_view textOf(const wsb_bytes& bytes) {
  return {reinterpret_cast<const char*>(bytes.data), bytes.size};
}

inline std::span<const std::byte> bytesOf(const wsb_bytes& bytes) {
  return {reinterpret_cast<const std::byte*>(bytes.data), bytes.size};
}

std::vector<wsb_field> toAbi(std::span<const FieldView> fields);
std::vector<FieldView> fieldsOf(const wsb_field* fields, std::size_t count);

// The callbacks that lead to an InvocationHost (`user`) and a WakeSink (`wake_context`).
const wsb_callbacks& hostCallbacks();

// Collects the error of one call.
class AbiError {
 public:
  AbiError() = default;
  ~AbiError() { wsb_error_free(&error_); }
  AbiError(const AbiError&) = delete;
  AbiError& operator=(const AbiError&) = delete;

  wsb_error* out() { return &error_; }
  std::string_view text() const { return {error_.text, error_.size}; }

 private:
  wsb_error error_{};
};

}  // namespace wasabi::engine
