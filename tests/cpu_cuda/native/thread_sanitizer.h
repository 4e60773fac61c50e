// What the scheduler of a block's threads tells ThreadSanitizer, in programs that have it: which fibre runs, and which
// have waited for each other. It can't see either. A fibre knows then of what its block did before a barrier, and of
// nothing that other blocks of the grid do. Elsewhere these functions do nothing.
#pragma once
#include <cstdlib>
#include <vector>

// Of ThreadSanitizer's interface (sanitizer/tsan_interface.h); null in a program without it.
extern "C" {
__attribute__((weak)) void* __tsan_get_current_fiber();
__attribute__((weak)) void* __tsan_create_fiber(unsigned flags);
__attribute__((weak)) void __tsan_switch_to_fiber(void* fiber, unsigned flags);
__attribute__((weak)) void __tsan_acquire(void* at);
__attribute__((weak)) void __tsan_release(void* at);
}

namespace cpu_cuda {

inline void* followed_now() { return __tsan_get_current_fiber ? __tsan_get_current_fiber() : nullptr; }
inline void follow(void* fiber) {
  const unsigned WITHOUT_ORDER = 1;
  if (fiber) __tsan_switch_to_fiber(fiber, WITHOUT_ORDER);
}

// What each of these did so far comes before what any of them does from here on. The caller is one that is followed.
inline void meet(const std::vector<void*>& fibers, void* caller) {
  if (!caller) return;
  // An address that was freed stands for no earlier meeting.
  void* meeting = malloc(1);
  for (void* fiber : fibers) {
    follow(fiber);
    __tsan_release(meeting);
  }
  for (void* fiber : fibers) {
    follow(fiber);
    __tsan_acquire(meeting);
  }
  follow(caller);
  free(meeting);
}

// One that begins after all that the caller did so far. Making one takes long, so those of earlier grids, which came to
// their end before it, are taken again.
inline std::vector<void*> free_to_follow;

inline void* new_followed(void* caller) {
  if (!caller) return nullptr;
  if (free_to_follow.empty()) free_to_follow.push_back(__tsan_create_fiber(0));
  void* fiber = free_to_follow.back();
  free_to_follow.pop_back();
  char launched;
  __tsan_release(&launched);
  follow(fiber);
  __tsan_acquire(&launched);
  follow(caller);
  return fiber;
}
inline void forget(void* fiber) {
  if (fiber) free_to_follow.push_back(fiber);
}

}  // namespace cpu_cuda
