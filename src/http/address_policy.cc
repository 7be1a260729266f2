#include "http/address_policy.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>
#include <span>

namespace wasabi::http {
namespace {

struct Prefix {
  std::uint8_t bytes[16];
  unsigned bits;
};

// The IANA special-purpose registry for IPv4, less the few blocks in it that are globally reachable.
constexpr Prefix kSpecialIpv4[] = {
    {{0}, 8},              // this network
    {{10}, 8},             // private
    {{100, 64}, 10},       // shared (carrier-grade NAT)
    {{127}, 8},            // loopback
    {{169, 254}, 16},      // link-local, cloud metadata services
    {{172, 16}, 12},       // private
    {{192, 0, 0}, 24},     // IETF protocol assignments
    {{192, 0, 2}, 24},     // documentation
    {{192, 88, 99}, 24},   // 6to4 relays, withdrawn
    {{192, 168}, 16},      // private
    {{198, 18}, 15},       // benchmarking
    {{198, 51, 100}, 24},  // documentation
    {{203, 0, 113}, 24},   // documentation
    {{224}, 4},            // multicast
    {{240}, 4},            // reserved, broadcast
};

constexpr Prefix kSpecialIpv6[] = {
    {{0}, 96},                                   // unspecified, loopback, IPv4-compatible
    {{0x00, 0x64, 0xff, 0x9b, 0x00, 0x01}, 48},  // NAT64 with a local prefix
    {{0x01, 0x00}, 64},                          // discard
    {{0x20, 0x01}, 23},                          // IETF protocol assignments, Teredo among them
    {{0x20, 0x01, 0x0d, 0xb8}, 32},              // documentation
    {{0x3f, 0xff}, 20},                          // documentation
    {{0x5f, 0x00}, 16},                          // segment routing identifiers
    {{0xfc}, 7},                                 // unique local
    {{0xfe, 0x80}, 10},                          // link-local
    {{0xfe, 0xc0}, 10},                          // site-local, withdrawn
    {{0xff}, 8},                                 // multicast
};

// IPv6 prefixes behind which an IPv4 address stands, and at which byte. They are as special as that address.
struct Embedding {
  Prefix prefix;
  std::size_t offset;
};
constexpr Embedding kEmbeddings[] = {
    {{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, 96}, 12},  // IPv4-mapped
    {{{0x00, 0x64, 0xff, 0x9b}, 96}, 12},                    // NAT64, well-known prefix
    {{{0x20, 0x02}, 16}, 2},                                 // 6to4
};

bool sameFrontOf(const std::uint8_t* a, const std::uint8_t* b, std::size_t bits) {
  const std::size_t whole = bits / 8;
  if (std::memcmp(a, b, whole) != 0) return false;
  const auto rest = static_cast<unsigned>(bits % 8);
  return rest == 0 || ((a[whole] ^ b[whole]) >> (8 - rest)) == 0;
}

bool startsWith(const std::uint8_t* address, const Prefix& prefix) {
  return sameFrontOf(address, prefix.bytes, prefix.bits);
}

bool startsWithAny(const std::uint8_t* address, std::span<const Prefix> prefixes) {
  return std::any_of(prefixes.begin(), prefixes.end(),
                     [address](const Prefix& prefix) { return startsWith(address, prefix); });
}

}  // namespace

std::optional<IpAddress> parseIpAddress(std::string_view text) {
  const std::string terminated(text);
  if (terminated.size() != std::strlen(terminated.c_str())) return std::nullopt;
  IpAddress address;
  if (inet_pton(AF_INET, terminated.c_str(), address.bytes) == 1) {
    address.size = 4;
    return address;
  }
  if (inet_pton(AF_INET6, terminated.c_str(), address.bytes) == 1) {
    address.size = 16;
    return address;
  }
  return std::nullopt;
}

std::string toString(const IpAddress& address) {
  char text[INET6_ADDRSTRLEN] = {};
  inet_ntop(address.size == 4 ? AF_INET : AF_INET6, address.bytes, text, sizeof text);
  return text;
}

bool sameFront(const IpAddress& a, const IpAddress& b, std::size_t bits) {
  return sameFrontOf(a.bytes, b.bytes, bits);
}

bool isSpecialAddress(const IpAddress& address) {
  if (address.size == 4) return startsWithAny(address.bytes, kSpecialIpv4);
  for (const Embedding& embedding : kEmbeddings) {
    if (startsWith(address.bytes, embedding.prefix)) {
      return startsWithAny(address.bytes + embedding.offset, kSpecialIpv4);
    }
  }
  return startsWithAny(address.bytes, kSpecialIpv6);
}

AddressPolicy anyAddress() {
  return [](const IpAddress&) { return true; };
}

AddressPolicy publicAddresses() {
  return [](const IpAddress& address) { return !isSpecialAddress(address); };
}

}  // namespace wasabi::http
