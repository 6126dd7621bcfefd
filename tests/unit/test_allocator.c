/* SPDX-License-Identifier: MIT */
/*
 * Whose malloc: processes made up of tiny modules that export and need what a test says, and of the real allocators where they
 * are installed.
 */
#include "debug/allocator.h"
#include "elf_builder.h"
#include "self_target.h"
#include "unit.h"

#if defined(__aarch64__)
#define MULTIARCH "aarch64-linux-gnu"
#else
#define MULTIARCH "x86_64-linux-gnu"
#endif

static const struct debug_options no_debug = {.debug_path = ""};

/* Where the kernel and the loader put things: downwards from LOADER. */
enum {
	EXE = 0x400000,
	DLOPENED = 0x10000000,
	LIBC = 0x20000000,
	NEEDED = 0x30000000,
	PRELOADED = 0x40000000,
	LOADER = 0x50000000,
};

struct process {
	char directory[64];
	struct target *target;
	struct modules modules;
	struct allocator allocator;
};

static void process_init(struct process *process)
{
	*process = (struct process){.target = empty_target()};
	temporary_directory(process->directory);
}

/* A module that exports and needs the names in these lists, each ended by a NUL more. */
static struct elf_builder library(const char *exports, const char *needs)
{
	struct elf_builder elf = elf_builder(ET_DYN);
	char strings[512] = "";
	Elf64_Sym symbols[16] = {{0}};
	Elf64_Dyn dynamic[32];
	uint32_t hash[2] = {1, 1};
	size_t size = 1, n = 0;

	for (const char *name = exports; *name; name += strlen(name) + 1) {
		symbols[hash[1]++] = (Elf64_Sym){.st_name = (Elf64_Word)size, .st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC), .st_shndx = 1, .st_value = ELF_DATA};
		strcpy(strings + size, name);
		size += strlen(name) + 1;
	}
	for (const char *name = needs; *name; name += strlen(name) + 1) {
		dynamic[n++] = (Elf64_Dyn){.d_tag = DT_NEEDED, .d_un.d_val = size};
		strcpy(strings + size, name);
		size += strlen(name) + 1;
	}
	dynamic[n++] = (Elf64_Dyn){.d_tag = DT_SYMTAB, .d_un.d_val = elf_add_bytes(&elf, symbols, sizeof(symbols))};
	dynamic[n++] = (Elf64_Dyn){.d_tag = DT_STRTAB, .d_un.d_val = elf_add_bytes(&elf, strings, size)};
	dynamic[n++] = (Elf64_Dyn){.d_tag = DT_STRSZ, .d_un.d_val = size};
	dynamic[n++] = (Elf64_Dyn){.d_tag = DT_HASH, .d_un.d_val = elf_add_bytes(&elf, hash, sizeof(hash))};
	dynamic[n++] = (Elf64_Dyn){.d_tag = DT_NULL};
	elf_add_phdr(&elf, PT_DYNAMIC, elf_add_bytes(&elf, dynamic, n * sizeof(dynamic[0])), n * sizeof(dynamic[0]));
	return elf;
}

static void add_file(struct process *process, const char *name, vaddr bias, struct elf_builder *elf)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", process->directory, name);
	elf_write(elf, path);
	if (strcmp(name, "exe") == 0)
		process->target->exe_file = target_add_file(process->target, path);
	target_add_elf(process->target, path, bias);
}

static void add(struct process *process, const char *name, vaddr bias, const char *exports, const char *needs)
{
	struct elf_builder elf = library(exports, needs);

	add_file(process, name, bias, &elf);
}

static const char exe_needs_libc[] = "libc.so.6\0";

static void add_libc(struct process *process)
{
	add(process, "libc.so.6", LIBC, "malloc\0free\0gnu_get_libc_version\0", "ld-linux-x86-64.so.2\0");
}

static void add_loader(struct process *process)
{
	add(process, "ld-linux-x86-64.so.2", LOADER, "malloc\0__tls_get_addr\0", "");
}

static void recognise(struct process *process)
{
	modules_init(&process->modules, process->target, &no_debug);
	allocator_recognise(&process->modules, &process->allocator);
	ck_assert_ptr_nonnull(process->allocator.evidence);
}

static void process_end(struct process *process, enum allocator_kind kind, const char *module, const char *evidence)
{
	recognise(process);
	const struct allocator *allocator = &process->allocator;

	ck_assert_msg(allocator->kind == kind, "%s: %s", allocator->name, allocator->evidence);
	ck_assert_str_eq(allocator->module ? module_name(allocator->module) : "none", module);
	ck_assert_msg(strstr(allocator->evidence, evidence) != NULL, "%s", allocator->evidence);
	free(process->allocator.evidence);
	modules_deinit(&process->modules);
	remove_directory(process->directory);
	target_destroy(process->target);
}

START_TEST(libc_serves_when_it_comes_first)
{
	struct process process;

	process_init(&process);
	add(&process, "exe", EXE, "", exe_needs_libc);
	add_libc(&process);
	add_loader(&process);
	process_end(&process, ALLOCATOR_GLIBC, "libc.so.6", "libc.so.6 defines malloc");
}
END_TEST

START_TEST(what_is_needed_before_libc_serves)
{
	struct process process;

	process_init(&process);
	add(&process, "exe", EXE, "", "libfirst.so\0libc.so.6\0");
	add_libc(&process);
	add(&process, "libfirst.so", NEEDED, "first\0", "libjemalloc.so.2\0");
	add(&process, "libjemalloc.so.2", NEEDED + 0x10000, "malloc\0mallctl\0", "libc.so.6\0");
	add_loader(&process);
	// Breadth first: libc is the executable's own need, the other is a need of a need.
	process_end(&process, ALLOCATOR_GLIBC, "libc.so.6", "comes first");

	process_init(&process);
	add(&process, "exe", EXE, "", "libjemalloc.so.2\0libc.so.6\0");
	add_libc(&process);
	add(&process, "libjemalloc.so.2", NEEDED, "malloc\0mallctl\0", "libc.so.6\0");
	add_loader(&process);
	process_end(&process, ALLOCATOR_JEMALLOC, "libjemalloc.so.2", "mallctl");
}
END_TEST

START_TEST(what_was_preloaded_serves_and_what_was_opened_later_does_not)
{
	struct process process;

	process_init(&process);
	add(&process, "exe", EXE, "", exe_needs_libc);
	add_libc(&process);
	add(&process, "libpreload.so", PRELOADED, "malloc\0mi_version\0", exe_needs_libc);
	add_loader(&process);
	process_end(&process, ALLOCATOR_MIMALLOC, "libpreload.so", "mi_version");

	process_init(&process);
	add(&process, "exe", EXE, "", exe_needs_libc);
	add(&process, "plugin.so", DLOPENED, "malloc\0mi_version\0", exe_needs_libc);
	add_libc(&process);
	add_loader(&process);
	process_end(&process, ALLOCATOR_GLIBC, "libc.so.6", "comes first");
}
END_TEST

START_TEST(mappings_that_grow_upwards_are_read_the_other_way)
{
	struct process process;

	process_init(&process);
	add(&process, "exe", EXE, "", exe_needs_libc);
	add(&process, "ld-linux-x86-64.so.2", 0x1000000, "__tls_get_addr\0", "");
	add(&process, "libpreload.so", 0x2000000, "malloc\0tc_version\0", exe_needs_libc);
	add_libc(&process);
	add(&process, "plugin.so", NEEDED, "malloc\0mi_version\0", exe_needs_libc);
	process_end(&process, ALLOCATOR_TCMALLOC, "libpreload.so", "tc_version");
}
END_TEST

START_TEST(the_executable_comes_before_all)
{
	struct process process;

	process_init(&process);
	add(&process, "exe", EXE, "malloc\0MallocExtension_ReleaseFreeMemory\0", exe_needs_libc);
	add_libc(&process);
	add(&process, "libpreload.so", PRELOADED, "malloc\0mi_version\0", exe_needs_libc);
	add_loader(&process);
	process_end(&process, ALLOCATOR_TCMALLOC, "exe", "exe defines malloc and MallocExtension_ReleaseFreeMemory");
}
END_TEST

START_TEST(a_wrapper_is_called_one)
{
	struct process process;

	process_init(&process);
	add(&process, "exe", EXE, "", exe_needs_libc);
	add_libc(&process);
	add(&process, "librecorder.so", PRELOADED, "malloc\0free\0", exe_needs_libc);
	add_loader(&process);
	process_end(&process, ALLOCATOR_INTERPOSED, "librecorder.so", "librecorder.so defines malloc");

	process_init(&process);
	add(&process, "exe", EXE, "", exe_needs_libc);
	add_libc(&process);
	add(&process, "libc_malloc_debug.so.0", PRELOADED, "malloc\0free\0", exe_needs_libc);
	add_loader(&process);
	process_end(&process, ALLOCATOR_GLIBC, "libc_malloc_debug.so.0", "preloaded");
}
END_TEST

START_TEST(a_stripped_allocator_is_known_by_its_messages)
{
	struct process process;
	struct elf_builder elf;

	process_init(&process);
	elf = library("malloc\0", exe_needs_libc);
	elf_add_bytes(&elf, "<jemalloc>: Error in", 21);
	add_file(&process, "exe", EXE, &elf);
	add_libc(&process);
	add_loader(&process);
	process_end(&process, ALLOCATOR_JEMALLOC, "exe", "jemalloc's messages");
}
END_TEST

START_TEST(an_allocator_of_its_own_names_is_noted)
{
	static const Elf64_Sym symbols[2] = {{0}, {.st_name = 1, .st_info = ELF64_ST_INFO(STB_LOCAL, STT_FUNC), .st_shndx = 1, .st_value = ELF_DATA}};
	struct process process;
	struct elf_builder elf;

	process_init(&process);
	elf = library("", exe_needs_libc);
	elf_add_symbols(&elf, symbols, 2, "\0je_mallctl", 12);
	add_file(&process, "exe", EXE, &elf);
	add_libc(&process);
	add_loader(&process);
	process_end(&process, ALLOCATOR_GLIBC, "libc.so.6", "exe defines je_mallctl");
}
END_TEST

START_TEST(static_executables_are_told_apart)
{
	struct process process;
	struct elf_builder elf;

	process_init(&process);
	elf = elf_builder(ET_EXEC);
	elf_add_bytes(&elf, "malloc(): corrupted size vs. prev_size", 39);
	add_file(&process, "exe", 0, &elf);
	process_end(&process, ALLOCATOR_GLIBC, "exe", "linked in");

	process_init(&process);
	elf = elf_builder(ET_EXEC);
	elf_add_section(&elf, ".go.buildinfo", SHT_PROGBITS, SHF_ALLOC, "\xff Go buildinf:", 14);
	add_file(&process, "exe", 0, &elf);
	process_end(&process, ALLOCATOR_GO, "exe", "Go program");

	static const Elf64_Sym symbols[2] = {{0}, {.st_name = 1, .st_info = ELF64_ST_INFO(STB_LOCAL, STT_FUNC), .st_shndx = 1, .st_value = ELF_DATA}};
	process_init(&process);
	elf = elf_builder(ET_EXEC);
	elf_add_symbols(&elf, symbols, 2, "\0__libc_malloc_impl", 20);
	add_file(&process, "exe", 0, &elf);
	process_end(&process, ALLOCATOR_MUSL, "exe", "__libc_malloc_impl");

	process_init(&process);
	elf = elf_builder(ET_EXEC);
	add_file(&process, "exe", 0, &elf);
	process_end(&process, ALLOCATOR_UNKNOWN, "none", "exe is static");
}
END_TEST

START_TEST(a_message_is_found_across_pieces)
{
	enum { BIG = (1 << 20) + 4096 };
	struct process process;
	char path[256];

	// Read in pieces of 1 MiB: here the text lies over the end of the first.
	for (size_t before = 0; before < 40; before += 13) {
		process_init(&process);
		struct elf_builder elf = elf_builder(ET_EXEC);
		snprintf(path, sizeof(path), "%s/exe", process.directory);
		elf_write(&elf, path);
		elf.phdrs[0].p_filesz = elf.phdrs[0].p_memsz = BIG;
		FILE *file = fopen(path, "r+e");
		fseek(file, (long)elf.header.e_phoff, SEEK_SET);
		fwrite(&elf.phdrs[0], sizeof(elf.phdrs[0]), 1, file);
		fseek(file, (long)((1 << 20) - before), SEEK_SET);
		fputs("corrupted size vs. prev_size", file);
		fclose(file);
		ck_assert_int_eq(truncate(path, BIG), 0);
		process.target->exe_file = target_add_file(process.target, path);
		target_add_elf(process.target, path, 0);
		process_end(&process, ALLOCATOR_GLIBC, "exe", "linked in");
	}
}
END_TEST

START_TEST(musl_is_known_by_its_loader)
{
	struct process process;
	struct elf_builder elf;

	process_init(&process);
	elf = library("", "libc.so\0");
	elf_add_phdr(&elf, PT_INTERP, elf_add_bytes(&elf, "/lib/ld-musl-x86_64.so.1", 25), 25);
	add_file(&process, "exe", EXE, &elf);
	add(&process, "libc.so", LIBC, "malloc\0__libc_start_main\0", "");
	process_end(&process, ALLOCATOR_MUSL, "exe", "musl");

	process_init(&process);
	add(&process, "exe", EXE, "", "libc.musl-x86_64.so.1\0");
	add(&process, "ld-musl-x86_64.so.1", LIBC, "malloc\0", "");
	process_end(&process, ALLOCATOR_MUSL, "ld-musl-x86_64.so.1", "musl");
}
END_TEST

START_TEST(absent_files_are_known_by_name)
{
	struct process process;

	process_init(&process);
	add(&process, "exe", EXE, "", "libc.so.6\0");
	target_add_mapping(process.target, LIBC, LIBC + 0x1000, 0, MAPPING_READ | MAPPING_EXEC, "/nonexistent/libc.so.6");
	process_end(&process, ALLOCATOR_GLIBC, "libc.so.6", "absent");

	process_init(&process);
	add(&process, "exe", EXE, "", "libc.so.6\0");
	target_add_mapping(process.target, LIBC, LIBC + 0x1000, 0, MAPPING_READ | MAPPING_EXEC, "/nonexistent/libc.so.6");
	target_add_mapping(process.target, NEEDED, NEEDED + 0x1000, 0, MAPPING_READ | MAPPING_EXEC, "/nonexistent/libjemalloc.so.2");
	process_end(&process, ALLOCATOR_JEMALLOC, "libjemalloc.so.2", "absent");

	// The executable's own list is unknown; libc is read all the same.
	process_init(&process);
	process.target->exe_file = target_add_file(process.target, "/nonexistent/exe");
	target_add_mapping(process.target, EXE, EXE + 0x1000, 0, MAPPING_READ | MAPPING_EXEC, "/nonexistent/exe");
	add_libc(&process);
	add_loader(&process);
	process_end(&process, ALLOCATOR_GLIBC, "libc.so.6", "defines malloc");

	process_init(&process);
	process_end(&process, ALLOCATOR_UNKNOWN, "none", "cannot be read");
}
END_TEST

static enum runtime_kind runtime_with(const char *exports, const char *name, const char *module_exports, const char *section)
{
	struct process process;
	struct elf_builder elf = library(exports, exe_needs_libc);

	process_init(&process);
	if (section)
		elf_add_section(&elf, section, SHT_PROGBITS, SHF_ALLOC, "", 1);
	add_file(&process, "exe", EXE, &elf);
	if (name)
		add(&process, name, DLOPENED, module_exports, "");
	add_libc(&process);
	add_loader(&process);
	recognise(&process);
	enum runtime_kind runtime = process.allocator.runtime;
	ck_assert_int_eq(process.allocator.kind, ALLOCATOR_GLIBC);
	free(process.allocator.evidence);
	modules_deinit(&process.modules);
	remove_directory(process.directory);
	target_destroy(process.target);
	return runtime;
}

START_TEST(managed_runtimes_are_named)
{
	ck_assert_int_eq(runtime_with("", NULL, NULL, NULL), RUNTIME_NATIVE);
	ck_assert_int_eq(runtime_with("", "libjvm.so", "JNI_CreateJavaVM\0", NULL), RUNTIME_JVM);
	ck_assert_int_eq(runtime_with("", "libcoreclr.so", "coreclr_initialize\0", NULL), RUNTIME_DOTNET);
	ck_assert_int_eq(runtime_with("DotNetRuntimeInfo\0", NULL, NULL, NULL), RUNTIME_DOTNET);
	ck_assert_int_eq(runtime_with("", "libnode.so.108", "node_start\0", NULL), RUNTIME_NODE);
	ck_assert_int_eq(runtime_with("node_module_register\0_ZN2v87Isolate3NewEv\0", NULL, NULL, NULL), RUNTIME_NODE);
	ck_assert_int_eq(runtime_with("node_module_register\0", NULL, NULL, NULL), RUNTIME_NATIVE);
	ck_assert_int_eq(runtime_with("_PyRuntime\0", NULL, NULL, NULL), RUNTIME_CPYTHON);
	ck_assert_int_eq(runtime_with("", "libpython3.11.so.1.0", "_PyRuntime\0", NULL), RUNTIME_CPYTHON);
	ck_assert_int_eq(runtime_with("", "libother.so", "_PyRuntime\0", NULL), RUNTIME_NATIVE);
	ck_assert_int_eq(runtime_with("", NULL, NULL, ".gopclntab"), RUNTIME_GO);
	ck_assert_int_eq(runtime_with("", NULL, NULL, ".note.go.buildid"), RUNTIME_GO);
}
END_TEST

START_TEST(a_sanitizer_brings_its_own)
{
	struct process process;

	process_init(&process);
	add(&process, "exe", EXE, "", "libasan.so.8\0libc.so.6\0");
	add_libc(&process);
	add(&process, "libasan.so.8", NEEDED, "malloc\0__asan_init\0", exe_needs_libc);
	add_loader(&process);
	process_end(&process, ALLOCATOR_INTERPOSED, "libasan.so.8", "__asan_init");
	ck_assert_int_eq(process.allocator.runtime, RUNTIME_SANITIZER);
}
END_TEST

START_TEST(this_process_is_recognised)
{
	struct target *target = self_target();
	struct modules modules;
	struct allocator allocator;

	modules_init(&modules, target, &no_debug);
	allocator_recognise(&modules, &allocator);
#if defined(__SANITIZE_ADDRESS__)
	ck_assert_int_eq(allocator.runtime, RUNTIME_SANITIZER);
#else
	const char *preload = getenv("LD_PRELOAD");

	if (!preload || !*preload) {
		ck_assert_msg(allocator.kind == ALLOCATOR_GLIBC || allocator.runtime == RUNTIME_SANITIZER, "%s", allocator.evidence);
	}
#endif
	free(allocator.evidence);
	modules_deinit(&modules);
	target_destroy(target);
}
END_TEST

START_TEST(installed_allocators_are_recognised)
{
	static const struct {
		const char *path;
		enum allocator_kind kind;
	} installed[] = {
		{"/usr/lib/" MULTIARCH "/libjemalloc.so.2", ALLOCATOR_JEMALLOC},
		{"/usr/lib/" MULTIARCH "/libtcmalloc_minimal.so.4", ALLOCATOR_TCMALLOC},
		{"/usr/lib/" MULTIARCH "/libtcmalloc.so.4", ALLOCATOR_TCMALLOC},
		{"/usr/lib/" MULTIARCH "/libmimalloc.so.2", ALLOCATOR_MIMALLOC},
		{"/usr/lib/" MULTIARCH "/libc_malloc_debug.so.0", ALLOCATOR_GLIBC},
		{"/usr/lib/" MULTIARCH "/libc.so.6", ALLOCATOR_GLIBC},
	};

	for (size_t i = 0; i < sizeof(installed) / sizeof(installed[0]); i++) {
		struct process process;

		if (access(installed[i].path, R_OK) != 0)
			continue;
		process_init(&process);
		add(&process, "exe", EXE, "", exe_needs_libc);
		if (strstr(installed[i].path, "libc.so.6")) {
			target_add_elf(process.target, installed[i].path, LIBC);
		} else {
			add_libc(&process);
			target_add_elf(process.target, installed[i].path, PRELOADED);
		}
		add_loader(&process);
		process_end(&process, installed[i].kind, strrchr(installed[i].path, '/') + 1, "");
	}
}
END_TEST

UNIT_SUITE("allocator", libc_serves_when_it_comes_first, what_is_needed_before_libc_serves, what_was_preloaded_serves_and_what_was_opened_later_does_not,
	   mappings_that_grow_upwards_are_read_the_other_way, the_executable_comes_before_all, a_wrapper_is_called_one,
	   a_stripped_allocator_is_known_by_its_messages, an_allocator_of_its_own_names_is_noted, static_executables_are_told_apart,
	   a_message_is_found_across_pieces, musl_is_known_by_its_loader, absent_files_are_known_by_name, managed_runtimes_are_named,
	   a_sanitizer_brings_its_own, this_process_is_recognised, installed_allocators_are_recognised)
