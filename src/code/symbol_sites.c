/* SPDX-License-Identifier: MIT */
/*
 * Sites of a module that has no DWARF: which function allocates how much, by symbols.
 *
 * Its code is not read as a whole: the bytes are searched for calls that lead to an allocator, directly, by a stub or by a slot, and only the functions (by their symbols) in which
 * there is one are taken apart. What looks like a call and is none costs a function's time, no more. A function that turns out to be a wrapper is searched for in the next round.
 */
#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "code/reader.h"
#include "debug/symbols.h"

enum {
	/** Code of one module that is searched. Units: bytes. */
	SEARCH_MAX = 256 << 20,
	SEARCH_STEP = 1 << 20,
	/** Longest thing that is searched for. */
	OVERLAP = 16,
	/** Functions of one module. */
	FUNCTIONS_MAX = 1 << 15,
	/** Wrappers of wrappers. */
	ROUNDS_MAX = 4,
};

struct search {
	struct code_reader *reader;
	struct module *module;
	uint32_t index;
	/** Slots, stubs and functions that lead to an allocator of this round, by address. */
	struct keys slots, targets;
	/** Functions to be read, and all that were found so far. */
	range_array found;
	struct keys known;
};

/* Takes note of the slots of allocators: libc's and C++'s. */
static void slots_find(struct search *search)
{
	const import_slot_array *imports = &search->reader->of[search->index].imports;

	for (size_t i = 0; i < imports->n; i++) {
		if (reader_allocates(imports->v[i].name))
			keys_intern(&search->slots, imports->v[i].slot, 0, 1);
	}
}

/* Takes note of a wrapper that was found in the round before. */
static void wrapper_add(struct search *search, int32_t function)
{
	const import_slot_array *imports = &search->reader->of[search->index].imports;
	const struct code_function *one = &search->reader->facts->functions.v[function];

	if (one->module == (int32_t)search->index)
		keys_intern(&search->targets, one->entry, 0, 1);
	for (size_t i = 0; one->name && i < imports->n; i++) {
		if (strcmp(imports->v[i].name, one->name) == 0)
			keys_intern(&search->slots, imports->v[i].slot, 0, 1);
	}
}

/* Takes note of a function of the module that is an allocator itself. */
static bool target_add(const struct symbol *symbol, void *context)
{
	struct search *search = context;

	if (symbol->type == STT_FUNC && reader_allocates(symbol->name))
		keys_intern(&search->targets, symbol->value, 0, 1);
	return true;
}

/* Takes note of the function that a call is in. */
static void call_found(struct search *search, vaddr pc)
{
	struct symbol symbol;

	if (search->found.n && pc >= search->found.v[search->found.n - 1].start && pc < search->found.v[search->found.n - 1].end)
		return;
	if (search->found.n < FUNCTIONS_MAX && symbol_at(search->reader->modules, search->module, pc, &symbol) && symbol.type == STT_FUNC &&
	    symbol.size && !reader_knows(symbol.name) && keys_find(&search->known, symbol.value, 0) < 0)
		array_append(&search->found, (struct range){ .start = symbol.value, .end = symbol.value + symbol.size, .tag = symbol.value });
}

/* Whether an address is an allocator, or a stub of one. */
static bool leads_to_allocator(struct search *search, vaddr target)
{
	return keys_find(&search->targets, target, 0) >= 0;
}

static int32_t read_32(const uint8_t *bytes)
{
	int32_t value;

	memcpy(&value, bytes, sizeof(value));
	return value;
}

/* jmp *slot: the stub begins there, or at the endbr64 or bnd before it. */
static void x86_stub_add(struct search *search, vaddr at)
{
	keys_intern(&search->targets, at, 0, 1);
	keys_intern(&search->targets, at - 1, 0, 1);
	keys_intern(&search->targets, at - 4, 0, 1);
	keys_intern(&search->targets, at - 5, 0, 1);
}

/* Looks at each byte of some code, for stubs or for calls. The bytes go on behind it. */
static void x86_search(struct search *search, const uint8_t *code, size_t size, vaddr start, bool for_stubs)
{
	for (size_t i = 0; i < size; i++) {
		if (code[i] == 0xff && (code[i + 1] == 0x15 || code[i + 1] == 0x25)) {
			vaddr slot = start + i + 6 + (uint64_t)(int64_t)read_32(code + i + 2);

			if (keys_find(&search->slots, slot, 0) < 0)
				continue;
			if (for_stubs && code[i + 1] == 0x25)
				x86_stub_add(search, start + i);
			else if (!for_stubs)
				call_found(search, start + i);
		} else if (!for_stubs && (code[i] == 0xe8 || code[i] == 0xe9)) {
			if (leads_to_allocator(search, start + i + 5 + (uint64_t)(int64_t)read_32(code + i + 1)))
				call_found(search, start + i);
		}
	}
}

static void arm64_search(struct search *search, const uint8_t *code, size_t size, vaddr start, bool for_stubs)
{
	const import_slot_array *imports = &search->reader->of[search->index].imports;

	for (size_t i = 0; i + 4 <= size; i += 4) {
		uint32_t word = (uint32_t)read_32(code + i);

		if (for_stubs) {
			// adrp x16, page
			const struct import_slot *import = (word & 0x9f00001f) == 0x90000010 ? import_of_stub(search->module, imports, start + i) : NULL;

			if (import && keys_find(&search->slots, import->slot, 0) >= 0) {
				keys_intern(&search->targets, start + i, 0, 1);
				keys_intern(&search->targets, start + i - 4, 0, 1);
			}
		} else if ((word & 0x7c000000) == 0x14000000) {
			// b, bl
			int64_t distance = (int64_t)((uint64_t)(word & 0x3ffffff) << 38) >> 36;

			if (leads_to_allocator(search, start + i + (uint64_t)distance))
				call_found(search, start + i);
		}
	}
}

/* Goes through the code of the module. */
static void search_run(struct search *search, bool for_stubs)
{
	_cleanup_free_ uint8_t *code = xcalloc(1, SEARCH_STEP + OVERLAP);
	uint64_t searched = 0;

	for (size_t i = 0; i < search->module->segments.n; i++) {
		const struct module_segment *segment = &search->module->segments.v[i];

		if (!(segment->flags & PF_X))
			continue;
		for (uint64_t at = 0; at < segment->file_size && searched < SEARCH_MAX; at += SEARCH_STEP) {
			uint64_t size = segment->file_size - at < SEARCH_STEP ? segment->file_size - at : SEARCH_STEP;
			uint64_t more = segment->file_size - at - size < OVERLAP ? segment->file_size - at - size : OVERLAP;

			if (!module_get(search->module, segment->start + at, code, size + more))
				break;
			memset(code + size + more, 0, OVERLAP - more);
			if (search->module->machine == MACHINE_X86_64)
				x86_search(search, code, size, segment->start + at, for_stubs);
			else
				arm64_search(search, code, size, segment->start + at, for_stubs);
			searched += size;
		}
	}
}

/* Finds and reads the functions of one round. */
static void round_run(struct search *search)
{
	search->found.n = 0;
	if (!search->slots.n && !search->targets.n)
		return;
	if (search->slots.n)
		search_run(search, true);
	search_run(search, false);
	ranges_settle(&search->found);
	for (size_t i = 0; i < search->found.n; i++)
		keys_intern(&search->known, search->found.v[i].start, 0, 1);
	flow_read_functions(search->reader, search->index, search->found.v, search->found.n);
	keys_deinit(&search->slots);
	keys_deinit(&search->targets);
}

/* Hands the wrappers that are new to all searches; false when there is none. */
static bool wrappers_hand(struct code_reader *reader, struct search *searches, size_t n, bool *handed, size_t n_handed)
{
	bool has_new = false;

	wrappers_prove_all(reader);
	for (size_t i = 0; i < reader->infos.n && i < n_handed; i++) {
		if (!reader->infos.v[i].allocator || reader->infos.v[i].known || handed[i])
			continue;
		handed[i] = has_new = true;
		for (size_t k = 0; k < n; k++)
			wrapper_add(&searches[k], (int32_t)i);
	}
	return has_new;
}

void symbol_sites_read(struct code_reader *reader)
{
	struct search *searches = xcalloc(reader->modules->v.n + 1, sizeof(*searches));
	bool *handed = NULL;
	size_t n = 0, n_handed = 0;

	for (size_t i = 0; i < reader->modules->v.n; i++) {
		struct module *module = &reader->modules->v.v[i];

		if (reader->of[i].has_declarations || reader->of[i].is_libc || !module->elf)
			continue;
		searches[n] = (struct search){ .reader = reader, .module = module, .index = (uint32_t)i };
		slots_find(&searches[n]);
		symbols_exported(module, "", target_add, &searches[n]);
		n++;
	}
	for (int round = 0; round < ROUNDS_MAX && n; round++) {
		for (size_t i = 0; i < n; i++)
			round_run(&searches[i]);
		handed = xreallocarray(handed, reader->infos.n + 1, sizeof(*handed));
		memset(handed + n_handed, 0, reader->infos.n + 1 - n_handed);
		n_handed = reader->infos.n + 1;
		if (!wrappers_hand(reader, searches, n, handed, n_handed))
			break;
	}
	for (size_t i = 0; i < n; i++) {
		keys_deinit(&searches[i].slots);
		keys_deinit(&searches[i].targets);
		keys_deinit(&searches[i].known);
		array_deinit(&searches[i].found);
	}
	free(searches);
	free(handed);
}
