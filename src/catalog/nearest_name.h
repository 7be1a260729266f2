// What somebody who wrote an unknown name probably meant.
#pragma once

#include <optional>
#include <span>
#include <string_view>

namespace wasabi::catalog {

// The known name with the fewest typing errors (letters missing, extra, wrong or swapped) from `name`, if at most a
// third of it is wrong.
std::optional<std::string_view> nearestName(std::string_view name, std::span<const std::string_view> known);

}  // namespace wasabi::catalog
