// CUDA devices that are the CPU: what their parts (memory, streams, the runtime's and the driver's functions) share.
#pragma once
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>

#include "threads.h"

namespace cpu_cuda {

// Statuses of the CUDA runtime and the driver, by their numbers there.
enum Status {
  SUCCESS = 0,
  INVALID_VALUE = 1,
  OUT_OF_MEMORY = 2,
  INVALID_DEVICE = 101,
  INVALID_IMAGE = 200,
  INVALID_HANDLE = 400,
  NOT_FOUND = 500,
  NOT_READY = 600,
  ILLEGAL_ADDRESS = 700,
  LAUNCH_FAILED = 719,
  NOT_SUPPORTED = 801
};

// What the tests count; the order is that of counters.py.
enum Counter {
  LAUNCHES,
  TO_DEVICE,
  TO_HOST,
  ON_DEVICE,
  ALLOCATIONS,
  SYNCHRONISATIONS,
  BYTES_TO_DEVICE,
  BYTES_TO_HOST,
  COUNTERS
};

constexpr int MOST_DEVICES = 16;

extern uint64_t counters[COUNTERS];
extern int devices;
extern thread_local int current_device;
extern std::string message;                         // of the last error, in words
extern bool connected[MOST_DEVICES][MOST_DEVICES];  // whose memory a device may read besides its own

// CuPy launches and copies without Python's lock, so everything below is called with this one held.
extern std::recursive_mutex mutex;
using Lock = std::lock_guard<std::recursive_mutex>;

// ---- memory.cpp
struct Allocation {
  size_t bytes;
  int device;
  bool on_host;  // pinned
};

// The numbers are the runtime's cudaMemcpyKind.
enum CopyKind { HOST_TO_HOST, HOST_TO_DEVICE, DEVICE_TO_HOST, DEVICE_TO_DEVICE, ANY_KIND };

const Allocation* allocation_of(uintptr_t pointer);
Status allocate(size_t bytes, bool on_host, uintptr_t* pointer);
Status release(uintptr_t pointer);
Status copy(uintptr_t to, uintptr_t from, size_t bytes, int kind);
Status fill(uintptr_t at, int value, size_t bytes);
void memory_info(size_t* free, size_t* total);

// ---- streams.cpp
struct Function;
Status launch_now(const Function& function, const Launch& launch, void** arguments);
Status launch_on(intptr_t stream, const Function& function, const Launch& launch, void** arguments);
Status copy_on(intptr_t stream, uintptr_t to, uintptr_t from, size_t bytes, int kind);
Status fill_on(intptr_t stream, uintptr_t at, int value, size_t bytes);
intptr_t new_stream(unsigned flags);
bool is_idle(intptr_t stream);
Status finish(intptr_t stream);  // waits for all work of a stream
Status finish_all();
intptr_t new_event();
Status record_event(intptr_t event, intptr_t stream);
void wait_for_event(intptr_t stream, intptr_t event);
Status finish_event(intptr_t event);
bool has_happened(intptr_t event);
float milliseconds_between(intptr_t start, intptr_t end);

// ---- driver.cpp
struct Function {
  std::string name;
  const Kernel* kernel;
  const Module* module;
  int device;
};

}  // namespace cpu_cuda
