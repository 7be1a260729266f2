// `wasabi why acme/resize`: what a request of that function would meet now, as the box itself says it.
#pragma once

#include <string>

#include "base/admin_address.h"
#include "base/error.h"

namespace wasabi::cli {

struct WhyOptions {
  std::string function;
  std::string admin;    // "unix:/path" or "host:port"; empty for the usual place
  std::string timeout;  // the request's own; empty for its function's
  bool as_json = false;
};

// The text to print.
Result<std::string> why(const WhyOptions& options, const AdminPlaces& places);

// The answer of `/-/why`, for people.
Result<std::string> describeWhy(const std::string& json);

}  // namespace wasabi::cli
