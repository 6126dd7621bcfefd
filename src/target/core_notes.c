/* SPDX-License-Identifier: MIT */
#include "target/core_notes.h"

#include <elf.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

enum {
	/* The kernel's own limits: threads (PID_MAX_LIMIT is 2^22; a core of 1 M threads has 350 MB of PRSTATUS alone) and entries of
	   NT_FILE (vm.max_map_count is 65530 unless raised; the note is dropped beyond 4 MiB). */
	THREADS_MAX = 1 << 20,
	FILES_MAX = 1 << 20,
	AUXV_MAX = 256,
	/* Greater numbers are not system calls of any kernel (466 calls in Linux 6.16). */
	SYSCALL_MAX = 1024,
};

/* Positions within the notes, for 64-bit little-endian machines. Source: struct elf_prstatus and elf_prpsinfo of
   include/linux/elfcore.h; struct user_regs_struct of arch/x86/include/asm/user_64.h; struct user_pt_regs of
   arch/arm64/include/uapi/asm/ptrace.h. */
enum {
	PRSTATUS_CURSIG = 12,
	PRSTATUS_PID = 32,
	PRSTATUS_REGISTERS = 112,
	PRPSINFO_PID = 24,
	PRPSINFO_NAME = 40,
	PRPSINFO_NAME_SIZE = 16,
	PRPSINFO_COMMAND = 56,
	PRPSINFO_COMMAND_SIZE = 80,
	PRPSINFO_SIZE = 136,
	SIGINFO_SIGNAL = 0,
	SIGINFO_ADDRESS = 16,
	SIGINFO_MIN = 24,
	FILE_HEAD = 16,
	FILE_ENTRY = 24,
	/* NT_ARM_SYSTEM_CALL, which older <elf.h> lack. */
	ARM_SYSTEM_CALL = 0x404,
};

enum x86_64_register {
	X86_R15, X86_R14, X86_R13, X86_R12, X86_RBP, X86_RBX, X86_R11, X86_R10, X86_R9, X86_R8, X86_RAX, X86_RCX,
	X86_RDX, X86_RSI, X86_RDI, X86_ORIG_RAX, X86_RIP, X86_CS, X86_EFLAGS, X86_RSP, X86_SS, X86_FS_BASE,
	X86_GS_BASE, X86_DS, X86_ES, X86_FS, X86_GS,
	X86_REGISTERS,
};

enum aarch64_register {
	ARM_X0 = 0,
	ARM_X8 = 8,
	ARM_SP = 31,
	ARM_PC = 32,
	ARM_PSTATE = 33,
	ARM_REGISTERS,
};

/* The DWARF numbers 0..16 of x86-64. Source: System V ABI, AMD64, figure 3.36. */
static const uint8_t x86_64_dwarf_order[] = {
	X86_RAX, X86_RDX, X86_RCX, X86_RBX, X86_RSI, X86_RDI, X86_RBP, X86_RSP, X86_R8,
	X86_R9,	 X86_R10, X86_R11, X86_R12, X86_R13, X86_R14, X86_R15, X86_RIP,
};

/* The description of one note. */
struct desc {
	const uint8_t *bytes;
	size_t size;
};

void core_notes_init(struct core_notes *notes)
{
	memset(notes, 0, sizeof(*notes));
}

void core_notes_deinit(struct core_notes *notes)
{
	for (size_t i = 0; i < notes->files.n; i++)
		free(notes->files.v[i].path);
	array_deinit(&notes->files);
	array_deinit(&notes->threads);
	array_deinit(&notes->auxv);
}

static uint64_t word_at(struct desc desc, size_t offset)
{
	uint64_t word;

	memcpy(&word, desc.bytes + offset, sizeof(word));
	return word;
}

static int32_t int_at(struct desc desc, size_t offset)
{
	int32_t value;

	memcpy(&value, desc.bytes + offset, sizeof(value));
	return value;
}

/* A string of a field that need not end in a NUL. */
static void copy_field(char *to, size_t to_size, struct desc desc, size_t offset, size_t size)
{
	const char *from = (const char *)desc.bytes + offset;
	size_t length = strnlen(from, size);

	if (length >= to_size)
		length = to_size - 1;
	memcpy(to, from, length);
	to[length] = '\0';
}

static void x86_64_registers(struct thread *thread, struct desc desc)
{
	for (size_t i = 0; i < sizeof(x86_64_dwarf_order); i++)
		thread->registers[i] = word_at(desc, PRSTATUS_REGISTERS + 8u * x86_64_dwarf_order[i]);
	thread->pc = word_at(desc, PRSTATUS_REGISTERS + 8 * X86_RIP);
	thread->sp = word_at(desc, PRSTATUS_REGISTERS + 8 * X86_RSP);
	thread->tp = word_at(desc, PRSTATUS_REGISTERS + 8 * X86_FS_BASE);

	// A thread that was interrupted in user mode has -1 here (arch/x86/entry/entry_64.S).
	uint64_t number = word_at(desc, PRSTATUS_REGISTERS + 8 * X86_ORIG_RAX);

	if (number < SYSCALL_MAX) {
		thread->syscall = (long)number;
		thread->syscall_argument = word_at(desc, PRSTATUS_REGISTERS + 8 * X86_RDI);
	}
}

static void aarch64_registers(struct thread *thread, struct desc desc)
{
	for (size_t i = 0; i <= ARM_PC; i++)
		thread->registers[i] = word_at(desc, PRSTATUS_REGISTERS + 8 * i);
	thread->pc = thread->registers[ARM_PC];
	thread->sp = thread->registers[ARM_SP];
}

static bool prstatus_parse(struct core_notes *notes, enum machine machine, struct desc desc)
{
	size_t registers = machine == MACHINE_X86_64 ? X86_REGISTERS : ARM_REGISTERS;

	if (desc.size < PRSTATUS_REGISTERS + 8 * registers)
		return false;
	if (notes->threads.n == THREADS_MAX) {
		notes->dropped++;
		return true;
	}

	struct thread *thread = array_push(&notes->threads);

	*thread = (struct thread){ .tid = int_at(desc, PRSTATUS_PID), .has_registers = true, .syscall = -1 };
	if (machine == MACHINE_X86_64)
		x86_64_registers(thread, desc);
	else
		aarch64_registers(thread, desc);
	// gcore writes the signal that stopped a thread into each; the kernel's first thread is the one that died.
	if (notes->threads.n == 1 && !notes->signal) {
		int16_t signal_number;

		memcpy(&signal_number, desc.bytes + PRSTATUS_CURSIG, sizeof(signal_number));
		if (signal_number > 0 && signal_number < NSIG)
			notes->signal = signal_number;
	}
	return true;
}

static bool prpsinfo_parse(struct core_notes *notes, struct desc desc)
{
	if (desc.size < PRPSINFO_SIZE)
		return false;
	notes->pid = int_at(desc, PRPSINFO_PID);
	copy_field(notes->name, sizeof(notes->name), desc, PRPSINFO_NAME, PRPSINFO_NAME_SIZE);
	copy_field(notes->command, sizeof(notes->command), desc, PRPSINFO_COMMAND, PRPSINFO_COMMAND_SIZE);

	// The kernel puts a space behind the last argument too.
	size_t length = strlen(notes->command);

	while (length && notes->command[length - 1] == ' ')
		notes->command[--length] = '\0';
	return true;
}

static bool siginfo_parse(struct core_notes *notes, struct desc desc)
{
	if (desc.size < SIGINFO_MIN)
		return false;
	// gcore writes one for each thread; the first is that of the thread it had selected.
	if (notes->threads.n > 1)
		return true;

	int number = int_at(desc, SIGINFO_SIGNAL);

	if (number <= 0 || number >= NSIG)
		return true;
	notes->signal = number;
	if (number == SIGSEGV || number == SIGBUS || number == SIGILL || number == SIGFPE)
		notes->fault_address = word_at(desc, SIGINFO_ADDRESS);
	return true;
}

static bool auxv_parse(struct core_notes *notes, struct desc desc)
{
	if (notes->auxv.n)
		return true;
	for (size_t at = 0; at + 16 <= desc.size && notes->auxv.n < 2 * AUXV_MAX; at += 16) {
		uint64_t type = word_at(desc, at);

		if (type == AT_NULL)
			break;
		array_append(&notes->auxv, type);
		array_append(&notes->auxv, word_at(desc, at + 8));
	}
	return true;
}

static int compare_ranges(const void *left, const void *right)
{
	const struct core_file_range *a = left, *b = right;

	return a->start < b->start ? -1 : a->start > b->start;
}

void core_notes_settle(struct core_notes *notes)
{
	size_t kept = 0;
	vaddr end = 0;

	if (notes->files.n)
		qsort(notes->files.v, notes->files.n, sizeof(*notes->files.v), compare_ranges);
	for (size_t i = 0; i < notes->files.n; i++) {
		struct core_file_range range = notes->files.v[i];

		if (range.start < end) {
			free(range.path);
			notes->dropped++;
			continue;
		}
		end = range.end;
		notes->files.v[kept++] = range;
	}
	notes->files.n = kept;
}

/* count, unit, count × {start, end, offset in units}, count × path with its NUL. The kernel's unit is the page, gdb's is 1. */
static bool file_parse(struct core_notes *notes, struct desc desc)
{
	static const char suffix[] = " (deleted)";

	if (desc.size < FILE_HEAD)
		return false;
	if (notes->has_files)
		return true;

	uint64_t count = word_at(desc, 0), unit = word_at(desc, 8);

	if (count > (desc.size - FILE_HEAD) / FILE_ENTRY)
		return false;
	notes->has_files = true;

	const char *names = (const char *)desc.bytes + FILE_HEAD + count * FILE_ENTRY;
	const char *end = (const char *)desc.bytes + desc.size;

	for (uint64_t i = 0; i < count; i++) {
		struct desc entry = { desc.bytes + FILE_HEAD + i * FILE_ENTRY, FILE_ENTRY };
		struct core_file_range range = { .start = word_at(entry, 0), .end = word_at(entry, 8) };
		size_t length = strnlen(names, (size_t)(end - names));
		const char *name = names;

		if (length == (size_t)(end - names)) {
			notes->dropped += count - i;
			break;
		}
		names += length + 1;
		if (range.start >= range.end || range.end == VADDR_NONE || !length || length >= PATH_MAX ||
		    notes->files.n == FILES_MAX || __builtin_mul_overflow(word_at(entry, 16), unit, &range.offset) ||
		    range.offset > INT64_MAX) {
			notes->dropped++;
			continue;
		}
		if (length > sizeof(suffix) - 1 &&
		    memcmp(name + length - (sizeof(suffix) - 1), suffix, sizeof(suffix) - 1) == 0) {
			range.deleted = true;
			length -= sizeof(suffix) - 1;
		}
		range.path = xstrndup(name, length);
		array_append(&notes->files, range);
	}
	core_notes_settle(notes);
	return true;
}

/* These follow the PRSTATUS of the thread they are about. */
static void arm_thread_parse(struct core_notes *notes, uint32_t type, struct desc desc)
{
	if (!notes->threads.n)
		return;

	struct thread *thread = &notes->threads.v[notes->threads.n - 1];

	if (type == NT_ARM_TLS && desc.size >= 8) {
		thread->tp = word_at(desc, 0);
	} else if (type == ARM_SYSTEM_CALL && desc.size >= 4) {
		int32_t number = int_at(desc, 0);

		thread->syscall = number >= 0 && number < SYSCALL_MAX ? number : -1;
		// The kernel has put the first argument back before it dumps, to restart the call (do_signal()).
		thread->syscall_argument = thread->syscall >= 0 ? thread->registers[ARM_X0] : 0;
	}
}

static bool note_parse(struct core_notes *notes, enum machine machine, bool core, uint32_t type, struct desc desc)
{
	if (!core) {
		if (machine == MACHINE_AARCH64)
			arm_thread_parse(notes, type, desc);
		return true;
	}
	switch (type) {
	case NT_PRSTATUS:
		return prstatus_parse(notes, machine, desc);
	case NT_PRPSINFO:
		return prpsinfo_parse(notes, desc);
	case NT_SIGINFO:
		return siginfo_parse(notes, desc);
	case NT_AUXV:
		return auxv_parse(notes, desc);
	case NT_FILE:
		return file_parse(notes, desc);
	default:
		return true;
	}
}

/* Whether a note's owner is `name`, its NUL counted or not. */
static bool owner_is(const uint8_t *owner, size_t size, const char *name)
{
	size_t length = strlen(name);

	return (size == length || (size == length + 1 && !owner[length])) && memcmp(owner, name, length) == 0;
}

bool core_notes_parse(struct core_notes *notes, enum machine machine, const uint8_t *bytes, size_t size, size_t *damage_ret)
{
	size_t at = 0;

	while (size - at >= sizeof(Elf64_Nhdr)) {
		Elf64_Nhdr nhdr;

		memcpy(&nhdr, bytes + at, sizeof(nhdr));

		// 32-bit sizes in 64-bit sums: no overflow.
		uint64_t left = size - at;
		uint64_t name = sizeof(nhdr);
		uint64_t desc = (name + nhdr.n_namesz + 3) & ~UINT64_C(3);
		uint64_t next = (desc + nhdr.n_descsz + 3) & ~UINT64_C(3);

		// Zeros fill what a writer reserved and did not use.
		if (!nhdr.n_namesz && !nhdr.n_descsz && !nhdr.n_type)
			break;

		const uint8_t *owner = bytes + at + name;
		bool fits = desc + nhdr.n_descsz <= left;
		bool core = fits && owner_is(owner, nhdr.n_namesz, "CORE");
		bool known = core || (fits && owner_is(owner, nhdr.n_namesz, "LINUX"));

		if (!fits || (known && !note_parse(notes, machine, core, nhdr.n_type,
						   (struct desc){ bytes + at + desc, nhdr.n_descsz }))) {
			*damage_ret = at;
			return false;
		}
		if (next >= left)
			return true;
		at += next;
	}
	return true;
}
