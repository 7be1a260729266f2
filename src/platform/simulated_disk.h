// A disk in memory, for tests: it can fail or stop at any call, and forget at a loss of power what was not synced.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "platform/disk.h"

namespace wasabi::platform {

class SimulatedDisk final : public Disk {
 public:
  SimulatedDisk();
  ~SimulatedDisk() override;

  // The calls that change something, counted from 0.
  static constexpr std::uint64_t kNever = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t changes() const { return changes_; }
  // That one fails with `error` and does nothing; those after it work again.
  void failAt(std::uint64_t change, Error error);
  // From that one on the process is as good as dead: it does its work by half or not at all (`seed` decides), and all
  // calls after it fail.
  void stopAt(std::uint64_t change, std::uint64_t seed);
  bool stopped() const { return stopped_; }

  // A new process finds everything as the old one left it.
  void restartProcess();
  // A new kernel finds what was synced, and of the rest what chance has written: every entry of a folder is the synced
  // one or the last one, every file that was not synced has any part of its front.
  void losePower(std::uint64_t seed);

  Result<std::string> read(const std::string& path, std::size_t most) override;
  Result<void> write(const std::string& path, std::string_view content, unsigned mode) override;
  Result<void> syncFile(const std::string& path) override;
  Result<void> rename(const std::string& from, const std::string& to) override;
  Result<void> remove(const std::string& path) override;
  Result<void> makeFolder(const std::string& path, unsigned mode) override;
  Result<void> removeFolder(const std::string& path) override;
  Result<void> syncFolder(const std::string& path) override;
  Result<std::vector<DiskEntry>> list(const std::string& path) override;

 private:
  struct Node;
  using NodePtr = std::shared_ptr<Node>;
  using Entries = std::map<std::string, NodePtr>;
  class Chance;
  struct Place {
    NodePtr folder;
    std::string name;
  };

  NodePtr find(const std::string& path) const;
  Result<Place> placeOf(const std::string& path) const;
  // Whether the call goes on: whole, or (only write) by half.
  enum class Course : std::uint8_t { kWhole, kHalf };
  Result<Course> begin();
  void forgetUnsynced(const NodePtr& node, Chance& chance);

  NodePtr root_;
  std::uint64_t changes_ = 0;
  std::uint64_t fail_at_ = kNever;
  std::optional<Error> failure_;
  std::uint64_t stop_at_ = kNever;
  std::uint64_t stop_seed_ = 0;
  bool stopped_ = false;
};

}  // namespace wasabi::platform
