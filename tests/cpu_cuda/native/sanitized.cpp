// A program that runs kernels compiled with a sanitizer, as a plan says: `sanitized PLAN BYTES`. The plan is lines of text:
//
//   memory COUNT         a block of so many bytes, taken from BYTES; the first is block 0
//   launch KERNEL x y z of the grid, x y z of a block, bytes of dynamic shared memory, how many blocks run at most,
//                 number of arguments
//   at BLOCK OFFSET      an argument: a pointer
//   null                 an argument: a null pointer
//   value COUNT POINTERS an argument: so many bytes, taken from BYTES; for each pointer in it follow the place in the value,
//                        the block and the offset
//   end                  writes all blocks to the standard output, and frees them
#include <dlfcn.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "threads.h"

using namespace cpu_cuda;

namespace {

std::ifstream plan, bytes;

size_t next_number() {
  size_t number;
  plan >> number;
  return number;
}

// Of exactly this size, so that a sanitizer knows its end.
std::unique_ptr<char[]> next_bytes(size_t count) {
  std::unique_ptr<char[]> block(new char[count]);
  bytes.read(block.get(), std::streamsize(count));
  return block;
}

struct Memory {
  size_t count;
  std::unique_ptr<char[]> block;
};

char* next_pointer(const std::vector<Memory>& memory) {
  const size_t block = next_number();
  return memory.at(block).block.get() + next_number();
}

[[noreturn]] void stop(const std::string& why) {
  std::cerr << "cannot run the plan: " << why << std::endl;
  std::exit(2);
}

void launch(const std::vector<Memory>& memory) {
  std::string name, kind;
  plan >> name;
  void* kernel = dlsym(RTLD_DEFAULT, ("cpu_cuda_kernel_" + name).c_str());
  void* module = dlsym(RTLD_DEFAULT, "cpu_cuda_module");
  if (!kernel || !module) stop("there is no kernel " + name);
  Launch launch = {};
  for (unsigned& size : launch.grid) size = unsigned(next_number());
  for (unsigned& size : launch.block) size = unsigned(next_number());
  launch.dynamic_shared = unsigned(next_number());
  launch.most_blocks = unsigned(next_number());
  const size_t count = next_number();
  std::vector<char*> pointers(count);
  std::vector<std::unique_ptr<char[]>> values(count);
  std::vector<void*> arguments(count);
  for (size_t i = 0; i < count; i++) {
    plan >> kind;
    if (kind == "value") {
      const size_t bytes_of_value = next_number();
      values[i] = next_bytes(bytes_of_value);
      for (size_t inside = next_number(); inside; inside--) {
        const size_t place = next_number();
        char* pointer = next_pointer(memory);
        memcpy(values[i].get() + place, &pointer, sizeof pointer);
      }
      arguments[i] = values[i].get();
      continue;
    }
    if (kind == "at") pointers[i] = next_pointer(memory);
    arguments[i] = &pointers[i];
  }
  if (int(count) != static_cast<Kernel*>(kernel)->arguments) stop("wrong number of arguments of " + name);
  const char* error = run(*static_cast<Kernel*>(kernel), *static_cast<Module*>(module), arguments.data(), launch);
  if (error) stop(name + ": " + error);
}

}  // namespace

int main(int, char** given) {
  plan.open(given[1]);
  bytes.open(given[2], std::ios::binary);
  std::vector<Memory> memory;
  for (std::string step; plan >> step;) {
    if (step == "memory") {
      const size_t count = next_number();
      memory.push_back({count, next_bytes(count)});
    } else if (step == "launch") {
      launch(memory);
    } else if (step == "end") {
      for (const Memory& block : memory) fwrite(block.block.get(), 1, block.count, stdout);
      memory.clear();
    } else {
      stop("what is " + step + "?");
    }
  }
}
