/* SPDX-License-Identifier: MIT */
/*
 * The walk: from one frame to its caller by the row of rules for the pc, and where there is none, by what else is known:
 *
 *   signal trampoline               by its code; the interrupted registers lie on the stack
 *   call of a bad pointer           the pc is in no code: the return address is the last thing that was pushed
 *   code that nobody describes      (JIT) by the chain of frame pointers, if that looks like one
 *
 * A guess may be wrong, so every frame is held to two rules: its pc lies in an executable mapping, and its stack pointer is
 * above the callee's (across a signal it may be anywhere, since the handler may have a stack of its own).
 *
 * The pc of a caller is where it goes on, which may be behind the end of its function when that ends in a call: rules
 * are looked up at pc - 1, except for the innermost frame and one that was interrupted.
 */
#include "target/frames.h"

#include <elf.h>
#include <string.h>

#include "base/alloc.h"
#include "target/cfi.h"
#include "target/elf_headers.h"

enum {
	/** A cached piece of memory. Units: bytes; a power of two. */
	LINE_SIZE = 1024,
	LINES = 64,
	/** Rows that are kept, by pc. */
	ROWS = 512,
	/** Mappings below the code that are tried for the ELF header. */
	HEADER_MAPPINGS_MAX = 16,
	/** How far a frame pointer may be above the stack pointer. Units: bytes. */
	FRAME_SIZE_MAX = 1 << 20,
	/** Reads that one walk may make; a deep one with everything cold needs some 40 a frame. */
	READS_PER_WALK = 4 << 20,
};

/** Frames of one walk, whatever the caller allows. */
#define FRAMES_MAX ((size_t)1 << 16)

/** Reads of all walks together: what hostile stacks of many threads can cost us is bounded too. */
#define READS_MAX (UINT64_C(256) << 20)

struct line {
	/** VADDR_NONE when empty. */
	vaddr start;
	/** The memory cannot be written, so the line is good for other walks too. */
	bool lasts;
	uint8_t bytes[LINE_SIZE];
};

/* What is known of the code in one mapping. */
struct code {
	/** It belongs to an ELF file, of this architecture. */
	bool has_machine;
	enum machine machine;
	/** The file has a search table. */
	bool has_table;
	struct cfi_table table;
};

struct cached_row {
	/** The pc it was looked up for; VADDR_NONE when empty. */
	vaddr pc;
	bool found;
	struct cfi_row row;
};

struct unwinder {
	const mapping_array *mappings;
	frames_read *read;
	void *context;
	ARRAY(struct code) codes;
	/** For each mapping the index in codes, plus one; 0 when it was not looked at. */
	size_t *code_of_mapping;
	struct line lines[LINES];
	struct cached_row rows[ROWS];
	uint64_t reads_left, reads_left_in_walk;
};

struct unwinder *unwinder_create(const mapping_array *mappings, frames_read *read, void *context)
{
	struct unwinder *unwinder = xcalloc(1, sizeof(*unwinder));

	unwinder->mappings = mappings;
	unwinder->read = read;
	unwinder->context = context;
	unwinder->reads_left = READS_MAX;
	unwinder->code_of_mapping = xcalloc(mappings->n + 1, sizeof(*unwinder->code_of_mapping));
	for (size_t i = 0; i < LINES; i++)
		unwinder->lines[i].start = VADDR_NONE;
	for (size_t i = 0; i < ROWS; i++)
		unwinder->rows[i].pc = VADDR_NONE;
	return unwinder;
}

void unwinder_destroy(struct unwinder *unwinder)
{
	if (!unwinder)
		return;
	array_deinit(&unwinder->codes);
	free(unwinder->code_of_mapping);
	free(unwinder);
}

/* The line that holds an address, read if need be; NULL when it cannot be had as a whole. */
static const struct line *line_get(struct unwinder *unwinder, vaddr address)
{
	vaddr start = address & ~(vaddr)(LINE_SIZE - 1);
	struct line *line = &unwinder->lines[start / LINE_SIZE % LINES];

	if (line->start == start)
		return line;
	line->start = VADDR_NONE;
	if (!unwinder->read(unwinder->context, start, line->bytes, LINE_SIZE))
		return NULL;
	const struct mapping *mapping = mappings_find(unwinder->mappings, start);
	line->start = start;
	line->lasts = mapping && !(mapping->prot & MAPPING_WRITE) && !mapping->shared;
	return line;
}

/* A cfi_read: through the lines. */
static bool read_memory(void *context, vaddr address, void *buffer, size_t size)
{
	struct unwinder *unwinder = context;
	uint8_t *to = buffer;

	if (unwinder->reads_left == 0 || unwinder->reads_left_in_walk == 0 || address > UINT64_MAX - size)
		return false;
	unwinder->reads_left--;
	unwinder->reads_left_in_walk--;
	while (size > 0) {
		size_t inside = address % LINE_SIZE;
		size_t n = size < LINE_SIZE - inside ? size : LINE_SIZE - inside;
		const struct line *line = line_get(unwinder, address);

		if (line)
			memcpy(to, line->bytes + inside, n);
		else if (!unwinder->read(unwinder->context, address, to, n))
			return false;
		to += n;
		address += n;
		size -= n;
	}
	return true;
}

/* What was written since the last walk must be read again. */
static void lines_forget(struct unwinder *unwinder)
{
	for (size_t i = 0; i < LINES; i++) {
		if (!unwinder->lines[i].lasts)
			unwinder->lines[i].start = VADDR_NONE;
	}
}

/* An ELF file as it is mapped, for elf_headers_read(). */
struct mapped_elf {
	struct unwinder *unwinder;
	vaddr start;
};

static bool mapped_elf_get(void *context, uint64_t offset, void *buffer, size_t size)
{
	const struct mapped_elf *mapped = context;

	return offset <= UINT64_MAX - mapped->start && read_memory(mapped->unwinder, mapped->start + offset, buffer, size);
}

/* Fills the code's table from an ELF header that is mapped at an address; false when that has no code around pc. */
static bool code_from_header(struct unwinder *unwinder, vaddr header, vaddr pc, struct code *code)
{
	struct mapped_elf mapped = {.unwinder = unwinder, .start = header};
	_cleanup_elf_headers_ struct elf_headers headers = {0};
	const Elf64_Phdr *first = NULL, *eh_frame = NULL, *around = NULL;
	vaddr bias = 0;

	if (!elf_headers_read(mapped_elf_get, &mapped, &headers))
		return false;
	for (size_t i = 0; i < headers.phdrs.n; i++) {
		const Elf64_Phdr *phdr = &headers.phdrs.v[i];

		if (phdr->p_type == PT_GNU_EH_FRAME) {
			eh_frame = phdr;
		} else if (phdr->p_type == PT_LOAD) {
			if (!first) {
				// The header is mapped, so the segment begins with the page that holds it.
				if (phdr->p_offset > 0xffff)
					return false;
				first = phdr;
				bias = header - (phdr->p_vaddr - phdr->p_offset);
			}
			if ((phdr->p_flags & PF_X) && pc - (bias + phdr->p_vaddr) < phdr->p_memsz)
				around = phdr;
		}
	}
	if (!around)
		return false;
	code->has_machine = true;
	if (headers.ehdr.e_machine == EM_X86_64)
		code->machine = MACHINE_X86_64;
	else if (headers.ehdr.e_machine == EM_AARCH64)
		code->machine = MACHINE_AARCH64;
	else
		code->has_machine = false;
	code->has_table = eh_frame && cfi_table_read(read_memory, unwinder, bias + eh_frame->p_vaddr, eh_frame->p_memsz, &code->table);
	return true;
}

static bool mappings_are_of_one_file(const struct mapping *a, const struct mapping *b)
{
	if (a->file >= 0 || b->file >= 0)
		return a->file == b->file;
	return a->path && b->path && strcmp(a->path, b->path) == 0;
}

/* The code around a pc; NULL when the pc is in no executable mapping. Borrowed: until the next call. */
static const struct code *code_find(struct unwinder *unwinder, vaddr pc)
{
	const struct mapping *mapping = mappings_find(unwinder->mappings, pc);

	if (!mapping || !(mapping->prot & MAPPING_EXEC))
		return NULL;
	size_t index = (size_t)(mapping - unwinder->mappings->v);
	size_t *known = &unwinder->code_of_mapping[index];
	if (*known > 0)
		return &unwinder->codes.v[*known - 1];

	struct code code = {.has_table = false};
	for (size_t tries = 0; tries < HEADER_MAPPINGS_MAX; tries++) {
		const struct mapping *lower = &unwinder->mappings->v[index];

		if (mappings_are_of_one_file(lower, mapping) && code_from_header(unwinder, lower->start, pc, &code))
			break;
		if (index-- == 0)
			break;
	}
	array_append(&unwinder->codes, code);
	*known = unwinder->codes.n;
	return &unwinder->codes.v[*known - 1];
}

static bool pc_is_code(const struct unwinder *unwinder, vaddr pc)
{
	const struct mapping *mapping = mappings_find(unwinder->mappings, pc);

	return mapping && (mapping->prot & MAPPING_EXEC);
}

/* The row for a place in the code, from the cache if it was there before. */
static const struct cfi_row *row_find(struct unwinder *unwinder, vaddr place)
{
	struct cached_row *cached = &unwinder->rows[(place ^ place >> 9) % ROWS];

	if (cached->pc != place) {
		const struct code *code = code_find(unwinder, place);

		cached->pc = place;
		cached->found = code && code->has_table && cfi_row_find(read_memory, unwinder, &code->table, place, &cached->row);
	}
	return cached->found ? &cached->row : NULL;
}

static void registers_set(struct cfi_registers *registers, unsigned reg, uint64_t value)
{
	registers->values[reg] = value;
	registers->known |= UINT64_C(1) << reg;
}

/* What a handler returns to: rt_sigreturn and nothing else. */
struct trampoline {
	enum machine machine;
	size_t size;
	uint8_t code[9];
};

static const struct trampoline trampolines[] = {
	// mov $15,%rax; syscall (glibc) and mov $15,%eax; syscall (gVisor, older musl)
	{MACHINE_X86_64, 9, {0x48, 0xc7, 0xc0, 0x0f, 0x00, 0x00, 0x00, 0x0f, 0x05}},
	{MACHINE_X86_64, 7, {0xb8, 0x0f, 0x00, 0x00, 0x00, 0x0f, 0x05}},
	// mov x8,#139; svc #0 (the vdso: linux arch/arm64/kernel/vdso/sigreturn.S)
	{MACHINE_AARCH64, 8, {0x68, 0x11, 0x80, 0xd2, 0x01, 0x00, 0x00, 0xd4}},
};

static bool is_trampoline(struct unwinder *unwinder, enum machine machine, vaddr pc)
{
	uint8_t code[sizeof(trampolines[0].code)];

	for (size_t i = 0; i < sizeof(trampolines) / sizeof(trampolines[0]); i++) {
		const struct trampoline *trampoline = &trampolines[i];

		if (trampoline->machine == machine && read_memory(unwinder, pc, code, trampoline->size) &&
		    memcmp(code, trampoline->code, trampoline->size) == 0)
			return true;
	}
	return false;
}

/* The registers that a signal interrupted, from the context that the kernel put on the handler's stack. Source: linux
   arch/x86/include/uapi/asm/sigcontext.h and arch/arm64/include/uapi/asm/{sigcontext,ucontext}.h. */
static bool interrupted_registers(struct unwinder *unwinder, enum machine machine, vaddr sp, struct cfi_registers *ret)
{
	uint64_t saved[THREAD_REGISTERS_MAX];
	struct cfi_registers registers = {0};

	if (machine == MACHINE_X86_64) {
		// DWARF numbers in the order r8 … r15 rdi rsi rbp rbx rdx rax rcx rsp rip.
		static const uint8_t order[] = {8, 9, 10, 11, 12, 13, 14, 15, 5, 4, 6, 3, 1, 0, 2, 7, 16};

		// The stack pointer is at the ucontext; 40 bytes of it come before the registers.
		if (!read_memory(unwinder, sp + 40, saved, sizeof(order) * 8))
			return false;
		for (size_t i = 0; i < sizeof(order); i++)
			registers_set(&registers, order[i], saved[i]);
	} else {
		// siginfo (128), ucontext up to its mcontext (176), the fault address (8); then x0 … x30 sp pc.
		if (!read_memory(unwinder, sp + 128 + 176 + 8, saved, sizeof(saved)))
			return false;
		for (unsigned i = 0; i < THREAD_REGISTERS_MAX; i++)
			registers_set(&registers, i, saved[i]);
	}
	*ret = registers;
	return true;
}

static uint64_t register_get(const struct cfi_registers *registers, unsigned reg)
{
	return registers->known >> reg & 1 ? registers->values[reg] : 0;
}

/* The caller when the pc is in no code: a bad pointer was called, and nothing of the callee ran. */
static bool step_from_bad_pc(struct unwinder *unwinder, enum machine machine, const struct cfi_registers *callee, struct cfi_registers *ret)
{
	const unsigned sp = register_sp(machine), pc = register_pc(machine);
	struct cfi_registers caller = *callee;
	uint64_t return_address;

	if (machine == MACHINE_X86_64) {
		if (!read_memory(unwinder, callee->values[sp], &return_address, sizeof(return_address)))
			return false;
		caller.values[sp] += 8;
	} else {
		return_address = register_get(callee, 30);
	}
	if (!pc_is_code(unwinder, return_address))
		return false;
	caller.values[pc] = return_address;
	caller.known &= registers_saved(machine) | UINT64_C(1) << sp | UINT64_C(1) << pc;
	*ret = caller;
	return true;
}

/* The caller by the frame pointer, if there is what looks like a pair of saved frame pointer and return address. */
static bool step_by_frame_pointer(struct unwinder *unwinder, enum machine machine, const struct cfi_registers *callee, struct cfi_registers *ret)
{
	vaddr fp = register_get(callee, register_fp(machine)), sp = callee->values[register_sp(machine)];
	struct cfi_registers caller = {0};
	uint64_t pair[2];

	if (fp % 8 != 0 || fp < sp || fp - sp > FRAME_SIZE_MAX || !read_memory(unwinder, fp, pair, sizeof(pair)) ||
	    !pc_is_code(unwinder, pair[1]))
		return false;
	registers_set(&caller, register_fp(machine), pair[0]);
	registers_set(&caller, register_sp(machine), fp + 16);
	registers_set(&caller, register_pc(machine), pair[1]);
	*ret = caller;
	return true;
}

/* One frame on the way. */
struct step {
	struct cfi_registers registers;
	/** The pc is looked up as it is. */
	bool exact;
};

enum step_result {
	STEP_CALLER,
	STEP_BOTTOM,
	STEP_LOST,
};

static enum step_result step_up(struct unwinder *unwinder, enum machine machine, const struct step *callee, struct step *ret)
{
	vaddr pc = callee->registers.values[register_pc(machine)], place = callee->exact ? pc : pc - 1;
	struct step caller = {0};
	bool outermost = false;

	if (!pc_is_code(unwinder, place))
		return step_from_bad_pc(unwinder, machine, &callee->registers, &ret->registers) ? STEP_CALLER : STEP_LOST;
	// Before the rules: those of the aarch64 vdso, where it has any, lead to the caller of what was interrupted.
	if (is_trampoline(unwinder, machine, pc)) {
		if (!interrupted_registers(unwinder, machine, callee->registers.values[register_sp(machine)], &caller.registers))
			return STEP_LOST;
		caller.exact = true;
		*ret = caller;
		return STEP_CALLER;
	}
	const struct cfi_row *row = row_find(unwinder, place);
	if (!row) {
		if (!step_by_frame_pointer(unwinder, machine, &callee->registers, &caller.registers))
			return STEP_LOST;
	} else if (!cfi_row_apply(read_memory, unwinder, machine, row, &callee->registers, &caller.registers, &outermost)) {
		return outermost ? STEP_BOTTOM : STEP_LOST;
	} else {
		caller.exact = row->is_signal_frame;
		// A return address of 0 is how hand-made stacks say that they end.
		if (caller.registers.values[register_pc(machine)] == 0 && !caller.exact)
			return STEP_BOTTOM;
	}
	*ret = caller;
	return STEP_CALLER;
}

/* Whether a caller is one that can be. */
static bool step_is_plausible(const struct unwinder *unwinder, enum machine machine, const struct step *callee, const struct step *caller)
{
	const unsigned sp = register_sp(machine), pc = register_pc(machine);
	uint64_t below = callee->registers.values[sp], above = caller->registers.values[sp];

	if (caller->exact) {
		// Interrupted, perhaps in the call of a bad pointer.
		return true;
	}
	if (!pc_is_code(unwinder, caller->registers.values[pc] - 1))
		return false;
	// A leaf function on aarch64 may have no frame.
	return above > below || (machine == MACHINE_AARCH64 && above == below);
}

static struct frame frame_of_step(enum machine machine, const struct step *step, bool innermost)
{
	struct frame frame = {
		.pc = step->registers.values[register_pc(machine)],
		.sp = step->registers.values[register_sp(machine)],
		.interrupted = step->exact && !innermost,
		.known = step->registers.known,
	};

	memcpy(frame.registers, step->registers.values, sizeof(frame.registers));
	memcpy(frame.saved_at, step->registers.saved_at, sizeof(frame.saved_at));
	return frame;
}

/* The architecture that the thread's code is of: that of the first ELF file on the way, else our own. */
static bool walk_machine(struct unwinder *unwinder, const struct thread *thread, enum machine *ret)
{
	// x86-64 leaves the registers from 17 on alone, where aarch64 has its stack pointer and pc.
	enum machine machine = thread->pc == thread->registers[register_pc(MACHINE_AARCH64)] && thread->pc != thread->registers[16] ?
				       MACHINE_AARCH64 :
				       MACHINE_X86_64;
	const struct code *code = code_find(unwinder, thread->pc);

	if (code && code->has_table && !code->has_machine)
		return false;
	*ret = code && code->has_machine ? code->machine : machine;
	return true;
}

void unwinder_walk(struct unwinder *unwinder, const struct thread *thread, size_t maximum, frame_array *ret, bool *complete_ret)
{
	enum machine machine;

	*ret = (frame_array){0};
	*complete_ret = false;
	lines_forget(unwinder);
	unwinder->reads_left_in_walk = READS_PER_WALK;
	if (!thread->has_registers || maximum == 0 || !walk_machine(unwinder, thread, &machine))
		return;

	struct step step = {.exact = true};
	for (unsigned reg = 0; reg <= register_pc(machine); reg++)
		registers_set(&step.registers, reg, thread->registers[reg]);
	step.registers.values[register_sp(machine)] = thread->sp;
	step.registers.values[register_pc(machine)] = thread->pc;
	array_append(ret, frame_of_step(machine, &step, true));
	while (ret->n < maximum && ret->n < FRAMES_MAX) {
		struct step caller = {0};
		enum step_result result = step_up(unwinder, machine, &step, &caller);

		if (result != STEP_CALLER) {
			*complete_ret = result == STEP_BOTTOM;
			return;
		}
		if (!step_is_plausible(unwinder, machine, &step, &caller))
			return;
		step = caller;
		array_append(ret, frame_of_step(machine, &step, false));
	}
}
