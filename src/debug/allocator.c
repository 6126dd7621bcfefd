/* SPDX-License-Identifier: MIT */
/*
 * A call of malloc goes to the first module in lookup order that exports one: the executable, what was preloaded, then what
 * DT_NEEDED names, breadth first. Whose malloc that is, its other exports tell (mallctl, mi_version …); `__libc_malloc` proves
 * nothing, since tcmalloc and mimalloc export it too.
 *
 * Nothing in the files says what was preloaded. But a preloaded module is one that no DT_NEEDED leads to, mapped before libc,
 * that is on libc's far side as seen from where the loader goes on mapping; a module of dlopen is on the near side, and
 * its malloc serves nobody else.
 *
 * A static executable has no lookup order. There the names are in .symtab, if it has one; else the messages that each
 * allocator carries for its fatal errors tell them apart.
 */
#include "debug/allocator.h"

#include <elf.h>
#include <fnmatch.h>
#include <string.h>

#include "base/alloc.h"
#include "debug/elf_file.h"
#include "debug/symbols.h"

enum {
	/** Bytes of a module's read-only data that are searched for messages. */
	SEARCH_MAX = 256 << 20,
	SEARCH_STEP = 1 << 20,
	/** Bytes of a PT_NOTE that are looked at, and names of DT_NEEDED of one module. */
	NEEDED_MAX = 4096,
};

/* How an allocator is known. */
struct known_allocator {
	enum allocator_kind kind;
	const char *name;
	/** File names of its shared objects, for when the file is absent. */
	const char *file;
	/** Symbols (of .dynsym or .symtab) any of which proves it. */
	const char *symbols[4];
	/** Symbols that it has when its functions carry a prefix and leave malloc alone. */
	const char *prefixed;
	/** Text in its read-only data. */
	const char *text;
};

static const struct known_allocator known[] = {
	{ALLOCATOR_JEMALLOC, "jemalloc", "libjemalloc.so*", {"mallctl", "mallocx", "malloc_stats_print"}, "je_mallctl", "<jemalloc>: "},
	{ALLOCATOR_TCMALLOC, "tcmalloc", "libtcmalloc*.so*", {"tc_version", "MallocExtension_ReleaseFreeMemory", "TCMalloc_Internal_MallocSlow",
	  "_ZN15MallocExtension8instanceEv"}, NULL, "tcmalloc: large alloc"},
	{ALLOCATOR_MIMALLOC, "mimalloc", "libmimalloc*.so*", {"mi_version", "mi_malloc"}, NULL, "mimalloc: "},
};

/* Runtimes of the sanitizers, each of which brings its own malloc. */
static const char *const sanitizers[] = {"__asan_init", "__msan_init", "__tsan_init", "__hwasan_init", "__lsan_init", "__dfsan_init"};

/* glibc's malloc says this when it finds a heap damaged, since 2.26. */
static const char glibc_text[] = "corrupted size vs. prev_size";

static bool defines(struct modules *modules, struct module *module, const char *name)
{
	struct symbol symbol;

	return symbol_named(modules, module, name, &symbol);
}

/* Whether the read-only data of a module contains a text. */
static bool contains_text(const struct module *module, const char *text)
{
	size_t length = strlen(text);
	uint64_t searched = 0;

	for (size_t i = 0; i < module->segments.n; i++) {
		const struct module_segment *segment = &module->segments.v[i];

		if (segment->flags & PF_W)
			continue;
		_cleanup_free_ char *buffer = xmalloc(SEARCH_STEP + length);
		// Each piece begins with the end of the one before it.
		for (uint64_t at = 0; at < segment->file_size && searched < SEARCH_MAX; at += SEARCH_STEP) {
			uint64_t size = segment->file_size - at;

			if (size > SEARCH_STEP + length)
				size = SEARCH_STEP + length;
			if (!module_get(module, segment->start + at, buffer, size))
				break;
			if (memmem(buffer, size, text, length))
				return true;
			searched += size;
		}
	}
	return false;
}

/* The name that other modules need it by. */
static char *module_soname(const struct module *module)
{
	char *name = module_string(module, DT_SONAME, 0);

	return name ? name : xstrdup(module_name(module));
}

static struct module *module_by_name(struct modules *modules, char *const *names, const char *name)
{
	for (size_t i = 0; i < modules->v.n; i++) {
		if (strcmp(names[i], name) == 0 || strcmp(module_name(&modules->v.v[i]), name) == 0)
			return &modules->v.v[i];
	}
	return NULL;
}

static struct module *module_of_file(struct modules *modules, int file)
{
	for (size_t i = 0; file >= 0 && i < modules->v.n; i++) {
		if (modules->v.v[i].file == file)
			return &modules->v.v[i];
	}
	return NULL;
}

typedef ARRAY(struct module *) module_list;

/* Appends what DT_NEEDED leads to from the modules in the list, breadth first. `reached` has a flag for each module. */
static void list_needed(struct modules *modules, char *const *names, module_list *list, bool *reached)
{
	for (size_t i = 0; i < list->n; i++) {
		char *name;

		for (size_t n = 0; n < NEEDED_MAX && (name = module_string(list->v[i], DT_NEEDED, n)); n++) {
			// A name may be a path.
			const char *slash = strrchr(name, '/');
			struct module *needed = module_by_name(modules, names, slash ? slash + 1 : name);

			free(name);
			if (needed && !reached[needed - modules->v.v]) {
				reached[needed - modules->v.v] = true;
				array_append(list, needed);
			}
		}
	}
}

static bool is_libc(struct module *module)
{
	struct symbol symbol;

	return symbol_exported(module, "gnu_get_libc_version", &symbol) || strcmp(module_name(module), "libc.so.6") == 0;
}

static bool is_loader(const struct module *module)
{
	return fnmatch("ld-*.so*", module_name(module), 0) == 0 || fnmatch("ld64*.so*", module_name(module), 0) == 0;
}

static struct module *module_where(struct modules *modules, bool (*is)(struct module *module))
{
	for (size_t i = 0; i < modules->v.n; i++) {
		if (is(&modules->v.v[i]))
			return &modules->v.v[i];
	}
	return NULL;
}

/* Modules in lookup order, as far as files tell. Owner: the caller. */
static module_list lookup_order(struct modules *modules)
{
	struct module *exe = module_of_file(modules, modules->target->exe_file);
	const size_t n = modules->v.n;
	module_list order = {0}, needed = {0};
	_cleanup_free_ char **names = xcalloc(n + 1, sizeof(*names));
	_cleanup_free_ bool *reached = xcalloc(n + 1, sizeof(*reached));

	for (size_t i = 0; i < n; i++)
		names[i] = module_soname(&modules->v.v[i]);
	if (exe && exe->type != 0) {
		array_append(&needed, exe);
		reached[exe - modules->v.v] = true;
		list_needed(modules, names, &needed, reached);
		array_append(&order, exe);
	}

	const struct module *libc = module_where(modules, is_libc), *loader = NULL;
	for (size_t i = 0; i < n; i++) {
		if (is_loader(&modules->v.v[i]))
			loader = &modules->v.v[i];
	}
	// The kernel maps the loader before anything else, so it shows which way the mappings grow.
	bool downwards = !libc || !loader || loader->start > libc->start;
	for (size_t i = 0; i < n; i++) {
		struct module *module = &modules->v.v[downwards ? n - 1 - i : i];
		bool before_libc = !libc || (module->start > libc->start) == downwards;

		// Without the executable's own list, any order will do.
		if (!reached[module - modules->v.v] && !is_loader(module) && (before_libc || needed.n == 0))
			array_append(&order, module);
	}
	for (size_t i = 1; i < needed.n; i++)
		array_append(&order, needed.v[i]);
	for (size_t i = 0; i < n; i++)
		free(names[i]);
	array_deinit(&needed);
	return order;
}

static bool has_any(struct modules *modules, struct module *module, const char *const *names, size_t n, const char **ret)
{
	for (size_t i = 0; i < n && names[i]; i++) {
		if (defines(modules, module, names[i])) {
			*ret = names[i];
			return true;
		}
	}
	return false;
}

/* Which allocator's code a module holds, by symbols, or by text in one that was stripped of them. */
static const struct known_allocator *allocator_in(struct modules *modules, struct module *module, char **evidence_ret)
{
	const char *name = module_name(module), *symbol;

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (has_any(modules, module, known[i].symbols, sizeof(known[i].symbols) / sizeof(known[i].symbols[0]), &symbol)) {
			*evidence_ret = xasprintf("%s defines malloc and %s", name, symbol);
			return &known[i];
		}
	}
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (contains_text(module, known[i].text)) {
			*evidence_ret = xasprintf("%s has its own malloc and %s's messages", name, known[i].name);
			return &known[i];
		}
	}
	return NULL;
}

static void found(struct allocator *ret, enum allocator_kind kind, const char *name, const struct module *module, char *evidence_taken)
{
	ret->kind = kind;
	ret->name = name;
	ret->module = module;
	free(ret->evidence);
	ret->evidence = evidence_taken;
}

/* A module that defines malloc and is the first to do so. */
static void recognise_definer(struct modules *modules, struct module *module, struct allocator *ret)
{
	const char *name = module_name(module), *symbol;
	char *evidence = NULL;

	if (is_libc(module)) {
		found(ret, ALLOCATOR_GLIBC, "glibc", module, xasprintf("%s defines malloc and comes first", name));
		return;
	}
	if (strncmp(name, "libc_malloc_debug.so", 20) == 0) {
		found(ret, ALLOCATOR_GLIBC, "glibc", module, xasprintf("%s, glibc's debugging malloc, is preloaded", name));
		return;
	}
	if (has_any(modules, module, sanitizers, sizeof(sanitizers) / sizeof(sanitizers[0]), &symbol)) {
		found(ret, ALLOCATOR_INTERPOSED, "a sanitizer's malloc", module, xasprintf("%s defines malloc and %s", name, symbol));
		ret->runtime = RUNTIME_SANITIZER;
		return;
	}
	if (strncmp(name, "vgpreload_", 10) == 0) {
		found(ret, ALLOCATOR_INTERPOSED, "valgrind's malloc", module, xasprintf("%s is preloaded", name));
		return;
	}
	const struct known_allocator *allocator = allocator_in(modules, module, &evidence);
	if (allocator)
		found(ret, allocator->kind, allocator->name, module, evidence);
	else
		found(ret, ALLOCATOR_INTERPOSED, "an interposed malloc", module,
		      xasprintf("%s defines malloc, and nothing in it says whose it is", name));
}

/* Allocators that a program calls by names of their own, beside glibc's. */
static void note_prefixed(struct modules *modules, struct module *exe, struct allocator *ret)
{
	for (size_t i = 0; exe && i < sizeof(known) / sizeof(known[0]); i++) {
		const char *symbol = known[i].prefixed;

		if (symbol && defines(modules, exe, symbol)) {
			char *more = xasprintf("%s; %s defines %s, so part of the memory may be %s's", ret->evidence, module_name(exe), symbol,
					       known[i].name);

			free(ret->evidence);
			ret->evidence = more;
		}
	}
}

/* A module that says by its name what it is, for when the file is absent. */
static bool recognise_by_name(struct modules *modules, struct allocator *ret)
{
	for (size_t i = 0; i < modules->v.n; i++) {
		const struct module *module = &modules->v.v[i];
		const char *name = module_name(module);

		for (size_t k = 0; module->type == 0 && k < sizeof(known) / sizeof(known[0]); k++) {
			if (fnmatch(known[k].file, name, 0) == 0) {
				found(ret, known[k].kind, known[k].name, module, xasprintf("%s is mapped (its file is absent)", name));
				return true;
			}
		}
	}
	for (size_t i = 0; i < modules->v.n; i++) {
		const struct module *module = &modules->v.v[i];
		const char *name = module_name(module);

		if (module->type == 0 && (strcmp(name, "libc.so.6") == 0 || fnmatch("libc-2.[0-9]*.so", name, 0) == 0)) {
			found(ret, ALLOCATOR_GLIBC, "glibc", module, xasprintf("%s is mapped (its file is absent)", name));
			return true;
		}
	}
	return false;
}

static bool is_musl(struct module *module)
{
	struct symbol symbol;
	char interpreter[64] = "";

	if (strncmp(module_name(module), "ld-musl-", 8) == 0)
		return true;
	if (module->interpreter_size > 0 && module->interpreter_size < sizeof(interpreter) &&
	    module_get(module, module->interpreter_start, interpreter, module->interpreter_size) && strstr(interpreter, "/ld-musl-"))
		return true;
	return strcmp(module_name(module), "libc.so") == 0 && symbol_exported(module, "__libc_start_main", &symbol) &&
	       !symbol_exported(module, "gnu_get_libc_version", &symbol);
}

static bool is_go(struct module *module)
{
	static const char *const sections[] = {".go.buildinfo", ".gopclntab", ".note.go.buildid", ".data.rel.ro.gopclntab"};
	GElf_Shdr header;

	for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++) {
		if (section_named(module->elf, sections[i], &header))
			return true;
	}
	// Without section headers: what the go command looks for itself, 16-byte aligned at the start of the data.
	for (size_t i = 0; i < module->segments.n; i++) {
		char magic[14];

		if ((module->segments.v[i].flags & PF_W) && module_get(module, module->segments.v[i].start, magic, sizeof(magic)) &&
		    memcmp(magic, "\xff Go buildinf:", sizeof(magic)) == 0)
			return true;
	}
	return false;
}

/* No module exports malloc: a static executable, or a program without any. */
static void recognise_static(struct modules *modules, struct module *exe, struct allocator *ret)
{
	static const char *const musl_symbols[] = {"__libc_malloc_impl", "__malloc_donate", "__malloc_replaced", "__expand_heap"};
	const char *name = exe ? module_name(exe) : "the program", *symbol;
	char *evidence = NULL;

	if (!exe || exe->type == 0) {
		found(ret, ALLOCATOR_UNKNOWN, "an unknown allocator", NULL, xasprintf("%s cannot be read, and no other module defines malloc", name));
		return;
	}
	if (contains_text(exe, glibc_text)) {
		found(ret, ALLOCATOR_GLIBC, "glibc", exe, xasprintf("%s has glibc's malloc linked in", name));
		return;
	}
	const struct known_allocator *allocator = allocator_in(modules, exe, &evidence);
	if (allocator) {
		found(ret, allocator->kind, allocator->name, exe, evidence);
		return;
	}
	if (has_any(modules, exe, musl_symbols, sizeof(musl_symbols) / sizeof(musl_symbols[0]), &symbol)) {
		found(ret, ALLOCATOR_MUSL, "musl", exe, xasprintf("%s is static and defines %s", name, symbol));
		return;
	}
	if (is_go(exe)) {
		found(ret, ALLOCATOR_GO, "Go", exe, xasprintf("%s is a Go program without a C library", name));
		return;
	}
	found(ret, ALLOCATOR_UNKNOWN, "an unknown allocator", NULL,
	      xasprintf("%s is static, without glibc's malloc or any other that is known by its symbols or messages", name));
}

static bool stop_at_first(const struct symbol *symbol, void *context)
{
	(void)symbol;
	*(bool *)context = true;
	return false;
}

static bool exports_prefix(const struct module *module, const char *prefix)
{
	bool any = false;

	symbols_exported(module, prefix, stop_at_first, &any);
	return any;
}

/* The managed runtime of a process; where there are several, the one whose heap is likely the largest. */
static enum runtime_kind runtime_of(struct modules *modules, struct module *exe)
{
	struct symbol symbol;
	enum runtime_kind runtime = RUNTIME_NATIVE;

	for (size_t i = 0; i < modules->v.n; i++) {
		const char *name = module_name(&modules->v.v[i]);

		if (strcmp(name, "libjvm.so") == 0)
			return RUNTIME_JVM;
		if (strcmp(name, "libcoreclr.so") == 0)
			return RUNTIME_DOTNET;
		if (fnmatch("libnode.so*", name, 0) == 0)
			runtime = RUNTIME_NODE;
	}
	if (exe && symbol_exported(exe, "DotNetRuntimeInfo", &symbol))
		return RUNTIME_DOTNET;
	if (runtime == RUNTIME_NODE ||
	    (exe && (symbol_exported(exe, "node_module_register", &symbol) || symbol_exported(exe, "napi_module_register", &symbol)) &&
	     exports_prefix(exe, "_ZN2v8")))
		return RUNTIME_NODE;
	if (exe && is_go(exe))
		return RUNTIME_GO;
	for (size_t i = 0; i < modules->v.n; i++) {
		struct module *module = &modules->v.v[i];

		if ((module == exe || strncmp(module_name(module), "libpython", 9) == 0) && symbol_exported(module, "_PyRuntime", &symbol))
			return RUNTIME_CPYTHON;
	}
	return RUNTIME_NATIVE;
}

void allocator_recognise(struct modules *modules, struct allocator *ret)
{
	struct module *exe = module_of_file(modules, modules->target->exe_file), *definer = NULL;
	struct symbol symbol;

	*ret = (struct allocator){.kind = ALLOCATOR_UNKNOWN, .runtime = runtime_of(modules, exe), .name = "an unknown allocator"};
	struct module *musl = module_where(modules, is_musl);
	module_list order = lookup_order(modules);
	for (size_t i = 0; i < order.n && !definer; i++) {
		struct module *module = order.v[i];

		// valgrind replaces functions by another way than exporting them under their names.
		if (symbol_exported(module, "malloc", &symbol) || strncmp(module_name(module), "vgpreload_memcheck", 18) == 0)
			definer = module;
	}
	array_deinit(&order);

	if (definer && !(musl && is_musl(definer))) {
		recognise_definer(modules, definer, ret);
		if (ret->kind == ALLOCATOR_GLIBC)
			note_prefixed(modules, exe, ret);
	} else if (musl) {
		found(ret, ALLOCATOR_MUSL, "musl", musl, xasprintf("%s is musl's loader or asks for it", module_name(musl)));
	} else if (!recognise_by_name(modules, ret)) {
		recognise_static(modules, exe, ret);
	}
}
