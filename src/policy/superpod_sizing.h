// How a superpod is set up on Knative, out of its size: Knative's autoscaler is fed with memory units in place of
// requests, so its settings have to be chosen together, or one of them binds in the wrong place.
//
//   unit                  the memory that counts as one request
//   target                units that a pod is to carry on average; more adds a pod
//   container concurrency requests at once in a pod. It counts requests, so it must not bind before memory does
//   target burst capacity units that must be free for requests to come without the activator
//
// Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/units.h"

namespace wasabi::policy {

// What the operator says; what is left open is chosen.
struct SuperpodWishes {
  ByteSize pod_memory;                                   // limit of the container that holds the box
  Cores pod_cpu;                                         // likewise
  ByteSize smallest_request;                             // of memory that a usual request books at least
  Duration longest_function = std::chrono::seconds(30);  // the longest timeout of a function
  std::optional<ByteSize> unit;
  std::optional<double> target;  // units
  std::optional<std::uint32_t> container_concurrency;
  std::optional<double> target_burst_capacity;
  double target_utilization_percent = 100;
  std::optional<Duration> timeout;  // of the revision
  Duration window = std::chrono::seconds(60);
  double panic_window_percent = 10;
  double panic_threshold_percent = 200;
  std::uint32_t min_scale = 0;
  std::uint32_t max_scale = 0;  // 0: any number
  std::uint32_t initial_scale = 1;
};

// Knative's own bounds, of a cluster that was not told otherwise.
inline constexpr std::uint32_t kMostContainerConcurrency = 1'000;
inline constexpr Duration kLongestRevisionTimeout = std::chrono::seconds(600);
// Requests that come late still are answered while a pod drains: it ends 30 s after the last one.
inline constexpr Duration kShortestRevisionTimeout = std::chrono::seconds(30);

// One setting and why it is so.
struct SizedSetting {
  std::string name;  // as the annotation or field is called
  std::string value;
  std::string why;
  bool operator==(const SizedSetting&) const = default;
};

struct SuperpodSizing {
  ByteSize capacity;  // that functions may book
  ByteSize unit;
  double capacity_units = 0;
  double target = 0;
  std::uint32_t container_concurrency = 0;  // 0: no bound but queue_bound
  std::uint32_t queue_bound = 0;            // requests in a pod at once, where container_concurrency is 0
  double target_burst_capacity = 0;
  Duration timeout{};

  // Of the revision's template: annotations by their full names, in the order in which they are best read.
  std::vector<SizedSetting> annotations;
  // Of its spec: containerConcurrency, timeoutSeconds.
  std::vector<SizedSetting> fields;
};

struct SizedSuperpod {
  SuperpodSizing sizing;              // to be used only if there are no problems
  std::vector<std::string> problems;  // all of them; each names the setting and the mend
};

SizedSuperpod sizeSuperpod(const SuperpodWishes& wishes);

}  // namespace wasabi::policy
