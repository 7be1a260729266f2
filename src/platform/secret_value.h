// Bytes that are wiped from memory when they are not needed any more.
#pragma once

#include <string>
#include <string_view>
#include <utility>

namespace wasabi::platform {

class SecretValue {
 public:
  SecretValue() = default;
  explicit SecretValue(std::string bytes) : bytes_(std::move(bytes)) {}
  SecretValue(SecretValue&& other) noexcept;
  SecretValue& operator=(SecretValue&& other) noexcept;
  SecretValue(const SecretValue&) = delete;
  SecretValue& operator=(const SecretValue&) = delete;
  ~SecretValue() { wipe(); }

  // Not to be copied, logged or kept.
  std::string_view reveal() const { return bytes_; }

 private:
  void wipe();
  std::string bytes_;
};

}  // namespace wasabi::platform
