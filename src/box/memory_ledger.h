// What the process really holds, against what it may: the truth that booking only expects.
//
// Instances ask here before they grow. Where there is no room their growth waits, and memory that comes free is granted
// in the order of age: the invocation that came first gets it first, and who is younger does not grow past it. So the
// oldest always comes to its end, and its memory to the next.
//
// What the process holds besides instances (warm slots, programs, buffers) is told from outside now and then, and
// reduces the room.
//
// Growth and release take no lock while nobody waits. Thread-safe.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include "base/unique_function.h"
#include "base/units.h"

namespace wasabi::box {

class MemoryLedger;

// So much of the ledger, given back when it is destroyed.
class HeldMemory {
 public:
  HeldMemory() = default;
  explicit HeldMemory(MemoryLedger& ledger) : ledger_(&ledger) {}
  HeldMemory(HeldMemory&& other) noexcept : ledger_(other.ledger_), size_(std::exchange(other.size_, {})) {}
  HeldMemory& operator=(HeldMemory&& other) noexcept;
  HeldMemory(const HeldMemory&) = delete;
  HeldMemory& operator=(const HeldMemory&) = delete;
  ~HeldMemory() { release(); }

  ByteSize size() const { return size_; }
  // What grow() or takeGrant() gave.
  void add(ByteSize granted) { size_ = size_ + granted; }
  void release();

 private:
  MemoryLedger* ledger_ = nullptr;
  ByteSize size_;
};

class MemoryLedger {
 public:
  // Who came first goes first; the number tells apart those of one moment.
  using Age = std::pair<TimePoint, std::uint64_t>;
  // Whose growth waits: its worker, and its token there.
  struct Waiter {
    std::size_t worker;
    std::uint64_t token;
  };

  // Called on any thread, outside the lock: `granted` for one whose memory is reserved now, to be fetched by
  // takeGrant(); `waits` when somebody begins to wait.
  MemoryLedger(ByteSize capacity, UniqueFunction<void(Waiter)> granted, UniqueFunction<void()> waits);

  void setCapacity(ByteSize capacity);
  void setOther(ByteSize held);

  // True: it holds `by` more from now on. False: it waits.
  bool grow(ByteSize by, Age age, Waiter waiter);
  // False: it waits still.
  bool takeGrant(Age age);
  // What takeGrant() would say.
  bool isGranted(Age age);
  // It waits no more, or does not want what was granted.
  void giveUp(Age age);

  ByteSize instances() const { return {instances_}; }
  ByteSize other() const { return {other_}; }
  ByteSize held() const { return instances() + other(); }
  ByteSize capacity() const { return {capacity_}; }
  std::size_t waiting() const { return waiting_; }
  // Changes whenever memory is granted to one that waited.
  std::uint64_t grants() const { return grants_; }

 private:
  friend class HeldMemory;

  struct Wait {
    ByteSize by;
    Waiter waiter;
    bool granted = false;
  };

  void release(ByteSize size);
  bool reserve(ByteSize by);
  std::vector<Age> grantInOrder();
  void grantToWaiting();

  UniqueFunction<void(Waiter)> granted_;
  UniqueFunction<void()> waits_now_;
  std::atomic<std::uint64_t> capacity_;
  std::atomic<std::uint64_t> instances_{0};  // with what was granted and not fetched
  std::atomic<std::uint64_t> other_{0};
  std::atomic<std::size_t> waiting_{0};
  std::atomic<std::uint64_t> grants_{0};
  std::mutex mutex_;
  std::map<Age, Wait> waits_;
};

}  // namespace wasabi::box
