// SHA-256, as digests of modules, layers and signatures use it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace wasabi {

using Sha256Bytes = std::array<std::uint8_t, 32>;

class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;

  void update(std::string_view bytes);
  // Once, at the end.
  Sha256Bytes finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

Sha256Bytes sha256(std::string_view bytes);

// In lower case.
std::string toHex(const std::uint8_t* bytes, std::size_t count);

}  // namespace wasabi
