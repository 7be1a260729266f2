// Whom we believe that a request is what it says of itself.
//
// Two header fields make a request count for less: `K-Proxy-Request: activator` says that the activator counts it, too,
// and `K-Kubelet-Probe` that it is no load at all. The stock queue-proxy believes everybody, so a client that sends
// them hides its load from the autoscaler, or passes the breaker. There is no secret between Knative's parts, so who
// may say so has to be told by the peer's address:
//
//   everybody  as the stock queue-proxy: right where the ingress strips these fields from what clients send
//   nobody     the field means nothing
//   listed     peers in these ranges
//   learned    (K-Proxy-Request only) a peer that does not also forward requests without the field. An activator marks
//              all that it forwards, and nothing else; an ingress forwards the requests of clients who mark nothing.
//              Who shares an address with unmarked traffic (a client behind an ingress; everybody in a mesh, where all
//              comes from the sidecar) is not believed while the last unmarked request is younger than kMemory.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/units.h"
#include "queueproxy/address_range.h"

namespace wasabi::queueproxy {

struct Belief {
  enum class Kind : std::uint8_t { kNobody, kEverybody, kLearned, kListed };
  Kind kind = Kind::kNobody;
  std::vector<AddressRange> peers;  // of kListed
};
inline constexpr std::size_t kMostBelievedRanges = 256;

// "none", "any", "learned" (where `may_learn`), or ranges with commas between.
Result<Belief> parseBelief(std::string_view text, bool may_learn);
std::string toString(const Belief& belief);

// Whether `peer` ("10.0.0.1:567") is one of those; kLearned counts as nobody here.
bool isBelieved(const Belief& belief, std::string_view peer);

// Judges K-Proxy-Request. Not thread-safe.
class ProxyClaims {
 public:
  static constexpr Duration kMemory = std::chrono::minutes(10);
  // Beyond them, who was quiet longest is forgotten.
  static constexpr std::size_t kMostPeers = 1024;

  explicit ProxyClaims(Belief belief) : belief_(std::move(belief)) {}

  // Of every request that is no probe: whether it `claims` to come from the activator. True: it is to be believed.
  bool judge(std::string_view peer, bool claims, TimePoint now);
  std::size_t peersKnown() const { return unmarked_.size(); }

 private:
  void sawUnmarked(std::string_view host, TimePoint now);

  const Belief belief_;
  std::map<std::string, TimePoint, std::less<>> unmarked_;  // peer -> its last request without the field
};

}  // namespace wasabi::queueproxy
