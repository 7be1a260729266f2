// What a registry wants to see: the WWW-Authenticate field.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace wasabi::oci {

struct AuthChallenge {
  std::string scheme;                                          // lower case: "bearer", "basic"
  std::map<std::string, std::string, std::less<>> parameters;  // names in lower case

  std::string_view parameter(std::string_view name) const;
};

inline constexpr std::size_t kMaxChallenges = 8;
inline constexpr std::size_t kMaxChallengeParameters = 16;

// All challenges of one field (several fields are joined by commas). What does not follow the grammar ends the list;
// what was read before it counts.
std::vector<AuthChallenge> parseChallenges(std::string_view text);

}  // namespace wasabi::oci
