// The table of all that can be set: which variable, which annotation, what may stand there, and where it goes. What
// reads a configuration and what checks docs/queue-proxy.md go by it. For the .cc files of this folder.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "queueproxy/config.h"

namespace wasabi::queueproxy {

struct ConfigVariable {
  std::string_view name;        // USER_PORT
  std::string_view annotation;  // wasabi.dev/memory-unit, which comes before the variable; or empty
  std::string_view type;
  std::string usual;  // the default as it would be written; empty where nothing is set
  std::string range;  // empty where anything goes
  // An error says what would be right; whose value it is, is said by who calls.
  std::function<Result<void>(const std::string& value, QueueProxyConfig&)> read;
};

inline constexpr std::string_view kAnnotationDomain = "wasabi.dev/";

// In the order in which they are read: what comes later may look at what came before it.
const std::vector<ConfigVariable>& configVariables();

// Accepted without effect: by Knative's controllers of some version, and of no use here.
const std::vector<std::string_view>& ignoredVariables();

}  // namespace wasabi::queueproxy
