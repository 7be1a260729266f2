// An OCI image layout as one archive, for sending.
#pragma once

#include <string>

#include "base/error.h"

namespace wasabi::oci {

// Writes the layout in `directory` as a plain tar archive to an open file, from where that is: its mark, its index and
// its blobs, and nothing else that may lie there. Blocks. kInvalid if it is no layout.
Result<void> archiveLayout(const std::string& directory, int to_fd);

}  // namespace wasabi::oci
