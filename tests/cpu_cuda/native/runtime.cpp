// The functions of the CUDA runtime that CuPy's compiled modules call, in place of those in CuPy itself. Their C
// signatures are those of signatures.py, where `skip` stands for Cython's flag and `options` for its optional
// arguments.
#include "device.h"

using namespace cpu_cuda;

extern "C" {
// The part of Python's C API that is used here; the symbols are the interpreter's.
struct PyObject;
extern PyObject _Py_NoneStruct;
void Py_IncRef(PyObject*);
void Py_DecRef(PyObject*);
PyObject* PyObject_CallFunction(PyObject*, const char*, ...);
PyObject* Py_BuildValue(const char*, ...);
}

namespace {

// Python's side: raises CuPy's error for a status; makes a device's properties, and a pointer's attributes.
PyObject *raise_error, *make_properties, *make_attributes;

PyObject* result(int status) {
  if (status) return PyObject_CallFunction(raise_error, "i", status);
  Py_IncRef(&_Py_NoneStruct);
  return &_Py_NoneStruct;
}

template <typename T>
T number(int status, T value, T failed) {
  if (!status) return value;
  if (PyObject* none = PyObject_CallFunction(raise_error, "i", status)) Py_DecRef(none);
  return failed;
}

intptr_t allocated(size_t bytes, bool on_host) {
  uintptr_t pointer = 0;
  Status status = allocate(bytes, on_host, &pointer);
  return number<intptr_t>(status, intptr_t(pointer), 0);
}

bool is_device(int device) { return 0 <= device && device < devices; }

PyObject* connect(int device) {
  if (!is_device(device)) return result(INVALID_DEVICE);
  connected[current_device][device] = true;
  return result(SUCCESS);
}

// A device's attributes by cudaDeviceAttr, as far as CuPy asks for them.
int attribute(int which) {
  switch (which) {
    case 1: return 1024;        // threads of a block
    case 5: return 2147483647;  // blocks of a grid
    case 8: return 48 << 10;    // shared memory of a block
    case 10: return 32;         // threads of a warp
    case 16: return 4;          // multiprocessors
    case 39: return 2048;       // threads of a multiprocessor
    case 75: return 9;          // compute capability
    case 97: return 227 << 10;  // shared memory of a block that asks for more
    default: return 0;
  }
}

}  // namespace

extern "C" {

void cpu_cuda_start(PyObject* raise, PyObject* properties, PyObject* attributes, int count) {
  raise_error = raise;
  make_properties = properties;
  make_attributes = attributes;
  devices = count;
}

// ---- Devices
int runtime_getDevice(int) { return current_device; }
int runtime_getDeviceCount(int) { return devices; }
int runtime_driverGetVersion(int) { return 13000; }
int runtime_deviceCanAccessPeer(int, int, int) { return 1; }
PyObject* runtime__ensure_context(void) { return result(SUCCESS); }
PyObject* runtime_deviceEnablePeerAccess(int device, int) { return connect(device); }
PyObject* runtime__deviceEnsurePeerAccess(int device, int) { return connect(device); }
PyObject* runtime_setDevice(int device, int) {
  if (!is_device(device)) return result(INVALID_DEVICE);
  current_device = device;
  return result(SUCCESS);
}
PyObject* runtime_deviceSynchronize(int) {
  counters[SYNCHRONISATIONS]++;
  return result(finish_all());
}
int runtime_deviceGetAttribute(int which, int device, int) {
  return number(is_device(device) ? SUCCESS : INVALID_DEVICE, attribute(which), -1);
}
PyObject* runtime_getDeviceProperties(int device, int) {
  if (!is_device(device)) return result(INVALID_DEVICE);
  return PyObject_CallFunction(make_properties, "i", device);
}

// ---- Memory
intptr_t runtime_malloc(size_t bytes, int) { return allocated(bytes, false); }
intptr_t runtime_mallocAsync(size_t bytes, intptr_t, int) { return allocated(bytes, false); }
intptr_t runtime_mallocManaged(size_t bytes, int, void*) { return allocated(bytes, false); }
intptr_t runtime_hostAlloc(size_t bytes, unsigned, int) { return allocated(bytes, true); }
PyObject* runtime_free(intptr_t pointer, int) { return result(release(pointer)); }
PyObject* runtime_freeAsync(intptr_t pointer, intptr_t, int) { return result(release(pointer)); }
PyObject* runtime_freeHost(intptr_t pointer, int) { return result(release(pointer)); }
PyObject* runtime_memGetInfo(int) {
  size_t free, total;
  memory_info(&free, &total);
  return Py_BuildValue("(nn)", ssize_t(free), ssize_t(total));
}
PyObject* runtime_memcpy(intptr_t to, intptr_t from, size_t bytes, int kind, int) {
  Status status = finish(0);
  return result(status ? status : copy(to, from, bytes, kind));
}
PyObject* runtime_memcpyAsync(intptr_t to, intptr_t from, size_t bytes, int kind, intptr_t stream, int) {
  return result(copy_on(stream, to, from, bytes, kind));
}
PyObject* runtime_memcpyPeer(intptr_t to, int, intptr_t from, int, size_t bytes, int) {
  return result(copy(to, from, bytes, DEVICE_TO_DEVICE));
}
PyObject* runtime_memcpyPeerAsync(intptr_t to, int, intptr_t from, int, size_t bytes, intptr_t stream, int) {
  return result(copy_on(stream, to, from, bytes, DEVICE_TO_DEVICE));
}
PyObject* runtime_memset(intptr_t at, int value, size_t bytes, int) { return result(fill(at, value, bytes)); }
PyObject* runtime_memsetAsync(intptr_t at, int value, size_t bytes, intptr_t stream, int) {
  return result(fill_on(stream, at, value, bytes));
}
int runtime_pointerGetMemoryType(intptr_t pointer, int) {
  const Allocation* found = allocation_of(pointer);
  return !found ? 0 : found->on_host ? 1 : 2;
}
PyObject* runtime_pointerGetAttributes(intptr_t pointer, int) {
  const Allocation* found = allocation_of(pointer);
  bool on_device = found && !found->on_host;
  return PyObject_CallFunction(make_attributes, "inni", found ? found->device : -2, ssize_t(on_device ? pointer : 0),
                               ssize_t(on_device ? 0 : pointer), runtime_pointerGetMemoryType(pointer, 0));
}

// ---- Streams and events
intptr_t runtime_streamCreate(int) { return new_stream(0); }
intptr_t runtime_streamCreateWithFlags(unsigned flags, int) { return new_stream(flags); }
intptr_t runtime_streamCreateWithPriority(unsigned flags, int, int) { return new_stream(flags); }
PyObject* runtime_streamDestroy(intptr_t stream, int) { return result(finish(stream)); }
PyObject* runtime_streamSynchronize(intptr_t stream, int) {
  counters[SYNCHRONISATIONS]++;
  return result(finish(stream));
}
PyObject* runtime_streamQuery(intptr_t stream, int) {
  return Py_BuildValue("i", is_idle(stream) ? SUCCESS : NOT_READY);
}
PyObject* runtime_streamWaitEvent(intptr_t stream, intptr_t event, int, void*) {
  wait_for_event(stream, event);
  return result(SUCCESS);
}
int runtime_streamIsCapturing(intptr_t, int) { return 0; }
int runtime_streamGetPriority(intptr_t, int) { return 0; }
unsigned runtime_streamGetFlags(intptr_t, int) { return 0; }
intptr_t runtime_eventCreate(int) { return new_event(); }
intptr_t runtime_eventCreateWithFlags(unsigned, int) { return new_event(); }
PyObject* runtime_eventDestroy(intptr_t, int) { return result(SUCCESS); }
PyObject* runtime_eventRecord(intptr_t event, intptr_t stream, int) {
  return result(record_event(event, stream));
}
PyObject* runtime_eventSynchronize(intptr_t event, int) {
  counters[SYNCHRONISATIONS]++;
  return result(finish_event(event));
}
PyObject* runtime_eventQuery(intptr_t event, int) {
  return Py_BuildValue("i", has_happened(event) ? SUCCESS : NOT_READY);
}
float runtime_eventElapsedTime(intptr_t start, intptr_t end, int) { return milliseconds_between(start, end); }

}  // extern "C"
