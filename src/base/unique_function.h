// A callback that is moved, called and destroyed, never copied: std::function for captures that own something.
// Captures of up to four pointers live inside the object.
#pragma once

#include <cstddef>
#include <new>
#include <type_traits>
#include <utility>

#include "base/check.h"

namespace wasabi {

template <typename Signature>
class UniqueFunction;

template <typename R, typename... Args>
class UniqueFunction<R(Args...)> {
 public:
  UniqueFunction() = default;

  template <typename F>
    requires(!std::is_same_v<std::remove_cvref_t<F>, UniqueFunction> && std::is_invocable_r_v<R, F&, Args...>)
  UniqueFunction(F&& callable) {  // NOLINT(google-explicit-constructor): converts like std::function
    using Callable = std::remove_cvref_t<F>;
    if constexpr (kFitsInside<Callable>) {
      new (storage_) Callable(std::forward<F>(callable));
      operations_ = &kInside<Callable>;
    } else {
      new (storage_) Callable*(new Callable(std::forward<F>(callable)));
      operations_ = &kOnHeap<Callable>;
    }
  }

  UniqueFunction(UniqueFunction&& other) noexcept { take(other); }
  UniqueFunction& operator=(UniqueFunction&& other) noexcept {
    if (this != &other) {
      clear();
      take(other);
    }
    return *this;
  }
  UniqueFunction(const UniqueFunction&) = delete;
  UniqueFunction& operator=(const UniqueFunction&) = delete;
  ~UniqueFunction() { clear(); }

  explicit operator bool() const { return operations_ != nullptr; }

  R operator()(Args... args) {
    WASABI_CHECK(operations_ != nullptr);
    return operations_->call(storage_, std::forward<Args>(args)...);
  }

 private:
  static constexpr std::size_t kStorageBytes = 4 * sizeof(void*);

  struct Operations {
    R (*call)(void*, Args&&...);
    void (*move)(void* from, void* to) noexcept;  // leaves `from` destroyed
    void (*destroy)(void*) noexcept;
  };

  template <typename F>
  static constexpr bool kFitsInside =
      sizeof(F) <= kStorageBytes && alignof(F) <= alignof(std::max_align_t) && std::is_nothrow_move_constructible_v<F>;

  template <typename F>
  static F* at(void* storage) {
    return std::launder(static_cast<F*>(storage));
  }

  template <typename F>
  static constexpr Operations kInside = {
      [](void* s, Args&&... args) -> R { return (*at<F>(s))(std::forward<Args>(args)...); },
      [](void* from, void* to) noexcept {
        new (to) F(std::move(*at<F>(from)));
        at<F>(from)->~F();
      },
      [](void* s) noexcept { at<F>(s)->~F(); }};

  template <typename F>
  static constexpr Operations kOnHeap = {
      [](void* s, Args&&... args) -> R { return (**at<F*>(s))(std::forward<Args>(args)...); },
      [](void* from, void* to) noexcept { new (to) F*(*at<F*>(from)); }, [](void* s) noexcept { delete *at<F*>(s); }};

  void take(UniqueFunction& other) noexcept {
    operations_ = std::exchange(other.operations_, nullptr);
    if (operations_) operations_->move(other.storage_, storage_);
  }
  void clear() noexcept {
    if (const Operations* operations = std::exchange(operations_, nullptr)) operations->destroy(storage_);
  }

  const Operations* operations_ = nullptr;
  alignas(std::max_align_t) std::byte storage_[kStorageBytes];
};

}  // namespace wasabi
