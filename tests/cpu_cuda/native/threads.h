// A block of CUDA threads on the CPU: what a compiled kernel and the scheduler of its threads (threads.cpp) share.
#pragma once
#include <cstdint>

struct uint3 {
  unsigned x, y, z;
};

struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
};

namespace cpu_cuda {

// What a kernel knows of the thread that it runs as.
struct Thread {
  uint3 thread, block;
  dim3 block_size, grid_size;
  char* dynamic_shared;
  unsigned turn;  // how many blocks ran before
};

// A kernel of a compiled module, found by the name cpu_cuda_kernel_<name>.
struct Kernel {
  void (*call)(void** arguments);
  int arguments;
  const int* sizes;
  const bool* pointers;
};

// What a compiled module says of itself, under the name cpu_cuda_module.
struct Module {
  bool waits;  // whether its threads wait for each other: if not, they run one after the other without fibres
  char *shared, *shared_end;  // its static shared memory
};

enum Exchange { SHUFFLE_DOWN, SHUFFLE_UP, SHUFFLE_XOR, SHUFFLE_FROM, BALLOT, WARP_BARRIER };
enum Vote { COUNT, ANY, ALL };

extern Thread* running;

void block_barrier(int site, int line);
int block_vote(int site, int line, Vote vote, bool value);
uint64_t warp_exchange(unsigned mask, uint64_t value, Exchange exchange, int argument, int width, int line);
[[noreturn]] void fail(const char* what, int line);

struct Launch {
  unsigned grid[3], block[3], dynamic_shared;
  unsigned most_blocks;  // so many at most run, of the first and of the last ones; all where it is 0
};

// Runs a grid, block after block. Gives the error message, or null.
const char* run(const Kernel& kernel, const Module& module, void** arguments, const Launch& launch);

}  // namespace cpu_cuda
