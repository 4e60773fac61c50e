// The driver, libcuda.so.1, as far as CuPy calls it: modules, kernels and their launches. A module's image is the path
// of the shared library into which compiler.py compiled its source.
#include <dlfcn.h>

#include <cstring>

#include "device.h"

using namespace cpu_cuda;

namespace {

const char IMAGE[] = "cpu_cuda:";

// What a GPU finds out by a fault: an argument that is not memory of the device that runs the kernel.
Status check_pointers(const Function& function, void** arguments) {
  for (int i = 0; i < function.kernel->arguments; i++) {
    if (!function.kernel->pointers[i]) continue;
    uintptr_t pointer = *static_cast<uintptr_t*>(arguments[i]);
    if (!pointer) continue;
    const Allocation* found = allocation_of(pointer);
    bool readable =
        found && (found->on_host || found->device == current_device || connected[current_device][found->device]);
    if (readable) continue;
    message = function.name + ": argument " + std::to_string(i) +
              (found ? " is memory of another device" : " is no memory of a device");
    return ILLEGAL_ADDRESS;
  }
  return SUCCESS;
}

}  // namespace

namespace cpu_cuda {

Status launch_now(const Function& function, const Launch& launch, void** arguments) {
  const char* error = run(*function.kernel, *function.module, arguments, launch);
  if (!error) return SUCCESS;
  message = function.name + ": " + error;
  return LAUNCH_FAILED;
}

}  // namespace cpu_cuda

extern "C" {

int cuGetErrorName(int status, const char** name) {
  switch (status) {
    case INVALID_VALUE: *name = "CUDA_ERROR_INVALID_VALUE"; break;
    case INVALID_IMAGE: *name = "CUDA_ERROR_INVALID_IMAGE"; break;
    case INVALID_HANDLE: *name = "CUDA_ERROR_INVALID_HANDLE"; break;
    case NOT_FOUND: *name = "CUDA_ERROR_NOT_FOUND"; break;
    case ILLEGAL_ADDRESS: *name = "CUDA_ERROR_ILLEGAL_ADDRESS"; break;
    case LAUNCH_FAILED: *name = "CUDA_ERROR_LAUNCH_FAILED"; break;
    case NOT_SUPPORTED: *name = "CUDA_ERROR_NOT_SUPPORTED"; break;
    default: *name = "CUDA_ERROR_UNKNOWN";
  }
  return SUCCESS;
}
int cuGetErrorString(int status, const char** text) {
  *text = status == NOT_FOUND ? "named symbol not found" : message.c_str();
  return SUCCESS;
}

// A context is its device's number, plus 1.
int cuCtxGetCurrent(void** context) {
  *context = reinterpret_cast<void*>(intptr_t(current_device) + 1);
  return SUCCESS;
}
int cuCtxSetCurrent(void*) { return SUCCESS; }
int cuCtxCreate_v2(void** context, unsigned, int device) {
  *context = reinterpret_cast<void*>(intptr_t(device) + 1);
  return SUCCESS;
}
int cuCtxDestroy_v2(void*) { return SUCCESS; }
int cuCtxGetDevice(int* device) {
  *device = current_device;
  return SUCCESS;
}
int cuDevicePrimaryCtxRelease_v2(int) { return SUCCESS; }
int cuStreamGetCtx(void*, void** context) { return cuCtxGetCurrent(context); }

int cuModuleLoadData(void** module, const void* image) {
  if (strncmp(static_cast<const char*>(image), IMAGE, sizeof IMAGE - 1)) {
    message = "machine code for a GPU cannot run on the CPU";
    return INVALID_IMAGE;
  }
  *module = dlopen(static_cast<const char*>(image) + sizeof IMAGE - 1, RTLD_NOW | RTLD_LOCAL);
  if (*module) return SUCCESS;
  message = dlerror();
  return INVALID_IMAGE;
}
int cuModuleLoad(void**, const char*) { return NOT_SUPPORTED; }
int cuModuleUnload(void*) { return SUCCESS; }
int cuModuleGetGlobal_v2(void**, size_t*, void*, const char*) { return NOT_SUPPORTED; }
int cuModuleGetFunction(void** function, void* module, const char* name) {
  void* kernel = dlsym(module, (std::string("cpu_cuda_kernel_") + name).c_str());
  if (!kernel) return NOT_FOUND;
  const Module* of = static_cast<const Module*>(dlsym(module, "cpu_cuda_module"));
  *function =
      new Function{name, static_cast<const Kernel*>(kernel), of, current_device};  // for the process's life, as in CUDA
  return SUCCESS;
}

int cuLaunchKernel(void* handle, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x, unsigned block_y,
                   unsigned block_z, unsigned dynamic_shared, void* stream, void** arguments, void**) {
  Lock lock(mutex);
  const Function& function = *static_cast<Function*>(handle);
  if (function.device != current_device) {
    message = function.name + ": a kernel of device " + std::to_string(function.device) + ", launched on device " +
              std::to_string(current_device);
    return INVALID_HANDLE;
  }
  if (Status status = check_pointers(function, arguments)) return status;
  counters[LAUNCHES]++;
  Launch launch = {{grid_x, grid_y, grid_z}, {block_x, block_y, block_z}, dynamic_shared};
  return launch_on(reinterpret_cast<intptr_t>(stream), function, launch, arguments);
}
int cuLaunchCooperativeKernel(void*, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, void*,
                              void**) {
  return NOT_SUPPORTED;
}

int cuFuncGetAttribute(int* value, int which, void*) {
  const int MOST_THREADS_PER_BLOCK = 0;
  *value = which == MOST_THREADS_PER_BLOCK ? 1024 : 0;
  return SUCCESS;
}
int cuFuncSetAttribute(void*, int, int) { return SUCCESS; }
int cuOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, void*, int, size_t) {
  *blocks = 2;
  return SUCCESS;
}
int cuOccupancyMaxPotentialBlockSize(int* grid, int* block, void*, void*, size_t, int) {
  *grid = 8;
  *block = 256;
  return SUCCESS;
}
int cuLinkCreate_v2() { return NOT_SUPPORTED; }
int cuLinkAddData_v2() { return NOT_SUPPORTED; }
int cuLinkAddFile_v2() { return NOT_SUPPORTED; }
int cuLinkComplete() { return NOT_SUPPORTED; }
int cuLinkDestroy() { return NOT_SUPPORTED; }

}  // extern "C"
