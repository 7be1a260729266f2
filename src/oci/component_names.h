// Which interfaces a component imports and exports, as the config of an artifact lists them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace wasabi::oci {

struct ComponentNames {
  std::vector<std::string> imports;  // "wasi:http/types@0.2.0", in the order of the file
  std::vector<std::string> exports;
};

inline constexpr std::size_t kMaxComponentNames = 4'096;

// `component` is a whole file. Looks at its outermost level only, and checks no more than it must to find the names.
// kInvalid if it is no component or is cut.
Result<ComponentNames> componentNames(std::string_view component);

}  // namespace wasabi::oci
