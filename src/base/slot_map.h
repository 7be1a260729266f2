// A table of objects named by tokens that go stale: a token found in a waker or a late callback leads to the object it
// was made for, or to nothing.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace wasabi {

template <typename T>
class SlotMap {
 public:
  using Token = std::uint64_t;

  // The token the next insert() will return, for objects that must know their own name.
  Token nextToken() const {
    const std::uint32_t index = free_.empty() ? static_cast<std::uint32_t>(slots_.size()) : free_.back();
    const std::uint32_t generation = index < slots_.size() ? slots_[index].generation : 0;
    return makeToken(index, generation);
  }

  Token insert(std::unique_ptr<T> object) {
    const Token token = nextToken();
    const std::uint32_t index = indexOf(token);
    if (index == slots_.size()) {
      slots_.emplace_back();
    } else {
      free_.pop_back();
    }
    slots_[index].object = std::move(object);
    ++size_;
    return token;
  }

  T* find(Token token) const {
    const std::uint32_t index = indexOf(token);
    if (index >= slots_.size() || slots_[index].generation != generationOf(token)) return nullptr;
    return slots_[index].object.get();
  }

  // Gives the object away; from now on the token is stale. nullptr if it was before.
  std::unique_ptr<T> remove(Token token) {
    if (!find(token)) return nullptr;
    Slot& slot = slots_[indexOf(token)];
    ++slot.generation;
    free_.push_back(indexOf(token));
    --size_;
    return std::move(slot.object);
  }

  std::size_t size() const { return size_; }

  template <typename Visit>
  void forEach(Visit visit) const {
    for (const Slot& slot : slots_) {
      if (slot.object) visit(*slot.object);
    }
  }

 private:
  struct Slot {
    std::unique_ptr<T> object;
    std::uint32_t generation = 0;
  };

  static Token makeToken(std::uint32_t index, std::uint32_t generation) {
    return (static_cast<Token>(generation) << 32) | index;
  }
  static std::uint32_t indexOf(Token token) { return static_cast<std::uint32_t>(token); }
  static std::uint32_t generationOf(Token token) { return static_cast<std::uint32_t>(token >> 32); }

  std::vector<Slot> slots_;
  std::vector<std::uint32_t> free_;
  std::size_t size_ = 0;
};

}  // namespace wasabi
