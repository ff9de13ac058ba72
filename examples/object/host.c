// Calls functions of pure.wat that a linker has put into this program:
//
//     precast compile --emit obj pure.wat && cc host.c pure.o -o host && ./host
//
// FORMAT.md says under "Objects" what there is to link, artifacts-format/src/abi.rs what the code
// expects. These functions need no more of a runtime than this; others do.

#include <stdint.h>
#include <stdio.h>

// No limit of the stack: zero is below every stack pointer.
struct store_context { uint64_t stack_limit, others[7]; };

// The header of an instance. Nothing here uses the parts behind it.
enum { INSTANCE_MAGIC = 0x74736e69 };
struct vmctx { uint32_t magic, reserved; struct store_context *store; uint64_t host, others[64]; };

typedef struct { _Alignas(16) int32_t i32; } slot;
typedef struct { uint64_t value, status; } direct_result;

#define EXPORT(name) \
    extern const char wasm_func_##name[]; \
    extern uint8_t wasm_entry_##name(const char *code, struct vmctx *, slot *, struct store_context *)
EXPORT(add);
EXPORT(grow);
EXPORT(apply$40$402); // apply@@2
extern const char wasm_func_fib[];
extern direct_result wasm_direct_fib(const char *code, struct vmctx *, struct store_context *, uint64_t);

// A memory that is never used has no bytes here, and pretends to grow.
int64_t precast_memory_grow(struct vmctx *caller, uint32_t memory, int64_t delta) {
    return caller->magic == INSTANCE_MAGIC && memory == 0 ? 1000 + delta : -1;
}

int main(void) {
    struct store_context store = {0};
    struct vmctx vmctx = {.magic = INSTANCE_MAGIC, .store = &store};
    slot slots[3];
#define CALL(name, a, b, c) \
    (slots[0].i32 = a, slots[1].i32 = b, slots[2].i32 = c, \
     wasm_entry_##name(wasm_func_##name, &vmctx, slots, &store) == 1 ? slots[0].i32 : -1)
    printf("40 + 2 = %d\n", CALL(add, 40, 2, 0));
    printf("table[1](40, 2) = %d\n", CALL(apply$40$402, 1, 40, 2));
    printf("table[2](40, 2) = %d\n", CALL(apply$40$402, 2, 40, 2));
    printf("memory.grow 7 = %d\n", CALL(grow, 7, 0, 0));
    printf("fib(20) = %d\n", (int)wasm_direct_fib(wasm_func_fib, &vmctx, &store, 20).value);
    return 0;
}
