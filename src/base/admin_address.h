// Where the admin listener is when nobody says: a unix socket of this box alone, named after the first address it
// serves at, which no two boxes of one machine can share.
//
//   first listener           admin listener
//   127.0.0.1:8080           <folder>/127.0.0.1:8080.sock
//   unix:/srv/box.sock       /srv/box.sock.admin
//
// <folder> is `wasabi` in $XDG_RUNTIME_DIR where that is a directory of this user, else /run/wasabi for root, else
// /tmp/wasabi-<uid>. It is made if absent, for this user only.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

#include "base/error.h"

namespace wasabi {

struct AdminPlaces {
  std::string runtime_directory;  // of the user; may be empty
  std::string system_directory = "/run";
  std::string temporary_directory = "/tmp";
  uid_t user = 0;

  static AdminPlaces ofThisProcess();
};

// <folder>, whether or not it is there: where to look for boxes that run.
std::string usualAdminFolder(const AdminPlaces& places);
// "unix:/path". Makes the folder. An error says what else the operator can do.
Result<std::string> usualAdminAddress(std::string_view first_listener, const AdminPlaces& places);

}  // namespace wasabi
