/* SPDX-License-Identifier: MIT */
/*
 * A thread whose registers, stack, code and call frame information are all a stranger's: 33 registers, then memory, the same
 * bytes as an executable mapping at CODE and a writable one at STACK.
 */
#include <assert.h>
#include <string.h>

#include "target/frames.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CODE = 0x10000, STACK = 0x7f0000, HEAD = THREAD_REGISTERS_MAX * 8 };

struct memory {
	const uint8_t *bytes;
	size_t size;
};

static bool memory_read(void *context, vaddr address, void *buffer, size_t size)
{
	const struct memory *memory = context;
	vaddr base = address >= STACK ? STACK : CODE;

	if (address < base || address - base > memory->size || size > memory->size - (address - base))
		return false;
	memcpy(buffer, memory->bytes + (address - base), size);
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < HEAD)
		return 0;

	struct memory memory = { data + HEAD, size - HEAD };
	struct mapping list[] = {
		{ .start = CODE, .end = CODE + 0x10000, .prot = MAPPING_READ | MAPPING_EXEC, .file = 0 },
		{ .start = STACK, .end = STACK + 0x10000, .prot = MAPPING_READ | MAPPING_WRITE, .file = -1 },
	};
	mapping_array mappings;
	struct thread thread = { .tid = 1, .has_registers = true };
	struct unwinder *unwinder;
	frame_array frames;
	bool complete;

	memset(&mappings, 0, sizeof(mappings));
	mappings.v = list;
	mappings.n = 2;
	memcpy(thread.registers, data, HEAD);
	// The bytes of the pc say which architecture's registers these are.
	bool aarch64 = thread.registers[32] != 0;
	thread.pc = thread.registers[aarch64 ? 32 : 16];
	thread.sp = thread.registers[aarch64 ? 31 : 7];
	unwinder = unwinder_create(&mappings, memory_read, &memory);
	for (int i = 0; i < 2; i++) {
		unwinder_walk(unwinder, &thread, 1000, &frames, &complete);
		// None when the code is another architecture's.
		assert(frames.n <= 1000);
		for (size_t k = 1; k < frames.n; k++)
			assert(frames.v[k].interrupted || frames.v[k].sp >= frames.v[k - 1].sp);
		array_deinit(&frames);
	}
	unwinder_destroy(unwinder);
	return 0;
}
