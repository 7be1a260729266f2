// Who the process of an image runs as.
#pragma once

#include <sys/types.h>

#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/units.h"

namespace wasabi::oci {

struct ImageUser {
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> groups;  // the user's further groups, where no group was named
  bool operator==(const ImageUser&) const = default;
};

// Larger files in the image are refused.
inline constexpr ByteSize kMaxUserFileBytes{1ull << 20};
// A user in more groups gets the first ones.
inline constexpr std::size_t kMaxUserGroups = 64;

// `text` is ImageConfig::user: "", "name", "uid", "name:group", "uid:gid". Names are looked up in the image's own
// /etc/passwd and /etc/group, links in it never leading out of the root. A bare uid gets the group that passwd has for
// it, else 0. kInvalid for a name that is not there.
Result<ImageUser> resolveImageUser(int root_fd, std::string_view text);

}  // namespace wasabi::oci
