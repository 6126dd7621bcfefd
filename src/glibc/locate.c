/* SPDX-License-Identifier: MIT */
/*
 * Where malloc's state lies, told from the pristine file of a module, so that neither the state of the process nor debug information matters.
 *
 * main_arena's static initialiser makes `next` point to main_arena itself. So among all words that the file declares to be pointers into
 * itself, look for one whose distance to its own target is the offset of `next` in some known malloc_state, with a zero mutex
 * and flags at the target, and next_free = NULL, attached_threads = 1, system_mem = 0 behind it.
 *
 * mp_ begins with trim_threshold, top_pad, mmap_threshold (128 KiB each) and arena_test (8); the place of n_mmaps_max (65536) tells its layout.
 *
 * tcache is thread-local: the first GOT slot with a TLS relocation that malloc() loads. In a static executable no relocation is left; its symbol
 * table may name it, else tls.c finds it in memory.
 *
 * Where DWARF is at hand it leads, and both must agree; which was used is said in the report.
 */
#include <string.h>

#include "base/alloc.h"
#include "debug/disasm.h"
#include "debug/symbols.h"
#include "glibc/glibc.h"
#include "glibc/instance.h"

enum {
	THRESHOLD = 128 * 1024,
	ARENA_TEST = 8,
	N_MMAPS_MAX = 65536,
	READ_SIZE = 64 * 1024,
	STRING_MAX = 128,
	/** The static functions of malloc.o lie up to 0x4740 bytes before `malloc` (2.31–2.43). */
	CODE_BEFORE_EXPORTS = 0x5000,
	/** malloc.o is some 20 KiB; what is found beyond this is not it. */
	CODE_MAX = 0x20000,
};

/* Calls visit with READ_SIZE pieces (overlapping by overlap bytes) of each segment that has the wanted flags, until it returns true. */
static bool segments_scan(const struct module *module, unsigned wanted, unsigned unwanted, size_t overlap,
			  bool (*visit)(vaddr at, const uint8_t *bytes, size_t size, void *context), void *context)
{
	uint8_t *buffer = xmalloc(READ_SIZE);
	bool found = false;

	for (size_t i = 0; i < module->segments.n && !found; i++) {
		const struct module_segment *segment = &module->segments.v[i];

		if ((segment->flags & wanted) != wanted || segment->flags & unwanted)
			continue;
		for (uint64_t offset = 0; offset < segment->file_size && !found; offset += READ_SIZE - overlap) {
			uint64_t size = segment->file_size - offset;

			if (size > READ_SIZE)
				size = READ_SIZE;
			if (!module_get(module, segment->start + offset, buffer, size))
				break;
			found = visit(segment->start + offset, buffer, size, context);
		}
	}
	free(buffer);
	return found;
}

struct string_search {
	const char *string;
	/** Where it stands, and up to STRING_MAX bytes from there. */
	char text[STRING_MAX + 1];
};

static bool find_string(vaddr at, const uint8_t *bytes, size_t size, void *context)
{
	struct string_search *search = context;
	const uint8_t *hit = memmem(bytes, size, search->string, strlen(search->string));

	(void)at;
	if (!hit)
		return false;
	size_t rest = size - (size_t)(hit - bytes);
	memcpy(search->text, hit, rest < STRING_MAX ? rest : STRING_MAX);
	return true;
}

static bool module_has_string(const struct module *module, const char *string, char text_ret[STRING_MAX + 1])
{
	struct string_search search = { .string = string };

	// Constant strings lie in segments that are not written; with old linkers in the text segment.
	if (!segments_scan(module, PF_R, PF_W, STRING_MAX, find_string, &search))
		return false;
	if (text_ret)
		memcpy(text_ret, search.text, sizeof(search.text));
	return true;
}

/* «2.36» out of «GNU C Library (Debian GLIBC 2.36-9) stable release version 2.36.»; NULL without a banner. Owner: the caller. */
static char *banner_version(const struct module *module)
{
	static const char mark[] = "release version ";
	char text[STRING_MAX + 1];

	if (!module_has_string(module, "GNU C Library (", text))
		return NULL;
	const char *version = strstr(text, mark);
	if (!version)
		return NULL;
	version += sizeof(mark) - 1;
	size_t length = strspn(version, "0123456789.");
	while (length && version[length - 1] == '.')
		length--;
	return length ? xstrndup(version, length) : NULL;
}

struct mp_search {
	vaddr mp;
	uint32_t n_mmaps_max;
	unsigned hits;
};

static bool find_mp(vaddr at, const uint8_t *bytes, size_t size, void *context)
{
	static const uint64_t start[4] = { THRESHOLD, THRESHOLD, THRESHOLD, ARENA_TEST };
	static const uint32_t positions[] = { 44, 64, 72 };
	struct mp_search *search = context;

	for (size_t offset = 0; offset + 80 <= size; offset += 8) {
		if (memcmp(bytes + offset, start, sizeof(start)) || search->mp == at + offset)
			continue;
		for (size_t i = 0; i < sizeof(positions) / sizeof(*positions); i++) {
			uint32_t value;

			memcpy(&value, bytes + offset + positions[i], sizeof(value));
			if (value != N_MMAPS_MAX)
				continue;
			search->mp = at + offset;
			search->n_mmaps_max = positions[i];
			search->hits++;
			break;
		}
	}
	return false;
}

/* The main_arena candidate of one relative word: the offset of `next`, or 0. */
static uint32_t arena_next_offset(const struct module *module, const struct relative_word *word)
{
	static const uint32_t offsets[] = { 2072, 2152, 2160 };
	uint64_t distance = word->at - word->to, first, behind[3];

	for (size_t i = 0; i < sizeof(offsets) / sizeof(*offsets); i++) {
		if (distance != offsets[i])
			continue;
		// mutex and flags 0; next_free NULL, attached_threads 1, system_mem 0.
		if (!module_get(module, word->to, &first, sizeof(first)) || first ||
		    !module_get(module, word->at + 8, behind, sizeof(behind)) || behind[0] || behind[1] != 1 || behind[2])
			return 0;
		return offsets[i];
	}
	return 0;
}

/* Fills layout and variables from structure alone; false when the module holds no malloc of glibc (or more than one candidate). */
static bool locate_by_structure(const struct module *module, struct glibc_layout *layout, struct glibc_variables *variables)
{
	relative_word_array words;
	uint32_t next_offset = 0;
	unsigned hits = 0;

	relocations_relative(module, &words);
	for (size_t i = 0; i < words.n; i++) {
		uint32_t offset = arena_next_offset(module, &words.v[i]);

		if (!offset)
			continue;
		hits++;
		next_offset = offset;
		variables->main_arena = words.v[i].to;
	}
	array_deinit(&words);
	if (hits != 1)
		return false;

	struct mp_search search = { .mp = VADDR_NONE };

	segments_scan(module, PF_W, 0, 80, find_mp, &search);
	if (search.hits != 1)
		return false;
	variables->mp = search.mp;
	return glibc_layout_by_structure(next_offset, search.n_mmaps_max, module_has_string(module, "unaligned tcache chunk detected", NULL) ||
						 module_has_string(module, "unaligned fastbin chunk detected", NULL),
					 module_has_string(module, "max tcache size too large", NULL),
					 module->tls_size && module_has_string(module, "tcache", NULL), layout);
}

/* The TLS offset of tcache: the first slot with a TLS relocation that malloc() loads. */
static vaddr tcache_from_code(const struct module *module, const tls_slot_array *slots)
{
	struct symbol function;
	disasm_reference_array references;
	vaddr offset = VADDR_NONE;

	if (!symbol_exported(module, "malloc", &function) || !function.size || function.size > CODE_MAX)
		return VADDR_NONE;
	disasm_references(module, function.value, function.size, &references);
	for (size_t i = 0; i < references.n && offset == VADDR_NONE; i++)
		for (size_t k = 0; k < slots->n; k++)
			if (references.v[i].to == slots->v[k].slot && references.v[i].is_load)
				offset = slots->v[k].offset;
	array_deinit(&references);
	return offset;
}

/* The code of malloc.o without debug information: around its exported functions. */
static void code_from_exports(const struct module *module, struct glibc_variables *variables)
{
	static const char *const names[] = { "malloc", "free", "calloc", "realloc", "memalign", "malloc_trim", "mallopt",
					     "mallinfo", "malloc_stats", "malloc_info", "malloc_usable_size" };
	vaddr low = VADDR_NONE, high = 0;

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		struct symbol symbol;

		if (!symbol_exported(module, names[i], &symbol))
			continue;
		if (symbol.value < low)
			low = symbol.value;
		if (symbol.value + symbol.size > high)
			high = symbol.value + symbol.size;
	}
	if (low == VADDR_NONE || high <= low || high - low > CODE_MAX || low < CODE_BEFORE_EXPORTS)
		return;
	variables->code_start = low - CODE_BEFORE_EXPORTS;
	variables->code_end = high;
}

struct code_search {
	const struct module *module;
	vaddr low, high;
	vaddr first, last;
};

/* Without exports (static, stripped): malloc.o is where main_arena is mentioned, by a displacement from the next instruction or an absolute word. */
static bool find_mentions(vaddr at, const uint8_t *bytes, size_t size, void *context)
{
	struct code_search *search = context;

	for (size_t offset = 0; offset + 8 <= size; offset++) {
		int32_t word;

		memcpy(&word, bytes + offset, sizeof(word));
		vaddr next = at + offset + 4;
		// The displacement ends the instruction, or 1 or 4 bytes of an immediate follow it.
		bool mentions = next + (vaddr)(int64_t)word - search->low < search->high - search->low ||
				(search->module->type == ET_EXEC && (uint32_t)word >= search->low && (uint32_t)word < search->high);

		if (!mentions)
			continue;
		if (search->first == VADDR_NONE)
			search->first = next;
		search->last = next;
	}
	return false;
}

static void code_from_mentions(const struct module *module, const struct glibc_layout *layout, struct glibc_variables *variables)
{
	struct code_search search = {
		.module = module,
		// Inside the struct, not its start: fewer chance hits, and each function of malloc.o touches some bin or flag.
		.low = variables->main_arena,
		.high = variables->main_arena + layout->arena.size,
		.first = VADDR_NONE,
	};

	segments_scan(module, PF_X, PF_W, 8, find_mentions, &search);
	if (search.first == VADDR_NONE || search.last - search.first > CODE_MAX)
		return;
	variables->code_start = search.first > 0x1000 ? search.first - 0x1000 : 0;
	variables->code_end = search.last + 0x1000;
}

/* Adds the instance of a module, if it has one. */
static void locate_module(struct glibc *glibc, struct modules *modules, struct module *module)
{
	struct glibc_layout structure, dwarf;
	struct glibc_variables variables = { VADDR_NONE, VADDR_NONE, VADDR_NONE, 0, 0 }, from_dwarf;

	// Structure decides whether there is a malloc at all: most modules have none, and their debug files need not be opened.
	if (!module->type || !locate_by_structure(module, &structure, &variables))
		return;

	tls_slot_array slots;
	struct symbol symbol;

	relocations_tls(module, &slots);
	variables.tcache = tcache_from_code(module, &slots);
	code_from_exports(module, &variables);

	struct instance instance = { .module = module, .layout = structure };

	if (glibc_layout_from_dwarf(modules, module, &dwarf, &from_dwarf)) {
		dwarf.safe_linking = structure.safe_linking;
		bool agree = glibc_layout_agrees(&structure, &dwarf) && variables.main_arena == from_dwarf.main_arena &&
			     variables.mp == from_dwarf.mp && (variables.tcache == VADDR_NONE || variables.tcache == from_dwarf.tcache);

		instance.layout = dwarf;
		instance.offsets = xstrdup(agree ? "DWARF, confirmed by structure" : "DWARF, but structure disagrees");
		variables.main_arena = from_dwarf.main_arena;
		variables.mp = from_dwarf.mp;
		if (from_dwarf.tcache != VADDR_NONE)
			variables.tcache = from_dwarf.tcache;
		if (from_dwarf.code_end > from_dwarf.code_start && from_dwarf.code_end - from_dwarf.code_start <= CODE_MAX) {
			variables.code_start = from_dwarf.code_start;
			variables.code_end = from_dwarf.code_end;
		}
	} else {
		instance.offsets = xstrdup("structure (no debug information)");
	}
	if (variables.tcache == VADDR_NONE && symbol_named(modules, module, "tcache", &symbol) && symbol.type == STT_TLS)
		variables.tcache = symbol.value;
	if (!variables.code_end)
		code_from_mentions(module, &instance.layout, &variables);

	instance.path = xstrdup(module->path);
	instance.version = banner_version(module);
	instance.main_arena = variables.main_arena + module->bias;
	instance.mp = variables.mp + module->bias;
	instance.tcache_offset = variables.tcache;
	if (variables.code_end) {
		instance.code_start = variables.code_start + module->bias;
		instance.code_end = variables.code_end + module->bias;
	}
	instance.module_start = module->start;
	instance.module_end = module->end;
	instance.tls_size = module->tls_size;
	instance.tls_align = module->tls_align;
	// A dynamic object says where its TLS block is in its GOT; a static executable has no such relocations.
	instance.is_static = !slots.n;
	for (size_t i = 0; i < slots.n; i++)
		slots.v[i].slot += module->bias;
	memcpy(&instance.tls_slots, &slots, sizeof(slots));
	array_append(&glibc->instances, instance);
}

struct glibc *glibc_find(struct modules *modules)
{
	struct glibc *glibc = xcalloc(1, sizeof(*glibc));

	glibc->may_step = true;
	for (size_t i = 0; i < modules->v.n; i++)
		locate_module(glibc, modules, &modules->v.v[i]);
	return glibc;
}

void glibc_destroy(struct glibc *glibc)
{
	if (!glibc)
		return;
	for (size_t i = 0; i < glibc->instances.n; i++) {
		struct instance *instance = &glibc->instances.v[i];

		free(instance->path);
		free(instance->version);
		free(instance->offsets);
		array_deinit(&instance->tls_slots);
	}
	array_deinit(&glibc->instances);
	array_deinit(&glibc->inside);
	free(glibc);
}

size_t glibc_count(const struct glibc *glibc)
{
	return glibc->instances.n;
}

void glibc_set_stepping(struct glibc *glibc, bool allowed)
{
	glibc->may_step = allowed;
}
