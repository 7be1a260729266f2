// Where the numbers of versions go on under names that were deleted: a superpod may still hold "shop/cart@1" of a
// function that is gone, and must not be taken to hold that of a new one.
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace wasabi::platform {

class RetiredNumbers {
 public:
  // Names remembered one by one. When there are more they are forgotten, and all new names begin above them.
  static constexpr std::size_t kMaxNames = 1'000;

  RetiredNumbers() = default;
  explicit RetiredNumbers(std::uint32_t floor, std::map<std::string, std::uint32_t> next = {})
      : next_(std::move(next)), floor_(floor) {}

  // The first number under this name that was never given; 1 for one that was never retired.
  std::uint32_t next(const std::string& name) const;
  // No number below `next` is given under this name again.
  void retire(const std::string& name, std::uint32_t next);

  // Above every number of every name.
  std::uint32_t nextOfAll() const;
  std::uint32_t floor() const { return floor_; }
  const std::map<std::string, std::uint32_t>& names() const { return next_; }

  bool operator==(const RetiredNumbers&) const = default;

 private:
  std::map<std::string, std::uint32_t> next_;
  std::uint32_t floor_ = 1;
};

}  // namespace wasabi::platform
