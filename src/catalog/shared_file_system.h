// File systems that other machines write to, behind this kernel's back.
#pragma once

namespace wasabi::catalog {

// Whether the open file lies on one. True where that cannot be told.
bool isOnSharedFileSystem(int fd);
bool isOnSharedFileSystem(const char* path);

}  // namespace wasabi::catalog
