// The devices' memory: the host's, with a record of who owns which bytes, so that what a GPU would punish is an error.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <map>

#include "device.h"

namespace cpu_cuda {

uint64_t counters[COUNTERS];
int devices = 1;
thread_local int current_device = 0;
std::string message;
bool connected[MOST_DEVICES][MOST_DEVICES];
std::recursive_mutex mutex;

namespace {

constexpr size_t ALIGNMENT = 512;
std::map<uintptr_t, Allocation> allocations;
size_t total_bytes = size_t(1) << 30, used_bytes[MOST_DEVICES];
long allocations_until_refusal = -1;  // negative: none is refused

bool is_within(uintptr_t pointer, size_t bytes) {
  auto next = allocations.upper_bound(pointer);
  if (next == allocations.begin()) return true;  // memory of the host, of which nothing is known
  --next;
  uintptr_t end = next->first + next->second.bytes;
  return pointer > end || pointer + bytes <= end;
}

}  // namespace

const Allocation* allocation_of(uintptr_t pointer) {
  auto next = allocations.upper_bound(pointer);
  if (next == allocations.begin()) return nullptr;
  --next;
  return pointer < next->first + std::max<size_t>(next->second.bytes, 1) ? &next->second : nullptr;
}

Status allocate(size_t bytes, bool on_host, uintptr_t* pointer) {
  Lock lock(mutex);
  if (!on_host) {
    if (allocations_until_refusal == 0 || used_bytes[current_device] + bytes > total_bytes) return OUT_OF_MEMORY;
    if (allocations_until_refusal > 0) allocations_until_refusal--;
    used_bytes[current_device] += bytes;
    counters[ALLOCATIONS]++;
  }
  void* memory = aligned_alloc(ALIGNMENT, (bytes / ALIGNMENT + 1) * ALIGNMENT);
  if (!memory) return OUT_OF_MEMORY;
  memset(memory, 0xFF, bytes);  // NaNs: reading what nobody wrote shows
  *pointer = reinterpret_cast<uintptr_t>(memory);
  allocations[*pointer] = {bytes, current_device, on_host};
  return SUCCESS;
}

Status release(uintptr_t pointer) {
  if (!pointer) return SUCCESS;
  Lock lock(mutex);
  Status status = finish_all();
  auto found = allocations.find(pointer);
  if (found == allocations.end()) return INVALID_VALUE;
  if (!found->second.on_host) used_bytes[found->second.device] -= found->second.bytes;
  memset(reinterpret_cast<void*>(pointer), 0xFE, found->second.bytes);
  allocations.erase(found);
  free(reinterpret_cast<void*>(pointer));
  return status;
}

Status copy(uintptr_t to, uintptr_t from, size_t bytes, int kind) {
  Lock lock(mutex);
  if (!is_within(to, bytes) || !is_within(from, bytes)) {
    message = "a copy beyond the end of an allocation";
    return INVALID_VALUE;
  }
  const Allocation *target = allocation_of(to), *source = allocation_of(from);
  bool to_device = target && !target->on_host, from_device = source && !source->on_host;
  int found =
      to_device ? (from_device ? DEVICE_TO_DEVICE : HOST_TO_DEVICE) : (from_device ? DEVICE_TO_HOST : HOST_TO_HOST);
  if (kind != ANY_KIND && kind != found) {
    message = "a copy whose kind is not that of its pointers";
    return INVALID_VALUE;
  }
  if (found == DEVICE_TO_DEVICE) counters[ON_DEVICE]++;
  if (found == HOST_TO_DEVICE) counters[TO_DEVICE]++, counters[BYTES_TO_DEVICE] += bytes;
  if (found == DEVICE_TO_HOST) counters[TO_HOST]++, counters[BYTES_TO_HOST] += bytes;
  memmove(reinterpret_cast<void*>(to), reinterpret_cast<void*>(from), bytes);
  return SUCCESS;
}

Status fill(uintptr_t at, int value, size_t bytes) {
  Lock lock(mutex);
  if (!allocation_of(at) || !is_within(at, bytes)) return INVALID_VALUE;
  memset(reinterpret_cast<void*>(at), value, bytes);
  return SUCCESS;
}

void memory_info(size_t* free, size_t* total) {
  Lock lock(mutex);
  *total = total_bytes;
  *free = total_bytes - used_bytes[current_device];
}

}  // namespace cpu_cuda

// ---- For the tests, through ctypes
using namespace cpu_cuda;
extern "C" {
uint64_t cpu_cuda_counter(int which) { return counters[which]; }
uint64_t cpu_cuda_live_allocations() {
  Lock lock(mutex);
  uint64_t count = 0;
  for (auto& entry : allocations) count += !entry.second.on_host;
  return count;
}
// Where the allocation begins to which a pointer belongs, and its size. Gives whether there is one.
bool cpu_cuda_allocation_of(uintptr_t pointer, uint64_t* begin, uint64_t* bytes) {
  Lock lock(mutex);
  if (!allocation_of(pointer)) return false;
  const auto& found = *std::prev(allocations.upper_bound(pointer));
  *begin = found.first;
  *bytes = found.second.bytes;
  return true;
}
void cpu_cuda_disconnect() {
  Lock lock(mutex);
  memset(connected, 0, sizeof connected);
}
void cpu_cuda_set_memory(size_t bytes) { total_bytes = bytes; }
void cpu_cuda_refuse_allocations_after(long count) { allocations_until_refusal = count; }
}
