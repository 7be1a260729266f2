// Header fields of the HTTP side, as the engine takes them.
#pragma once

#include <vector>

#include "engine/invocation_host.h"
#include "http/message.h"

namespace wasabi::box {

// The views hold as long as `fields` is not changed.
inline std::vector<engine::FieldView> viewsOf(const http::Fields& fields) {
  std::vector<engine::FieldView> views;
  views.reserve(fields.size());
  for (const auto& [name, value] : fields) views.push_back({name, value});
  return views;
}

}  // namespace wasabi::box
