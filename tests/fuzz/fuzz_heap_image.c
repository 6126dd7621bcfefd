/* SPDX-License-Identifier: MIT */
/*
 * The walk over a heap that somebody tampered with. A sound process is built (tests/unit/image_builder.h), then the input is
 * applied to it, record by record; whatever comes out must verify, in bounded time and memory.
 *
 *	byte 0   the release whose layout it has        byte 1   bit 0: without what is told by looks alone
 *	then records of 12 bytes:
 *		0      what is done (enum tampering)
 *		1      in which memory: LIBC, TLS, the brk heap, a thread's heaps, mmapped chunks
 *		2-3    at which word of it
 *		4-11   a value
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/image_builder.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	RECORD = 12,
	RECORDS_MAX = 256,
};

enum tampering {
	/* The value as it is. */
	PUT,
	/* An address: byte 0 says in which memory, 1-2 at which word, 3 more bytes. */
	PUT_ADDRESS,
	/* The same as a link with safe linking. */
	PUT_LINK,
	/* A small number, as sizes are. */
	PUT_SIZE,
	ADD,
	/* Pages that are not in the image, or read as zero. */
	ABSENT,
	UNTOUCHED,
	/* A thread whose tcache is at an address. */
	THREAD,
	/* A mapping that reaches further, with nothing there. */
	MAPPING,
	/* Immense memory that nobody touched. */
	IMMENSE,
	/* Another layout, as a damaged debug file could have it. */
	LAYOUT,
	TAMPERINGS,
};

static vaddr address_of(const struct image_builder *b, uint64_t value)
{
	const struct built_memory *memory = &b->memory.v[(value & 0xff) % b->memory.n];

	return memory->start + (value >> 8 & 0xffff) * 8 % (memory->end - memory->start) +
	       (value >> 24 & 0xff);
}

/* What glibc_layout_from_dwarf() lets pass. */
static void tamper_layout(struct glibc_layout *layout, unsigned member, uint64_t value)
{
	uint32_t *const offsets[] = {
		&layout->arena.mutex,
		&layout->arena.flags,
		&layout->arena.top,
		&layout->arena.next,
		&layout->arena.system_mem,
		&layout->arena.max_system_mem,
		&layout->heap_info.ar_ptr,
		&layout->heap_info.prev,
		&layout->heap_info.size_member,
		&layout->mp.n_mmaps,
		&layout->mp.mmapped_mem,
		&layout->mp.sbrk_base,
		&layout->mp.hp_pagesize,
		&layout->mp.tcache_count,
		&layout->arena.attached_threads,
		&layout->tcache.counters,
		&layout->tcache.entries,
	};

	switch (member % 24) {
	case 17:
		layout->arena.size = BIN_END * 16 + value % 6000;
		layout->arena.bins = value % (layout->arena.size - (BIN_END - 1) * 16 + 1);
		if (layout->arena.n_fastbins)
			layout->arena.fastbins = value % (layout->arena.size - 80 + 1);
		break;
	case 18:
		layout->heap_info.size = 24 + value % 4073;
		break;
	case 19:
		layout->safe_linking = value & 1;
		break;
	case 20:
		layout->mmapped_tail = value & 1 ? 16 : 0;
		break;
	case 21:
		layout->tcache.counts_down = value & 1;
		break;
	case 22:
		layout->tcache.counter_size = 1 + (value & 1);
		layout->tcache.n_bins = value >> 1 & 1023;
		layout->tcache.entries = layout->tcache.n_bins * 2;
		layout->tcache.size = layout->tcache.n_bins * 10;
		break;
	case 23:
		layout->mp.hp_pagesize = MEMBER_ABSENT;
		break;
	default:
		*offsets[member % 24] = value % 8192;
	}
}

static void tamper(struct image_builder *b, const uint8_t *record)
{
	uint16_t word;
	uint64_t value;

	memcpy(&word, record + 2, sizeof(word));
	memcpy(&value, record + 4, sizeof(value));

	const struct built_memory *memory = &b->memory.v[record[1] % b->memory.n];
	vaddr at = memory->start + (uint64_t)word * 8 % (memory->end - memory->start);

	switch ((enum tampering)(record[0] % TAMPERINGS)) {
	case PUT:
		builder_put(b, at, value);
		break;
	case PUT_ADDRESS:
		builder_put(b, at, address_of(b, value));
		break;
	case PUT_LINK:
		builder_put(b, at, address_of(b, value) ^ at >> 12);
		break;
	case PUT_SIZE:
		builder_put(b, at, value & 0xffff);
		break;
	case ADD:
		builder_put(b, at, builder_get(b, at) + (uint64_t)(int64_t)(int16_t)value);
		break;
	case ABSENT:
		builder_absent(b, at & ~UINT64_C(0xfff), ((value & 7) + 1) * BUILDER_PAGE);
		break;
	case UNTOUCHED:
		builder_untouched(b, at & ~UINT64_C(0xfff), ((value & 7) + 1) * BUILDER_PAGE);
		break;
	case THREAD:
		if (b->target->threads.n < TLS_THREADS)
			builder_thread(b, address_of(b, value));
		break;
	case MAPPING: {
		size_t i = record[1] % b->target->mappings.n;
		struct mapping *mapping = &b->target->mappings.v[i];
		vaddr limit = i + 1 < b->target->mappings.n ? b->target->mappings.v[i + 1].start
							    : UINT64_C(0x7ffffffff000);

		mapping->end += value % (limit - mapping->end + 1) & ~UINT64_C(0xfff);
		break;
	}
	case IMMENSE:
		image_add_untouched(&b->target->image, at, value >> 8, NULL);
		break;
	case LAYOUT:
		tamper_layout(&b->glibc->instances.v[0].layout, record[1], value);
		break;
	case TAMPERINGS:
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct image_builder b;
	struct heap heap;
	bool *inside;

	if (size < 2)
		return 0;
	builder_process(&b, (enum glibc_release)(data[0] % GLIBC_RELEASES), data[1] & 1);
	for (size_t n = 0, at = 2; n < RECORDS_MAX && size - at >= RECORD; n++, at += RECORD)
		tamper(&b, data + at);
	image_builder_seal(&b);
	glibc_walk(b.glibc, b.target, &heap, &inside);

	char *complaint = heap_verify(&heap);

	if (complaint) {
		fprintf(stderr, "%s\n", complaint);
		abort();
	}
	// Whatever was found lies in the image.
	assert(heap.findings.n <= HEAP_FINDINGS_MAX);
	assert(heap.tcaches.n <= heap.chunks.n + b.target->threads.n);
	if (heap_is_exact(&heap))
		assert(heap.totals.unwalked == 0 && heap.totals.count[CHUNK_FREE] == 0);
	free(inside);
	heap_deinit(&heap);
	image_builder_deinit(&b);
	return 0;
}
