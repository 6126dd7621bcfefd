/* SPDX-License-Identifier: MIT */
/* References from code, of both architectures: what names an address, what loads from it, and what only looks like it. */
#include "debug/disasm.h"
#include "debug/symbols.h"
#include "self_target.h"
#include "unit.h"

/* What is expected: file address of the instruction, what it names, and A for an address taken, L for a load of 8 bytes. */
struct expected {
	vaddr at, to;
	char kind;
};

static void assert_references(const disasm_reference_array *references, const struct expected *expected, size_t n)
{
	for (size_t i = 0; i < n && i < references->n; i++) {
		ck_assert_uint_eq(references->v[i].at, expected[i].at);
		ck_assert_uint_eq(references->v[i].to, expected[i].to);
		ck_assert_int_eq(references->v[i].is_address, expected[i].kind == 'A');
		ck_assert_int_eq(references->v[i].is_load, expected[i].kind == 'L');
	}
	ck_assert_uint_eq(references->n, n);
}

START_TEST(x86_64_refers_by_rip)
{
	static const unsigned char code[] = {
		0x48, 0x8d, 0x05, 0x10, 0x00, 0x00, 0x00,                   // 00 lea 0x10(%rip),%rax
		0x48, 0x8b, 0x1d, 0x20, 0x00, 0x00, 0x00,                   // 07 mov 0x20(%rip),%rbx
		0xc7, 0x05, 0x08, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, // 0e movl $1,8(%rip)
		0xc4, 0xe1, 0xfb, 0x92, 0xc0,                               // 18 kmovq %rax,%k0: not known to capstone 4
		0x62, 0xf1, 0x7d, 0x20, 0x74, 0x0f,                         // 1d vpcmpeqb (%rdi),%ymm16,%k1
		0x66, 0x0f, 0x1f, 0x05, 0x10, 0x00, 0x00, 0x00,             // 23 nopw 0x10(%rip)
		0x48, 0x89, 0x0d, 0x30, 0x00, 0x00, 0x00,                   // 2b mov %rcx,0x30(%rip)
		0x8b, 0x0d, 0x40, 0x00, 0x00, 0x00,                         // 32 mov 0x40(%rip),%ecx
		0x48, 0x83, 0x3d, 0x50, 0x00, 0x00, 0x00, 0x00,             // 38 cmpq $0,0x50(%rip)
		0x48, 0x8b, 0x43, 0x08,                                     // 40 mov 8(%rbx),%rax
		0xff, 0x15, 0x60, 0x00, 0x00, 0x00,                         // 44 call *0x60(%rip)
		0x48, 0x8d, 0x35, 0xf9, 0xff, 0xff, 0xff,                   // 4a lea -7(%rip),%rsi
	};
	static const struct expected expected[] = {
		{0x1000, 0x1017, 'A'}, {0x1007, 0x102e, 'L'}, {0x100e, 0x1020, '-'}, {0x102b, 0x1062, '-'},
		{0x1032, 0x1078, '-'}, {0x1038, 0x1090, '-'}, {0x1044, 0x10aa, '-'}, {0x104a, 0x104a, 'A'},
	};
	disasm_reference_array references;

	disasm_bytes(MACHINE_X86_64, code, sizeof(code), 0x1000, &references);
	assert_references(&references, expected, sizeof(expected) / sizeof(expected[0]));
	array_deinit(&references);
}
END_TEST

START_TEST(aarch64_refers_by_pages)
{
	static const uint32_t code[] = {
		0x90000040, // 00 adrp x0, 0x8000
		0x91048c00, // 04 add x0, x0, #0x123
		0xf9400401, // 08 ldr x1, [x0, #8]: x0 is no page any more
		0xb0000053, // 0c adrp x19, 0x9000
		0x94000000, // 10 bl
		0xf9400e62, // 14 ldr x2, [x19, #24]: the callee kept it
		0xb9001e63, // 18 str w3, [x19, #28]
		0xd0000041, // 1c adrp x1, 0xa000
		0x94000000, // 20 bl
		0xf9400422, // 24 ldr x2, [x1, #8]: the callee did not
		0x10000204, // 28 adr x4, 0x68
		0x58000205, // 2c ldr x5, 0x6c
		0xf0000046, // 30 adrp x6, 0xb000
		0xaa0703e6, // 34 mov x6, x7
		0xf94000c8, // 38 ldr x8, [x6]
		0xf0000046, // 3c adrp x6, 0xb000
		0x2a0703e6, // 40 mov w6, w7
		0xf94000c8, // 44 ldr x8, [x6]
		0x90000069, // 48 adrp x9, 0xc000
		0xf8408d2a, // 4c ldr x10, [x9, #8]!
		0xf940012b, // 50 ldr x11, [x9]
		0xb000006c, // 54 adrp x12, 0xd000
		0xf940098c, // 58 ldr x12, [x12, #16]
		0xf940098d, // 5c ldr x13, [x12, #16]
		0xd000007e, // 60 adrp x30, 0xe000
		0xb94007ce, // 64 ldr w14, [x30, #4]
		0xffffffff, // 68 no instruction
		0xf000007d, // 6c adrp x29, 0xf000
		0x910007af, // 70 add x15, x29, #1
		0x90000054, // 74 adrp x20, 0x8000
		0x91400694, // 78 add x20, x20, #1, lsl #12
	};
	static const struct expected expected[] = {
		{0x04, 0x8123, 'A'}, {0x14, 0x9018, 'L'}, {0x18, 0x901c, '-'}, {0x28, 0x68, 'A'},   {0x2c, 0x6c, 'L'},
		{0x4c, 0xc008, 'L'}, {0x58, 0xd010, 'L'}, {0x64, 0xe004, '-'}, {0x70, 0xf001, 'A'},
	};
	disasm_reference_array references;

	disasm_bytes(MACHINE_AARCH64, code, sizeof(code), 0, &references);
	assert_references(&references, expected, sizeof(expected) / sizeof(expected[0]));
	array_deinit(&references);
}
END_TEST

START_TEST(references_are_bounded)
{
	enum { SIZE = 7 * 10000 };
	unsigned char *code = xcalloc(SIZE, 1);
	disasm_reference_array references;

	for (size_t i = 0; i < SIZE; i += 7)
		memcpy(code + i, "\x48\x8d\x05\0\0\0\0", 7);
	disasm_bytes(MACHINE_X86_64, code, SIZE, 0, &references);
	ck_assert_uint_eq(references.n, 4096);
	array_deinit(&references);
	disasm_bytes(MACHINE_X86_64, code, 0, 0, &references);
	ck_assert_uint_eq(references.n, 0);
	// Cut in the middle of an instruction.
	disasm_bytes(MACHINE_X86_64, code, 10, 0, &references);
	ck_assert_uint_eq(references.n, 1);
	array_deinit(&references);
	free(code);
}
END_TEST

START_TEST(noise_does_no_harm)
{
	unsigned char code[4096];
	uint32_t seed = 1;

	for (int round = 0; round < 50; round++) {
		disasm_reference_array references;

		for (size_t i = 0; i < sizeof(code); i++)
			code[i] = (unsigned char)((seed = seed * 1103515245 + 12345) >> 16);
		disasm_bytes(round % 2 ? MACHINE_AARCH64 : MACHINE_X86_64, code, sizeof(code), VADDR_NONE - 100, &references);
		array_deinit(&references);
	}
}
END_TEST

/* A function that takes one address and loads one word, whatever else it does. */
static uint64_t variable = 5;

__attribute__((noinline)) static uint64_t *refers(uint64_t *loaded)
{
	*loaded = *(volatile uint64_t *)&variable;
	uint64_t *address = &variable;
	__asm__ volatile("" : "+r"(address));
	return address;
}

START_TEST(our_own_code_refers_to_our_variable)
{
	static const struct debug_options no_debug = {.debug_path = ""};
	struct target *target = self_target();
	struct modules modules;
	disasm_reference_array references;
	bool address = false, load = false;
	uint64_t value;

	ck_assert_uint_eq(*refers(&value), value);
	modules_init(&modules, target, &no_debug);
	struct module *exe = modules_find(&modules, (uintptr_t)refers);
	disasm_references(exe, (uintptr_t)refers - exe->bias, 256, &references);
	for (size_t i = 0; i < references.n; i++) {
		if (references.v[i].to + exe->bias != (uintptr_t)&variable)
			continue;
		address |= references.v[i].is_address;
		load |= references.v[i].is_load;
	}
	ck_assert(address || load);
	array_deinit(&references);

	disasm_references(exe, 0, UINT64_MAX, &references);
	ck_assert_uint_eq(references.n, 0);
	disasm_references(exe, VADDR_NONE - 10, 100, &references);
	ck_assert_uint_eq(references.n, 0);
	modules_deinit(&modules);
	target_destroy(target);
}
END_TEST

UNIT_SUITE("disasm", x86_64_refers_by_rip, aarch64_refers_by_pages, references_are_bounded, noise_does_no_harm, our_own_code_refers_to_our_variable)
