/* SPDX-License-Identifier: MIT */
/* Instructions as steps, of both architectures. */
#include "debug/instructions.h"

#include <stdio.h>
#include <string.h>

#include "unit.h"

static char *operand_write(char *at, const struct operand *operand)
{
	switch (operand->kind) {
	case OPERAND_REGISTER:
		return at + sprintf(at, "%s%u", operand->size == 8 ? "r" : operand->size == 4 ? "w" : "b", operand->reg);
	case OPERAND_NUMBER:
		return at + sprintf(at, "%lld", (long long)operand->number);
	case OPERAND_MEMORY:
		at += sprintf(at, "[");
		if (operand->reg != REGISTER_NONE)
			at += sprintf(at, "r%u", operand->reg);
		if (operand->index != REGISTER_NONE)
			at += sprintf(at, "+r%u*%u", operand->index, operand->scale);
		return at + sprintf(at, "%+lld]:%u", (long long)operand->number, operand->size);
	case OPERAND_THREAD_LOCAL:
		return at + sprintf(at, "tls");
	case OPERAND_NONE:
		break;
	}
	return at + sprintf(at, "?");
}

/* «r7=r7-8; [r7+0]:8=r3» */
static void steps_write(char *at, const struct instruction *instruction)
{
	static const char *const words[] = { "=", "=?", "=&", "+", "-", "*", "<<", "&", "=other", "call", "jump", "branch", "return", "trap" };

	*at = '\0';
	for (unsigned i = 0; i < instruction->n; i++) {
		const struct step *step = &instruction->steps[i];

		at += sprintf(at, "%s", i ? "; " : "");
		if (step->kind >= STEP_CALL) {
			at += sprintf(at, "%s ", words[step->kind]);
			at = operand_write(at, &step->from);
			continue;
		}
		at = operand_write(at, &step->to);
		if (step->kind >= STEP_ADD && step->kind <= STEP_MASK) {
			*at++ = '=';
			at = operand_write(at, &step->from);
		}
		at += sprintf(at, "%s", words[step->kind]);
		if (step->kind != STEP_OTHER)
			at = operand_write(at, step->kind >= STEP_ADD ? &step->other : &step->from);
	}
	if (instruction->clobbers)
		sprintf(at, " !%llx", (unsigned long long)instruction->clobbers);
}

static void assert_steps(enum machine machine, const void *code, size_t size, const char *const *expected, size_t n)
{
	struct instruction_reader *reader = instruction_reader_create(machine);
	struct instruction instruction;
	vaddr at = 0x1000;
	size_t i = 0;

	ck_assert_ptr_nonnull(reader);
	instruction_reader_begin(reader, code, size, at);
	for (; instruction_reader_next(reader, &instruction); i++) {
		char text[512];

		steps_write(text, &instruction);
		ck_assert_uint_lt(i, n);
		ck_assert_uint_eq(instruction.at, at);
		ck_assert_msg(strcmp(text, expected[i]) == 0, "instruction %zu is «%s», not «%s»", i, text, expected[i]);
		at += instruction.size;
	}
	ck_assert_uint_eq(i, n);
	instruction_reader_destroy(reader);
}

START_TEST(x86_64_in_steps)
{
	static const unsigned char code[] = {
		0x53,                                                 // push %rbx
		0x89, 0xfb,                                           // mov %edi,%ebx
		0x48, 0x8d, 0x7c, 0x5b, 0x08,                         // lea 8(%rbx,%rbx,2),%rdi
		0xbe, 0x30, 0x00, 0x00, 0x00,                         // mov $0x30,%esi
		0x48, 0x6b, 0xff, 0x18,                               // imul $24,%rdi,%rdi
		0x48, 0xc1, 0xe0, 0x04,                               // shl $4,%rax
		0x48, 0x29, 0xca,                                     // sub %rcx,%rdx
		0x31, 0xc0,                                           // xor %eax,%eax
		0x48, 0x83, 0xe7, 0xf0,                               // and $-16,%rdi
		0x48, 0x8b, 0x05, 0x10, 0x00, 0x00, 0x00,             // mov 0x10(%rip),%rax
		0x48, 0x89, 0x44, 0x24, 0x10,                         // mov %rax,16(%rsp)
		0x88, 0x03,                                           // mov %al,(%rbx)
		0x48, 0x0f, 0x45, 0xfb,                               // cmovne %rbx,%rdi
		0xff, 0x50, 0x08,                                     // call *8(%rax)
		0x66, 0x48, 0x0f, 0x6e, 0xc7,                         // movq %rdi,%xmm0
		0x66, 0x0f, 0x6c, 0xc0,                               // punpcklqdq %xmm0,%xmm0
		0x0f, 0x11, 0x00,                                     // movups %xmm0,(%rax)
		0x0f, 0xb6, 0x08,                                     // movzbl (%rax),%ecx
		0x48, 0x85, 0xc0,                                     // test %rax,%rax
		0x75, 0xfe,                                           // jne .
		0x64, 0x48, 0x8b, 0x04, 0x25, 0x28, 0x00, 0x00, 0x00, // mov %fs:0x28,%rax
		0x48, 0x98,                                           // cltq
		0x66, 0x90,                                           // xchg %ax,%ax
		0xc9,                                                 // leave
		0xff, 0xe0,                                           // jmp *%rax
		0x0f, 0x0b,                                           // ud2
	};
	static const char *const expected[] = {
		"r7=r7-8; [r7+0]:8=r3",
		"w3=w5",
		"r5=&[r3+r3*2+8]:8",
		"w4=48",
		"r5=r5*24",
		"r0=r0<<4",
		"r1=r1-r2",
		"w0=0",
		"r5=r5&-16",
		"r0=[+4149]:8",
		"[r7+16]:8=r0",
		"[r3+0]:1=b0",
		"r5=?r3",
		"call [r0+8]:8",
		"r33=r5; r34=0",
		"r34=r33",
		"[r0+0]:8=r33; [r0+8]:8=r34",
		" !4",
		"",
		"branch 4165",
		"r0=tls",
		"r0=w0",
		"",
		"r7=r6; r6=[r7+0]:8; r7=r7+8",
		"jump r0",
		"trap ?",
	};

	assert_steps(MACHINE_X86_64, code, sizeof(code), expected, sizeof(expected) / sizeof(*expected));
}
END_TEST

START_TEST(aarch64_in_steps)
{
	static const uint32_t code[] = {
		0xa9be7bfd, // stp x29, x30, [sp, #-32]!
		0x90000040, // adrp x0, 0x9000
		0x91048c00, // add x0, x0, #0x123
		0xf9400a61, // ldr x1, [x19, #16]
		0xf8227a81, // str x1, [x20, x2, lsl #3]
		0xb8404403, // ldr w3, [x0], #4
		0x5290d400, // mov w0, #0x86a0
		0x72a00020, // movk w0, #1, lsl #16
		0x8b020c20, // add x0, x1, x2, lsl #3
		0xd37cec00, // lsl x0, x0, #4
		0x9b010803, // madd x3, x0, x1, x2
		0x9a820020, // csel x0, x1, x2, eq
		0x927cec00, // and x0, x0, #-16
		0x39000001, // strb w1, [x0]
		0xb4000000, // cbz x0, .
		0x94000000, // bl .
		0xd63f0060, // blr x3
		0xa8c27bfd, // ldp x29, x30, [sp], #32
		0xd65f03c0, // ret
	};
	static const char *const expected[] = {
		"r31=r31+-32; [r31+0]:8=r29; [r31+8]:8=r30",
		"r0=36864",
		"r0=r0+291",
		"r1=[r19+16]:8",
		"[r20+r2*8+0]:8=r1",
		"w3=[r0+0]:4; r0=r0+4",
		"w0=34464",
		"w0=w0+65536",
		"r0=&[r1+r2*8+0]:8",
		"r0=r0<<4",
		"r3=r0*r1; r3=r3+r2",
		"r0=r1; r0=?r2",
		"r0=r0&-16",
		"[r0+0]:1=other",
		"branch 4152",
		"call 4156",
		"call r3",
		"r29=[r31+0]:8; r30=[r31+8]:8; r31=r31+32",
		"return ?",
	};

	assert_steps(MACHINE_AARCH64, code, sizeof(code), expected, sizeof(expected) / sizeof(*expected));
}
END_TEST

UNIT_SUITE("instructions", x86_64_in_steps, aarch64_in_steps)
