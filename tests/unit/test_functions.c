/* SPDX-License-Identifier: MIT */
/*
 * Functions: two sources that call back from functions, inlined ones, cold parts and methods, and say with each call where it is.
 */
#include "debug/functions.h"

#include "dwarf_case.h"
#include "unit.h"

static const char c_source[] =
	"#define STRING_(x) #x\n"
	"#define STRING(x) STRING_(x)\n"
	"#define HERE __FILE__ \":\" STRING(__LINE__) \" \"\n"
	"static void (*probe)(const char *);\n"
	"#define PROBE(text) do { probe(text); __asm__ volatile(\"\" ::: \"memory\"); } while (0)\n"
	"static volatile int zero, count;\n"
	"__attribute__((noinline)) static void plain(void) { count++; PROBE(\"plain \" HERE); count++; }\n"
	"static inline __attribute__((always_inline)) void deep(int n)\n"
	"{\n"
	"	count += n;\n"
	"	PROBE(\"deep thing.c:11 middle thing.c:18 outer thing.c:24 \");\n"
	"	count -= n;\n"
	"}\n"
	"static inline __attribute__((always_inline)) void middle(int n)\n"
	"{\n"
	"	if (n > zero) {\n"
	"		int twice = n * 2;\n"
	"		deep(twice);\n"
	"	}\n"
	"	PROBE(\"middle thing.c:20 outer thing.c:24 \");\n"
	"}\n"
	"__attribute__((noinline)) static void outer(void)\n"
	"{\n"
	"	middle(3);\n"
	"	PROBE(\"outer \" HERE);\n"
	"	if (__builtin_expect(count > zero - 100, 0))\n"
	"		PROBE(\"outer \" HERE);\n"
	"}\n"
	"__attribute__((noinline, cold)) static void cold_one(void) { PROBE(\"cold_one \" HERE); }\n"
	"__attribute__((noinline)) static int last_thing(int n) { PROBE(\"last_thing \" HERE); return n; }\n"
	"void run(void (*callback)(const char *))\n"
	"{\n"
	"	probe = callback;\n"
	"	plain();\n"
	"	outer();\n"
	"	cold_one();\n"
	"	count = last_thing(count);\n"
	"	PROBE(\"run \" HERE);\n"
	"}\n";

static const char cc_source[] =
	"#define STRING_(x) #x\n"
	"#define STRING(x) STRING_(x)\n"
	"#define HERE __FILE__ \":\" STRING(__LINE__) \" \"\n"
	"static void (*probe)(const char *);\n"
	"#define PROBE(text) do { probe(text); __asm__ volatile(\"\" ::: \"memory\"); } while (0)\n"
	"#define FAR __attribute__((noinline))\n"
	"namespace outer { namespace {\n"
	"	struct thing {\n"
	"		FAR thing(int n) : n(n) { PROBE(\"outer::(anonymous namespace)::thing::thing \" HERE); }\n"
	"		FAR static void fixed() { PROBE(\"outer::(anonymous namespace)::thing::fixed \" HERE); }\n"
	"		FAR virtual void run(int);\n"
	"		FAR int operator()(int) const { PROBE(\"outer::(anonymous namespace)::thing::operator() \" HERE); return n; }\n"
	"		int n;\n"
	"	};\n"
	"	void thing::run(int) { PROBE(\"outer::(anonymous namespace)::thing::run \" HERE); n++; }\n"
	"}\n"
	"	template <class T> FAR T made(T n) { PROBE(\"outer::made<int> \" HERE); return n; }\n"
	"	inline __attribute__((always_inline)) void near(int n) { PROBE(\"outer::near thing.cc:18 run thing.cc:25 \"); (void)n; }\n"
	"}\n"
	"extern \"C\" void run(void (*callback)(const char *))\n"
	"{\n"
	"	probe = callback;\n"
	"	outer::thing one(3);\n"
	"	one.fixed(); one.run(2); outer::made(one(1));\n"
	"	outer::near(one.n);\n"
	"	PROBE(\"run \" HERE);\n"
	"}\n";

static struct dwarf_case *current;
static size_t n_probes;

static void probe(const char *truth)
{
	vaddr pc = (vaddr)(uintptr_t)__builtin_return_address(0) - 1;
	struct code code;
	char text[1024] = "";

	n_probes++;
	// Twice: the second answer is one that was kept.
	for (int i = 0; i < 2; i++) {
		text[0] = '\0';
		ck_assert_msg(code_at(&current->modules, current->module, pc - current->module->bias, &code), "%s: nothing for %s", current->form, truth);
		ck_assert_uint_gt(code.functions.n, 0);
		for (size_t j = 0; j < code.functions.n; j++) {
			const struct code_function *function = &code.functions.v[j];
			size_t length = strlen(text);

			snprintf(text + length, sizeof(text) - length, "%s %s ", function->name, function->source);
		}
		ck_assert_msg(strcmp(text, truth) == 0, "%s: %s is called %s", current->form, truth, text);
		code_deinit(&code);
	}
}

static size_t assert_all(const char *source, const char *extension, const char *const *commands, size_t n, size_t expected)
{
	size_t compiled = 0;

	for (size_t i = 0; i < n; i++) {
		struct dwarf_case one;

		if (!dwarf_case_init(&one, source, extension, commands[i]))
			continue;
		compiled++;
		current = &one;
		n_probes = 0;
		void (*run)(void (*)(const char *)) = (void (*)(void (*)(const char *)))(uintptr_t)dlsym(one.object, "run");
		run(probe);
		ck_assert_uint_ge(n_probes, expected);
		dwarf_case_deinit(&one);
	}
	return compiled;
}

START_TEST(c_functions_and_what_was_inlined)
{
	static const char *const commands[] = {
		"gcc -g -gdwarf-5 -O0", "gcc -g -gdwarf-4 -O2", "gcc -g -gdwarf-5 -O2 -ffunction-sections", "gcc -g -gdwarf-3 -O1",
		"gcc -g -gdwarf-2 -O1", "clang -g -gdwarf-5 -O0", "clang -g -gdwarf-4 -O2", "clang -g -gdwarf-5 -O2",
	};

	ck_assert_uint_ge(assert_all(c_source, "c", commands, sizeof(commands) / sizeof(commands[0]), 7), 3);
}
END_TEST

START_TEST(cxx_functions)
{
	static const char *const commands[] = {
		"g++ -g -gdwarf-5 -O0", "g++ -g -gdwarf-4 -O2", "clang++ -g -gdwarf-5 -O0", "clang++ -g -gdwarf-4 -O2",
	};

	ck_assert_uint_ge(assert_all(cc_source, "cc", commands, sizeof(commands) / sizeof(commands[0]), 7), 2);
}
END_TEST

START_TEST(symbols_serve_where_dwarf_does_not)
{
	struct dwarf_case one;
	struct code code;

	ck_assert(dwarf_case_init(&one, c_source, "c", "gcc -g0 -O0") || dwarf_case_init(&one, c_source, "c", "clang -g0 -O0"));
	vaddr pc = (vaddr)(uintptr_t)dlsym(one.object, "run") - one.module->bias;
	ck_assert(code_at(&one.modules, one.module, pc, &code));
	ck_assert_uint_eq(code.functions.n, 1);
	ck_assert_str_eq(code.functions.v[0].name, "run");
	ck_assert_ptr_null(code.functions.v[0].source);
	code_deinit(&code);
	ck_assert(!code_at(&one.modules, one.module, 1, &code));
	dwarf_case_deinit(&one);
}
END_TEST

static void ask_everything(struct modules *modules, struct module *module)
{
	for (size_t i = 0; i < module->segments.n; i++) {
		const struct module_segment *segment = &module->segments.v[i];

		for (vaddr pc = segment->start; pc < segment->end && (segment->flags & PF_X); pc += 16) {
			function_die_array dies;
			struct code code;

			if (code_at(modules, module, pc, &code)) {
				ck_assert_uint_gt(code.functions.n, 0);
				code_deinit(&code);
			}
			function_dies(modules, module, pc, &dies);
			array_deinit(&dies);
		}
	}
}

START_TEST(damaged_debug_sections_do_no_harm)
{
	static const char *const sections[] = { ".debug_info", ".debug_abbrev", ".debug_line", ".debug_rnglists", ".debug_line_str", ".debug_addr" };
	struct dwarf_case one;

	ck_assert(dwarf_case_init(&one, c_source, "c", "clang -g -gdwarf-5 -O2") || dwarf_case_init(&one, c_source, "c", "gcc -g -gdwarf-5 -O2"));
	for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++)
		dwarf_case_damage(&one, sections[i], i < 3 ? 200 : 60, (uint32_t)i + 1, ask_everything);
	dwarf_case_deinit(&one);
}
END_TEST

UNIT_SUITE("functions", c_functions_and_what_was_inlined, cxx_functions, symbols_serve_where_dwarf_does_not, damaged_debug_sections_do_no_harm)
