/* SPDX-License-Identifier: MIT */
/*
 * Locals: functions of a small source call back while they run, and say where each of their variables lies or what it holds; the test unwinds itself, and finds the same
 * names there. Blocks that share their place on the stack, inlined functions, parameters, variables in registers.
 */
#include "debug/locals.h"

#include <ucontext.h>

#include "dwarf_case.h"
#include "unit.h"

struct truth {
	/** «function:name.member», without the function where it is the frame's own. */
	const char *text;
	const void *address;
	/** Of a variable whose address nobody takes: what it holds. */
	const void *value;
};

static const char c_source[] =
	"struct truth { const char *text; const void *address; const void *value; };\n"
	"struct node { struct node *next; long keys[3]; };\n"
	"struct big { struct node nodes[4]; char *name; };\n"
	"static void (*probe)(const struct truth *, unsigned long);\n"
	"static volatile long count;\n"
	"#define PROBE(...) do { struct truth truths[] = { __VA_ARGS__ }; probe(truths, sizeof(truths) / sizeof(truths[0])); \\\n"
	"	__asm__ volatile(\"\" ::: \"memory\"); } while (0)\n"
	"#define KEEP(variable) __asm__ volatile(\"\" :: \"r\"(&(variable)) : \"memory\")\n"
	"#ifdef __clang__\n"
	"#define FAR __attribute__((noinline))\n"
	"#else\n"
	"#define FAR __attribute__((noipa))\n"
	"#endif\n"
	"FAR static long plain(struct node *list, long n)\n"
	"{\n"
	"	struct big big = { { { list, { n } } }, 0 };\n"
	"	struct node *lone = list; long row[5];\n"
	"	KEEP(big); KEEP(lone); KEEP(row);\n"
	"	PROBE({ \"big.nodes[3].next\", &big.nodes[3].next, 0 }, { \"big.name\", &big.name, 0 }, { \"lone\", &lone, 0 }, { \"row[4]\", &row[4], 0 });\n"
	"	return big.nodes[0].keys[0] + row[1] + lone->keys[0];\n"
	"}\n"
	"FAR static long blocks(long n)\n"
	"{\n"
	"	long sum = 0;\n"
	"	if (n > 1) {\n"
	"		struct node first[3]; KEEP(first);\n"
	"		PROBE({ \"first[2].next\", &first[2].next, 0 });\n"
	"		sum += first[1].keys[2];\n"
	"	}\n"
	"	{\n"
	"		char *second[12]; KEEP(second);\n"
	"		PROBE({ \"second[7]\", &second[7], 0 });\n"
	"		sum += (long)second[3];\n"
	"	}\n"
	"	return sum;\n"
	"}\n"
	"static inline __attribute__((always_inline)) long inner(long n)\n"
	"{\n"
	"	struct node *buffer[4] = { 0 }; KEEP(buffer);\n"
	"	PROBE({ \"inner:buffer[3]\", &buffer[3], 0 });\n"
	"	return n + (long)buffer[2];\n"
	"}\n"
	"FAR static long outer(long n)\n"
	"{\n"
	"	struct node *own[2] = { 0 }; KEEP(own);\n"
	"	long sum = inner(n);\n"
	"	PROBE({ \"own[1]\", &own[1], 0 });\n"
	"	return sum + (long)own[0];\n"
	"}\n"
	"FAR static struct node *holds(struct node *kept, long n)\n"
	"{\n"
	"	struct node *other = kept + n;\n"
	"	PROBE({ \"kept\", 0, kept }, { \"other\", 0, other });\n"
	"	count += n;\n"
	"	PROBE({ \"kept\", 0, kept }, { \"other\", 0, other });\n"
	"	__asm__ volatile(\"\" :: \"r\"(kept), \"r\"(other));\n"
	"	return n > 100 ? kept : other;\n"
	"}\n"
	"FAR static long by_value(struct big whole, long *n)\n"
	"{\n"
	"	PROBE({ \"whole.nodes[1].keys[2]\", &whole.nodes[1].keys[2], 0 });\n"
	"	return whole.nodes[2].keys[0] + *n;\n"
	"}\n"
	"FAR static long sized(long n)\n"
	"{\n"
	"	char line[n * 3]; void *after = &n; KEEP(line); KEEP(after);\n"
	"	PROBE({ \"after\", &after, 0 });\n"
	"	return line[0] + (after != 0);\n"
	"}\n"
	"void run(void (*callback)(const struct truth *, unsigned long))\n"
	"{\n"
	"	static struct node some[8];\n"
	"	struct big big = { { { 0, { 1 } } }, 0 };\n"
	"	long n = 7;\n"
	"	probe = callback;\n"
	"	count += plain(some, 3); count += blocks(4); count += outer(5); count += holds(some, 3)->keys[0]; count += by_value(big, &n); count += sized(9);\n"
	"	__asm__ volatile(\"\" ::: \"memory\");\n"
	"}\n";

static struct dwarf_case *current;
static size_t n_memory, n_registers, n_unknown;

/* Through the kernel: a sanitizer would not let us read the frames of others. */
static bool read_own(void *context, vaddr address, void *buffer, size_t size)
{
	return pread(*(int *)context, buffer, size, (off_t)address) == (ssize_t)size;
}

static void thread_registers(const ucontext_t *context, struct thread *ret)
{
	*ret = (struct thread){ .has_registers = true };
#if defined(__aarch64__)
	for (int i = 0; i < 31; i++)
		ret->registers[i] = context->uc_mcontext.regs[i];
	ret->registers[31] = ret->sp = context->uc_mcontext.sp;
	ret->registers[32] = ret->pc = context->uc_mcontext.pc;
#else
	static const int order[] = { REG_RAX, REG_RDX, REG_RCX, REG_RBX, REG_RSI, REG_RDI, REG_RBP, REG_RSP, REG_R8, REG_R9, REG_R10, REG_R11,
				     REG_R12, REG_R13, REG_R14, REG_R15, REG_RIP };

	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++)
		ret->registers[i] = (uint64_t)context->uc_mcontext.gregs[order[i]];
	ret->sp = ret->registers[7];
	ret->pc = ret->registers[16];
#endif
}

static void assert_named(const struct local *local, uint64_t offset, const struct truth *truth)
{
	char text[256];
	char *path = local_member(&current->modules, current->module, local, offset);

	snprintf(text, sizeof(text), "%s%s%s%s", local->function ? local->function : "", local->function ? ":" : "", local->name, path ? path : "");
	ck_assert_msg(strcmp(text, truth->text) == 0, "%s: %s is called %s", current->form, truth->text, text);
	ck_assert_msg(local->source && strncmp(local->source, "thing.c:", 8) == 0, "%s: %s is in %s", current->form, truth->text, local->source);
	free(path);
}

/* A variable that was said to be in a register, or in memory that nobody has the address of. */
static bool is_where_it_says(const struct locals *locals, const struct local_frame *frame, const struct truth *truth, int memory)
{
	for (unsigned reg = 0; reg < THREAD_REGISTERS_MAX; reg++) {
		const struct local *local = local_in_register(locals, reg);

		if (!local || strcmp(local->name, truth->text) != 0 || !(frame->frame->known >> reg & 1))
			continue;
		ck_assert_msg(frame->frame->registers[reg] == (vaddr)(uintptr_t)truth->value, "%s: %s is not in register %u", current->form, truth->text, reg);
		return true;
	}
	for (vaddr at = frame->frame->sp & ~UINT64_C(7); at < frame->cfa; at += 8) {
		uint64_t offset, value;
		const struct local *local = local_covering(locals, frame, at, &offset);

		if (!local || strcmp(local->name, truth->text) != 0)
			continue;
		ck_assert(read_own(&memory, at, &value, 8));
		ck_assert_msg(value == (vaddr)(uintptr_t)truth->value, "%s: %s is not at its place", current->form, truth->text);
		return true;
	}
	return false;
}

static void probe(const struct truth *truths, size_t n)
{
	int memory = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	struct unwinder *unwinder = unwinder_create(&current->target->mappings, read_own, &memory);
	ucontext_t context;
	struct thread thread;
	frame_array frames;
	bool complete;

	getcontext(&context);
	thread_registers(&context, &thread);
	unwinder_walk(unwinder, &thread, 4, &frames, &complete);
	unwinder_destroy(unwinder);
	// This function, the one that is asked about, and its caller.
	ck_assert_uint_ge(frames.n, 3);
	struct local_frame frame = local_frame_of(&frames, 1, current->target->machine);
	ck_assert_uint_ne(frame.cfa, VADDR_NONE);
	ck_assert_ptr_eq(modules_find(&current->modules, frame.frame->pc), current->module);
	const struct locals *locals = locals_at(&current->modules, current->module, local_frame_pc(&frames, 1) - current->module->bias);
	ck_assert_msg(locals != NULL, "%s: nothing for %s", current->form, truths[0].text);
	ck_assert_ptr_eq(locals, locals_at(&current->modules, current->module, local_frame_pc(&frames, 1) - current->module->bias));

	for (size_t i = 0; i < n; i++) {
		const struct truth *truth = &truths[i];
		uint64_t offset;

		if (!truth->address) {
			if (is_where_it_says(locals, &frame, truth, memory))
				n_registers++;
			else
				n_unknown++;
			continue;
		}
		const struct local *local = local_covering(locals, &frame, (vaddr)(uintptr_t)truth->address, &offset);
		ck_assert_msg(local != NULL, "%s: nothing covers %s", current->form, truth->text);
		assert_named(local, offset, truth);
		n_memory++;
	}
	array_deinit(&frames);
	close(memory);
}

START_TEST(c_locals_have_their_names)
{
	static const char *const commands[] = {
		"gcc -g -gdwarf-5 -O0", "gcc -g -gdwarf-4 -O2", "gcc -g -gdwarf-5 -O2", "gcc -g -gdwarf-2 -O1", "gcc -g -O1 -fno-omit-frame-pointer",
		"clang -g -gdwarf-5 -O0", "clang -g -gdwarf-4 -O2", "clang -g -gdwarf-5 -O2", "clang -g -gdwarf-5 -O1 -fno-omit-frame-pointer",
	};
	size_t compiled = 0;

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		struct dwarf_case one;

		if (!dwarf_case_init(&one, c_source, "c", commands[i]))
			continue;
		compiled++;
		current = &one;
		n_memory = n_registers = n_unknown = 0;
		void (*run)(void (*)(const struct truth *, size_t)) = (void (*)(void (*)(const struct truth *, size_t)))(uintptr_t)dlsym(one.object, "run");
		run(probe);
		ck_assert_uint_eq(n_memory, 10);
		// The compiler may give up on one of them.
		ck_assert_msg(n_registers >= 3, "%s: %zu of %zu in registers", one.form, n_registers, n_registers + n_unknown);
		dwarf_case_deinit(&one);
	}
	ck_assert_uint_ge(compiled, 3);
}
END_TEST

static void ask_everything(struct modules *modules, struct module *module)
{
	frame_array frames = { 0 };
	struct frame frame = { .pc = 0x1000, .sp = 0x7fff0000, .known = UINT64_MAX };

	for (unsigned i = 0; i < THREAD_REGISTERS_MAX; i++)
		frame.registers[i] = 0x7fff0000 + i * 8;
	array_append(&frames, frame);
	frame.sp += 256;
	array_append(&frames, frame);
	struct local_frame asked = local_frame_of(&frames, 0, modules->target->machine);

	for (size_t i = 0; i < module->segments.n; i++) {
		const struct module_segment *segment = &module->segments.v[i];

		for (vaddr pc = segment->start; pc < segment->end && (segment->flags & PF_X); pc += 8) {
			const struct locals *locals = locals_at(modules, module, pc);

			for (unsigned reg = 0; locals && reg < THREAD_REGISTERS_MAX; reg++)
				local_in_register(locals, reg);
			for (vaddr at = 0x7fff0000; locals && at < 0x7fff0200; at += 8) {
				uint64_t offset;
				const struct local *local = local_covering(locals, &asked, at, &offset);

				if (local)
					free(local_member(modules, module, local, offset));
			}
		}
	}
	array_deinit(&frames);
}

START_TEST(damaged_debug_sections_do_no_harm)
{
	static const char *const sections[] = { ".debug_info", ".debug_abbrev", ".debug_loclists", ".debug_rnglists" };
	struct dwarf_case one;

	ck_assert(dwarf_case_init(&one, c_source, "c", "gcc -g -gdwarf-5 -O2") || dwarf_case_init(&one, c_source, "c", "clang -g -gdwarf-5 -O2"));
	for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++)
		dwarf_case_damage(&one, sections[i], i < 3 ? 200 : 60, (uint32_t)i + 1, ask_everything);
	dwarf_case_deinit(&one);
}
END_TEST

UNIT_SUITE("locals", c_locals_have_their_names, damaged_debug_sections_do_no_harm)
