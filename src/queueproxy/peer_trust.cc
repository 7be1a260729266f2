#include "queueproxy/peer_trust.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "queueproxy/list_text.h"

namespace wasabi::queueproxy {

Result<Belief> parseBelief(std::string_view text, bool may_learn) {
  if (text == "none") return Belief{Belief::Kind::kNobody, {}};
  if (text == "any") return Belief{Belief::Kind::kEverybody, {}};
  if (text == "learned" && may_learn) return Belief{Belief::Kind::kLearned, {}};
  Belief belief{Belief::Kind::kListed, {}};
  for (const std::string_view member : splitList(text)) {
    auto range = parseAddressRange(member);
    if (!range) {
      return fail(ErrorCode::kInvalid, fmt::format("{}, or one of {} alone", range.error().message(),
                                                   may_learn ? "none, any, learned" : "none, any"));
    }
    belief.peers.push_back(*range);
  }
  if (belief.peers.empty() || belief.peers.size() > kMostBelievedRanges) {
    return fail(ErrorCode::kInvalid, fmt::format("write {}, or up to {} address ranges with commas between",
                                                 may_learn ? "none, any, learned" : "none, any", kMostBelievedRanges));
  }
  return belief;
}

std::string toString(const Belief& belief) {
  switch (belief.kind) {
    case Belief::Kind::kNobody:
      return "none";
    case Belief::Kind::kEverybody:
      return "any";
    case Belief::Kind::kLearned:
      return "learned";
    case Belief::Kind::kListed:
      break;
  }
  std::string text;
  for (const AddressRange& range : belief.peers) text += (text.empty() ? "" : ",") + toString(range);
  return text;
}

bool isBelieved(const Belief& belief, std::string_view peer) {
  if (belief.kind == Belief::Kind::kEverybody) return true;
  if (belief.kind != Belief::Kind::kListed) return false;
  const auto address = http::parseIpAddress(peerHost(peer));
  return address && std::any_of(belief.peers.begin(), belief.peers.end(),
                                [&](const AddressRange& range) { return range.contains(*address); });
}

bool ProxyClaims::judge(std::string_view peer, bool claims, TimePoint now) {
  if (belief_.kind != Belief::Kind::kLearned) return claims && isBelieved(belief_, peer);
  const std::string_view host = peerHost(peer);
  if (!claims) {
    sawUnmarked(host, now);
    return false;
  }
  const auto found = unmarked_.find(host);
  return found == unmarked_.end() || now - found->second >= kMemory;
}

void ProxyClaims::sawUnmarked(std::string_view host, TimePoint now) {
  const auto found = unmarked_.find(host);
  if (found != unmarked_.end()) {
    found->second = now;
    return;
  }
  if (unmarked_.size() >= kMostPeers) {
    const auto quietest = std::min_element(unmarked_.begin(), unmarked_.end(),
                                           [](const auto& a, const auto& b) { return a.second < b.second; });
    unmarked_.erase(quietest);
  }
  unmarked_.emplace(host, now);
}

}  // namespace wasabi::queueproxy
