// For ThreadSanitizer: it does not see how the Rust library synchronises, so the places where something goes through
// the library from one thread to another say so here. Nothing in other builds. Private to src/engine.
#pragma once

#include <cstdint>

#if defined(__SANITIZE_THREAD__)
extern "C" void __tsan_acquire(void* address);
extern "C" void __tsan_release(void* address);
#endif

namespace wasabi::engine {

// What this thread did until now is seen by those that call takenOver() of the same thing later.
inline void handedOver([[maybe_unused]] void* thing) {
#if defined(__SANITIZE_THREAD__)
  __tsan_release(thing);
#endif
}

inline void takenOver([[maybe_unused]] void* thing) {
#if defined(__SANITIZE_THREAD__)
  __tsan_acquire(thing);
#endif
}

// While a callback runs. Its frames lie on the guest's stack, which the library gives to other guests, on other
// threads, later: what this one did there comes before what they do.
class OnGuestStack {
 public:
  OnGuestStack() { forEachPage(takenOver); }
  ~OnGuestStack() { forEachPage(handedOver); }
  OnGuestStack(const OnGuestStack&) = delete;
  OnGuestStack& operator=(const OnGuestStack&) = delete;

 private:
  // Those that the frames of a callback may reach down to.
  static void forEachPage([[maybe_unused]] void (*each)(void*)) {
#if defined(__SANITIZE_THREAD__)
    constexpr std::uintptr_t kPage = 4096;
    constexpr std::uintptr_t kPages = 16;
    const std::uintptr_t top = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0)) / kPage + 1;
    for (std::uintptr_t page = top - kPages; page <= top; ++page) each(reinterpret_cast<void*>(page * kPage));
#endif
  }
};

}  // namespace wasabi::engine
