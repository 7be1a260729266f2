// Names inside an open directory, resolved so that nothing outside of it can be reached, whatever links lie on the way
// and whoever moves them at the same moment. Errors of the system calls carry the name.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

#include "base/error.h"
#include "base/file_descriptor.h"
#include "base/units.h"

namespace wasabi::oci {

enum class Resolve {
  kInRoot,    // as after chroot: links are followed, "/" and ".." stop at the directory
  kAnywhere,  // as open() does
  kNoLinks,   // any link on the way is an error (kDenied)
  kBeneath,   // links are followed, but a step out of the directory is an error (kDenied), absolute links included
};

// openat2; `mode` matters with O_CREAT.
Result<FileDescriptor> openBeneath(int directory_fd, const std::string& path, int flags, Resolve resolve,
                                   mode_t mode = 0);

// A directory by its path, closed on exec.
Result<FileDescriptor> openDirectory(const std::string& path);
// Makes it if it is not there (its parent must be).
Result<FileDescriptor> makeDirectory(const std::string& path, mode_t mode);

// The whole of a regular file. kInvalid for anything else, kExhausted beyond `limit`. Never waits (on a pipe, say).
Result<std::string> readFileBeneath(int directory_fd, const std::string& path, ByteSize limit, Resolve resolve);

Result<void> writeAll(int fd, std::string_view bytes);

// Removes a name and everything below it, following no links. What is not there is gone already.
Result<void> removeTree(int directory_fd, const std::string& name);

}  // namespace wasabi::oci
