// Streams and events. Work runs at once, as on a GPU that is always fast enough; or, where the tests ask for lazy
// streams, only when something waits for it, so that a wait that is missing shows as values that are not there yet.
#include <time.h>

#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <vector>

#include "device.h"

namespace cpu_cuda {

namespace {

constexpr intptr_t DEFAULT_STREAM = 0;
constexpr uint64_t EVERYTHING = ~uint64_t(0);

struct Work {
  uint64_t number;
  std::function<Status()> run;
};

struct Stream {
  std::deque<Work> work;
  bool non_blocking;  // does not wait for the default stream, nor the default stream for it
  int device;         // the default stream is each device's
};

struct Event {
  int device;
  intptr_t stream;
  uint64_t after;  // the number of the last work before it
  double time;     // milliseconds
};

std::map<intptr_t, Stream> streams;
std::map<intptr_t, Event> events;
intptr_t last_handle = 0x1000;
uint64_t last_number = 0;
Status lasting_error = SUCCESS;  // of work that ran when nobody asked for its status: every later wait reports it
bool lazy = false;

// Runs the work of a stream up to this number, and what that work itself has to wait for.
Status run_until(intptr_t handle, uint64_t number) {
  Stream& stream = streams[handle];
  while (!stream.work.empty() && stream.work.front().number <= number) {
    Work work = std::move(stream.work.front());
    stream.work.pop_front();
    if (handle != DEFAULT_STREAM) {
      if (!stream.non_blocking) run_until(DEFAULT_STREAM, work.number);
    } else {
      for (auto& [other, state] : streams)
        if (other != DEFAULT_STREAM && !state.non_blocking) run_until(other, work.number);
    }
    if (Status status = work.run()) lasting_error = status;
  }
  return lasting_error;
}

Status enqueue(intptr_t stream, std::function<Status()> run) {
  Lock lock(mutex);
  if (!lazy) return run();
  streams[stream].work.push_back({++last_number, std::move(run)});
  return SUCCESS;
}

bool on_host_unpinned(uintptr_t pointer) { return !allocation_of(pointer); }

int device_of(intptr_t stream) { return stream == DEFAULT_STREAM ? current_device : streams[stream].device; }

}  // namespace

Status launch_on(intptr_t stream, const Function& function, const Launch& launch, void** arguments) {
  if (device_of(stream) != current_device) {
    message = function.name + ": launched on a stream of another device";
    return INVALID_HANDLE;
  }
  if (!lazy) return launch_now(function, launch, arguments);
  // The caller's arguments are gone when the work runs.
  std::vector<std::vector<char>> values;
  for (int i = 0; i < function.kernel->arguments; i++) {
    char* at = static_cast<char*>(arguments[i]);
    values.emplace_back(at, at + function.kernel->sizes[i]);
  }
  return enqueue(stream, [&function, launch, values = std::move(values)]() mutable {
    std::vector<void*> pointers;
    for (auto& value : values) pointers.push_back(value.data());
    return launch_now(function, launch, pointers.data());
  });
}

Status copy_on(intptr_t stream, uintptr_t to, uintptr_t from, size_t bytes, int kind) {
  Lock lock(mutex);
  if (!lazy) return copy(to, from, bytes, kind);
  // To or from memory that is not pinned, CUDA copies before it returns.
  if (on_host_unpinned(to) || on_host_unpinned(from)) {
    Status status = run_until(stream, EVERYTHING);
    return status ? status : copy(to, from, bytes, kind);
  }
  return enqueue(stream, [=] { return copy(to, from, bytes, kind); });
}

Status fill_on(intptr_t stream, uintptr_t at, int value, size_t bytes) {
  return enqueue(stream, [=] { return fill(at, value, bytes); });
}

intptr_t new_stream(unsigned flags) {
  Lock lock(mutex);
  Stream& made = streams[++last_handle];
  made.non_blocking = flags & 1;
  made.device = current_device;
  return last_handle;
}

bool is_idle(intptr_t stream) {
  Lock lock(mutex);
  return streams[stream].work.empty();
}

Status finish(intptr_t stream) {
  Lock lock(mutex);
  return run_until(stream, EVERYTHING);
}

Status finish_all() {
  Lock lock(mutex);
  for (auto& [handle, stream] : streams) run_until(handle, EVERYTHING);
  return lasting_error;
}

intptr_t new_event() {
  Lock lock(mutex);
  events[++last_handle] = {current_device};
  return last_handle;
}

Status record_event(intptr_t event, intptr_t stream) {
  Lock lock(mutex);
  int device = events[event].device;
  if (device != device_of(stream)) {
    message = "an event of another device than the stream in which it is recorded";
    return INVALID_HANDLE;
  }
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  events[event] = {device, stream, last_number, now.tv_sec * 1e3 + now.tv_nsec * 1e-6};
  return SUCCESS;
}

void wait_for_event(intptr_t stream, intptr_t event) {
  Lock lock(mutex);
  Event wanted = events[event];
  if (lazy) enqueue(stream, [wanted] { return run_until(wanted.stream, wanted.after); });
}

Status finish_event(intptr_t event) {
  Lock lock(mutex);
  return run_until(events[event].stream, events[event].after);
}

bool has_happened(intptr_t event) {
  Lock lock(mutex);
  const Stream& stream = streams[events[event].stream];
  return stream.work.empty() || stream.work.front().number > events[event].after;
}

float milliseconds_between(intptr_t start, intptr_t end) {
  Lock lock(mutex);
  return float(events[end].time - events[start].time);
}

}  // namespace cpu_cuda

extern "C" void cpu_cuda_set_lazy(bool on) {
  cpu_cuda::Lock lock(cpu_cuda::mutex);
  cpu_cuda::finish_all();
  cpu_cuda::lazy = on;
}
