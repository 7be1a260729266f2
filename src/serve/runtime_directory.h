// Where a server keeps sockets and secrets of what it runs: in memory, closed to others, with a short path (a socket's
// may have 107 bytes).
#pragma once

#include <string>

#include "base/error.h"

namespace wasabi::serve {

// Of the server with this data directory, the same at each start: /run/wasabi/<id> for root, else
// $XDG_RUNTIME_DIR/wasabi/<id>, and where that is not in memory /dev/shm/wasabi-<uid>/<id>. Emptied: whoever holds the
// data directory's lock may. kDenied: it belongs to somebody else.
Result<std::string> makeRuntimeDirectory(const std::string& data_directory);

}  // namespace wasabi::serve
