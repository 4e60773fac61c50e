// The scheduler of a block's threads. Each CUDA thread is a fibre with a stack of its own, which runs until it ends or
// waits: at a barrier of the block, or for the other lanes of its warp. One block runs at a time, on one thread of the
// operating system, so shared memory can be static memory and an atomic operation needs no atomic instruction.
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "thread_sanitizer.h"
#include "threads.h"

#if !defined(__x86_64__)
#error "the switch between fibres is written for x86-64"
#endif

namespace cpu_cuda {

Thread* running = nullptr;

namespace {

constexpr size_t STACK_BYTES = 128 << 10;
constexpr unsigned MOST_THREADS = 1024, MOST_SHARED_BYTES = 227 << 10, MOST_STATIC_SHARED_BYTES = 48 << 10;
constexpr int WARP = 32;

enum State { READY, AT_BARRIER, IN_WARP, DONE };

struct Fiber {
  Thread thread;
  void* stack_pointer;
  char* stack;
  State state;
  int site, line;  // of the barrier, or of the exchange, at which it waits
  bool vote;       // its value in a vote
  unsigned mask;   // its exchange with other lanes
  uint64_t value, answer;
  Exchange exchange;
  int argument, width;
  void* followed;  // what ThreadSanitizer knows it by
};

std::vector<Fiber> fibers;
std::vector<char*> free_stacks;
std::vector<Fiber> ended;  // those of the grid's earlier blocks, where ThreadSanitizer follows them
Fiber* current;
void* scheduler_stack_pointer;
void* scheduler_followed;
const Kernel* kernel;
void** kernel_arguments;
std::string error;
int votes;

// Saves the registers that a function must keep, and continues where *load was saved.
extern "C" void cpu_cuda_switch(void** save, void** load);
asm(R"(
.text
.type cpu_cuda_switch,@function
cpu_cuda_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq (%rsi), %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
)");

void to_scheduler() {
  follow(scheduler_followed);
  cpu_cuda_switch(&current->stack_pointer, &scheduler_stack_pointer);
}

void to_fiber(Fiber& fiber) {
  current = &fiber;
  running = &fiber.thread;
  follow(fiber.followed);
  cpu_cuda_switch(&scheduler_stack_pointer, &fiber.stack_pointer);
}

void run_thread() {
  kernel->call(kernel_arguments);
  current->state = DONE;
  to_scheduler();
  abort();  // nobody continues a thread that is done
}

void start(Fiber& fiber) {
  if (free_stacks.empty()) {
    // Not by mmap(), at which ThreadSanitizer makes a note of every byte.
    const int access = PROT_READ | PROT_WRITE, kind = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    const long memory = syscall(SYS_mmap, nullptr, STACK_BYTES, access, kind, -1, 0);
    if (memory == -1) abort();
    free_stacks.push_back(reinterpret_cast<char*>(memory));
  }
  fiber.stack = free_stacks.back();
  free_stacks.pop_back();
  // What cpu_cuda_switch takes off the stack: six registers, and run_thread as where to return to. The word above
  // stands for run_thread's own return address and keeps the stack aligned as after a call.
  void** top = reinterpret_cast<void**>(fiber.stack + STACK_BYTES);
  *--top = nullptr;
  *--top = reinterpret_cast<void*>(run_thread);
  for (int i = 0; i < 6; i++) *--top = nullptr;
  fiber.stack_pointer = top;
  fiber.followed = new_followed(scheduler_followed);
}

void end(Fiber& fiber) {
  if (fiber.stack) free_stacks.push_back(fiber.stack);
  forget(fiber.followed);
  fiber.stack = nullptr;
  fiber.followed = nullptr;
}

// Where ThreadSanitizer follows the fibres, none may take an earlier one's stack before the grid's end, nor a block an
// earlier one's shared memory: that they come one after the other is not what a GPU does, and would be called a race.
void end_or_keep(Fiber& fiber) {
  if (fiber.followed) {
    ended.push_back(fiber);
    fiber.stack = nullptr;
    fiber.followed = nullptr;
  } else {
    end(fiber);
  }
}

void end_grid() {
  std::vector<void*> all = {scheduler_followed};
  for (Fiber& fiber : ended) all.push_back(fiber.followed);
  meet(all, scheduler_followed);
  for (Fiber& fiber : ended) end(fiber);
  ended.clear();
}

int lane_of(const Fiber& fiber) { return int(&fiber - fibers.data()) % WARP; }

uint64_t answer_for(const Fiber* warp, int lane, unsigned mask) {
  const Fiber& asking = warp[lane];
  int first = lane & ~(asking.width - 1), last = first + asking.width - 1, source = lane;
  switch (asking.exchange) {
    case SHUFFLE_DOWN: source = lane + asking.argument; break;
    case SHUFFLE_UP: source = lane - asking.argument; break;
    case SHUFFLE_XOR: source = lane ^ asking.argument; break;
    case SHUFFLE_FROM: source = first + (asking.argument & (asking.width - 1)); break;
    case WARP_BARRIER: return 0;
    case BALLOT: {
      uint64_t ballot = 0;
      for (int other = 0; other < WARP; other++)
        if (mask >> other & 1) ballot |= (warp[other].value & 1) << other;
      return ballot;
    }
  }
  if (source < first || source > last) source = lane;
  // From a lane that does not take part CUDA gives an undefined value: this one is sure to be noticed.
  return mask >> source & 1 ? warp[source].value : ~uint64_t(0);
}

// Answers the exchange that a thread waits for, once all lanes of its mask that are still running have come to it.
bool settle_exchange(Fiber& fiber) {
  int first = int(&fiber - fibers.data()) / WARP * WARP;
  Fiber* warp = &fibers[first];
  unsigned present = 0;
  for (int lane = 0; lane < WARP && first + lane < int(fibers.size()); lane++) {
    if (!(fiber.mask >> lane & 1) || warp[lane].state == DONE) continue;
    if (warp[lane].state != IN_WARP || warp[lane].mask != fiber.mask) return false;
    present |= 1u << lane;
  }
  for (int lane = 0; lane < WARP; lane++)
    if (present >> lane & 1) warp[lane].answer = answer_for(warp, lane, present);
  std::vector<void*> meeting;
  for (int lane = 0; lane < WARP; lane++) {
    if (!(present >> lane & 1)) continue;
    warp[lane].state = READY;
    // Of the functions of a warp this one alone orders what its threads read and write.
    if (warp[lane].exchange == WARP_BARRIER) meeting.push_back(warp[lane].followed);
  }
  meet(meeting, scheduler_followed);
  return true;
}

// Opens the barrier at which all threads that are not done wait.
void open_barrier() {
  int site = -1;
  votes = 0;
  for (Fiber& fiber : fibers) {
    if (fiber.state == DONE) continue;
    if (site < 0) site = fiber.site;
    if (fiber.site != site) {
      error = "threads of one block wait at different barriers, one of them on line " + std::to_string(fiber.line);
      return;
    }
    votes += fiber.vote;
  }
  std::vector<void*> meeting;
  for (Fiber& fiber : fibers) {
    if (fiber.state != AT_BARRIER) continue;
    fiber.state = READY;
    meeting.push_back(fiber.followed);
  }
  meet(meeting, scheduler_followed);
}

void report_deadlock() {
  for (Fiber& fiber : fibers)
    if (fiber.state != DONE) {
      error = "the threads of a block wait for each other for ever: thread " + std::to_string(&fiber - fibers.data()) +
              (fiber.state == AT_BARRIER ? " at a barrier" : " for its warp") + " on line " +
              std::to_string(fiber.line);
      return;
    }
}

void run_block() {
  size_t done = 0;
  while (done < fibers.size() && error.empty()) {
    bool progress = false;
    size_t at_barrier = 0;
    for (Fiber& fiber : fibers) {
      if (fiber.state == IN_WARP) progress |= settle_exchange(fiber);
      if (fiber.state == READY) {
        if (!fiber.stack) start(fiber);
        to_fiber(fiber);
        progress = true;
        if (!error.empty()) return;
        if (fiber.state == DONE) {
          end_or_keep(fiber);
          done++;
        }
      }
      at_barrier += fiber.state == AT_BARRIER;
    }
    if (at_barrier && at_barrier + done == fibers.size()) {
      open_barrier();
    } else if (!progress) {
      report_deadlock();
    }
  }
}

const char* refused(const Module& module, const Launch& launch) {
  unsigned long threads = (unsigned long)launch.block[0] * launch.block[1] * launch.block[2];
  if (threads < 1 || threads > MOST_THREADS || launch.block[2] > 64) return "invalid block size";
  if (!launch.grid[0] || !launch.grid[1] || !launch.grid[2]) return "a dimension of the grid is 0";
  if (launch.grid[0] > 2147483647u || launch.grid[1] > 65535 || launch.grid[2] > 65535) return "invalid grid size";
  if (size_t(module.shared_end - module.shared) > MOST_STATIC_SHARED_BYTES) return "too much static shared memory";
  if (launch.dynamic_shared > MOST_SHARED_BYTES) return "too much dynamic shared memory";
  return nullptr;
}

}  // namespace

void fail(const char* what, int line) {
  error = std::string(what) + " on line " + std::to_string(line);
  to_scheduler();
  abort();
}

void block_barrier(int site, int line) {
  current->state = AT_BARRIER;
  current->site = site;
  current->line = line;
  to_scheduler();
}

int block_vote(int site, int line, Vote vote, bool value) {
  current->vote = value;
  block_barrier(site, line);
  current->vote = false;
  return vote == COUNT ? votes : vote == ANY ? votes > 0 : votes == int(fibers.size());
}

uint64_t warp_exchange(unsigned mask, uint64_t value, Exchange exchange, int argument, int width, int line) {
  if (!(mask >> lane_of(*current) & 1)) fail("a thread calls a function of its warp and is not in the mask", line);
  Fiber& fiber = *current;
  fiber.state = IN_WARP;
  fiber.mask = mask;
  fiber.value = value;
  fiber.exchange = exchange;
  fiber.argument = argument;
  fiber.width = width;
  fiber.line = line;
  to_scheduler();
  return fiber.answer;
}

const char* run(const Kernel& asked, const Module& module, void** arguments, const Launch& launch) {
  if (const char* refusal = refused(module, launch)) return refusal;
  error.clear();
  scheduler_followed = followed_now();
  kernel = &asked;
  kernel_arguments = arguments;
  dim3 block(launch.block[0], launch.block[1], launch.block[2]), grid(launch.grid[0], launch.grid[1], launch.grid[2]);
  unsigned threads = block.x * block.y * block.z;
  std::vector<std::vector<char>> dynamic_shared(1);
  fibers.assign(module.waits ? threads : 1, Fiber());
  const uint64_t blocks = uint64_t(grid.x) * grid.y * grid.z, most = launch.most_blocks;
  unsigned turn = 0;
  for (uint64_t number = 0; number < blocks && error.empty(); number++, turn++) {
    if (most && blocks > most && turn == most / 2) number = blocks - (most - most / 2);
    uint3 block_index = {unsigned(number % grid.x), unsigned(number / grid.x % grid.y),
                         unsigned(number / grid.x / grid.y)};
    // Shared memory holds what was there before: here NaNs, so that reading it too early shows.
    memset(module.shared, 0xFF, module.shared_end - module.shared);
    if (scheduler_followed) dynamic_shared.emplace_back();
    dynamic_shared.back().assign(launch.dynamic_shared, char(0xFF));
    for (unsigned t = 0; t < threads; t++) {
      Fiber& fiber = fibers[module.waits ? t : 0];
      fiber.state = READY;
      fiber.thread = {{t % block.x, t / block.x % block.y, t / (block.x * block.y)},
                      block_index,
                      block,
                      grid,
                      dynamic_shared.back().data(),
                      turn};
      if (!module.waits) {
        running = &fiber.thread;
        asked.call(arguments);
      }
    }
    if (module.waits) run_block();
  }
  end_grid();
  for (Fiber& fiber : fibers) end(fiber);
  running = nullptr;
  return error.empty() ? nullptr : error.c_str();
}

}  // namespace cpu_cuda
