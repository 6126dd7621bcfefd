/* SPDX-License-Identifier: MIT */
#include "glibc/structs.h"

#include <string.h>

bool glibc_layout_by_structure(uint32_t next_offset, uint32_t n_mmaps_max, bool safe_linking, bool large_tcache, bool has_tcache,
			       struct glibc_layout *ret)
{
	struct glibc_layout layout = { 0 };

	// malloc_state: from 2.43 without fast bins; from 2.27 with have_fastchunks before them.
	layout.arena.mutex = 0;
	layout.arena.flags = 4;
	layout.arena.n_fastbins = 10;
	switch (next_offset) {
	case 2152: // 2.23–2.26
		layout.arena.fastbins = 8;
		layout.arena.top = 88;
		layout.arena.bins = 104;
		break;
	case 2160: // 2.27–2.42
		layout.arena.fastbins = 16;
		layout.arena.top = 96;
		layout.arena.bins = 112;
		break;
	case 2072: // 2.43–2.44
		layout.arena.fastbins = MEMBER_ABSENT;
		layout.arena.n_fastbins = 0;
		layout.arena.top = 8;
		layout.arena.bins = 24;
		break;
	default:
		return false;
	}
	layout.arena.next = next_offset;
	layout.arena.attached_threads = next_offset + 16;
	layout.arena.system_mem = next_offset + 24;
	layout.arena.max_system_mem = next_offset + 32;
	layout.arena.size = next_offset + 40;

	// malloc_par: hp_pagesize since 2.35, thp_mode before it since 2.43. It tells heap_info's size too.
	layout.heap_info.ar_ptr = 0;
	layout.heap_info.prev = 8;
	layout.heap_info.size_member = 16;
	layout.mp.hp_pagesize = MEMBER_ABSENT;
	layout.heap_info.size = 48;
	switch (n_mmaps_max) {
	case 44: // up to 2.34; 2.23 still has max_total_mem, so sbrk_base lies 8 bytes further
		layout.heap_info.size = 32;
		layout.mp.n_mmaps = 40;
		layout.mp.mmapped_mem = 56;
		layout.mp.sbrk_base = 72;
		layout.mp.tcache_count = has_tcache ? 96 : MEMBER_ABSENT;
		layout.mp.size = has_tcache ? 112 : 80;
		break;
	case 64: // 2.35–2.42
		layout.mp.hp_pagesize = 48;
		layout.mp.n_mmaps = 60;
		layout.mp.mmapped_mem = 80;
		layout.mp.sbrk_base = 96;
		layout.mp.tcache_count = 120;
		layout.mp.size = 136;
		break;
	case 72: // 2.43, 2.44
		layout.mp.hp_pagesize = 56;
		layout.mp.n_mmaps = 68;
		layout.mp.mmapped_mem = 88;
		layout.mp.sbrk_base = 104;
		layout.mp.tcache_count = 128;
		layout.mp.size = 136;
		break;
	default:
		return false;
	}

	layout.safe_linking = safe_linking;
	layout.mmapped_tail = layout.arena.n_fastbins ? 0 : 16;
	if (has_tcache) {
		layout.tcache.counts_down = large_tcache || !layout.arena.n_fastbins;
		layout.tcache.counter_size = 2;
		layout.tcache.n_bins = layout.tcache.counts_down ? 76 : 64;
		layout.tcache.entries = layout.tcache.n_bins * 2;
		layout.tcache.size = layout.tcache.entries + layout.tcache.n_bins * 8;
	}
	*ret = layout;
	return true;
}

void glibc_layout_small_counters(struct glibc_layout *layout)
{
	layout->tcache.counter_size = 1;
	layout->tcache.entries = layout->tcache.n_bins;
	layout->tcache.size = layout->tcache.entries + layout->tcache.n_bins * 8;
}

const char *glibc_layout_releases(const struct glibc_layout *layout)
{
	if (layout->mmapped_tail)
		return "2.43 or later";
	if (layout->tcache.counts_down)
		return "2.42";
	if (layout->mp.hp_pagesize != MEMBER_ABSENT)
		return "2.35–2.41";
	if (layout->safe_linking)
		return "2.32–2.34";
	if (!layout->tcache.size)
		return "2.24–2.25";
	return layout->tcache.counter_size == 1 ? "2.26–2.29" : "2.30–2.31";
}

enum { MALLOC_STATE, HEAP_INFO, MALLOC_PAR, TCACHE, N_STRUCTS };

bool glibc_layout_from_dwarf(struct modules *modules, struct module *module, struct glibc_layout *ret, struct glibc_variables *variables_ret)
{
	struct layout_member state[] = {
		{ "mutex", MEMBER_ABSENT, 0, 1 },	   { "flags", MEMBER_ABSENT, 0, 1 },
		{ "fastbinsY", MEMBER_ABSENT, 0, 1 },	   { "top", MEMBER_ABSENT, 0, 1 },
		{ "bins", MEMBER_ABSENT, 0, 1 },	   { "next", MEMBER_ABSENT, 0, 1 },
		{ "system_mem", MEMBER_ABSENT, 0, 1 },	   { "max_system_mem", MEMBER_ABSENT, 0, 1 },
		{ "attached_threads", MEMBER_ABSENT, 0, 1 },
	};
	struct layout_member heap_info[] = {
		{ "ar_ptr", MEMBER_ABSENT, 0, 1 },
		{ "prev", MEMBER_ABSENT, 0, 1 },
		{ "size", MEMBER_ABSENT, 0, 1 },
	};
	struct layout_member par[] = {
		{ "n_mmaps", MEMBER_ABSENT, 0, 1 },	{ "mmapped_mem", MEMBER_ABSENT, 0, 1 },
		{ "sbrk_base", MEMBER_ABSENT, 0, 1 },	{ "hp_pagesize", MEMBER_ABSENT, 0, 1 },
		{ "tcache_count", MEMBER_ABSENT, 0, 1 },
	};
	struct layout_member tcache[] = {
		{ "counts", MEMBER_ABSENT, 0, 1 },
		{ "num_slots", MEMBER_ABSENT, 0, 1 },
		{ "entries", MEMBER_ABSENT, 0, 1 },
	};
	struct layout layouts[N_STRUCTS] = {
		[MALLOC_STATE] = { "malloc_state", 0, state, sizeof(state) / sizeof(*state) },
		[HEAP_INFO] = { "_heap_info", 0, heap_info, sizeof(heap_info) / sizeof(*heap_info) },
		[MALLOC_PAR] = { "malloc_par", 0, par, sizeof(par) / sizeof(*par) },
		[TCACHE] = { "tcache_perthread_struct", 0, tcache, sizeof(tcache) / sizeof(*tcache) },
	};
	struct layout_variable variables[] = {
		{ "main_arena", VADDR_NONE, false },
		{ "mp_", VADDR_NONE, false },
		{ "tcache", VADDR_NONE, false },
	};
	vaddr low = 0, high = 0;

	if (!layouts_from_dwarf(modules, module, "malloc.c", layouts, N_STRUCTS, variables, 3, &low, &high) &&
	    // libc_malloc_debug.so includes malloc.c in this one.
	    !layouts_from_dwarf(modules, module, "malloc-debug.c", layouts, N_STRUCTS, variables, 3, &low, &high))
		return false;

	struct glibc_layout layout = {
		.arena = { .mutex = state[0].offset, .flags = state[1].offset, .fastbins = state[2].offset, .top = state[3].offset,
			   .bins = state[4].offset, .next = state[5].offset, .system_mem = state[6].offset,
			   .max_system_mem = state[7].offset, .attached_threads = state[8].offset,
			   .n_fastbins = state[2].offset == MEMBER_ABSENT ? 0 : state[2].count, .size = layouts[MALLOC_STATE].size },
		.heap_info = { .ar_ptr = heap_info[0].offset, .prev = heap_info[1].offset, .size_member = heap_info[2].offset,
			       .size = layouts[HEAP_INFO].size },
		.mp = { .n_mmaps = par[0].offset, .mmapped_mem = par[1].offset, .sbrk_base = par[2].offset,
			.hp_pagesize = par[3].offset, .tcache_count = par[4].offset, .size = layouts[MALLOC_PAR].size },
		.mmapped_tail = state[2].offset == MEMBER_ABSENT ? 16 : 0,
	};
	const struct layout_member *counters = tcache[1].offset != MEMBER_ABSENT ? &tcache[1] : &tcache[0];

	if (layouts[TCACHE].size && counters->offset != MEMBER_ABSENT && tcache[2].offset != MEMBER_ABSENT && counters->count) {
		layout.tcache.counters = counters->offset;
		layout.tcache.entries = tcache[2].offset;
		layout.tcache.n_bins = tcache[2].count;
		layout.tcache.counter_size = counters->size / counters->count;
		layout.tcache.counts_down = counters == &tcache[1];
		layout.tcache.size = layouts[TCACHE].size;
	}
	// Members that each glibc has, and sizes in which their arrays fit: a damaged debug file fails here.
	const uint32_t needed[] = { layout.arena.mutex,	    layout.arena.flags,	    layout.arena.top,
				    layout.arena.bins,	    layout.arena.next,	    layout.arena.system_mem,
				    layout.arena.max_system_mem, layout.mp.n_mmaps,  layout.mp.mmapped_mem,
				    layout.mp.sbrk_base,    layout.heap_info.ar_ptr, layout.heap_info.prev,
				    layout.heap_info.size_member };

	for (size_t i = 0; i < sizeof(needed) / sizeof(*needed); i++)
		if (needed[i] == MEMBER_ABSENT || needed[i] > 8192)
			return false;
	if (layout.arena.size > 8192 || layout.arena.bins + (BIN_END - 1) * 16 > layout.arena.size || layout.arena.n_fastbins > 64 ||
	    (layout.arena.n_fastbins && layout.arena.fastbins + layout.arena.n_fastbins * 8 > layout.arena.size) ||
	    layout.mp.size > 4096 || layout.heap_info.size < 24 || layout.heap_info.size > 4096 || layout.tcache.n_bins > 1024 ||
	    layout.tcache.size > 65536 || layout.tcache.entries + layout.tcache.n_bins * 8 > layout.tcache.size)
		return false;
	if (layout.tcache.size && ((layout.tcache.counter_size != 1 && layout.tcache.counter_size != 2) ||
				   layout.tcache.counters + layout.tcache.n_bins * layout.tcache.counter_size > layout.tcache.size))
		return false;
	if (variables[0].value == VADDR_NONE || variables[1].value == VADDR_NONE)
		return false;
	*ret = layout;
	*variables_ret = (struct glibc_variables){
		.main_arena = variables[0].value,
		.mp = variables[1].value,
		.tcache = variables[2].is_tls ? variables[2].value : VADDR_NONE,
		.code_start = low,
		.code_end = high,
	};
	return true;
}

bool glibc_layout_agrees(const struct glibc_layout *a, const struct glibc_layout *b)
{
	return !memcmp(&a->arena, &b->arena, sizeof(a->arena)) && !memcmp(&a->heap_info, &b->heap_info, sizeof(a->heap_info)) &&
	       a->mp.n_mmaps == b->mp.n_mmaps && a->mp.mmapped_mem == b->mp.mmapped_mem && a->mp.sbrk_base == b->mp.sbrk_base &&
	       a->mp.hp_pagesize == b->mp.hp_pagesize && a->mp.tcache_count == b->mp.tcache_count && a->tcache.size == b->tcache.size &&
	       a->tcache.entries == b->tcache.entries && a->tcache.n_bins == b->tcache.n_bins &&
	       a->tcache.counts_down == b->tcache.counts_down && a->safe_linking == b->safe_linking && a->mmapped_tail == b->mmapped_tail;
}
