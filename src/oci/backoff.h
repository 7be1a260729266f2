// When to try again what failed, and when to give up.
#pragma once

#include <stop_token>

#include "base/error.h"
#include "oci/registry_options.h"

namespace wasabi::oci {

class Backoff {
 public:
  Backoff(const RegistryLimits& limits, std::stop_token stop)
      : limits_(limits), stop_(std::move(stop)), wait_(limits.first_wait) {}

  // The last attempt got further than the ones before it.
  void progressed();
  // Waits and says true where another attempt may help: the failure may pass, and the limits allow it. `at_least` is
  // what the registry asked for.
  bool again(const Error& failure, Duration at_least = {});

 private:
  RegistryLimits limits_;
  std::stop_token stop_;
  Duration wait_;
  int failures_ = 0;
  int all_failures_ = 0;
};

}  // namespace wasabi::oci
