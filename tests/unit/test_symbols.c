/* SPDX-License-Identifier: MIT */
/* Symbols: by name with and without a suffix, by address with aliases, nesting and sizes of 0, and tables that lie. */
#include <dlfcn.h>

#include "debug/symbols.h"
#include "elf_builder.h"
#include "self_target.h"
#include "unit.h"

static const struct debug_options no_debug = {.debug_path = ""};

/* A module of one tiny file. */
struct symbols_case {
	char directory[64], path[128];
	struct target *target;
	struct modules modules;
	struct module *module;
};

static void symbols_case_init(struct symbols_case *one, struct elf_builder *elf)
{
	*one = (struct symbols_case){.target = empty_target()};
	snprintf(one->path, sizeof(one->path), "%s/module.so", temporary_directory(one->directory));
	elf_write(elf, one->path);
	target_add_elf(one->target, one->path, 0x10000);
	modules_init(&one->modules, one->target, &no_debug);
	ck_assert_uint_eq(one->modules.v.n, 1);
	one->module = &one->modules.v.v[0];
}

static void symbols_case_deinit(struct symbols_case *one)
{
	modules_deinit(&one->modules);
	remove_directory(one->directory);
	target_destroy(one->target);
}

#define NAMES                                                                                                          \
	"\0main_arena.lto_priv.0\0main_arena\0helper.isra.0\0helper.part.1\0outer\0inner\0__alias\0alias\0weak\0asm\0" \
	"after\0tls\0undefined\0read@@GLIBC_2.2.5"

enum {
	LTO = 1,
	ARENA = LTO + 22,
	ISRA = ARENA + 11,
	PART = ISRA + 14,
	OUTER = PART + 14,
	INNER = OUTER + 6,
	ALIAS_ = INNER + 6,
	ALIAS = ALIAS_ + 8,
	WEAK = ALIAS + 6,
	ASM = WEAK + 5,
	AFTER = ASM + 4,
	TLS = AFTER + 6,
	UNDEFINED = TLS + 4,
	READ = UNDEFINED + 10,
};

#define SYMBOL(name, bind, kind, where, length) \
	{.st_name = (name), .st_info = ELF64_ST_INFO(bind, kind), .st_shndx = 1, .st_value = (where), .st_size = (length)}

static const Elf64_Sym table[] = {
	{0},
	SYMBOL(LTO, STB_LOCAL, STT_OBJECT, 0x5000, 8),
	SYMBOL(ARENA, STB_LOCAL, STT_OBJECT, 0x5100, 8),
	SYMBOL(ISRA, STB_LOCAL, STT_FUNC, 0x1000, 16),
	SYMBOL(PART, STB_LOCAL, STT_FUNC, 0x1010, 16),
	SYMBOL(OUTER, STB_GLOBAL, STT_FUNC, 0x2000, 0x100),
	SYMBOL(INNER, STB_LOCAL, STT_FUNC, 0x2040, 0x10),
	SYMBOL(WEAK, STB_WEAK, STT_FUNC, 0x3000, 16),
	SYMBOL(ALIAS_, STB_GLOBAL, STT_FUNC, 0x3000, 16),
	SYMBOL(ALIAS, STB_GLOBAL, STT_FUNC, 0x3000, 16),
	SYMBOL(ASM, STB_GLOBAL, STT_FUNC, 0x4000, 0),
	SYMBOL(AFTER, STB_GLOBAL, STT_FUNC, 0x4080, 16),
	SYMBOL(TLS, STB_LOCAL, STT_TLS, 0x48, 8),
	{.st_name = UNDEFINED, .st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC)},
	SYMBOL(READ, STB_GLOBAL, STT_FUNC, 0x6000, 16),
	// As the linker names the versions of libc: «GLIBC_PRIVATE».
	{.st_name = OUTER + 1, .st_info = ELF64_ST_INFO(STB_GLOBAL, STT_OBJECT), .st_shndx = SHN_ABS},
};

static void table_case_init(struct symbols_case *one)
{
	struct elf_builder elf = elf_builder(ET_DYN);

	ck_assert_str_eq(&NAMES[READ], "read@@GLIBC_2.2.5");
	elf_add_symbols(&elf, table, sizeof(table) / sizeof(table[0]), NAMES, sizeof(NAMES));
	symbols_case_init(one, &elf);
}

START_TEST(a_name_is_found_before_a_suffix)
{
	struct symbols_case one;
	struct symbol symbol;

	table_case_init(&one);
	ck_assert(symbol_named(&one.modules, one.module, "main_arena", &symbol));
	ck_assert_uint_eq(symbol.value, 0x5100);
	ck_assert_uint_eq(symbol.size, 8);
	ck_assert_uint_eq(symbol.type, STT_OBJECT);
	ck_assert(symbol_named(&one.modules, one.module, "main_arena.lto_priv.0", &symbol));
	ck_assert_uint_eq(symbol.value, 0x5000);
	ck_assert(symbol_named(&one.modules, one.module, "helper", &symbol));
	ck_assert_uint_eq(symbol.value, 0x1000);
	ck_assert(symbol_named(&one.modules, one.module, "read", &symbol));
	ck_assert_uint_eq(symbol.value, 0x6000);
	ck_assert(symbol_named(&one.modules, one.module, "tls", &symbol));
	ck_assert_uint_eq(symbol.value, 0x48);
	ck_assert_uint_eq(symbol.type, STT_TLS);
	ck_assert(!symbol_named(&one.modules, one.module, "main_aren", &symbol));
	ck_assert(!symbol_named(&one.modules, one.module, "main_arenas", &symbol));
	ck_assert(!symbol_named(&one.modules, one.module, "undefined", &symbol));
	ck_assert(!symbol_named(&one.modules, one.module, "", &symbol));
	// None of them is exported.
	ck_assert(!symbol_exported(one.module, "outer", &symbol));
	symbols_case_deinit(&one);
}
END_TEST

static void assert_at(struct symbols_case *one, vaddr address, const char *name)
{
	struct symbol symbol = {.name = "nothing"};

	ck_assert_int_eq(symbol_at(&one->modules, one->module, address, &symbol), strcmp(name, "nothing") != 0);
	ck_assert_str_eq(symbol.name, name);
}

START_TEST(an_address_has_a_symbol)
{
	struct symbols_case one;

	table_case_init(&one);
	assert_at(&one, 0x0fff, "nothing");
	assert_at(&one, 0x1000, "helper.isra.0");
	assert_at(&one, 0x100f, "helper.isra.0");
	assert_at(&one, 0x1010, "helper.part.1");
	assert_at(&one, 0x1020, "nothing");
	assert_at(&one, 0x2000, "outer");
	assert_at(&one, 0x2045, "inner");
	assert_at(&one, 0x2050, "outer");
	assert_at(&one, 0x20ff, "outer");
	assert_at(&one, 0x2100, "nothing");
	assert_at(&one, 0x3008, "alias");
	assert_at(&one, 0x4000, "asm");
	assert_at(&one, 0x407f, "asm");
	assert_at(&one, 0x4080, "after");
	assert_at(&one, 0x4090, "nothing");
	assert_at(&one, 0x48, "nothing");
	assert_at(&one, VADDR_NONE, "nothing");
	symbols_case_deinit(&one);
}
END_TEST

struct visits {
	size_t n, stop;
};

static bool visit(const struct symbol *symbol, void *context)
{
	struct visits *visits = context;

	ck_assert_int_eq(strncmp(symbol->name, "mall", 4), 0);
	visits->n++;
	return visits->n != visits->stop;
}

START_TEST(libc_exports_what_the_loader_finds)
{
	static const char *const names[] = {"malloc", "free", "malloc_trim", "mallopt", "qsort", "environ", "_thread_db_link_map_l_tls_modid", "main"};
	struct target *target = self_target();
	struct modules modules;
	struct visits visits = {0};

	modules_init(&modules, target, &no_debug);
	for (size_t i = 0; i < modules.v.n; i++) {
		struct module *module = &modules.v.v[i];

		if (strcmp(module_name(module), "libc.so.6") != 0)
			continue;
		void *handle = dlopen("libc.so.6", RTLD_NOW | RTLD_NOLOAD);
		for (size_t k = 0; k < sizeof(names) / sizeof(names[0]); k++) {
			struct symbol symbol;
			void *there = dlsym(handle, names[k]);

			ck_assert_int_eq(symbol_exported(module, names[k], &symbol), there != NULL);
			if (there)
				ck_assert_uint_eq(module->bias + symbol.value, (uintptr_t)there);
		}
		symbols_exported(module, "mall", visit, &visits);
		ck_assert_uint_ge(visits.n, 5);
		visits = (struct visits){.stop = 2};
		symbols_exported(module, "mall", visit, &visits);
		ck_assert_uint_eq(visits.n, 2);
	}
	ck_assert_uint_gt(visits.n, 0);
	modules_deinit(&modules);
	target_destroy(target);
}
END_TEST

START_TEST(our_own_functions_have_names)
{
	struct target *target = self_target();
	struct modules modules;
	struct symbol symbol;

	modules_init(&modules, target, &no_debug);
	struct module *exe = modules_find(&modules, (uintptr_t)visit);
	ck_assert_ptr_nonnull(exe);
	ck_assert(symbol_at(&modules, exe, (uintptr_t)visit - exe->bias + 1, &symbol));
	ck_assert_str_eq(symbol.name, "visit");
	ck_assert(symbol_named(&modules, exe, "visit", &symbol));
	ck_assert_uint_eq(exe->bias + symbol.value, (uintptr_t)visit);
	modules_deinit(&modules);
	target_destroy(target);
}
END_TEST

/* A dynamic symbol table with DT_HASH whose header the test gives. */
static void dynamic_case_init(struct symbols_case *one, uint32_t n_symbols, uint64_t strings_size, uint32_t name)
{
	struct elf_builder elf = elf_builder(ET_DYN);
	static const char strings[] = "\0malloc\0hidden";
	Elf64_Sym symbols[3] = {
		{0},
		{.st_name = name, .st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC), .st_shndx = 1, .st_value = 0x400, .st_size = 4},
		{.st_name = 8, .st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC), .st_shndx = 1, .st_value = 0x410, .st_other = STV_HIDDEN},
	};
	uint32_t hash[2] = {1, n_symbols};
	Elf64_Dyn dynamic[] = {
		{.d_tag = DT_SYMTAB, .d_un.d_val = elf_add_bytes(&elf, symbols, sizeof(symbols))},
		{.d_tag = DT_STRTAB, .d_un.d_val = elf_add_bytes(&elf, strings, sizeof(strings))},
		{.d_tag = DT_STRSZ, .d_un.d_val = strings_size},
		{.d_tag = DT_HASH, .d_un.d_val = elf_add_bytes(&elf, hash, sizeof(hash))},
		{.d_tag = DT_NEEDED, .d_un.d_val = 1},
		{.d_tag = DT_NEEDED, .d_un.d_val = 8},
		{.d_tag = DT_NEEDED, .d_un.d_val = 9999},
		{.d_tag = DT_NULL},
	};
	elf_add_phdr(&elf, PT_DYNAMIC, elf_add_bytes(&elf, dynamic, sizeof(dynamic)), sizeof(dynamic));
	symbols_case_init(one, &elf);
}

START_TEST(no_section_headers_are_needed)
{
	struct symbols_case one;
	struct symbol symbol;

	dynamic_case_init(&one, 3, 16, 1);
	ck_assert(symbol_exported(one.module, "malloc", &symbol));
	ck_assert_uint_eq(symbol.value, 0x400);
	ck_assert(!symbol_exported(one.module, "hidden", &symbol));
	ck_assert(symbol_at(&one.modules, one.module, 0x403, &symbol));
	ck_assert_str_eq(symbol.name, "malloc");
	char *first = module_string(one.module, DT_NEEDED, 0), *second = module_string(one.module, DT_NEEDED, 1);
	ck_assert_str_eq(first, "malloc");
	ck_assert_str_eq(second, "hidden");
	ck_assert_ptr_null(module_string(one.module, DT_NEEDED, 2));
	ck_assert_ptr_null(module_string(one.module, DT_NEEDED, 3));
	free(first);
	free(second);
	symbols_case_deinit(&one);
}
END_TEST

START_TEST(tables_that_lie_are_empty)
{
	struct symbols_case one;
	struct symbol symbol;

	dynamic_case_init(&one, UINT32_MAX, 16, 1);
	ck_assert(!symbol_exported(one.module, "malloc", &symbol));
	symbols_case_deinit(&one);

	dynamic_case_init(&one, 3, UINT64_MAX / 2, 1);
	ck_assert(!symbol_exported(one.module, "malloc", &symbol));
	symbols_case_deinit(&one);

	// The name begins behind the strings; the other one ends behind them.
	dynamic_case_init(&one, 3, 16, 4000);
	ck_assert(!symbol_exported(one.module, "malloc", &symbol));
	symbols_case_deinit(&one);
	dynamic_case_init(&one, 3, 4, 1);
	ck_assert(!symbol_exported(one.module, "malloc", &symbol));
	ck_assert(symbol_exported(one.module, "mal", &symbol));
	symbols_case_deinit(&one);
}
END_TEST

UNIT_SUITE("symbols", a_name_is_found_before_a_suffix, an_address_has_a_symbol, libc_exports_what_the_loader_finds, our_own_functions_have_names,
	   no_section_headers_are_needed, tables_that_lie_are_empty)
