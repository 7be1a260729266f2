// Opening what lies in a folder, whatever links lie on the way: nothing outside of it can be reached.
#pragma once

#include <string>

#include "base/error.h"
#include "base/file_descriptor.h"

namespace wasabi::catalog {

// `path` is relative to the open folder. kDenied if it is absolute or leads out of the folder.
Result<FileDescriptor> openBeneath(int directory_fd, const std::string& path, int flags);

}  // namespace wasabi::catalog
