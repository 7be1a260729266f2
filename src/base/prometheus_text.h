// Writes the Prometheus text format, exposition format 0.0.4
// (https://prometheus.io/docs/instrumenting/exposition_formats/).
#pragma once

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>

#include "base/duration_histogram.h"
#include "base/units.h"

namespace wasabi {

// A family first, then its samples. Labels (`tenant="a",function="b"`) stand as they are given: names, digests and
// words of ours, in which nothing needs escaping.
class PrometheusText {
 public:
  void family(std::string_view name, std::string_view type, std::string_view help) {
    fmt::format_to(std::back_inserter(out_), "# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
  }
  template <typename Number>
  void sample(std::string_view name, std::string_view labels, Number value) {
    fmt::format_to(std::back_inserter(out_), "{}{{{}}} {}\n", name, labels, value);
  }
  template <typename Number>
  void single(std::string_view name, std::string_view type, std::string_view help, Number value) {
    family(name, type, help);
    fmt::format_to(std::back_inserter(out_), "{} {}\n", name, value);
  }
  void histogram(std::string_view name, std::string_view labels, const DurationHistogram& histogram) {
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < DurationHistogram::kBoundsSeconds.size(); ++i) {
      seen += histogram.buckets()[i];
      fmt::format_to(std::back_inserter(out_), "{}_bucket{{{},le=\"{}\"}} {}\n", name, labels,
                     DurationHistogram::kBoundsSeconds[i], seen);
    }
    seen += histogram.buckets().back();
    fmt::format_to(std::back_inserter(out_), "{}_bucket{{{},le=\"+Inf\"}} {}\n", name, labels, seen);
    fmt::format_to(std::back_inserter(out_), "{}_sum{{{}}} {}\n", name, labels, toSeconds(histogram.sum()));
    fmt::format_to(std::back_inserter(out_), "{}_count{{{}}} {}\n", name, labels, seen);
  }
  std::string take() { return std::move(out_); }

 private:
  std::string out_;
};

}  // namespace wasabi
