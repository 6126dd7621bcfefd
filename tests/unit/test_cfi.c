/* SPDX-License-Identifier: MIT */
/*
 * Call frame information, written by hand: what each rule gives, and that a stranger's bytes cannot lead out of anything.
 *
 * Memory here is one array, at MEMORY: .eh_frame_hdr at its start, a CIE and an FDE behind it, a stack at the end.
 */
#include <elf.h>
#include <string.h>

#include "target/cfi.h"
#include "unit.h"

enum {
	MEMORY = 0x100000,
	CIE = 0x40,
	FDE = 0x100,
	STACK = 0x800,
	SIZE = 0x1000,
	CODE = 0x200000,
};

static unsigned char memory[SIZE];

static bool read_array(void *context, vaddr address, void *buffer, size_t size)
{
	(void)context;
	if (address < MEMORY || address - MEMORY > SIZE || size > SIZE - (address - MEMORY))
		return false;
	memcpy(buffer, memory + (address - MEMORY), size);
	return true;
}

static void put(size_t at, const void *bytes, size_t size)
{
	ck_assert_uint_le(at + size, SIZE);
	memcpy(memory + at, bytes, size);
}

static void put_u32(size_t at, uint64_t value)
{
	uint32_t word = (uint32_t)value;

	put(at, &word, 4);
}

static void put_u64(size_t at, uint64_t value)
{
	put(at, &value, 8);
}

/* An entry of .eh_frame: its length, and the rest padded with DW_CFA_nop. */
static void put_entry(size_t at, const void *head, size_t head_size, const void *program, size_t size)
{
	size_t length = (head_size + size + 7) & ~(size_t)7;

	put_u32(at, length);
	memset(memory + at + 4, 0, length);
	put(at + 4, head, head_size);
	put(at + 4 + head_size, program, size);
}

#define PROGRAM(...) (const unsigned char[]){__VA_ARGS__}, sizeof((const unsigned char[]){__VA_ARGS__})

/* The usual CIE «zR», with alignment factors 1 and -8 and the return address in column 16. */
static const unsigned char usual_cie[] = {0, 0, 0, 0, 1, 'z', 'R', 0, 1, 0x78, 16, 1, 0x1b};
/* For aarch64: code factor 4, the link register. */
static const unsigned char aarch64_cie[] = {0, 0, 0, 0, 1, 'z', 'R', 0, 4, 0x78, 30, 1, 0x1b};

static void put_cie(const void *head, size_t head_size, const void *program, size_t size)
{
	put_entry(CIE, head, head_size, program, size);
}

/* The FDE for 0x100 bytes of code. */
static void put_fde(const void *program, size_t size)
{
	unsigned char head[13] = {0};
	uint32_t back = FDE + 4 - CIE, start = (uint32_t)(CODE - (MEMORY + FDE + 8)), length = 0x100;

	memcpy(head, &back, 4);
	memcpy(head + 4, &start, 4);
	memcpy(head + 8, &length, 4);
	put_entry(FDE, head, sizeof(head), program, size);
}

static void put_table(void)
{
	static const unsigned char head[] = {1, 0x1b, 3, 0x3b};

	memset(memory, 0, sizeof(memory));
	put(0, head, sizeof(head));
	put_u32(8, 3);
	put_u32(12, CODE - 0x100 - MEMORY);
	put_u32(16, SIZE + 100);
	put_u32(20, CODE - MEMORY);
	put_u32(24, FDE);
	put_u32(28, CODE + 0x1000 - MEMORY);
	put_u32(32, SIZE + 100);
}

static bool find(vaddr pc, struct cfi_row *row)
{
	struct cfi_table table;

	return cfi_table_read(read_array, NULL, MEMORY, 36, &table) && cfi_row_find(read_array, NULL, &table, pc, row);
}

/* Registers of an x86-64 frame: each known, with a value that tells its number. */
static struct cfi_registers callee_registers(void)
{
	struct cfi_registers callee = {.known = 0x1ffff};

	for (unsigned i = 0; i < 17; i++)
		callee.values[i] = 0x1000 + i;
	callee.values[7] = MEMORY + STACK;
	callee.values[6] = MEMORY + STACK + 0x40;
	callee.values[16] = CODE + 0x10;
	return callee;
}

static bool apply(const struct cfi_row *row, struct cfi_registers *caller, bool *outermost)
{
	struct cfi_registers callee = callee_registers();

	return cfi_row_apply(read_array, NULL, MACHINE_X86_64, row, &callee, caller, outermost);
}

/* A frame with the usual CIE and these instructions, at a pc; what its caller has. */
static bool unwind(vaddr pc, const void *program, size_t size, struct cfi_registers *caller, bool *outermost)
{
	struct cfi_row row;

	put_table();
	// The CFA is rsp + 8, the return address at CFA - 8.
	put_cie(usual_cie, sizeof(usual_cie), PROGRAM(0x0c, 7, 8, 0x80 | 16, 1));
	put_fde(program, size);
	for (size_t i = 0; i < 64; i++)
		put_u64(STACK + i * 8, CODE + i);
	*outermost = false;
	return find(pc, &row) && apply(&row, caller, outermost);
}

START_TEST(a_function_that_pushes)
{
	// push %rbp; mov %rsp,%rbp … as every compiler writes it: the CFA moves with the pc.
	static const unsigned char program[] = {0x41, 0x0e, 16, 0x80 | 6, 2, 0x43, 0x0d, 6, 0x50, 0x0c, 7, 8, 0xc0 | 6};
	struct cfi_registers caller;
	bool outermost;

	ck_assert(unwind(CODE, program, sizeof(program), &caller, &outermost));
	ck_assert_uint_eq(caller.values[16], CODE + 0);
	ck_assert_uint_eq(caller.values[7], MEMORY + STACK + 8);
	ck_assert_uint_eq(caller.values[6], MEMORY + STACK + 0x40);
	// Saved registers, the stack pointer and the pc; nothing that a callee may have written.
	ck_assert_uint_eq(caller.known, 0x1f0c8);

	ck_assert(unwind(CODE + 1, program, sizeof(program), &caller, &outermost));
	ck_assert_uint_eq(caller.values[16], CODE + 1);
	ck_assert_uint_eq(caller.values[7], MEMORY + STACK + 16);
	ck_assert_uint_eq(caller.values[6], CODE + 0);

	ck_assert(unwind(CODE + 4, program, sizeof(program), &caller, &outermost));
	ck_assert_uint_eq(caller.values[7], MEMORY + STACK + 0x50);
	ck_assert_uint_eq(caller.values[16], CODE + 9);
	ck_assert_uint_eq(caller.values[6], CODE + 8);

	ck_assert(unwind(CODE + 0x14, program, sizeof(program), &caller, &outermost));
	ck_assert_uint_eq(caller.values[16], CODE + 0);
	ck_assert_uint_eq(caller.values[6], MEMORY + STACK + 0x40);
}
END_TEST

START_TEST(only_what_is_covered_has_a_row)
{
	struct cfi_registers caller;
	bool outermost;

	ck_assert(unwind(CODE + 0xff, PROGRAM(0), &caller, &outermost));
	ck_assert(!unwind(CODE + 0x100, PROGRAM(0), &caller, &outermost));
	ck_assert(!unwind(CODE - 1, PROGRAM(0), &caller, &outermost));
	ck_assert(!unwind(CODE - 0x101, PROGRAM(0), &caller, &outermost));
	ck_assert(!unwind(CODE + 0x1000, PROGRAM(0), &caller, &outermost));
	ck_assert(!unwind(0, PROGRAM(0), &caller, &outermost));
	ck_assert(!unwind(VADDR_NONE, PROGRAM(0), &caller, &outermost));
}
END_TEST

START_TEST(an_undefined_return_address_is_the_bottom)
{
	struct cfi_registers caller;
	bool outermost;

	ck_assert(!unwind(CODE, PROGRAM(0x07, 16), &caller, &outermost));
	ck_assert(outermost);
	// One that cannot be read is not.
	ck_assert(!unwind(CODE, PROGRAM(0x0e, 0xff, 0xff, 0x7f), &caller, &outermost));
	ck_assert(!outermost);
}
END_TEST

START_TEST(each_rule_gives_its_value)
{
	struct cfi_registers caller;
	bool outermost;

	ck_assert(unwind(CODE,
			 PROGRAM(0x05, 3, 2,          // offset_extended rbx at CFA - 16
				 0x14, 12, 3,         // val_offset r12 = CFA - 24
				 0x09, 13, 2,         // register r13 in rcx
				 0x07, 14,            // undefined r14
				 0x08, 15,            // same_value r15
				 0x11, 0, 0x7e,       // offset_extended_sf rax at CFA + 16
				 0x16, 1, 2, 0x23, 4, // val_expression rdx = CFA + 4
				 0x10, 2, 2, 0x77, 8, // expression rcx at rsp + 8
				 0x2f, 4, 1,          // negative_offset_extended rsi at CFA + 8
				 0x15, 5, 0x7f,       // val_offset_sf rdi = CFA + 8
				 0x2e, 0x10),         // args_size
			 &caller, &outermost));
	const vaddr cfa = MEMORY + STACK + 8;
	ck_assert(!(caller.known >> 14 & 1));
	ck_assert_uint_eq(caller.values[12], cfa - 24);
	ck_assert_uint_eq(caller.values[13], 0x1002);
	ck_assert_uint_eq(caller.values[15], 0x100f);
	ck_assert_uint_eq(caller.values[0], CODE + 3);
	ck_assert_uint_eq(caller.values[1], cfa + 4);
	ck_assert_uint_eq(caller.values[2], CODE + 1);
	ck_assert_uint_eq(caller.values[4], CODE + 2);
	ck_assert_uint_eq(caller.values[5], cfa + 8);
	// Memory just below the stack.
	ck_assert_uint_eq(caller.values[3], 0);
}
END_TEST

START_TEST(states_are_remembered)
{
	static const unsigned char program[] = {0x0e, 16, 0x0a, 0x0e, 32, 0x44, 0x0b, 0x44, 0x0e, 24};
	struct cfi_registers caller;
	bool outermost;

	ck_assert(unwind(CODE, program, sizeof(program), &caller, &outermost));
	ck_assert_uint_eq(caller.values[7], MEMORY + STACK + 32);
	ck_assert(unwind(CODE + 4, program, sizeof(program), &caller, &outermost));
	ck_assert_uint_eq(caller.values[7], MEMORY + STACK + 16);
	ck_assert(unwind(CODE + 8, program, sizeof(program), &caller, &outermost));
	ck_assert_uint_eq(caller.values[7], MEMORY + STACK + 24);
	ck_assert(!unwind(CODE, PROGRAM(0x0b), &caller, &outermost));
	ck_assert(!unwind(CODE, PROGRAM(0x0a, 0x0a, 0x0a, 0x0a, 0x0a, 0x0a, 0x0a, 0x0a, 0x0a), &caller, &outermost));
}
END_TEST

START_TEST(the_rule_of_a_plt_is_an_expression)
{
	// CFA = rsp + 8 + ((rip & 15) >= 11 ? 8 : 0): what ld writes for .plt.
	static const unsigned char program[] = {0x0f, 11, 0x77, 8, 0x80, 0, 0x3f, 0x1a, 0x3b, 0x2a, 0x33, 0x24, 0x22};
	struct cfi_registers caller, callee = callee_registers();
	struct cfi_row row;
	bool outermost;

	ck_assert(unwind(CODE, program, sizeof(program), &caller, &outermost));
	ck_assert_uint_eq(caller.values[7], MEMORY + STACK + 8);
	ck_assert(find(CODE, &row));
	callee.values[16] = CODE + 0x1b;
	ck_assert(cfi_row_apply(read_array, NULL, MACHINE_X86_64, &row, &callee, &caller, &outermost));
	ck_assert_uint_eq(caller.values[7], MEMORY + STACK + 16);
}
END_TEST

START_TEST(a_signal_frame_gives_all_registers)
{
	static const unsigned char signal_cie[] = {0, 0, 0, 0, 1, 'z', 'R', 'S', 0, 1, 0x78, 16, 1, 0x1b};
	struct cfi_registers caller;
	struct cfi_row row;
	bool outermost;

	put_table();
	put_cie(signal_cie, sizeof(signal_cie), PROGRAM(0));
	put_fde(PROGRAM(0x0f, 3, 0x77, 0x20, 0x06, // CFA = [rsp + 32]
			0x10, 16, 2, 0x77, 0x28,   // rip at rsp + 40
			0x10, 0, 2, 0x77, 0x30));  // rax at rsp + 48
	put_u64(STACK + 32, 0xabc0);
	put_u64(STACK + 40, CODE + 7);
	put_u64(STACK + 48, 0xdead);
	ck_assert(find(CODE, &row));
	ck_assert(row.is_signal_frame);
	ck_assert(apply(&row, &caller, &outermost));
	ck_assert_uint_eq(caller.values[7], 0xabc0);
	ck_assert_uint_eq(caller.values[16], CODE + 7);
	ck_assert_uint_eq(caller.values[0], 0xdead);
	ck_assert_uint_eq(caller.known, 0x1ffff);
}
END_TEST

START_TEST(aarch64_keeps_its_return_address_in_a_register)
{
	struct cfi_registers caller, callee = {.known = UINT64_C(0x1ffffffff)};
	struct cfi_row row;
	bool outermost;

	callee.values[30] = CODE + 0x44;
	callee.values[31] = MEMORY + STACK;
	put_table();
	put_cie(aarch64_cie, sizeof(aarch64_cie), PROGRAM(0x0c, 31, 0));
	// paciasp; stp x29,x30,[sp,-16]!
	put_fde(PROGRAM(0x41, 0x2d, 0x41, 0x0e, 16, 0x80 | 29, 2, 0x80 | 30, 1));
	put_u64(STACK, 0x1234);
	put_u64(STACK + 8, UINT64_C(0x2a5d000000000000) | (CODE + 0x88));
	ck_assert(find(CODE, &row));
	ck_assert(cfi_row_apply(read_array, NULL, MACHINE_AARCH64, &row, &callee, &caller, &outermost));
	ck_assert_uint_eq(caller.values[32], CODE + 0x44);
	ck_assert_uint_eq(caller.values[31], MEMORY + STACK);
	// What the callee was called with is no link register of the caller's.
	ck_assert(!(caller.known >> 30 & 1));
	ck_assert(caller.known >> 19 & 1);
	ck_assert(!(caller.known >> 18 & 1));

	ck_assert(find(CODE + 8, &row));
	ck_assert(cfi_row_apply(read_array, NULL, MACHINE_AARCH64, &row, &callee, &caller, &outermost));
	ck_assert_uint_eq(caller.values[32], CODE + 0x88);
	ck_assert_uint_eq(caller.values[31], MEMORY + STACK + 16);
	ck_assert_uint_eq(caller.values[29], 0x1234);

	// Of a caller, whose link register is unknown, a leaf's rule gives nothing.
	callee.known &= ~(UINT64_C(1) << 30);
	ck_assert(find(CODE, &row));
	ck_assert(!cfi_row_apply(read_array, NULL, MACHINE_AARCH64, &row, &callee, &caller, &outermost));
	ck_assert(!outermost);
}
END_TEST

START_TEST(hostile_programs_are_refused)
{
	struct cfi_registers caller;
	struct cfi_row row;
	bool outermost;

	// A register number beyond all: of no concern as a target, lost as a source, no base of a CFA.
	ck_assert(unwind(CODE, PROGRAM(0x05, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 1), &caller, &outermost));
	ck_assert(unwind(CODE, PROGRAM(0x09, 3, 0xff, 0xff, 0xff, 0xff, 0x0f), &caller, &outermost));
	ck_assert(!(caller.known >> 3 & 1));
	ck_assert(!unwind(CODE, PROGRAM(0x0c, 0xff, 0xff, 0x7f, 0), &caller, &outermost));
	ck_assert(!unwind(CODE, PROGRAM(0x0d, 33), &caller, &outermost));
	ck_assert(!unwind(CODE, PROGRAM(0x0d, 32), &caller, &outermost));
	// Instructions that nobody has, and one that is cut off.
	ck_assert(!unwind(CODE, PROGRAM(0x3f, 1), &caller, &outermost));
	ck_assert(!unwind(CODE, PROGRAM(0x1d, 1), &caller, &outermost));
	ck_assert(!unwind(CODE, PROGRAM(0x0e, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff), &caller, &outermost));
	// An expression longer than what there is.
	ck_assert(!unwind(CODE, PROGRAM(0x0f, 0x7f, 0x77, 8), &caller, &outermost));

	// No CFA is ever said.
	put_table();
	put_cie(usual_cie, sizeof(usual_cie), PROGRAM(0));
	put_fde(PROGRAM(0x80 | 16, 1));
	ck_assert(!find(CODE, &row));
	// The return address in a column that is none.
	unsigned char cie[sizeof(usual_cie)];
	memcpy(cie, usual_cie, sizeof(cie));
	cie[10] = 200;
	put_cie(cie, sizeof(cie), PROGRAM(0x0c, 7, 8));
	ck_assert(!find(CODE, &row));
	// Augmentations that are not understood.
	memcpy(cie, usual_cie, sizeof(cie));
	cie[5] = 'e';
	put_cie(cie, sizeof(cie), PROGRAM(0x0c, 7, 8));
	ck_assert(!find(CODE, &row));
	// The FDE as its own CIE.
	put_cie(usual_cie, sizeof(usual_cie), PROGRAM(0x0c, 7, 8));
	ck_assert(find(CODE, &row));
	put_u32(FDE + 4, 4);
	ck_assert(!find(CODE, &row));
	put_u32(FDE + 4, UINT32_MAX);
	ck_assert(!find(CODE, &row));
	put_u32(FDE, UINT32_MAX);
	ck_assert(!find(CODE, &row));
}
END_TEST

/* The value that an expression gives for rbx; false when it is refused. */
static bool evaluate(const void *expression, size_t size, uint64_t *ret)
{
	unsigned char program[128] = {0x16, 3, (unsigned char)size};
	struct cfi_registers caller;
	bool outermost;

	memcpy(program + 3, expression, size);
	ck_assert(unwind(CODE, program, 3 + size, &caller, &outermost));
	*ret = caller.values[3];
	return caller.known >> 3 & 1;
}

START_TEST(expressions_compute)
{
	static const struct {
		unsigned char size, code[24];
		uint64_t value;
	} cases[] = {
		{2, {0x35, 0x13}, 0}, // lit5 drop: the CFA is below it
		{3, {0x35, 0x12, 0x22}, 10},
		{4, {0x35, 0x32, 0x14, 0x1c}, (uint64_t)-3}, // 5 2 over(5): 2 - 5
		{5, {0x35, 0x32, 0x16, 0x1c, 0x1f}, 3},      // 5 2 swap: 2 - 5, neg
		{5, {0x31, 0x32, 0x33, 0x17, 0x13}, 1},      // 1 2 3 rot: 3 1 2, drop: 1
		{6, {0x31, 0x32, 0x33, 0x15, 2, 0x22}, 4},   // 1 2 3 pick 2: 3 + 1
		{3, {0x09, 0x80, 0x19}, 128},
		{3, {0x09, 0xff, 0x20}, 0},
		{9, {0x0f, 0, 0, 0, 0, 0, 0, 0, 0x80}, UINT64_C(0x8000000000000000)},
		{12, {0x0f, 0, 0, 0, 0, 0, 0, 0, 0x80, 0x09, 0xff, 0x1b}, UINT64_C(0x8000000000000000)}, // INT64_MIN / -1
		{5, {0x09, 0xf9, 0x09, 2, 0x1b}, (uint64_t)-3},
		{3, {0x37, 0x33, 0x1d}, 1},
		{3, {0x37, 0x33, 0x1e}, 21},
		{3, {0x37, 0x33, 0x24}, 56},
		{4, {0x37, 0x08, 64, 0x24}, 0},
		{4, {0x37, 0x08, 200, 0x25}, 0},
		{5, {0x09, 0xf0, 0x08, 200, 0x26}, UINT64_MAX},
		{4, {0x09, 0xf0, 0x32, 0x26}, (uint64_t)-4},
		{3, {0x36, 0x33, 0x27}, 5},
		{3, {0x36, 0x33, 0x21}, 7},
		{4, {0x09, 0xff, 0x31, 0x2d}, 1}, // -1 < 1
		{4, {0x09, 0xff, 0x31, 0x2b}, 0},
		{3, {0x31, 0x31, 0x29}, 1},
		{3, {0x31, 0x31, 0x2e}, 0},
		{3, {0x31, 0x31, 0x2c}, 1},
		{7, {0x31, 0x2f, 1, 0, 0xff, 0x23, 9}, 10},      // skip over one byte that is no opcode
		{7, {0x35, 0x31, 0x28, 1, 0, 0xff, 0x96}, 5},    // bra taken
		{7, {0x35, 0x30, 0x28, 1, 0, 0x12, 0x22}, 10},   // bra not taken
		{3, {0x92, 2, 4}, 0x1006},                       // bregx rcx + 4
		{2, {0x72, 0x7f}, 0x1001},                       // breg rcx - 1
		{3, {0x77, 16, 0x06}, CODE + 2},                 // deref
		{4, {0x77, 16, 0x94, 1}, 2},                     // deref_size
		{3, {0x0a, 0x34, 0x12}, 0x1234},
		{5, {0x0d, 0xfe, 0xff, 0xff, 0xff}, (uint64_t)-2},
		{3, {0x10, 0x80, 0x01}, 128},
		{3, {0x11, 0x80, 0x7f}, (uint64_t)-128},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t value, expected = cases[i].value;

		// Nothing but the CFA is left.
		if (i == 0)
			expected = MEMORY + STACK + 8;
		ck_assert_msg(evaluate(cases[i].code, cases[i].size, &value), "case %zu is refused", i);
		ck_assert_msg(value == expected, "case %zu gives 0x%llx", i, (unsigned long long)value);
	}
}
END_TEST

START_TEST(hostile_expressions_are_refused)
{
	static const struct {
		unsigned char size, code[24];
	} cases[] = {
		{3, {0x2f, 0xfd, 0xff}},             // skip to itself, for ever
		{3, {0x2f, 0xf0, 0xff}},             // to before the start
		{3, {0x2f, 0x10, 0x00}},             // behind the end
		{6, {0x31, 0x12, 0x2f, 0xfc, 0xff}}, // pushes for ever
		{2, {0x13, 0x13}},                   // pops what is not there
		{3, {0x31, 0x15, 9}},
		{1, {0x15}},
		{3, {0x35, 0x30, 0x1b}}, // divides by zero
		{3, {0x35, 0x30, 0x1d}},
		{4, {0x92, 0xff, 0x7f, 0}}, // a register that is none
		{2, {0x8f, 0}},             // one that is not known
		{2, {0x30, 0x06}},          // memory that is not there
		{4, {0x77, 0, 0x94, 9}},
		{1, {0xe0}}, // an opcode that nobody has
		{2, {0x0e, 1}},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t value;

		ck_assert_msg(!evaluate(cases[i].code, cases[i].size, &value), "case %zu is accepted", i);
	}
}
END_TEST

START_TEST(tables_of_other_forms_are_refused)
{
	static const struct {
		size_t at;
		unsigned char value;
	} cases[] = {{0, 2}, {1, 0xff}, {2, 0xff}, {2, 4}, {3, 0xff}, {3, 0x1b}, {8, 0}, {8, 4}, {11, 0xff}};
	struct cfi_table table;

	put_table();
	ck_assert(cfi_table_read(read_array, NULL, MEMORY, 36, &table));
	ck_assert_uint_eq(table.count, 3);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		put_table();
		memory[cases[i].at] = cases[i].value;
		ck_assert_msg(!cfi_table_read(read_array, NULL, MEMORY, 36, &table), "case %zu", i);
	}
	ck_assert(!cfi_table_read(read_array, NULL, MEMORY, 11, &table));
	ck_assert(!cfi_table_read(read_array, NULL, MEMORY + SIZE - 8, 36, &table));
}
END_TEST

START_TEST(noise_does_no_harm)
{
	uint32_t seed = 1;

	for (int round = 0; round < 200000; round++) {
		struct cfi_row row;
		struct cfi_registers caller;
		bool outermost;

		if (round % 1000 == 0) {
			put_table();
			put_cie(usual_cie, sizeof(usual_cie), PROGRAM(0x0c, 7, 8, 0x80 | 16, 1));
			put_fde(PROGRAM(0x0f, 11, 0x77, 8, 0x80, 0, 0x3f, 0x1a, 0x3b, 0x2a, 0x33, 0x24, 0x22, 0x10, 16, 2, 0x77, 0));
		}
		seed = seed * 1103515245 + 12345;
		// Within the CIE or the FDE; the rest of them is undone every thousand rounds.
		memory[(seed >> 30 ? FDE : CIE) + (seed >> 8 & 0x3f)] = (unsigned char)(seed >> 16);
		if (find(CODE + (seed >> 24), &row))
			apply(&row, &caller, &outermost);
	}
}
END_TEST

UNIT_SUITE("cfi", a_function_that_pushes, only_what_is_covered_has_a_row, an_undefined_return_address_is_the_bottom, each_rule_gives_its_value,
	   states_are_remembered, the_rule_of_a_plt_is_an_expression, a_signal_frame_gives_all_registers, aarch64_keeps_its_return_address_in_a_register,
	   hostile_programs_are_refused, expressions_compute, hostile_expressions_are_refused, tables_of_other_forms_are_refused, noise_does_no_harm)
