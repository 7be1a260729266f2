// The control groups that an OCI runtime made for a container, v1 or v2.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace wasabi::sandbox {

// The folders of the groups with that name beside or beneath this process's own, or at the top: runtimes differ.
std::vector<std::string> controlGroupsOf(std::string_view name);

// The kernel has killed something in one of them for want of memory.
bool killedForMemory(const std::vector<std::string>& groups);

}  // namespace wasabi::sandbox
