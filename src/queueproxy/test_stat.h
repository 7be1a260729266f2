// What the autoscaler makes of the figures that it scrapes: for tests.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace wasabi::queueproxy {

struct DecodedStat {
  std::string pod_name;
  std::map<int, double> figures;  // by field
  bool ok = true;
};

// As strict as the autoscaler's decoder: an unknown field, a wrong type or a cut message is an error.
inline DecodedStat decodedStat(std::string_view text) {
  DecodedStat decoded;
  while (!text.empty() && decoded.ok) {
    const unsigned tag = static_cast<unsigned char>(text[0]);
    const unsigned field = tag >> 3;
    const unsigned type = tag & 7;
    if (field == 1 && type == 2 && text.size() >= 2) {
      std::size_t size = static_cast<unsigned char>(text[1]);
      std::size_t head = 2;
      if (size >= 0x80 && text.size() >= 3) {
        size = (size & 0x7f) + (static_cast<std::size_t>(static_cast<unsigned char>(text[2])) << 7);
        head = 3;
      }
      decoded.ok = text.size() >= head + size;
      if (!decoded.ok) break;
      decoded.pod_name = text.substr(head, size);
      text.remove_prefix(head + size);
    } else if (field >= 2 && field <= 6 && type == 1 && text.size() >= 9) {
      std::uint64_t bits = 0;
      for (std::size_t i = 8; i >= 1; --i) bits = bits << 8 | static_cast<unsigned char>(text[i]);
      decoded.figures[static_cast<int>(field)] = std::bit_cast<double>(bits);
      text.remove_prefix(9);
    } else {
      decoded.ok = false;
    }
  }
  return decoded;
}

}  // namespace wasabi::queueproxy
