#include "queueproxy/peer_trust.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace wasabi::queueproxy {
namespace {

constexpr TimePoint kStart{std::chrono::hours(1)};

Belief belief(std::string_view text) {
  auto parsed = parseBelief(text, true);
  EXPECT_TRUE(parsed) << text;
  return parsed ? std::move(*parsed) : Belief{};
}

TEST(AddressRangeTest, HoldsItsAddressesAndNoOthers) {
  struct Case {
    const char* range;
    const char* address;
    bool inside;
  };
  for (const Case& one :
       {Case{"10.0.0.0/8", "10.255.255.255", true}, Case{"10.0.0.0/8", "11.0.0.0", false},
        Case{"10.1.2.3", "10.1.2.3", true}, Case{"10.1.2.3", "10.1.2.2", false}, Case{"10.0.0.0/9", "10.127.0.0", true},
        Case{"10.0.0.0/9", "10.128.0.0", false}, Case{"0.0.0.0/0", "1.2.3.4", true}, Case{"0.0.0.0/0", "::1", false},
        Case{"::/0", "::1", true}, Case{"::/0", "1.2.3.4", false}, Case{"fd00::/8", "fdff::1", true},
        Case{"fd00::/8", "fe00::1", false}, Case{"10.0.0.0/8", "::ffff:10.0.0.1", true},
        Case{"10.0.0.0/8", "::ffff:11.0.0.1", false}}) {
    const auto range = parseAddressRange(one.range);
    const auto address = http::parseIpAddress(one.address);
    ASSERT_TRUE(range && address) << one.range;
    EXPECT_EQ(range->contains(*address), one.inside) << one.range << " " << one.address;
  }
}

TEST(AddressRangeTest, WhatIsNoneIsRefused) {
  for (const char* bad :
       {"", "10.0.0", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "::/129", "::/a", "host", "10.0.0.1/8/8"}) {
    EXPECT_FALSE(parseAddressRange(bad)) << bad;
  }
}

TEST(PeerHostTest, IsWithoutItsPort) {
  EXPECT_EQ(peerHost("10.0.0.1:80"), "10.0.0.1");
  EXPECT_EQ(peerHost("[::1]:80"), "::1");
  EXPECT_EQ(peerHost("unix"), "unix");
}

TEST(BeliefTest, IsWrittenAsItIsRead) {
  for (const char* text : {"none", "any", "learned", "10.0.0.0/8,fd00::1/128"}) {
    EXPECT_EQ(toString(belief(text)), text);
  }
  EXPECT_EQ(toString(belief(" 10.0.0.1 ,, ::1 ")), "10.0.0.1/32,::1/128");
  EXPECT_FALSE(parseBelief("learned", false));
  EXPECT_FALSE(parseBelief("", true));
  EXPECT_FALSE(parseBelief(" , ", true));
  EXPECT_FALSE(parseBelief("10.0.0.1,any", true));
  EXPECT_EQ(parseBelief("me", true).error().message(),
            "'me' is no address; write 10.0.0.1, 10.0.0.0/8 or fd00::/8, or one of none, any, learned alone");
}

TEST(BeliefTest, ListedPeersOnlyAreBelieved) {
  EXPECT_TRUE(isBelieved(belief("10.0.0.0/8"), "10.2.3.4:5"));
  EXPECT_FALSE(isBelieved(belief("10.0.0.0/8"), "11.2.3.4:5"));
  EXPECT_FALSE(isBelieved(belief("10.0.0.0/8"), "unix"));
  EXPECT_TRUE(isBelieved(belief("any"), "unix"));
  EXPECT_FALSE(isBelieved(belief("none"), "10.2.3.4:5"));
  EXPECT_FALSE(isBelieved(belief("learned"), "10.2.3.4:5"));
}

TEST(ProxyClaimsTest, AnActivatorIsBelievedFromItsFirstRequestOn) {
  ProxyClaims claims(belief("learned"));
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(claims.judge("10.0.0.1:1000", true, kStart));
}

// In serve mode the ingress forwards the requests of clients, who mark nothing, and of one who lies.
TEST(ProxyClaimsTest, AClientBehindAnIngressThatOthersUseIsNotBelieved) {
  ProxyClaims claims(belief("learned"));
  EXPECT_FALSE(claims.judge("10.0.0.9:1", false, kStart));
  EXPECT_FALSE(claims.judge("10.0.0.9:2", true, kStart));
  EXPECT_TRUE(claims.judge("10.0.0.1:1", true, kStart)) << "the activator is another peer";
}

TEST(ProxyClaimsTest, WhoSharedAnAddressWithUnmarkedTrafficIsBelievedAgainWhenThatIsLongGone) {
  ProxyClaims claims(belief("learned"));
  claims.judge("127.0.0.6:1", false, kStart);
  EXPECT_FALSE(claims.judge("127.0.0.6:1", true, kStart + ProxyClaims::kMemory - Duration(1)));
  EXPECT_TRUE(claims.judge("127.0.0.6:1", true, kStart + ProxyClaims::kMemory));
  claims.judge("127.0.0.6:1", false, kStart + ProxyClaims::kMemory);
  EXPECT_FALSE(claims.judge("127.0.0.6:1", true, kStart + ProxyClaims::kMemory));
}

TEST(ProxyClaimsTest, SettingsThatAreNotLearnedRemainWhatTheySay) {
  ProxyClaims any(belief("any"));
  any.judge("10.0.0.9:1", false, kStart);
  EXPECT_TRUE(any.judge("10.0.0.9:1", true, kStart));
  EXPECT_FALSE(any.judge("10.0.0.9:1", false, kStart));
  ProxyClaims none(belief("none"));
  EXPECT_FALSE(none.judge("10.0.0.9:1", true, kStart));
  ProxyClaims listed(belief("10.0.0.1"));
  EXPECT_TRUE(listed.judge("10.0.0.1:1", true, kStart));
  EXPECT_FALSE(listed.judge("10.0.0.2:1", true, kStart));
  EXPECT_EQ(any.peersKnown() + none.peersKnown() + listed.peersKnown(), 0u);
}

TEST(ProxyClaimsTest, TheTableOfPeersIsBoundedAndForgetsWhoWasQuietLongest) {
  ProxyClaims claims(belief("learned"));
  for (std::size_t i = 0; i <= ProxyClaims::kMostPeers; ++i) {
    claims.judge("h" + std::to_string(i) + ":1", false, kStart + Duration(i));
  }
  EXPECT_EQ(claims.peersKnown(), ProxyClaims::kMostPeers);
  EXPECT_TRUE(claims.judge("h0:1", true, kStart));
  EXPECT_FALSE(claims.judge("h1:1", true, kStart));
}

}  // namespace
}  // namespace wasabi::queueproxy
