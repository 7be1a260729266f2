// Writes protobuf messages: fields in the order they are given, those with their default value left out (proto3).
// For the .cc files of this folder.
#pragma once

#include <bit>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace wasabi::queueproxy {

class ProtobufWriter {
 public:
  void text(std::uint32_t field, std::string_view value) {
    if (!value.empty()) message(field, value);
  }
  // Also of bytes. Written though it is empty, which of a message says that it is there.
  void message(std::uint32_t field, std::string_view value) {
    tag(field, kLengthDelimited);
    varint(value.size());
    out_ += value;
  }
  // Bits are compared, so that -0 is written as proto3 wants it.
  void number(std::uint32_t field, double value) {
    const auto bits = std::bit_cast<std::uint64_t>(value);
    if (bits != 0) fixed64(field, bits);
  }
  // Written though it is zero.
  void fixed64(std::uint32_t field, std::uint64_t value) {
    tag(field, kFixed64);
    for (int i = 0; i < 8; ++i) out_ += static_cast<char>(value >> (8 * i));
  }
  void fixed32(std::uint32_t field, std::uint32_t value) {
    tag(field, kFixed32);
    for (int i = 0; i < 4; ++i) out_ += static_cast<char>(value >> (8 * i));
  }
  void integer(std::uint32_t field, std::uint64_t value) {
    if (value != 0) member(field, value);
  }
  // Of a oneof: written though it is zero, which says which member is set.
  void member(std::uint32_t field, std::uint64_t value) {
    tag(field, kVarint);
    varint(value);
  }
  std::string take() { return std::move(out_); }

 private:
  static constexpr std::uint32_t kVarint = 0;
  static constexpr std::uint32_t kFixed64 = 1;
  static constexpr std::uint32_t kLengthDelimited = 2;
  static constexpr std::uint32_t kFixed32 = 5;

  void tag(std::uint32_t field, std::uint32_t type) { varint((field << 3) | type); }
  void varint(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) out_ += static_cast<char>(value | 0x80);
    out_ += static_cast<char>(value);
  }

  std::string out_;
};

}  // namespace wasabi::queueproxy
