// An OCI image layout, or a folder of plain files, as one archive, for sending.
#pragma once

#include <string>

#include "base/error.h"

namespace wasabi::oci {

// Writes the layout in `directory` as a plain tar archive to an open file, from where that is: its mark, its index and
// its blobs, and nothing else that may lie there. Blocks. kInvalid if it is no layout.
Result<void> archiveLayout(const std::string& directory, int to_fd);
// All that is in `directory`: files, links as links, folders. kInvalid where something else is among them. Blocks.
Result<void> archiveFiles(const std::string& directory, int to_fd);

}  // namespace wasabi::oci
