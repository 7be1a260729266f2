// For ThreadSanitizer: it does not see how the Rust library synchronises, so the places where something goes through
// the library from one thread to another say so here. Nothing in other builds. Private to src/engine.
#pragma once

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

}  // namespace wasabi::engine
