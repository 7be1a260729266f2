// Which requests are sent, in which order.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "load/exchange.h"
#include "load/options.h"

namespace wasabi::bench {

class Plan {
 public:
  static Result<Plan> make(const Options& options);
  // One for each flow of the options.
  static Result<std::vector<Plan>> makeEach(const Options& options);

  // Every request comes once per round; each round has an order of its own, all of them given by the seed.
  // The reference holds as long as the plan.
  const Request& next();

 private:
  Plan(std::vector<Request> requests, std::uint64_t seed);

  std::vector<Request> requests_;
  std::vector<std::size_t> order_;
  std::size_t position_ = 0;
  std::mt19937_64 random_;
};

// "Name: value" cut in two.
Result<std::pair<std::string, std::string>> splitHeader(const std::string& line);

}  // namespace wasabi::bench
