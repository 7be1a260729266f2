// Who may use the API: tokens, shown once, of which only SHA-256 is kept (tokens.json).
//
// A token is "wsb_" and 256 random bits as 43 characters of base64url. Such a one cannot be guessed, so a plain hash is
// enough, and finding its record by the hash tells nothing to who measures time: what is compared is not what they
// chose. The comparison that decides takes the same time for every input.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "platform/disk.h"

namespace wasabi::platform {

inline constexpr std::string_view kTokenPrefix = "wsb_";

enum class Role : std::uint8_t {
  kOperator,  // everything
  kTenant,    // what belongs to its tenant
};
std::string_view nameOf(Role role);

inline constexpr std::size_t kMaxTokens = 10'000;
inline constexpr std::size_t kMaxTokensOfTenant = 100;  // it makes them itself, and leaves others theirs
inline constexpr std::size_t kMaxTokenName = 100;

struct TokenInfo {
  std::string id;  // 12 hex digits; names the token and does not tell it
  std::string name;
  Role role = Role::kTenant;
  std::string tenant;  // of kTenant
  std::int64_t created_ms = 0;
  std::int64_t last_used_ms = 0;  // to the hour; 0: never. Of the last hours may be lost with a crash
};

// Thread-safe. All but authenticate() and list() block on the disk.
class Tokens {
 public:
  static Result<std::unique_ptr<Tokens>> open(Disk& disk);
  ~Tokens();

  struct Created {
    TokenInfo info;
    std::string token;
  };
  Result<Created> create(std::string name, Role role, std::string tenant, std::int64_t now_ms);
  Result<void> revoke(std::string_view id);
  Result<void> revokeAllOf(std::string_view tenant);

  // Nothing if it is none of ours.
  std::optional<TokenInfo> authenticate(std::string_view token, std::int64_t now_ms);
  std::vector<TokenInfo> list() const;  // the oldest first

  // Writes when tokens were used, if that has changed. Once an hour and at the end.
  Result<void> flush();

 private:
  struct Impl;
  explicit Tokens(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace wasabi::platform
