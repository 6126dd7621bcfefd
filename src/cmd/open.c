/* SPDX-License-Identifier: MIT */
#include "cmd/open.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/text.h"
#include "cmd/command.h"
#include "cmd/memory.h"
#include "cmd/package.h"
#include "cmd/phase.h"
#include "cmd/progress.h"
#include "cmd/python_labels.h"
#include "cmd/python_ways.h"
#include "cmd/recognise.h"
#include "cpython/cpython.h"
#include "debug/allocator.h"
#include "debug/cache.h"
#include "debug/modules.h"
#include "debug/symbols.h"
#include "glibc/glibc.h"
#include "snapshot/file.h"
#include "target/available.h"
#include "target/live.h"
#include "types/demangle.h"
#include "types/labels.h"
#include "types/type_index.h"
#include "types/types.h"

/* The modules of a target, and the mallocs among them: all that is known from files. */
struct found {
	struct modules modules;
	/** Owned; NULL for no cache. */
	char *cache_dir;
	struct allocator allocator;
	struct glibc *glibc;
};

static void found_init(struct found *found, const struct target *target,
		       const struct options *options)
{
	struct debug_options debug = { .debug_path = options->debug_path,
				       .sysroot = options->sysroot };

	debug.cache_dir = found->cache_dir = options->no_cache ? NULL : cache_directory();
	modules_init(&found->modules, target, &debug);
	allocator_recognise(&found->modules, &found->allocator);
	found->glibc = glibc_find(&found->modules);
	glibc_set_stepping(found->glibc, !options->no_step);
}

static void found_deinit(struct found *found)
{
	glibc_destroy(found->glibc);
	free(found->allocator.evidence);
	modules_deinit(&found->modules);
	free(found->cache_dir);
}

/* Which files are mapped where, as a number: the same before and after the stop, or modules came or went meanwhile. */
static uint64_t modules_fingerprint(const struct target *target)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < target->mappings.n; i++) {
		const struct mapping *mapping = &target->mappings.v[i];

		if (mapping->file < 0)
			continue;

		const uint64_t words[] = { mapping->start, mapping->end, mapping->offset,
					   (uint64_t)mapping->file, mapping->prot };

		for (size_t j = 0; j < sizeof(words) / sizeof(words[0]); j++)
			hash = (hash ^ words[j]) * UINT64_C(0x100000001b3) + (hash >> 29);
	}
	return hash;
}

/* What was found before the stop, brought up to what is mapped now. */
static void found_refresh(struct found *found, const struct target *target,
			  const struct options *options)
{
	struct found fresh;

	found_init(&fresh, target, options);
	if (glibc_count(fresh.glibc) == glibc_count(found->glibc)) {
		// The same mallocs; the old finder has been in the stop window and knows more.
		glibc_destroy(fresh.glibc);
		fresh.glibc = found->glibc;
		found->glibc = NULL;
	}
	found_deinit(found);
	*found = fresh;
}

char *build_id_hex(const struct build_id *id)
{
	if (!id->size || id->size > BUILD_ID_MAX)
		return NULL;

	char *hex = xmalloc(id->size * 2 + 1);

	for (size_t i = 0; i < id->size; i++)
		sprintf(hex + i * 2, "%02x", id->bytes[i]);
	return hex;
}

static char *copy_or_null(const char *string)
{
	return string ? xstrdup(string) : NULL;
}

static void fill_modules(struct snapshot *snapshot, const struct target *target,
			 const struct modules *modules)
{
	for (size_t i = 0; i < modules->v.n; i++) {
		const struct module *module = &modules->v.v[i];
		const struct target_file *file = module->file >= 0 ? &target->files.v[module->file]
								   : NULL;
		struct build_id build_id;
		struct snapshot_module *copy = array_push(&snapshot->modules);

		*copy = (struct snapshot_module){
			.path = copy_or_null(module->path),
			.start = module->start,
			.end = module->end,
			.build_id = module_build_id(modules, module, &build_id)
					    ? build_id_hex(&build_id)
					    : NULL,
			.why_absent = file ? copy_or_null(file->why_absent) : NULL,
			.replaced = file && file->replaced,
		};
		if (module->debug_elf)
			copy->debug = xstrdup(module->debug_elf == module->elf ? "inside"
					      : module->debug_path	       ? module->debug_path
									       : "found");
	}
}

static const char *machine_word(enum machine machine)
{
	switch (machine) {
	case MACHINE_X86_64:
		return "x86-64";
	case MACHINE_AARCH64:
		return "aarch64";
	}
	return "unknown";
}

static void fill_target(struct snapshot *snapshot, const struct target *target,
			const struct target_choice *choice)
{
	const struct capture *capture = &target->capture;

	snapshot->kind = target->kind == TARGET_LIVE ? SNAPSHOT_LIVE : SNAPSHOT_CORE;
	snapshot->pid = target->pid;
	snapshot->name = copy_or_null(target->name);
	snapshot->exe = copy_or_null(target->exe_path);
	snapshot->command = copy_or_null(target->command);
	snapshot->core = copy_or_null(choice->core);
	snapshot->start_ticks = target->start_ticks;
	snapshot->boot_id = copy_or_null(target->boot_id);
	snapshot->signal = target->signal;
	snapshot->fault_address = target->fault_address;
	snapshot->time = capture->time;
	snapshot->machine = machine_word(target->machine);
	snapshot->page_size = target->page_size;
	snapshot->pause_ns = capture->pause_ns;
	snapshot->copy_ns = capture->copy_ns;
	snapshot->quiesce_ns = capture->quiesce_ns;
	snapshot->copied_bytes = capture->bytes;
	snapshot->steps = capture->steps;
	snapshot->threads_stepped = capture->threads_stepped;
	snapshot->spooled = capture->spooled;
	snapshot->held_by_debugger = capture->held_by_debugger;
	for (size_t i = 0; i < target->notices.n; i++)
		array_append(&snapshot->notices, xstrdup(target->notices.v[i]));
}

static void fill_threads(struct snapshot *snapshot, const struct target *target,
			 const bool *in_malloc)
{
	for (size_t i = 0; i < target->threads.n; i++) {
		const struct thread *thread = &target->threads.v[i];
		struct snapshot_thread *copy = array_push(&snapshot->threads);

		*copy = (struct snapshot_thread){
			.tid = thread->tid,
			.pc = thread->pc,
			.sp = thread->sp,
			.in_malloc = in_malloc && in_malloc[i],
		};
		memcpy(copy->name, thread->name, sizeof(copy->name));
		copy->name[sizeof(copy->name) - 1] = '\0';
	}
}

/* Keeps the first bytes of a chunk. */
static void content_add(struct snapshot *snapshot, const struct target *target, chunk_id chunk,
			uint64_t limit)
{
	uint64_t usable = chunk_usable(&snapshot->heap.chunks, chunk),
		 length = usable < limit ? usable : limit;
	size_t at = snapshot->content_bytes.n;

	array_reserve(&snapshot->content_bytes, length);
	if (!image_get(&target->image, snapshot->heap.chunks.mem[chunk],
		       snapshot->content_bytes.v + at, length))
		return;
	snapshot->content_bytes.n += length;
	array_append(&snapshot->contents, (struct snapshot_content){ chunk, length, at });
}

static int compare_symbols(const void *left, const void *right)
{
	const struct snapshot_symbol *a = left, *b = right;

	return a->address < b->address ? -1 : a->address > b->address;
}

/* What there is in a module at an address. */
static void symbol_add(struct snapshot *snapshot, struct modules *modules, vaddr address)
{
	struct module *module = modules_find(modules, address);
	struct snapshot_symbol named = { .address = address };
	struct symbol symbol;

	if (!module)
		return;
	named.module = xstrdup(module_name(module));
	if (symbol_at(modules, module, address - module->bias, &symbol)) {
		uint64_t into = address - module->bias - symbol.value;
		_cleanup_free_ char *plain = demangle_symbol(symbol.name);
		const char *name = plain ? plain : symbol.name;

		named.name = into ? xasprintf("%s+0x%" PRIx64, name, into) : xstrdup(name);
	}
	array_append(&snapshot->symbols, named);
}

/* Names for where the contents lead outside of the heap: the modules are not there any more when a report is printed. */
static void fill_symbols(struct snapshot *snapshot, struct modules *modules)
{
	enum { SYMBOLS_MAX = 1 << 16 };
	struct hash_map known = { .v = NULL };
	vaddr low = UINT64_MAX, high = 0;

	for (size_t i = 0; i < modules->v.n; i++) {
		low = modules->v.v[i].start < low ? modules->v.v[i].start : low;
		high = modules->v.v[i].end > high ? modules->v.v[i].end : high;
	}
	for (size_t i = 0; i < snapshot->contents.n; i++) {
		const struct snapshot_content *content = &snapshot->contents.v[i];

		for (size_t at = 0; at + 8 <= content->length && snapshot->symbols.n < SYMBOLS_MAX; at += 8) {
			uint64_t word;

			memcpy(&word, snapshot->content_bytes.v + content->at + at, sizeof(word));
			if (word < low || word >= high || hash_map_get(&known, hash_mix(1, word)) != UINT32_MAX)
				continue;
			hash_map_set(&known, hash_mix(1, word), 0);
			symbol_add(snapshot, modules, word);
		}
	}
	hash_map_deinit(&known);
	if (snapshot->symbols.n)
		qsort(snapshot->symbols.v, snapshot->symbols.n, sizeof(*snapshot->symbols.v), compare_symbols);
}

/* The bytes that a report will want to print: of the chunk that was named, of leaks, or of all that is in use. */
static void fill_contents(struct snapshot *snapshot, const struct target *target, chunk_id named,
			  bool all)
{
	enum {
		/** Of a chunk that was named. */
		NAMED_MAX = 1 << 20,
		/** Of each leak, and of how many. */
		LEAK_MAX = 64,
		LEAKS_MAX = 1 << 16,
	};

	if (named != CHUNK_NONE) {
		content_add(snapshot, target, named, NAMED_MAX);
		return;
	}
	if (all) {
		for (size_t i = 0; i < snapshot->heap.chunks.n; i++)
			if (snapshot->heap.chunks.state[i] == CHUNK_IN_USE)
				content_add(snapshot, target, (chunk_id)i, NAMED_MAX);
		return;
	}
	for (size_t i = 0; i < snapshot->graph.reach.leaks.n && i < LEAKS_MAX; i++)
		content_add(snapshot, target, snapshot->graph.reach.leaks.v[i].chunk, LEAK_MAX);
}

/* The rules in a file. */
static struct error *suppressions_read(const char *path, struct suppressions **ret)
{
	enum { SIZE_LIMIT = 1 << 20 };
	static const char type[] = "type:";

	// One rule, without a file.
	if (!strncmp(path, type, strlen(type)) && path[strlen(type)]) {
		*ret = suppressions_of_type(path + strlen(type));
		return NULL;
	}

	_cleanup_fclose_ FILE *file = fopen(path, "re");
	_cleanup_free_ char *text = NULL, *name = text_escape(path, strlen(path));
	size_t size;

	if (!file)
		return error_create(ERROR_USAGE, "%s: %s", name, strerror(errno));
	text = xmalloc(SIZE_LIMIT + 1);
	size = fread(text, 1, SIZE_LIMIT + 1, file);
	if (ferror(file))
		return error_create(ERROR_USAGE, "%s: %s", name, strerror(errno));
	if (size > SIZE_LIMIT)
		return error_create(ERROR_USAGE, "%s is too large for a file of rules", name);
	return suppressions_parse(text, size, name, ret);
}

/* Whether a command is about Python alone. */
static bool asks_python(const struct options *options)
{
	return options->command == &command_python ||
	       (options->command == &command_why && options->n_operands && operand_python_type(options->operands[options->n_operands - 1]));
}

/* Applies rules when types are known; without a target (NULL) modules, functions and variables have no names. */
static void suppress(struct snapshot *snapshot, const struct target *target, struct modules *modules)
{
	const struct types *types = &snapshot->types;
	_cleanup_free_ uint32_t *of = labels_column(types);
	_cleanup_free_ const char **names = xcalloc(types->labels.n + 1, sizeof(*names));
	const struct suppression_names called = { of, names, types->labels.n };

	for (size_t i = 0; i < types->labels.n; i++)
		names[i] = types->labels.v[i].name;
	if (!of && suppressions_have_types(snapshot->graph.suppressions))
		array_append(&snapshot->notices, xstrdup("rules on types suppress nothing here: no types are known"));
	suppressions_apply(snapshot->graph.suppressions, target ? &target->image : NULL, modules, &snapshot->heap.chunks, of ? &called : NULL, &snapshot->graph.edges,
			   &snapshot->graph.reach);
}

/* What a command needs of the graph, as enum snapshot_part; what is kept has all of it. */
static unsigned needs_of(const struct options *options)
{
	_Static_assert((int)NEEDS_GRAPH == (int)SNAPSHOT_GRAPH &&
			       (int)NEEDS_EDGES == (int)SNAPSHOT_EDGES &&
			       (int)NEEDS_DOMINATORS == (int)SNAPSHOT_DOMINATORS &&
			       (int)NEEDS_OWNERS == (int)SNAPSHOT_OWNERS &&
			       (int)NEEDS_TYPES == (int)SNAPSHOT_TYPES,
		       "the same bits");
	unsigned needs = options->command->needs | (options->needs ? options->needs | NEEDS_NAMES : 0);

	if (options->output)
		needs |= SNAPSHOT_EVERYTHING | NEEDS_NAMES;
	// Python says itself what its objects are, and who holds them.
	else if (options->command == &command_why && asks_python(options))
		needs = NEEDS_GRAPH;
	// A list of sizes has no use for types, nor for what they are found by.
	else if (options->command == &command_report && options->sizes != SIZES_DEFAULT && options->format != FORMAT_JSON && !options->type)
		needs = 0;
	return options->no_types ? needs & ~(unsigned)NEEDS_TYPES : needs;
}

/* How to get the debug information that would tell most. */
static void fill_remedies(struct types *types, const struct modules *modules, const struct options *options, const struct target_choice *choice)
{
	enum { ASKED = 3 };
	_cleanup_free_ char *root = package_root((int)choice->pid, options->sysroot);

	for (size_t i = 0; i < types->undescribed.n && i < ASKED; i++) {
		struct undescribed *one = &types->undescribed.v[i];

		for (size_t j = 0; j < modules->v.n && one->chunks && !one->remedy; j++) {
			const struct module *module = &modules->v.v[j];
			struct build_id id;

			if (strcmp(module_name(module), one->module) != 0)
				continue;
			_cleanup_free_ char *build_id = module_build_id(modules, module, &id) ? build_id_hex(&id) : NULL;

			one->remedy = package_remedy(root, module->path, build_id, options->debuginfod_urls);
		}
	}
}

/* What each chunk is. */
static void fill_types(struct snapshot *snapshot, const struct target *target, struct modules *modules, const struct options *options,
		       const struct target_choice *choice)
{
	struct types_options types = { .reach = &snapshot->graph.reach };

	types_build(target, modules, &snapshot->heap, &snapshot->graph.edges, &snapshot->graph.roots, &types, &snapshot->types);
	fill_remedies(&snapshot->types, modules, options, choice);
	python_labels_set(snapshot);
	if (modules->cache_trouble && options->verbose && !options->quiet)
		fprintf(stderr, "heapsnap: nothing was kept of the debug information: %s\n", modules->cache_trouble);
	if (!(needs_of(options) & NEEDS_EDGES)) {
		edges_deinit(&snapshot->graph.edges);
		snapshot->graph.options.with_edges = false;
	}
}

/* Why Python objects are there: of a type or an address that was named. What is kept may be asked for any type. */
static void find_python_ways(struct snapshot *snapshot, struct cpython *cpython, const struct options *options, const struct target_choice *choice)
{
	const char *operand = options->command == &command_why && choice->n_operands ? choice->operands[0] : NULL;
	chunk_id chunk = CHUNK_NONE;
	vaddr address;

	// That there is no such chunk is said when it is printed.
	if (operand)
		error_destroy(operand_chunk(snapshot, operand, &address, &chunk));
	python_ways_find(snapshot, cpython, options->output ? "" : operand ? operand_python_type(operand) : NULL, chunk);
}

/* What the command needs of the graph. */
static struct error *fill_graph(struct snapshot *snapshot, const struct target *target,
				struct modules *modules, struct cpython *cpython, const struct options *options,
				const struct target_choice *choice,
				struct suppressions **suppressions)
{
	unsigned needs = needs_of(options);
	struct graph_options graph = {
		.pointers = { .tagged_top_byte = options->tagged_top_byte,
			      .unaligned = options->unaligned },
		.threads = options->jobs ? options->jobs : (unsigned)sysconf(_SC_NPROCESSORS_ONLN),
		.with_dominators = needs & NEEDS_DOMINATORS,
		.with_owners = needs & NEEDS_OWNERS,
		// Types are found along edges.
		.with_edges = needs & (NEEDS_EDGES | NEEDS_TYPES),
		// What a Python's objects hold they say themselves.
		.marks_alone = needs == NEEDS_GRAPH && python_is_known(&snapshot->python) && !*suppressions && asks_python(options),
		.without_dwarf = !(needs & NEEDS_NAMES),
	};
	struct py_holders holders = { 0 };
	chunk_id named = CHUNK_NONE;
	vaddr address;

	if (!needs)
		return NULL;
	if (options->contents && choice->n_operands) {
		struct error *error = operand_chunk(snapshot, choice->operands[0], &address,
						    &named);

		if (error)
			return error;
	}
	graph.suppressions = take_pointer(*suppressions);
	if (graph.with_owners)
		cpython_holders(cpython, &holders);
	graph.holders = (struct holders){ holders.of, holders.names.v.v, holders.names.v.n };
	graph_build(target, modules, &snapshot->heap, &graph, &snapshot->graph);
	py_holders_deinit(&holders);
	if (options->contents)
		fill_contents(snapshot, target, named, options->command == &command_save);
	if (options->contents)
		fill_symbols(snapshot, modules);
	find_python_ways(snapshot, cpython, options, choice);
	return NULL;
}

/* A snapshot that was kept. Its target's memory is not in it, so rules that go by names are for nothing. */
static struct error *open_file(const struct options *options, const struct target_choice *choice,
			       struct suppressions **suppressions, struct phase *phase,
			       struct snapshot *ret)
{
	unsigned parts = needs_of(options) & SNAPSHOT_EVERYTHING;
	struct error *error;

	progress_phase("reading the snapshot");
	error = snapshot_read(choice->file, parts, available_memory(), ret);
	if (error)
		return error;
	// What was kept is shown when it is asked for.
	if (!options->contents)
		ret->contents.n = 0;
	if (ret->graph.is_built && *suppressions) {
		if (suppressions_have_names(*suppressions))
			array_append(&ret->notices,
				     xstrdup("rules on modules, functions and variables suppress "
					     "nothing here: the memory of the target is not in the "
					     "snapshot"));
		ret->graph.suppressions = take_pointer(*suppressions);
		suppress(ret, NULL, NULL);
	}
	phase_next(phase, "read");
	return NULL;
}

/* A Python whose objects cannot be read leaves its memory to the others. */
static void note_unread_pythons(struct snapshot *snapshot)
{
	for (size_t i = 0; i < snapshot->python.runtimes.n; i++) {
		const struct py_runtime *runtime = &snapshot->python.runtimes.v[i];

		if (runtime->why_not)
			array_append(&snapshot->notices, xasprintf("the objects of CPython %s (%s) are not told apart: %s", runtime->version ? runtime->version : "",
								   runtime->module, runtime->why_not));
	}
}

struct error *open_snapshot(const struct options *options, const struct target_choice *choice,
			    struct snapshot *ret)
{
	_cleanup_target_ struct target *target = NULL;
	_cleanup_suppressions_ struct suppressions *suppressions = NULL;
	struct phase phase = phase_start(options->verbose && !options->quiet);
	// What is wrong with the rules is told before the target is touched.
	struct error *error = options->suppress ? suppressions_read(options->suppress, &suppressions) : NULL;
	struct found found;

	if (!error && options->suppress && options->output)
		error = error_create(ERROR_USAGE, "--suppress does not go with --output: what is kept is kept whole");
	if (error)
		return error;
	if (choice->file)
		return open_file(options, choice, &suppressions, &phase, ret);
	progress_phase("looking at the target");
	error = target_open(options, choice, &target);
	if (error)
		return error;
	phase_next(&phase, "open");
	found_init(&found, target, options);
	phase_next(&phase, "find");

	if (target->kind == TARGET_LIVE) {
		struct live_options live = { .spool_dir = options->spool_dir,
					     .copy_threads = options->jobs };
		uint64_t before = modules_fingerprint(target);

		progress_phase("copying the memory");
		error = live_capture(target, &live, glibc_quiesce, found.glibc);
		if (error) {
			found_deinit(&found);
			return error;
		}
		phase_next(&phase, "capture");
		if (modules_fingerprint(target) != before) {
			found_refresh(&found, target, options);
			phase_next(&phase, "refind");
		}
	}

	struct snapshot snapshot;
	struct timespec analysis;
	_cleanup_free_ bool *in_malloc = NULL;
	struct cpython *cpython;

	progress_phase("walking the heap");
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &analysis);
	snapshot_init(&snapshot);
	heap_deinit(&snapshot.heap);
	glibc_walk(found.glibc, target, &snapshot.heap, &in_malloc);
	phase_next(&phase, "walk");
	cpython = cpython_walk(&found.modules, target, &snapshot.heap, &snapshot.python);
	note_unread_pythons(&snapshot);
	phase_next(&phase, "python");
	error = fill_graph(&snapshot, target, &found.modules, cpython, options, choice, &suppressions);
	cpython_destroy(cpython);
	if (error) {
		snapshot_deinit(&snapshot);
		found_deinit(&found);
		return error;
	}
	if (needs_of(options))
		phase_next(&phase, "graph");
	if (needs_of(options) & NEEDS_TYPES) {
		progress_phase("finding types");
		fill_types(&snapshot, target, &found.modules, options, choice);
		phase_next(&phase, "types");
	}
	if (snapshot.graph.suppressions && suppressions_have_types(snapshot.graph.suppressions))
		suppress(&snapshot, target, &found.modules);
	fill_target(&snapshot, target, choice);
	fill_modules(&snapshot, target, &found.modules);
	fill_threads(&snapshot, target, in_malloc);
	memory_account(target, &snapshot);
	recognise(&snapshot, &found.allocator);
	snapshot.analysis_ns = nanoseconds_since(CLOCK_PROCESS_CPUTIME_ID, &analysis);
	phase_next(&phase, "account");

	found_deinit(&found);
	target_destroy(take_pointer(target));
	phase_next(&phase, "release");
	*ret = snapshot;
	return NULL;
}

enum status snapshot_status(const struct snapshot *snapshot)
{
	const struct heap *heap = &snapshot->heap;

	if (!heap->allocators.n || (snapshot->foreign_allocator && !heap->chunks.n))
		return STATUS_UNSUPPORTED;
	if (snapshot->foreign_allocator || !heap_is_exact(heap))
		return STATUS_PARTIAL;
	return STATUS_DONE;
}
