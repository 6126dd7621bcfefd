/* SPDX-License-Identifier: MIT */
/* Modules: which mappings are which file at which bias, and where its debug file is; of this very process, and of hostile files. */
#include <dlfcn.h>
#include <link.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "debug/debug_files.h"
#include "debug/elf_file.h"
#include "debug/modules.h"
#include "debug/symbols.h"
#include "elf_builder.h"
#include "self_target.h"
#include "unit.h"

static const struct debug_options no_debug = {.debug_path = ""};
static const unsigned char id[20] = {0xab, 0xcd, 0xef, 1, 2, 3};

static struct module *module_named(struct modules *modules, const char *name, size_t *count_ret)
{
	struct module *found = NULL;
	size_t count = 0;

	for (size_t i = 0; i < modules->v.n; i++) {
		if (strcmp(module_name(&modules->v.v[i]), name) == 0) {
			found = &modules->v.v[i];
			count++;
		}
	}
	if (count_ret)
		*count_ret = count;
	return found;
}

START_TEST(the_bias_leads_from_the_file_to_memory)
{
	struct target *target = self_target();
	struct modules modules;
	struct symbol symbol;
	unsigned char bytes[64];

	modules_init(&modules, target, &no_debug);
	struct module *libc = module_named(&modules, "libc.so.6", NULL);
	ck_assert_ptr_nonnull(libc);
	void *there = dlsym(RTLD_DEFAULT, "malloc_trim");
	ck_assert(symbol_exported(libc, "malloc_trim", &symbol));
	ck_assert_uint_eq(libc->bias + symbol.value, (uintptr_t)there);
	ck_assert(module_get(libc, symbol.value, bytes, sizeof(bytes)));
	ck_assert_mem_eq(bytes, there, sizeof(bytes));
	ck_assert_ptr_eq(modules_find(&modules, (uintptr_t)there), libc);
	ck_assert_ptr_eq(modules_find(&modules, libc->start), libc);
	ck_assert_ptr_ne(modules_find(&modules, libc->end), libc);
	ck_assert_ptr_null(modules_find(&modules, 0));
	ck_assert_ptr_null(modules_find(&modules, VADDR_NONE));

	struct module *exe = modules_find(&modules, (uintptr_t)&no_debug);
	ck_assert_ptr_nonnull(exe);
	ck_assert_int_eq(exe->file, target->exe_file);
	modules_deinit(&modules);
	target_destroy(target);
}
END_TEST

/* The .bss has no file behind it, but belongs to the module. */
static char in_bss[1 << 20];

START_TEST(the_bss_is_inside_and_reads_as_zero)
{
	struct target *target = self_target();
	struct modules modules;
	char bytes[16] = "garbage";

	in_bss[sizeof(in_bss) - 1] = 1;
	modules_init(&modules, target, &no_debug);
	struct module *exe = modules_find(&modules, (uintptr_t)&in_bss[sizeof(in_bss) - 1]);
	ck_assert_ptr_nonnull(exe);
	ck_assert(module_get(exe, (uintptr_t)in_bss - exe->bias, bytes, sizeof(bytes)));
	for (size_t i = 0; i < sizeof(bytes); i++)
		ck_assert_int_eq(bytes[i], 0);
	ck_assert(!module_get(exe, (uintptr_t)in_bss - exe->bias, in_bss, SIZE_MAX / 2));
	modules_deinit(&modules);
	target_destroy(target);
}
END_TEST

START_TEST(a_second_copy_is_a_module_of_its_own)
{
	void *copy = dlmopen(LM_ID_NEWLM, "libc.so.6", RTLD_NOW);
	struct target *target = self_target();
	struct modules modules;
	struct symbol symbol;
	size_t count;

	// Sanitizers refuse dlmopen.
	if (copy) {
		modules_init(&modules, target, &no_debug);
		struct module *libc = module_named(&modules, "libc.so.6", &count);
		ck_assert_uint_eq(count, 2);
		struct module *second = modules_find(&modules, (uintptr_t)dlsym(copy, "malloc_trim"));
		ck_assert(symbol_exported(second, "malloc_trim", &symbol));
		ck_assert_uint_eq(second->bias + symbol.value, (uintptr_t)dlsym(copy, "malloc_trim"));
		struct module *first = modules_find(&modules, (uintptr_t)dlsym(RTLD_DEFAULT, "malloc_trim"));
		ck_assert_ptr_ne(first, second);
		ck_assert(libc == first || libc == second);
		modules_deinit(&modules);
	}
	target_destroy(target);
}
END_TEST

START_TEST(a_file_that_is_only_read_is_no_module)
{
	struct target *target = empty_target();
	char directory[64], library[128], text[128];
	struct elf_builder elf = elf_builder(ET_DYN);
	struct modules modules;

	temporary_directory(directory);
	snprintf(library, sizeof(library), "%s/library.so", directory);
	snprintf(text, sizeof(text), "%s/text", directory);
	elf_write(&elf, library);
	FILE *file = fopen(text, "we");
	fputs("no ELF file", file);
	fclose(file);

	target_add_mapping(target, 0x10000, 0x11000, 0, MAPPING_READ, library);
	target_add_mapping(target, 0x20000, 0x21000, 0, MAPPING_READ, text);
	target_add_mapping(target, 0x21000, 0x22000, 0, MAPPING_READ | MAPPING_WRITE, text);
	target_add_mapping(target, 0x30000, 0x31000, 0, MAPPING_READ, "[heap]");
	target_add_elf(target, library, 0x40000);
	modules_init(&modules, target, &no_debug);
	ck_assert_uint_eq(modules.v.n, 1);
	ck_assert_uint_eq(modules.v.v[0].bias, 0x40000);
	modules_deinit(&modules);
	remove_directory(directory);
	target_destroy(target);
}
END_TEST

START_TEST(an_absent_file_is_listed)
{
	struct target *target = empty_target();
	struct modules modules;
	struct build_id build_id;
	struct symbol symbol;
	char byte;

	target_add_mapping(target, 0x10000, 0x11000, 0, MAPPING_READ, "/nonexistent/lib.so");
	target_add_mapping(target, 0x11000, 0x12000, 0x1000, MAPPING_READ | MAPPING_EXEC, "/nonexistent/lib.so");
	target_add_mapping(target, 0x12000, 0x13000, 0x2000, MAPPING_READ | MAPPING_WRITE, "/nonexistent/lib.so");
	target_add_mapping(target, 0x20000, 0x21000, 0, MAPPING_READ, "/nonexistent/font");
	modules_init(&modules, target, NULL);
	ck_assert_uint_eq(modules.v.n, 1);
	struct module *module = &modules.v.v[0];
	ck_assert_str_eq(module_name(module), "lib.so");
	ck_assert_uint_eq(module->start, 0x10000);
	ck_assert_uint_eq(module->end, 0x13000);
	ck_assert_uint_eq(module->type, 0);
	ck_assert_ptr_null(module->elf);
	ck_assert_ptr_null(module_debug_file(&modules, module));
	ck_assert(!module_build_id(&modules, module, &build_id));
	ck_assert(!module_get(module, 0, &byte, 1));
	ck_assert(!symbol_exported(module, "malloc", &symbol));
	ck_assert(!symbol_named(&modules, module, "malloc", &symbol));
	ck_assert(!symbol_at(&modules, module, 0, &symbol));
	ck_assert_ptr_null(module_string(module, DT_NEEDED, 0));
	modules_deinit(&modules);
	target_destroy(target);
}
END_TEST

START_TEST(another_architecture_is_no_elf_file_of_ours)
{
	struct target *target = empty_target();
	char directory[64], path[128];
	struct elf_builder elf = elf_builder(ET_DYN);
	struct modules modules;

	elf.header.e_machine = EM_RISCV;
	snprintf(path, sizeof(path), "%s/foreign.so", temporary_directory(directory));
	elf_write(&elf, path);
	target_add_elf(target, path, 0x10000);
	modules_init(&modules, target, NULL);
	ck_assert_uint_eq(modules.v.n, 1);
	ck_assert_uint_eq(modules.v.v[0].type, 0);
	ck_assert_ptr_null(modules.v.v[0].elf);
	modules_deinit(&modules);
	remove_directory(directory);
	target_destroy(target);
}
END_TEST

START_TEST(an_executable_is_where_it_says)
{
	struct target *target = empty_target();
	char directory[64], path[128];
	struct elf_builder elf = elf_builder(ET_EXEC);
	struct modules modules;

	snprintf(path, sizeof(path), "%s/exe", temporary_directory(directory));
	elf.phdrs[0].p_vaddr = 0x400000;
	elf_write(&elf, path);
	// Somebody reads its bytes elsewhere, executable even: the file says that it cannot be loaded there.
	target_add_mapping(target, 0x10000, 0x11000, 0, MAPPING_READ | MAPPING_EXEC, path);
	target_add_elf(target, path, 0);
	modules_init(&modules, target, NULL);
	ck_assert_uint_eq(modules.v.n, 1);
	ck_assert_uint_eq(modules.v.v[0].start, 0x400000);
	ck_assert_uint_eq(modules.v.v[0].bias, 0);
	modules_deinit(&modules);
	remove_directory(directory);
	target_destroy(target);
}
END_TEST

static int note_of_libc(struct dl_phdr_info *info, size_t size, void *context)
{
	struct build_id *ret = context;

	(void)size;
	if (!strstr(info->dlpi_name, "libc.so.6"))
		return 0;
	for (unsigned i = 0; i < info->dlpi_phnum; i++) {
		if (info->dlpi_phdr[i].p_type != PT_NOTE)
			continue;
		const char *at = (const char *)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
		const Elf64_Nhdr *note = (const void *)at;
		if (note->n_type == NT_GNU_BUILD_ID && note->n_descsz == 20) {
			ret->size = 20;
			memcpy(ret->bytes, at + sizeof(*note) + 4, 20);
		}
	}
	return 1;
}

START_TEST(the_build_id_is_that_of_the_note)
{
	struct target *target = self_target();
	struct build_id mapped = {0}, found = {0};
	struct modules modules;

	dl_iterate_phdr(note_of_libc, &mapped);
	ck_assert_uint_eq(mapped.size, 20);
	modules_init(&modules, target, NULL);
	struct module *libc = module_named(&modules, "libc.so.6", NULL);
	ck_assert(module_build_id(&modules, libc, &found));
	ck_assert_uint_eq(found.size, 20);
	ck_assert_mem_eq(found.bytes, mapped.bytes, 20);
	// What the target says about what is mapped counts for more.
	target->files.v[libc->file].build_id = (struct build_id){.size = 3, .bytes = {1, 2, 3}};
	ck_assert(module_build_id(&modules, libc, &found));
	ck_assert_uint_eq(found.size, 3);
	modules_deinit(&modules);
	target_destroy(target);
}
END_TEST

/* A stripped module and what else a test puts into a directory of its own. */
struct debug_case {
	char directory[64], module[128], debug[192];
	struct target *target;
	struct modules modules;
	struct debug_options options;
};

static const Elf64_Sym some_symbol[2] = {{0}, {.st_name = 1, .st_info = ELF64_ST_INFO(STB_LOCAL, STT_OBJECT), .st_shndx = 1, .st_value = 0x400, .st_size = 8}};

static void debug_case_init(struct debug_case *one)
{
	*one = (struct debug_case){.target = empty_target()};
	temporary_directory(one->directory);
	snprintf(one->module, sizeof(one->module), "%s/module.so", one->directory);
	one->options.debug_path = one->directory;
}

static void write_module(struct debug_case *one, const void *build_id, const char *link, uint32_t crc)
{
	struct elf_builder elf = elf_builder(ET_DYN);

	elf_add_section(&elf, ".data", SHT_PROGBITS, SHF_ALLOC | SHF_WRITE, "some bytes", 10);
	if (build_id)
		elf_add_build_id(&elf, build_id, 20);
	if (link) {
		char section[64] = "";
		size_t at = (strlen(link) + 4) & ~(size_t)3;

		strcpy(section, link);
		memcpy(section + at, &crc, 4);
		elf_add_section(&elf, ".gnu_debuglink", SHT_PROGBITS, 0, section, at + 4);
	}
	elf_write(&elf, one->module);
}

/* Writes a debug file below the directory; its path is then in one->debug. */
static void write_debug(struct debug_case *one, const char *name, const void *build_id)
{
	struct elf_builder elf = elf_builder(ET_DYN);
	char command[256];

	snprintf(one->debug, sizeof(one->debug), "%s/%s", one->directory, name);
	snprintf(command, sizeof(command), "mkdir -p \"$(dirname '%s')\"", one->debug);
	ck_assert_int_eq(system(command), 0);
	elf_add_section(&elf, ".data", SHT_NOBITS, SHF_ALLOC | SHF_WRITE, NULL, 10);
	if (build_id)
		elf_add_build_id(&elf, build_id, 20);
	elf_add_symbols(&elf, some_symbol, 2, "\0main_arena", 12);
	elf_write(&elf, one->debug);
}

/* What is found, by path: "" for nothing, "own" for the module itself. */
static const char *debug_case_find(struct debug_case *one)
{
	target_add_elf(one->target, one->module, 0x10000);
	modules_init(&one->modules, one->target, &one->options);
	ck_assert_uint_eq(one->modules.v.n, 1);
	struct module *module = &one->modules.v.v[0];
	Elf *elf = module_debug_file(&one->modules, module);

	ck_assert_ptr_eq(module_debug_file(&one->modules, module), elf);
	ck_assert_ptr_eq(module->debug_elf, elf);
	return !elf ? "" : elf == module->elf ? "own" : module->debug_path;
}

static void debug_case_deinit(struct debug_case *one)
{
	modules_deinit(&one->modules);
	remove_directory(one->directory);
	target_destroy(one->target);
}

START_TEST(the_debug_file_is_found_by_build_id)
{
	struct debug_case one;
	struct symbol symbol;

	debug_case_init(&one);
	write_module(&one, id, NULL, 0);
	write_debug(&one, ".build-id/ab/cdef0102030000000000000000000000000000.debug", id);
	ck_assert_str_eq(debug_case_find(&one), one.debug);
	ck_assert(symbol_named(&one.modules, &one.modules.v.v[0], "main_arena", &symbol));
	ck_assert_uint_eq(symbol.value, 0x400);
	debug_case_deinit(&one);
}
END_TEST

START_TEST(several_directories_are_searched)
{
	struct debug_case one;
	char path[256];

	debug_case_init(&one);
	write_module(&one, id, NULL, 0);
	write_debug(&one, "second/.build-id/ab/cdef0102030000000000000000000000000000.debug", id);
	snprintf(path, sizeof(path), "/nonexistent::%s:%s/second", one.directory, one.directory);
	one.options.debug_path = path;
	ck_assert_str_eq(debug_case_find(&one), one.debug);
	debug_case_deinit(&one);
}
END_TEST

START_TEST(the_sysroot_has_debug_files_too)
{
	struct debug_case one;

	debug_case_init(&one);
	write_module(&one, id, NULL, 0);
	write_debug(&one, "usr/lib/debug/.build-id/ab/cdef0102030000000000000000000000000000.debug", id);
	one.options = (struct debug_options){.sysroot = one.directory};
	ck_assert_str_eq(debug_case_find(&one), one.debug);
	debug_case_deinit(&one);
}
END_TEST

START_TEST(another_build_id_is_refused)
{
	static const unsigned char other[20] = {0xab, 0xcd, 0xef, 1, 2, 4};
	struct debug_case one;

	debug_case_init(&one);
	write_module(&one, id, NULL, 0);
	write_debug(&one, ".build-id/ab/cdef0102030000000000000000000000000000.debug", other);
	ck_assert_str_eq(debug_case_find(&one), "");
	debug_case_deinit(&one);
}
END_TEST

START_TEST(an_empty_path_means_none)
{
	struct debug_case one;

	debug_case_init(&one);
	write_module(&one, id, "module.debug", 0);
	write_debug(&one, ".build-id/ab/cdef0102030000000000000000000000000000.debug", id);
	write_debug(&one, "module.debug", id);
	one.options.debug_path = "";
	ck_assert_str_eq(debug_case_find(&one), "");
	debug_case_deinit(&one);
}
END_TEST

START_TEST(a_debug_link_is_followed)
{
	static const char *const places[] = {"module.debug", ".debug/module.debug"};

	for (size_t i = 0; i < 2; i++) {
		struct debug_case one;

		debug_case_init(&one);
		write_module(&one, id, "module.debug", 0);
		write_debug(&one, places[i], id);
		ck_assert_str_eq(debug_case_find(&one), one.debug);
		debug_case_deinit(&one);
	}
}
END_TEST

START_TEST(a_debug_link_leads_into_the_debug_directory)
{
	struct debug_case one;
	char place[128];

	debug_case_init(&one);
	write_module(&one, id, "module.debug", 0);
	snprintf(place, sizeof(place), "debug%s/module.debug", one.directory);
	write_debug(&one, place, id);
	char path[128];
	snprintf(path, sizeof(path), "%s/debug", one.directory);
	one.options.debug_path = path;
	ck_assert_str_eq(debug_case_find(&one), one.debug);
	debug_case_deinit(&one);
}
END_TEST

static uint32_t crc_of(const char *path)
{
	FILE *file = fopen(path, "re");
	uint32_t crc = UINT32_MAX;

	for (int byte; (byte = getc(file)) != EOF;) {
		crc ^= (uint32_t)byte;
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
	}
	fclose(file);
	return ~crc;
}

START_TEST(without_a_build_id_the_crc_decides)
{
	for (uint32_t wrong = 0; wrong < 2; wrong++) {
		struct debug_case one;

		debug_case_init(&one);
		write_debug(&one, "module.debug", NULL);
		write_module(&one, NULL, "module.debug", crc_of(one.debug) + wrong);
		ck_assert_str_eq(debug_case_find(&one), wrong ? "" : one.debug);
		debug_case_deinit(&one);
	}
}
END_TEST

START_TEST(a_link_to_anywhere_is_not_followed)
{
	struct debug_case one;

	debug_case_init(&one);
	write_debug(&one, "elsewhere/x.debug", id);
	write_module(&one, id, "elsewhere/x.debug", 0);
	ck_assert_str_eq(debug_case_find(&one), "");
	debug_case_deinit(&one);

	debug_case_init(&one);
	write_module(&one, id, "module.so", 0);
	ck_assert_str_eq(debug_case_find(&one), "");
	debug_case_deinit(&one);
}
END_TEST

START_TEST(a_fifo_does_not_make_us_wait)
{
	struct debug_case one;
	char path[192];

	debug_case_init(&one);
	write_module(&one, id, "fifo", 0);
	snprintf(path, sizeof(path), "%s/fifo", one.directory);
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	ck_assert_str_eq(debug_case_find(&one), "");
	debug_case_deinit(&one);
}
END_TEST

START_TEST(symbols_of_its_own_are_better_than_none)
{
	struct debug_case one;
	struct elf_builder elf = elf_builder(ET_DYN);

	debug_case_init(&one);
	elf_add_symbols(&elf, some_symbol, 2, "\0main_arena", 12);
	elf_write(&elf, one.module);
	ck_assert_str_eq(debug_case_find(&one), "own");
	debug_case_deinit(&one);
}
END_TEST

START_TEST(a_file_cut_short_under_us_is_a_miss)
{
	struct debug_case one;
	GElf_Shdr header;
	char byte;

	debug_case_init(&one);
	write_module(&one, id, NULL, 0);
	debug_case_find(&one);
	struct module *module = &one.modules.v.v[0];
	ck_assert(module_get(module, ELF_DATA, &byte, 1));
	ck_assert_int_eq(truncate(one.module, 0x20), 0);
	ck_assert(!module_get(module, ELF_DATA, &byte, 1));
	ck_assert_ptr_null(section_bytes(section_named(module->elf, ".data", &header)));
	debug_case_deinit(&one);
}
END_TEST

/* Everything that can be asked of a module, for files that are not what they should be. */
static void ask_everything(struct modules *modules)
{
	char bytes[64];

	for (size_t i = 0; i < modules->v.n; i++) {
		struct module *module = &modules->v.v[i];
		struct build_id build_id;
		struct symbol symbol;
		GElf_Shdr header;

		module_debug_file(modules, module);
		module_build_id(modules, module, &build_id);
		symbol_exported(module, "malloc", &symbol);
		symbol_named(modules, module, "main_arena", &symbol);
		symbol_at(modules, module, 0x400, &symbol);
		section_bytes(section_named(module->elf, ".data", &header));
		free(module_string(module, DT_NEEDED, 0));
		module_get(module, module->start - module->bias, bytes, sizeof(bytes));
		ck_assert_uint_lt(module->start, module->end);
		modules_find(modules, module->start);
	}
}

START_TEST(a_damaged_file_does_no_harm)
{
	static const unsigned char values[] = {0x00, 0x01, 0x7f, 0x80, 0xff};
	struct elf_builder elf = elf_builder(ET_DYN);
	char directory[64], path[128];

	temporary_directory(directory);
	snprintf(path, sizeof(path), "%s/damaged.so", directory);
	elf_add_section(&elf, ".data", SHT_PROGBITS, SHF_ALLOC | SHF_WRITE, "some bytes", 10);
	elf_add_build_id(&elf, id, 20);
	elf_add_symbols(&elf, some_symbol, 2, "\0main_arena", 12);
	elf_write(&elf, path);

	// Each byte of the headers, of the program headers, and from the first section to the end.
	for (size_t at = EI_CLASS; at < elf.size; at++) {
		if (at == sizeof(Elf64_Ehdr) + 3 * sizeof(Elf64_Phdr))
			at = ELF_DATA;
		for (size_t k = 0; k < sizeof(values); k++) {
			struct target *target = empty_target();
			struct modules modules;

			FILE *file = fopen(path, "r+e");
			fseek(file, (long)at, SEEK_SET);
			putc(values[k], file);
			fclose(file);
			target_add_mapping(target, 0x10000, 0x20000, 0, MAPPING_READ | MAPPING_EXEC, path);
			modules_init(&modules, target, &no_debug);
			ask_everything(&modules);
			modules_deinit(&modules);
			target_destroy(target);
		}
		FILE *file = fopen(path, "r+e");
		fseek(file, (long)at, SEEK_SET);
		putc(elf.bytes[at], file);
		fclose(file);
	}
	remove_directory(directory);
}
END_TEST

UNIT_SUITE("modules", the_bias_leads_from_the_file_to_memory, the_bss_is_inside_and_reads_as_zero, a_second_copy_is_a_module_of_its_own,
	   a_file_that_is_only_read_is_no_module, an_absent_file_is_listed, another_architecture_is_no_elf_file_of_ours,
	   an_executable_is_where_it_says, the_build_id_is_that_of_the_note, the_debug_file_is_found_by_build_id, several_directories_are_searched,
	   the_sysroot_has_debug_files_too, another_build_id_is_refused, an_empty_path_means_none, a_debug_link_is_followed,
	   a_debug_link_leads_into_the_debug_directory, without_a_build_id_the_crc_decides, a_link_to_anywhere_is_not_followed,
	   a_fifo_does_not_make_us_wait, symbols_of_its_own_are_better_than_none, a_file_cut_short_under_us_is_a_miss, a_damaged_file_does_no_harm)
