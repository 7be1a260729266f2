// What runs at one moment, for operators: the oldest invocations, and how many there are.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/units.h"
#include "box/invocation_gauges.h"
#include "catalog/function_spec.h"

namespace wasabi::box {

struct InvocationInfo {
  std::string request_id;
  catalog::FunctionPtr function;
  std::string method;
  std::string path;  // its beginning
  InvocationState state = InvocationState::kLoading;
  std::size_t worker = 0;
  Duration age{};
  Duration cpu{};
  ByteSize memory;  // of all its memories and tables
};

struct InvocationList {
  static constexpr std::size_t kMost = 1000;
  static constexpr std::size_t kPathBytes = 256;

  std::size_t total = 0;
  std::vector<InvocationInfo> oldest;  // at most kMost, the oldest first

  // Adds those of another worker.
  void merge(InvocationList other);
};

}  // namespace wasabi::box
