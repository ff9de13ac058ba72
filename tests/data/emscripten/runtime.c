// What LLVM has code with setjmp call, with the names and types that Emscripten's libraries have since 2024, and the
// rest of runtime.h.

#include "runtime.h"

#include <stdint.h>

#define IMPORT(module, name) \
  __attribute__((import_module(module), import_name(name)))

IMPORT("env", "_emscripten_throw_longjmp")
_Noreturn void _emscripten_throw_longjmp(void);
IMPORT("env", "emscripten_notify_memory_growth")
void emscripten_notify_memory_growth(int memory);
IMPORT("wasi_snapshot_preview1", "proc_exit")
_Noreturn void proc_exit(int code);

// What a call has ended with: nothing, 1 for what is no longjmp, or the place to jump to.
uintptr_t __THREW__;
int __threwValue;

void setThrew(uintptr_t threw, int value) {
  if (__THREW__ == 0) {
    __THREW__ = threw;
    __threwValue = value;
  }
}

struct place {
  void *call;
  uint32_t label;
};

void __wasm_setjmp(struct place *place, uint32_t label, void *call) {
  place->call = call;
  place->label = label;
}

uint32_t __wasm_setjmp_test(struct place *place, void *call) {
  return place->call == call ? place->label : 0;
}

void emscripten_longjmp(uintptr_t place, int value) {
  setThrew(place, value ? value : 1);
  _emscripten_throw_longjmp();
}

static int temp;
void setTempRet0(int value) { temp = value; }
int getTempRet0(void) { return temp; }

void exit(int code) { proc_exit(code); }
void abort(void) { __builtin_trap(); }

void *malloc(size_t bytes) {
  const size_t page = 65536;
  size_t pages = __builtin_wasm_memory_grow(0, (bytes + page - 1) / page);
  if (pages == -1ul) return NULL;
  emscripten_notify_memory_growth(0);
  return (void *)(pages * page);
}
