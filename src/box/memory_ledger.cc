#include "box/memory_ledger.h"

#include "base/check.h"

namespace wasabi::box {

HeldMemory& HeldMemory::operator=(HeldMemory&& other) noexcept {
  if (this == &other) return *this;
  release();
  ledger_ = other.ledger_;
  size_ = std::exchange(other.size_, {});
  return *this;
}

void HeldMemory::release() {
  if (size_.value > 0) ledger_->release(std::exchange(size_, {}));
}

MemoryLedger::MemoryLedger(ByteSize capacity, UniqueFunction<void(Waiter)> granted, UniqueFunction<void()> waits)
    : granted_(std::move(granted)), waits_now_(std::move(waits)), capacity_(capacity.value) {}

void MemoryLedger::setCapacity(ByteSize capacity) {
  capacity_ = capacity.value;
  grantToWaiting();
}

void MemoryLedger::setOther(ByteSize held) {
  other_ = held.value;
  grantToWaiting();
}

bool MemoryLedger::grow(ByteSize by, Age age, Waiter waiter) {
  if (waiting_ == 0 && reserve(by)) return true;
  bool granted = false;
  std::vector<Waiter> others;
  {
    const std::lock_guard lock(mutex_);
    const bool is_new = waits_.emplace(age, Wait{by, waiter}).second;
    WASABI_CHECK(is_new);
    ++waiting_;
    // What came free since the look above met nobody who waited.
    for (const Age& next : grantInOrder()) {
      if (next == age) {
        granted = true;
      } else {
        others.push_back(waits_.at(next).waiter);
      }
    }
    if (granted) waits_.erase(age);
  }
  for (const Waiter& other : others) granted_(other);
  if (!granted) waits_now_();
  return granted;
}

bool MemoryLedger::takeGrant(Age age) {
  const std::lock_guard lock(mutex_);
  const auto wait = waits_.find(age);
  WASABI_CHECK(wait != waits_.end());
  if (!wait->second.granted) return false;
  waits_.erase(wait);
  return true;
}

bool MemoryLedger::isGranted(Age age) {
  const std::lock_guard lock(mutex_);
  const auto wait = waits_.find(age);
  return wait != waits_.end() && wait->second.granted;
}

void MemoryLedger::giveUp(Age age) {
  {
    const std::lock_guard lock(mutex_);
    const auto wait = waits_.find(age);
    WASABI_CHECK(wait != waits_.end());
    if (wait->second.granted) {
      instances_ -= wait->second.by.value;
    } else {
      --waiting_;
    }
    waits_.erase(wait);
  }
  grantToWaiting();
}

void MemoryLedger::release(ByteSize size) {
  const std::uint64_t before = instances_.fetch_sub(size.value);
  WASABI_CHECK(before >= size.value);
  grantToWaiting();
}

bool MemoryLedger::reserve(ByteSize by) {
  const std::uint64_t before = instances_.fetch_add(by.value);
  if (before + by.value + other_ <= capacity_) return true;
  instances_ -= by.value;
  return false;
}

// Under the lock. Those that it granted.
std::vector<MemoryLedger::Age> MemoryLedger::grantInOrder() {
  std::vector<Age> granted;
  for (auto& [age, wait] : waits_) {
    if (wait.granted) continue;
    if (!reserve(wait.by)) break;
    wait.granted = true;
    --waiting_;
    ++grants_;
    granted.push_back(age);
  }
  return granted;
}

void MemoryLedger::grantToWaiting() {
  if (waiting_ == 0) return;
  std::vector<Waiter> waiters;
  {
    const std::lock_guard lock(mutex_);
    for (const Age& age : grantInOrder()) waiters.push_back(waits_.at(age).waiter);
  }
  for (const Waiter& waiter : waiters) granted_(waiter);
}

}  // namespace wasabi::box
