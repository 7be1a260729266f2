// How many times this program has allocated memory: lets a test tell that a call allocates nothing.
#pragma once

#include <cstddef>

namespace wasabi::catalog {

std::size_t allocationsSoFar();

}  // namespace wasabi::catalog
