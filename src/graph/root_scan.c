/* SPDX-License-Identifier: MIT */
/*
 * Each area is scanned by itself; its pointers come in the order of their addresses, so a place is made when the first pointer into it comes, and the next
 * ones find it as the last place made.
 */
#include "graph/root_scan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "debug/functions.h"
#include "debug/locals.h"
#include "debug/symbols.h"
#include "debug/variables.h"

enum {
	/** Pointers without a symbol that are no further apart belong to one row … Units: bytes. */
	ROW_GAP = 64,
	/** … which is a place of its own if it has more than these; else each of them is. */
	ROW_MIN = 64,
	/** Roots that are kept, and how many of them get a path. */
	ROOTS_MAX = 1 << 28,
	PATHS_MAX = 1 << 16,
	/** Frames that are asked for a variable in a register. */
	FRAMES_ASKED = 32,
	/** Below the stack pointer, part of the innermost frame. */
	RED_ZONE = 128,
	/** Keys of pthread_setspecific() that have their slots in the descriptor: two words each, the second is the value. */
	KEYS_INSIDE = 32,
	KEY_SIZE = 16,
};

/* A pointer while its area is scanned. */
struct met {
	vaddr address;
	chunk_id chunk;
	enum pointer_hit hit;
};

struct scan {
	const struct target *target;
	struct modules *modules;
	const struct heap *heap;
	const struct root_areas *areas;
	const struct root_options *options;
	struct roots *roots;
	struct pointers *pointers;
	unsigned unit;
	ARRAY(struct met) met;
	/** Whether a module is part of libc: its pointers into the middle of chunks are as good as any. */
	bool *is_libcs;
	/** Places of modules and threads, made when first needed; PLACE_NONE before. The last one of threads is for those that have ended. */
	place_id *module_places, *thread_places;
	place_id libc_place;
	/** Of the thread whose stack is being scanned: places of its frames, one more for what is behind the last (PLACE_NONE). */
	place_id *frame_places;
	size_t n_paths;
};

static char *copy(const char *string)
{
	return string ? xstrdup(string) : NULL;
}

static place_id module_place(struct scan *scan, size_t index)
{
	place_id *place = &scan->module_places[index];

	if (*place == PLACE_NONE)
		*place = roots_add_place(scan->roots, (struct root_place){ .kind = PLACE_MODULE,
									   .parent = PLACE_NONE,
									   .name = copy(module_name(&scan->modules->v.v[index])) });
	return *place;
}

static pid_t thread_tid(const struct scan *scan, size_t thread)
{
	return thread == SIZE_MAX ? 0 : scan->target->threads.v[thread].tid;
}

static place_id thread_place(struct scan *scan, size_t thread)
{
	place_id *place = &scan->thread_places[thread == SIZE_MAX ? scan->target->threads.n : thread];

	if (*place == PLACE_NONE) {
		char name[sizeof(scan->target->threads.v[0].name) + 1] = "";

		if (thread != SIZE_MAX)
			memcpy(name, scan->target->threads.v[thread].name, sizeof(name) - 1);
		*place = roots_add_place(scan->roots, (struct root_place){ .kind = PLACE_THREAD,
									   .parent = PLACE_NONE,
									   .name = *name ? xstrdup(name) : NULL,
									   .tid = thread_tid(scan, thread) });
	}
	return *place;
}

static struct root *root_add(struct scan *scan, place_id place, const struct met *met)
{
	array_append(&scan->roots->v, (struct root){ .place = place,
						     .chunk = met->chunk,
						     .offset = met->address - scan->roots->places.v[place].start,
						     .hit = met->hit });
	return &scan->roots->v.v[scan->roots->v.n - 1];
}

/* The last place that was made, if it holds an address. */
static place_id last_place(const struct scan *scan, enum place_kind kind, place_id parent, vaddr address)
{
	size_t n = scan->roots->places.n;
	const struct root_place *last = n ? &scan->roots->places.v[n - 1] : NULL;

	return last && last->kind == kind && last->parent == parent && address >= last->start && address < last->end ? (place_id)n - 1 :
															  PLACE_NONE;
}

/* ---- data of modules, and of mappings ---- */

/* Pointers met[first] … in [first, ret) that stand in one row. */
static size_t row_end(const struct scan *scan, size_t first, size_t limit)
{
	size_t end = first + 1;

	while (end < limit && scan->met.v[end].address - scan->met.v[end - 1].address <= ROW_GAP)
		end++;
	return end;
}

/* Places without a symbol: rows of pointers, or each by itself. */
static void nameless_add(struct scan *scan, const struct root_area *area, place_id parent, size_t first, size_t end)
{
	const struct module *module = &scan->modules->v.v[area->module];

	while (first < end) {
		size_t until = row_end(scan, first, end);

		if (until - first <= ROW_MIN)
			until = first + 1;

		vaddr start = scan->met.v[first].address;
		place_id place = roots_add_place(scan->roots, (struct root_place){ .kind = PLACE_VARIABLE,
										   .parent = parent,
										   .module = copy(module_name(module)),
										   .name = xasprintf("%s+0x%" PRIxVADDR, module_name(module), start - module->bias),
										   .start = start,
										   .end = scan->met.v[until - 1].address + 8 });

		for (; first < until; first++)
			root_add(scan, place, &scan->met.v[first]);
	}
}

static bool is_in_libc(const struct scan *scan, const struct module *module)
{
	return scan->is_libcs[module - scan->modules->v.v];
}

/* Whether DWARF is asked about a module. For libc symbols do; its DWARF takes longer to open than all the rest. */
static bool has_dwarf(const struct scan *scan, const struct module *module)
{
	return !scan->options->without_dwarf && !is_in_libc(scan, module);
}

/* Names a place after a variable, and takes its strings. `base` is what its start counts from. */
static void place_name(struct root_place *place, const struct variable *variable, vaddr base)
{
	place->name = variable->name;
	place->source = variable->source;
	place->start = base + variable->start;
	place->end = place->start + variable->size;
}

/* What a root is of its variable, as far as so many are told. */
static void root_tell(struct scan *scan, struct root *root, struct module *module, const struct variable *variable)
{
	if (variable->name && scan->n_paths++ < PATHS_MAX)
		root->path = variable_member(scan->modules, module, variable, root->offset);
}

/* The variable that holds an address, by DWARF, else by symbol. *variable_ret borrows the strings of the place; without a name it was not DWARF. */
static bool variable_find(struct scan *scan, struct module *module, vaddr address, struct root_place *ret, struct variable *variable_ret)
{
	struct symbol symbol;

	variable_ret->name = NULL;
	if (has_dwarf(scan, module) && variable_at(scan->modules, module, address - module->bias, variable_ret)) {
		place_name(ret, variable_ret, module->bias);
		return true;
	}
	if (!symbol_at(scan->modules, module, address - module->bias, &symbol))
		return false;
	ret->name = copy(symbol.name);
	ret->start = symbol.value + module->bias;
	ret->end = ret->start + symbol.size;
	return true;
}

static void data_add(struct scan *scan, const struct root_area *area)
{
	struct module *module = &scan->modules->v.v[area->module];
	place_id parent = module_place(scan, area->module);
	struct variable variable = { 0 };
	size_t nameless = 0, i;

	for (i = 0; i < scan->met.n; i++) {
		const struct met *met = &scan->met.v[i];
		struct root_place new = { .kind = PLACE_VARIABLE, .parent = parent };
		place_id place = last_place(scan, PLACE_VARIABLE, parent, met->address);

		if (place == PLACE_NONE || nameless < i || i == 0) {
			if (!variable_find(scan, module, met->address, &new, &variable))
				continue;
			nameless_add(scan, area, parent, nameless, i);
			place = last_place(scan, PLACE_VARIABLE, parent, met->address);
			if (place == PLACE_NONE || scan->roots->places.v[place].start != new.start) {
				new.module = copy(module_name(module));
				place = roots_add_place(scan->roots, new);
			} else {
				// It goes on from the area before.
				free(new.name);
				free(new.source);
				if (variable.name)
					variable.name = scan->roots->places.v[place].name;
			}
		}
		root_tell(scan, root_add(scan, place, met), module, &variable);
		nameless = i + 1;
	}
	nameless_add(scan, area, parent, nameless, i);
}

static void mapping_add(struct scan *scan, const struct root_area *area)
{
	const struct mapping *mapping = &scan->target->mappings.v[area->mapping];
	place_id place = last_place(scan, PLACE_MAPPING, PLACE_NONE, mapping->start);

	if (place == PLACE_NONE)
		place = roots_add_place(scan->roots, (struct root_place){ .kind = PLACE_MAPPING,
									  .parent = PLACE_NONE,
									  .name = copy(mapping->path),
									  .start = mapping->start,
									  .end = mapping->end });
	for (size_t i = 0; i < scan->met.n; i++)
		root_add(scan, place, &scan->met.v[i]);
}

/* ---- threads ---- */

/* The thread-local variable that holds an address, by DWARF, else by symbol. */
static void thread_local_find(struct scan *scan, const struct root_area *area, vaddr address, struct root_place *ret, struct variable *variable_ret)
{
	struct module *module = &scan->modules->v.v[area->module];
	struct symbol symbol;

	variable_ret->name = NULL;
	if (has_dwarf(scan, module) && variable_thread_local(scan->modules, module, address - area->base, variable_ret)) {
		place_name(ret, variable_ret, area->base);
	} else if (symbol_thread_local(scan->modules, module, address - area->base, &symbol)) {
		ret->name = copy(symbol.name);
		ret->start = area->base + symbol.value;
		ret->end = ret->start + symbol.size;
	} else {
		ret->name = xasprintf("%s.tls+0x%" PRIxVADDR, module_name(module), address - area->base);
		ret->start = address;
		ret->end = address + 8;
	}
}

static void tls_add(struct scan *scan, const struct root_area *area)
{
	place_id parent = thread_place(scan, area->thread), place = PLACE_NONE;
	struct variable variable = { 0 };

	for (size_t i = 0; i < scan->met.n; i++) {
		const struct met *met = &scan->met.v[i];

		if (place == PLACE_NONE || last_place(scan, PLACE_TLS, parent, met->address) != place) {
			struct root_place new = { .kind = PLACE_TLS,
						  .parent = parent,
						  .module = copy(module_name(&scan->modules->v.v[area->module])),
						  .tid = thread_tid(scan, area->thread) };

			thread_local_find(scan, area, met->address, &new, &variable);
			place = roots_add_place(scan->roots, new);
		}
		root_tell(scan, root_add(scan, place, met), &scan->modules->v.v[area->module], &variable);
	}
}

/* The number of the key whose value lies at an offset of a descriptor; -1 for anything else. */
static int key_at(const struct scan *scan, uint64_t offset)
{
	uint32_t specific = scan->areas->thread_db.pthread.specific;

	// The first block of keys ends where the pointers to all of them begin.
	if (specific == MEMBER_ABSENT || specific < KEYS_INSIDE * KEY_SIZE || offset >= specific ||
	    offset < specific - KEYS_INSIDE * KEY_SIZE || offset % KEY_SIZE != specific % KEY_SIZE + 8)
		return -1;
	return (int)((offset - (specific - KEYS_INSIDE * KEY_SIZE)) / KEY_SIZE);
}

static void descriptor_add(struct scan *scan, const struct root_area *area)
{
	place_id parent = thread_place(scan, area->thread);

	for (size_t i = 0; i < scan->met.n; i++) {
		const struct met *met = &scan->met.v[i];
		int key = key_at(scan, met->address - area->base);
		place_id place = last_place(scan, PLACE_DESCRIPTOR, parent, met->address);

		if (place == PLACE_NONE || key >= 0)
			place = roots_add_place(scan->roots,
						(struct root_place){ .kind = PLACE_DESCRIPTOR,
								     .parent = parent,
								     .name = key < 0 ? NULL : xasprintf("pthread key %d", key),
								     .start = key < 0 ? area->base : met->address,
								     .end = key < 0 ? scan->met.v[scan->met.n - 1].address + 8 : met->address + 8,
								     .tid = thread_tid(scan, area->thread) });
		root_add(scan, place, met);
	}
}

static vaddr frame_start(const frame_array *frames, size_t index)
{
	return frames->v[index].sp - (index ? 0 : RED_ZONE);
}

/* The frame that an address of a stack belongs to: the last one that begins at or below it; frames->n behind the last. */
static size_t frame_at(const frame_array *frames, vaddr address)
{
	size_t found = frames->n;

	// A signal handler may run on a stack of its own, so frames need not ascend.
	for (size_t i = 0; i < frames->n; i++) {
		if (frame_start(frames, i) <= address && (found == frames->n || frames->v[i].sp >= frames->v[found].sp))
			found = i;
	}
	return found;
}

/* A frame as its module knows it. */
struct described_frame {
	/** NULL when there is none. */
	struct module *module;
	/** In its code, as a file address: of a caller the call, not where it goes on. */
	vaddr pc;
	struct local_frame frame;
};

static struct described_frame frame_describe(const struct scan *scan, const frame_array *frames, size_t index)
{
	vaddr pc = local_frame_pc(frames, index);
	struct module *module = modules_find(scan->modules, pc);

	return (struct described_frame){ .module = module,
					 .pc = module ? pc - module->bias : 0,
					 .frame = local_frame_of(frames, index, scan->target->machine) };
}

/* What is in force in a frame, by DWARF; NULL when nothing is known. */
static const struct locals *frame_locals(const struct scan *scan, const struct described_frame *frame)
{
	return frame->module && has_dwarf(scan, frame->module) ? locals_at(scan->modules, frame->module, frame->pc) : NULL;
}

/* The name of a frame's function, and in *source_ret, unless it is NULL, where in it the frame is. */
static char *function_name(struct scan *scan, const struct described_frame *frame, char **source_ret)
{
	struct symbol symbol;
	struct code code;

	if (has_dwarf(scan, frame->module) && code_at(scan->modules, frame->module, frame->pc, &code)) {
		// What was inlined into it has no frame of its own.
		struct code_function *function = &code.functions.v[code.functions.n - 1];
		char *name = take_pointer(function->name);

		if (source_ret)
			*source_ret = take_pointer(function->source);
		code_deinit(&code);
		return name;
	}
	return symbol_at(scan->modules, frame->module, frame->pc, &symbol) ? copy(symbol.name) :
									     xasprintf("%s+0x%" PRIxVADDR, module_name(frame->module), frame->pc);
}

/* Names a frame by its function; one of libc also by who called libc, which is what the program's authors know. */
static void frame_name(struct scan *scan, const frame_array *frames, size_t index, struct root_place *place)
{
	struct described_frame frame = frame_describe(scan, frames, index), caller = frame;

	if (!frame.module)
		return;
	for (size_t i = index + 1; i < frames->n && caller.module && is_in_libc(scan, caller.module); i++)
		caller = frame_describe(scan, frames, i);
	if (caller.module && caller.module != frame.module && !is_in_libc(scan, caller.module)) {
		_cleanup_free_ char *callee = function_name(scan, &frame, NULL), *name = function_name(scan, &caller, &place->source);

		place->name = xasprintf("%s below %s", callee, name);
		frame = caller;
	} else {
		place->name = function_name(scan, &frame, &place->source);
	}
	place->module = copy(module_name(frame.module));
}

static place_id frame_place(struct scan *scan, const struct root_area *area, size_t index, vaddr address)
{
	const frame_array *frames = &scan->areas->frames[area->thread];
	place_id *place = &scan->frame_places[index];
	struct root_place new = { .kind = PLACE_FRAME, .tid = thread_tid(scan, area->thread), .frame = (uint32_t)index };

	if (*place != PLACE_NONE)
		return *place;
	new.parent = thread_place(scan, area->thread);
	if (index < frames->n) {
		new.start = frame_start(frames, index);
		frame_name(scan, frames, index, &new);
	} else {
		new.start = address;
	}
	*place = roots_add_place(scan->roots, new);
	return *place;
}

/* What a variable is called, with what of it is at an offset; one of an inlined function with that. */
static char *local_text(struct scan *scan, struct module *module, const struct local *local, uint64_t offset)
{
	_cleanup_free_ char *member = scan->n_paths++ < PATHS_MAX ? local_member(scan->modules, module, local, offset) : NULL;

	return xasprintf("%s%s%s%s", local->function ? local->function : "", local->function ? "::" : "", local->name, member ? member : "");
}

/* The variable of a frame that holds an address, and what of it; NULL when none does. */
static char *local_path(struct scan *scan, const frame_array *frames, size_t index, vaddr address)
{
	struct described_frame frame;
	const struct locals *locals;
	const struct local *local;
	uint64_t offset;

	if (index >= frames->n)
		return NULL;
	frame = frame_describe(scan, frames, index);
	locals = frame_locals(scan, &frame);
	local = locals ? local_covering(locals, &frame.frame, address, &offset) : NULL;
	return local ? local_text(scan, frame.module, local, offset) : NULL;
}

static const char *register_name(enum machine machine, unsigned number, char buffer[8])
{
	static const char *const x86_64[] = { "rax", "rdx", "rcx", "rbx", "rsi", "rdi", "rbp", "rsp", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15" };

	if (machine == MACHINE_X86_64)
		return number < sizeof(x86_64) / sizeof(*x86_64) ? x86_64[number] : NULL;
	if (number > 31)
		return NULL;
	snprintf(buffer, 8, number == 31 ? "sp" : "x%u", number);
	return buffer;
}

/* What a callee has put on the stack for its callers is a register of theirs: of the innermost one that has a variable in it. NULL when nothing of that kind is at the address. */
static char *saved_path(struct scan *scan, const frame_array *frames, size_t index, vaddr address)
{
	unsigned number = 0;
	char buffer[8];
	const char *name;

	if (index + 1 >= frames->n)
		return NULL;
	while (number < THREAD_REGISTERS_MAX && (!(frames->v[index + 1].known >> number & 1) || frames->v[index + 1].saved_at[number] != address))
		number++;
	name = number < THREAD_REGISTERS_MAX ? register_name(scan->target->machine, number, buffer) : NULL;
	if (!name)
		return NULL;
	for (size_t i = index + 1; i < frames->n && i <= index + FRAMES_ASKED && frames->v[i].saved_at[number] == address; i++) {
		struct described_frame frame = frame_describe(scan, frames, i);
		const struct locals *locals = frame_locals(scan, &frame);
		const struct local *local = locals ? local_in_register(locals, number) : NULL;

		if (local) {
			_cleanup_free_ char *text = local_text(scan, frame.module, local, local->piece_offset);
			_cleanup_free_ char *function = function_name(scan, &frame, NULL);

			return xasprintf("%s in %s", text, function);
		}
	}
	return NULL;
}

static void stack_add(struct scan *scan, const struct root_area *area)
{
	const frame_array *frames = &scan->areas->frames[area->thread];
	size_t at = 0;

	scan->frame_places = xmalloc((frames->n + 1) * sizeof(*scan->frame_places));
	for (size_t i = 0; i <= frames->n; i++)
		scan->frame_places[i] = PLACE_NONE;
	for (size_t i = 0; i < scan->met.n; i++) {
		const struct met *met = &scan->met.v[i];

		// Addresses ascend, and so do most frames: it is the same one, or the next.
		for (; at + 1 < frames->n && frames->v[at + 1].sp <= met->address && frames->v[at + 1].sp >= frames->v[at].sp; at++)
			;
		if (at + 1 >= frames->n || frame_start(frames, at) > met->address || frames->v[at + 1].sp <= met->address)
			at = frame_at(frames, met->address);

		place_id place = frame_place(scan, area, at, met->address);

		if (met->address + 8 > scan->roots->places.v[place].end)
			scan->roots->places.v[place].end = met->address + 8;
		char *path = local_path(scan, frames, at, met->address);

		root_add(scan, place, met)->path = path ? path : saved_path(scan, frames, at, met->address);
		if (at == frames->n)
			at = 0;
	}
	free(scan->frame_places);
	scan->frame_places = NULL;
}

/* ---- registers ---- */

/* The variable that a register stands for: of the innermost frame that has one in it, if nobody further in has changed it. */
static char *register_path(struct scan *scan, size_t index, unsigned number)
{
	const frame_array *frames = &scan->areas->frames[index];
	uint64_t value = scan->target->threads.v[index].registers[number];

	for (size_t i = 0; !scan->options->without_dwarf && i < frames->n && i < FRAMES_ASKED; i++) {
		struct described_frame frame = frame_describe(scan, frames, i);
		const struct locals *locals = frame_locals(scan, &frame);
		const struct local *local = locals ? local_in_register(locals, number) : NULL;

		if (!(frames->v[i].known >> number & 1) || frames->v[i].registers[number] != value)
			break;
		if (local) {
			_cleanup_free_ char *text = local_text(scan, frame.module, local, local->piece_offset);
			_cleanup_free_ char *function = function_name(scan, &frame, NULL);

			return xasprintf("%s in %s", text, function);
		}
	}
	return NULL;
}

static void registers_scan(struct scan *scan, size_t index)
{
	const struct thread *thread = &scan->target->threads.v[index];

	for (unsigned number = 0; number < THREAD_REGISTERS_MAX && thread->has_registers; number++) {
		char buffer[8];
		const char *name = register_name(scan->target->machine, number, buffer);

		if (!name)
			break;
		scan->met.n = 0;
		pointers_scan(scan->pointers, (const uint8_t *)&thread->registers[number], 8, 0);
		pointers_flush(scan->pointers);
		for (size_t i = 0; i < scan->met.n; i++) {
			place_id place = roots_add_place(scan->roots, (struct root_place){ .kind = PLACE_REGISTER,
											   .parent = thread_place(scan, index),
											   .name = copy(name),
											   .tid = thread->tid });

			root_add(scan, place, &(struct met){ 0, scan->met.v[i].chunk, scan->met.v[i].hit })->path =
				register_path(scan, index, number);
		}
	}
}

/* ---- all of it ---- */

static void take(void *context, const struct pointer *pointers, size_t n)
{
	struct scan *scan = context;

	for (size_t i = 0; i < n && scan->roots->v.n + scan->met.n < ROOTS_MAX; i++)
		array_append(&scan->met, (struct met){ pointers[i].from * scan->unit, pointers[i].chunk, pointers[i].hit });
}

/* Whether what is missing of an area matters: memory that nobody promised to copy does not. */
static bool is_expected(const struct scan *scan, const struct root_area *area)
{
	const struct mapping *mapping = &scan->target->mappings.v[area->mapping];

	return area->kind != AREA_MAPPING || mapping_is_private_anonymous(mapping);
}

/* The modules that serve malloc, and the loader. */
static bool *libcs_find(const struct modules *modules, const struct heap *heap)
{
	bool *is_libcs = xcalloc(modules->v.n + 1, sizeof(*is_libcs));

	for (size_t i = 0; i < modules->v.n; i++) {
		const struct module *module = &modules->v.v[i];
		struct symbol symbol;

		is_libcs[i] = module->type && symbol_exported(module, "_r_debug", &symbol);
		for (size_t k = 0; k < heap->allocators.n && !is_libcs[i]; k++)
			is_libcs[i] = !strcmp(heap->allocators.v[k].module, module->path) && modules->v.n > 1;
	}
	return is_libcs;
}

/* libc knows what it does: it advances pointers to align what it keeps. */
static void trust_libc(struct scan *scan, const struct root_area *area)
{
	if (area->kind != AREA_DESCRIPTOR && (area->kind != AREA_DATA || !scan->is_libcs[area->module]))
		return;
	for (size_t i = 0; i < scan->met.n; i++)
		if (scan->met.v[i].hit == HIT_INTERIOR)
			scan->met.v[i].hit = HIT_KNOWN;
}

static void area_scan(struct scan *scan, const struct range *range)
{
	const struct root_area *area = &scan->areas->v.v[range->tag];
	vaddr start = (range->start + 7) & ~UINT64_C(7);
	uint64_t unread;

	scan->met.n = 0;
	if (start >= range->end)
		return;
	unread = pointers_scan_range(scan->pointers, start, range->end, start / scan->unit, UINT64_MAX);
	pointers_flush(scan->pointers);
	if (is_expected(scan, area))
		scan->roots->unread += unread;
	if (!scan->met.n)
		return;
	trust_libc(scan, area);
	switch (area->kind) {
	case AREA_DATA:
		data_add(scan, area);
		break;
	case AREA_TLS:
		tls_add(scan, area);
		break;
	case AREA_DESCRIPTOR:
		descriptor_add(scan, area);
		break;
	case AREA_STACK:
		stack_add(scan, area);
		break;
	case AREA_MAPPING:
		mapping_add(scan, area);
		break;
	}
}

/* Chunks that a thread lies in. */
static void held_add(struct scan *scan)
{
	for (size_t i = 0; i < scan->areas->held.n; i++) {
		const struct held_chunk *held = &scan->areas->held.v[i];
		const struct root_area *area = &scan->areas->v.v[held->area];
		const struct module *module = &scan->modules->v.v[area->module];
		place_id parent = thread_place(scan, area->thread);
		place_id place = roots_add_place(scan->roots,
						 (struct root_place){ .kind = area->kind == AREA_TLS ? PLACE_TLS : PLACE_DESCRIPTOR,
								      .parent = parent,
								      .name = area->kind == AREA_TLS ? xasprintf("thread-local block of %s", module_name(module)) :
												       xstrdup("stack"),
								      .module = area->kind == AREA_TLS ? copy(module_name(module)) : NULL,
								      .tid = thread_tid(scan, area->thread) });

		root_add(scan, place, &(struct met){ 0, held->chunk, HIT_START });
	}
}

/* What libc keeps for itself is alive, whoever points to it. */
static void internal_add(struct scan *scan)
{
	place_id place = PLACE_NONE;

	for (size_t i = 0; i < scan->heap->chunks.n; i++) {
		if (scan->heap->chunks.state[i] != CHUNK_INTERNAL)
			continue;
		if (place == PLACE_NONE)
			place = roots_add_place(scan->roots, (struct root_place){ .kind = PLACE_LIBC, .parent = PLACE_NONE, .name = xstrdup("libc") });
		root_add(scan, place, &(struct met){ scan->heap->chunks.mem[i], (chunk_id)i, HIT_START });
	}
}

static place_id *no_places(size_t n)
{
	place_id *places = xmalloc((n + 1) * sizeof(*places));

	for (size_t i = 0; i <= n; i++)
		places[i] = PLACE_NONE;
	return places;
}

void roots_scan(const struct target *target, struct modules *modules, const struct heap *heap, const struct root_areas *areas,
		const struct root_options *options, struct roots *ret, place_id *leaked_ret)
{
	_cleanup_free_ struct pointers *pointers = xmalloc(sizeof(*pointers));
	_cleanup_free_ bool *is_libcs = libcs_find(modules, heap);
	_cleanup_free_ place_id *module_places = no_places(modules->v.n), *thread_places = no_places(target->threads.n);
	struct scan scan = {
		.target = target,
		.modules = modules,
		.heap = heap,
		.areas = areas,
		.options = options,
		.roots = ret,
		.pointers = pointers,
		.unit = options->pointers.unaligned ? 1 : 8,
		.is_libcs = is_libcs,
		.module_places = module_places,
		.thread_places = thread_places,
	};

	roots_init(ret);
	pointers_init(pointers, &heap->chunks, &target->image, &options->pointers, take, &scan);
	for (size_t i = 0; i < areas->ranges.n; i++)
		area_scan(&scan, &areas->ranges.v[i]);
	for (size_t i = 0; i < target->threads.n; i++)
		registers_scan(&scan, i);
	held_add(&scan);
	internal_add(&scan);
	*leaked_ret = roots_add_place(ret, (struct root_place){ .kind = PLACE_LEAKED, .parent = PLACE_NONE });
	array_deinit(&scan.met);
	dwarf_files_release(modules);
	roots_seal(ret);
}
