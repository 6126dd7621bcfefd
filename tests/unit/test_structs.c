/* SPDX-License-Identifier: MIT */
/* Layouts of malloc's structs: as read from the sources and binaries of each release, and as the C library at hand has them. */
#include "debug/debug_files.h"
#include "glibc/structs.h"

#include <malloc.h>
#include <string.h>

#include "glibc/glibc.h"
#include "glibc/instance.h"
#include "self_target.h"
#include "unit.h"

enum { NONE = -1 };

/* What pahole and the sources say. Offsets; NONE for a member that is not there. */
struct facts {
	const char *releases;
	uint32_t next_offset, n_mmaps_max;
	bool safe_linking, large_tcache, has_tcache, small_counters;
	int fastbins, top, bins, next, attached_threads, system_mem, max_system_mem, state_size;
	int heap_info_size;
	int n_mmaps, mmapped_mem, sbrk_base, hp_pagesize, tcache_count;
	int counter_size, tcache_bins, entries, tcache_size, mmapped_tail;
	bool counts_down;
};

static const struct facts facts[] = {
	{ "2.24–2.25", 2152, 44, false, false, false, false, 8, 88, 104, 2152, 2168, 2176, 2184,
	  2192,	       32,   40, 56,	72,    NONE,  NONE,  0, 0,  0,	 0,    0,    false },
	{ "2.26–2.29", 2152, 44, false, false, true, true, 8, 88, 104, 2152, 2168, 2176, 2184,
	  2192,	       32,   40, 56,	72,    NONE, 96,   1, 64, 64,  576,  0,	   false },
	{ "2.26–2.29", 2160, 44, false, false, true, true, 16, 96, 112, 2160, 2176, 2184, 2192,
	  2200,	       32,   40, 56,	72,    NONE, 96,   1,  64, 64,	576,  0,    false },
	{ "2.30–2.31", 2160, 44, false, false, true, false, 16, 96, 112, 2160, 2176, 2184, 2192,
	  2200,	       32,   40, 56,	72,    NONE, 96,    2,	64, 128, 640,  0,    false },
	{ "2.32–2.34", 2160, 44, true, false, true, false, 16, 96, 112, 2160, 2176, 2184, 2192,
	  2200,	       32,   40, 56,   72,    NONE, 96,	   2,  64, 128, 640,  0,    false },
	{ "2.35–2.41", 2160, 64, true, false, true, false, 16, 96, 112, 2160, 2176, 2184, 2192,
	  2200,	       48,   60, 80,   96,    48,   120,   2,  64, 128, 640,  0,    false },
	{ "2.42", 2160, 64, true, true, true, false, 16, 96, 112, 2160, 2176, 2184, 2192,
	  2200,	  48,	60, 80,	  96,	48,   120,   2,	 76, 152, 760,	0,    true },
	{ "2.43 or later",
	  2072,
	  72,
	  true,
	  false,
	  true,
	  false,
	  NONE,
	  8,
	  24,
	  2072,
	  2088,
	  2096,
	  2104,
	  2112,
	  48,
	  68,
	  88,
	  104,
	  56,
	  128,
	  2,
	  76,
	  152,
	  760,
	  16,
	  true },
	{ "2.43 or later",
	  2072,
	  72,
	  true,
	  true,
	  true,
	  false,
	  NONE,
	  8,
	  24,
	  2072,
	  2088,
	  2096,
	  2104,
	  2112,
	  48,
	  68,
	  88,
	  104,
	  56,
	  128,
	  2,
	  76,
	  152,
	  760,
	  16,
	  true },
};

static struct glibc_layout layout_of(const struct facts *fact)
{
	struct glibc_layout layout;

	ck_assert(glibc_layout_by_structure(fact->next_offset, fact->n_mmaps_max,
					    fact->safe_linking, fact->large_tcache,
					    fact->has_tcache, &layout));
	if (fact->small_counters)
		glibc_layout_small_counters(&layout);
	return layout;
}

START_TEST(each_release_by_structure)
{
	for (size_t i = 0; i < sizeof(facts) / sizeof(*facts); i++) {
		const struct facts *fact = &facts[i];
		struct glibc_layout layout = layout_of(fact);

		ck_assert_str_eq(glibc_layout_releases(&layout), fact->releases);
		ck_assert_uint_eq(layout.arena.mutex, 0);
		ck_assert_uint_eq(layout.arena.flags, 4);
		ck_assert_int_eq((int)layout.arena.fastbins, fact->fastbins);
		ck_assert_uint_eq(layout.arena.n_fastbins, fact->fastbins == NONE ? 0 : 10);
		ck_assert_int_eq((int)layout.arena.top, fact->top);
		ck_assert_int_eq((int)layout.arena.bins, fact->bins);
		ck_assert_int_eq((int)layout.arena.next, fact->next);
		ck_assert_int_eq((int)layout.arena.attached_threads, fact->attached_threads);
		ck_assert_int_eq((int)layout.arena.system_mem, fact->system_mem);
		ck_assert_int_eq((int)layout.arena.max_system_mem, fact->max_system_mem);
		ck_assert_int_eq((int)layout.arena.size, fact->state_size);
		ck_assert_uint_eq(layout.heap_info.ar_ptr, 0);
		ck_assert_uint_eq(layout.heap_info.prev, 8);
		ck_assert_uint_eq(layout.heap_info.size_member, 16);
		ck_assert_int_eq((int)layout.heap_info.size, fact->heap_info_size);
		ck_assert_int_eq((int)layout.mp.n_mmaps, fact->n_mmaps);
		ck_assert_int_eq((int)layout.mp.mmapped_mem, fact->mmapped_mem);
		ck_assert_int_eq((int)layout.mp.sbrk_base, fact->sbrk_base);
		ck_assert_int_eq((int)layout.mp.hp_pagesize, fact->hp_pagesize);
		ck_assert_int_eq((int)layout.mp.tcache_count, fact->tcache_count);
		ck_assert_int_eq((int)layout.tcache.counter_size, fact->counter_size);
		ck_assert_int_eq((int)layout.tcache.n_bins, fact->tcache_bins);
		ck_assert_uint_eq(layout.tcache.counters, 0);
		ck_assert_int_eq((int)layout.tcache.entries, fact->entries);
		ck_assert_int_eq((int)layout.tcache.size, fact->tcache_size);
		ck_assert_int_eq(layout.tcache.counts_down, fact->counts_down);
		ck_assert_int_eq((int)layout.mmapped_tail, fact->mmapped_tail);
		ck_assert_int_eq(layout.safe_linking, fact->safe_linking);
	}
}
END_TEST

START_TEST(no_release_has_this_structure)
{
	struct glibc_layout layout, before;

	memset(&layout, 0x5a, sizeof(layout));
	before = layout;
	ck_assert(!glibc_layout_by_structure(2164, 64, true, false, true, &layout));
	ck_assert(!glibc_layout_by_structure(0, 64, true, false, true, &layout));
	ck_assert(!glibc_layout_by_structure(2160, 68, true, false, true, &layout));
	ck_assert(!glibc_layout_by_structure(2160, 0, true, false, true, &layout));
	ck_assert_mem_eq(&layout, &before, sizeof(before));
}
END_TEST

START_TEST(layouts_agree_only_when_all_does)
{
	const struct glibc_layout layout = layout_of(&facts[6]);
	struct glibc_layout other = layout;

	ck_assert(glibc_layout_agrees(&layout, &other));
#define DIFFERS(member)                                                                            \
	do {                                                                                       \
		other = layout;                                                                    \
		other.member++;                                                                    \
		ck_assert_msg(!glibc_layout_agrees(&layout, &other),                               \
			      "a difference in %s goes unnoticed", #member);                       \
	} while (0)
	DIFFERS(arena.mutex);
	DIFFERS(arena.flags);
	DIFFERS(arena.fastbins);
	DIFFERS(arena.n_fastbins);
	DIFFERS(arena.top);
	DIFFERS(arena.bins);
	DIFFERS(arena.next);
	DIFFERS(arena.system_mem);
	DIFFERS(arena.max_system_mem);
	DIFFERS(arena.attached_threads);
	DIFFERS(heap_info.ar_ptr);
	DIFFERS(heap_info.prev);
	DIFFERS(heap_info.size_member);
	DIFFERS(heap_info.size);
	DIFFERS(mp.n_mmaps);
	DIFFERS(mp.mmapped_mem);
	DIFFERS(mp.sbrk_base);
	DIFFERS(mp.hp_pagesize);
	DIFFERS(mp.tcache_count);
	DIFFERS(tcache.n_bins);
	DIFFERS(tcache.entries);
	DIFFERS(tcache.size);
	DIFFERS(mmapped_tail);
#undef DIFFERS
	other = layout;
	other.tcache.counts_down = false;
	ck_assert(!glibc_layout_agrees(&layout, &other));
	other = layout;
	other.safe_linking = false;
	ck_assert(!glibc_layout_agrees(&layout, &other));
	// The size of malloc_par is not read: 2.44 lost a member at its end.
	other = layout;
	other.mp.size++;
	ck_assert(glibc_layout_agrees(&layout, &other));
}
END_TEST

/* Whether the debug file of the C library at hand is installed. */
static bool libc_has_debug_file(void)
{
	struct target *target = self_target();
	struct modules modules;
	bool has = false;

	modules_init(&modules, target, NULL);
	for (size_t i = 0; i < modules.v.n; i++)
		if (strcmp(module_name(&modules.v.v[i]), "libc.so.6") == 0)
			has = module_debug_file(&modules, &modules.v.v[i]);
	modules_deinit(&modules);
	target_destroy(target);
	return has;
}

START_TEST(the_library_at_hand_by_structure_alone)
{
	static const struct debug_options no_debug = { .debug_path = "" };
	struct target *target = self_target();
	struct modules modules;
	const char *module, *version, *offsets;

	modules_init(&modules, target, &no_debug);
	struct glibc *glibc = glibc_find(&modules);

	ck_assert_uint_eq(glibc_count(glibc), 1);
	glibc_describe(glibc, 0, &module, &version, &offsets);
	ck_assert_str_eq(offsets, "structure (no debug information)");
	ck_assert_ptr_nonnull(strstr(module, "libc.so.6"));
	ck_assert_int_eq(strncmp(version, "2.", 2), 0);

	const struct instance *instance = &glibc->instances.v[0];

	ck_assert(!instance->is_static);
	ck_assert_uint_gt(instance->tls_slots.n, 0);
	ck_assert_uint_ne(instance->tcache_offset, VADDR_NONE);
	// malloc's code holds malloc.
	ck_assert_uint_le(instance->code_start, (uintptr_t)malloc_trim);
	ck_assert_uint_gt(instance->code_end, (uintptr_t)malloc_trim);
	// The ring of arenas starts and ends there.
	vaddr next;

	memcpy(&next, (const char *)(uintptr_t)instance->main_arena + instance->layout.arena.next,
	       sizeof(next));
	ck_assert_uint_eq(next, instance->main_arena);
#ifndef __SANITIZE_ADDRESS__
	uint64_t system_mem;

	memcpy(&system_mem,
	       (const char *)(uintptr_t)instance->main_arena + instance->layout.arena.system_mem,
	       sizeof(system_mem));
	ck_assert_uint_eq(system_mem, mallinfo2().arena);
	// (Another malloc is in use under valgrind.)
	if (system_mem) {
		// A chunk that is a mapping of its own shows in mp_. Volatile, or the compiler knows better.
		const volatile int *n_mmaps =
			(const volatile int *)(uintptr_t)(instance->mp +
							  instance->layout.mp.n_mmaps);
		int before = *n_mmaps;
		void *volatile large = malloc(64 << 20);

		ck_assert_int_eq(*n_mmaps, before + 1);
		free(large);
	}
#endif
	glibc_destroy(glibc);
	modules_deinit(&modules);
	target_destroy(target);
}
END_TEST

START_TEST(debug_information_and_structure_agree)
{
	struct target *target = self_target();
	struct modules modules, bare;
	static const struct debug_options no_debug = { .debug_path = "" };

	modules_init(&modules, target, NULL);
	modules_init(&bare, target, &no_debug);
	struct glibc *with = glibc_find(&modules), *without = glibc_find(&bare);

	ck_assert_uint_eq(glibc_count(with), 1);
	ck_assert_uint_eq(glibc_count(without), 1);

	const struct instance *a = &with->instances.v[0], *b = &without->instances.v[0];

	if (libc_has_debug_file())
		ck_assert_str_eq(a->offsets, "DWARF, confirmed by structure");
	ck_assert(glibc_layout_agrees(&a->layout, &b->layout));
	ck_assert_uint_eq(a->main_arena, b->main_arena);
	ck_assert_uint_eq(a->mp, b->mp);
	ck_assert_uint_eq(a->tcache_offset, b->tcache_offset);
	ck_assert_str_eq(a->version, b->version);
	// Without symbols the code is guessed generously.
	ck_assert_uint_le(b->code_start, a->code_start);
	glibc_destroy(with);
	glibc_destroy(without);
	modules_deinit(&modules);
	modules_deinit(&bare);
	target_destroy(target);
}
END_TEST

UNIT_SUITE("structs", each_release_by_structure, no_release_has_this_structure,
	   layouts_agree_only_when_all_does, the_library_at_hand_by_structure_alone,
	   debug_information_and_structure_agree)
