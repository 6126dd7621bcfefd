/* SPDX-License-Identifier: MIT */
/*
 * The whole walk: over the heaps of fixtures/images, which are written by hand and say what is expected; over one that
 * has everything, with each part of it missing in turn; and what is told about allocators and threads.
 */
#include <dirent.h>
#include <limits.h>

#include "heap_expect.h"
#include "unit.h"

static const char *images_folder(void)
{
	static char folder[PATH_MAX];
	const char *top = getenv("top_srcdir");

	if (top) {
		snprintf(folder, sizeof(folder), "%s/fixtures/images", top);
	} else {
		// By hand: as the compiler saw this file.
		const char *slash = strrchr(__FILE__, '/');

		snprintf(folder, sizeof(folder), "%.*s/../../fixtures/images",
			 slash ? (int)(slash - __FILE__) : 1, slash ? __FILE__ : ".");
	}
	return folder;
}

static void image_open(const char *name, struct loaded_image *ret)
{
	char path[2 * PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s.txt", images_folder(), name);

	FILE *stream = fopen(path, "re");

	ck_assert_msg(stream, "%s cannot be opened", path);

	unsigned line = image_load(stream, ret);

	ck_assert_msg(!line, "%s:%u is not understood", path, line);
	fclose(stream);
}

static void check_image(const char *name)
{
	struct loaded_image loaded;
	struct heap heap;

	image_open(name, &loaded);
	walk_image(&loaded.builder, &heap);
	if (heap.chunks.n != loaded.rows.n)
		heap_print(&heap);
	ck_assert_uint_eq(heap.chunks.n, loaded.rows.n);
	ck_assert_uint_gt(heap.chunks.n, 0);
	for (size_t i = 0; i < loaded.rows.n; i++) {
		const struct expected_row *row = &loaded.rows.v[i];

		expect_chunk(&heap, row->mem, row->usable, (enum chunk_state)heap.chunks.state[i]);
		ck_assert_uint_eq(heap.chunks.mem[i], row->mem);
		ck_assert_str_eq(chunk_state_name((enum chunk_state)heap.chunks.state[i]),
				 row->state);
	}
	if (heap.findings.n != loaded.findings.n)
		heap_print(&heap);
	ck_assert_uint_eq(heap.findings.n, loaded.findings.n);
	for (size_t i = 0; i < loaded.findings.n; i++) {
		ck_assert_uint_eq(heap.findings.v[i].address, loaded.findings.v[i].address);
		ck_assert_str_eq(finding_kind_name(heap.findings.v[i].kind),
				 loaded.findings.v[i].kind);
	}
	for (size_t i = 0; i < heap.checks.n; i++) {
		char word[64];

		snprintf(word, sizeof(word), " %s ", heap.checks.v[i].name);
		if ((heap.checks.v[i].result == CHECK_FAILED) != !!strstr(loaded.failed, word))
			heap_print(&heap);
		ck_assert_int_eq(heap.checks.v[i].result == CHECK_FAILED,
				 !!strstr(loaded.failed, word));
	}
	ck_assert_int_eq(heap_is_exact(&heap), !loaded.findings.n && !loaded.failed[1]);
	ck_assert_uint_eq(heap.totals.foreign, loaded.foreign);
	ck_assert_uint_eq(heap.totals.unwalked, loaded.unwalked);
	heap_deinit(&heap);
	loaded_image_deinit(&loaded);
}

/* Each file of fixtures/images, in the order of the alphabet. */
#define IMAGES(IMAGE)                                                                              \
	IMAGE(cyclic_bin)                                                                          \
	IMAGE(cyclic_fast_bin)                                                                     \
	IMAGE(fast_bin_plain)                                                                      \
	IMAGE(fast_bin_safe_linking)                                                               \
	IMAGE(foreign_sbrk)                                                                        \
	IMAGE(heaps_in_a_circle)                                                                   \
	IMAGE(locked)                                                                              \
	IMAGE(missing_page)                                                                        \
	IMAGE(mmapped)                                                                             \
	IMAGE(mmapped_decoy)                                                                       \
	IMAGE(mmapped_tail)                                                                        \
	IMAGE(no_orphan)                                                                           \
	IMAGE(one_arena)                                                                           \
	IMAGE(orphan_tcache)                                                                       \
	IMAGE(overwritten_size)                                                                    \
	IMAGE(ring_bites_itself)                                                                   \
	IMAGE(size_zero)                                                                           \
	IMAGE(tcache)                                                                              \
	IMAGE(top_past_the_heap)                                                                   \
	IMAGE(two_heaps)

#define IMAGE_TEST(name)                                                                           \
	START_TEST(image_##name)                                                                   \
	{                                                                                          \
		check_image(#name);                                                                \
	}                                                                                          \
	END_TEST
IMAGES(IMAGE_TEST)

START_TEST(every_image_is_tested)
{
#define IMAGE_NAME(name) #name,
	static const char *const names[] = { IMAGES(IMAGE_NAME) };
	struct dirent **entries;
	int n = scandir(images_folder(), &entries, NULL, alphasort);
	size_t found = 0;

	ck_assert_int_gt(n, 0);
	for (int i = 0; i < n; i++) {
		const char *dot = strrchr(entries[i]->d_name, '.');

		if (dot && strcmp(dot, ".txt") == 0) {
			bool known = false;

			*strrchr(entries[i]->d_name, '.') = '\0';
			for (size_t k = 0; k < sizeof(names) / sizeof(*names); k++)
				known |= strcmp(entries[i]->d_name, names[k]) == 0;
			ck_assert_msg(known, "%s.txt is not tested", entries[i]->d_name);
			found++;
		}
		free(entries[i]);
	}
	free(entries);
	ck_assert_uint_eq(found, sizeof(names) / sizeof(*names));
}
END_TEST

START_TEST(the_loader_says_which_line_it_does_not_understand)
{
	static const struct {
		const char *text;
		unsigned line;
	} texts[] = {
		{ "glibc 2.36\n\n# a comment\nfrobnicate 1 2\n", 4 },
		{ "glibc 1.0\n", 1 },
		{ "map 1000 2000\n", 1 },
		{ "glibc 2.36\nmap 2000 1000\n", 2 },
		{ "glibc 2.36\nmap 1000 2000\n1000: 12 xyz\n", 3 },
		{ "glibc 2.36\nset main nothing 0\n", 2 },
		{ "glibc 2.31\nmp hp_pagesize 0\n", 2 },
		{ "glibc 2.31\nexpect nothing\n", 2 },
		{ "# nothing\n", 2 },
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		struct loaded_image loaded;
		FILE *stream = fmemopen((void *)(uintptr_t)texts[i].text, strlen(texts[i].text),
					"r");

		ck_assert_uint_eq(image_load(stream, &loaded), texts[i].line);
		fclose(stream);
		loaded_image_deinit(&loaded);
	}
}
END_TEST

/* ---- torture ---- */

static void everything(struct image_builder *b, enum glibc_release release)
{
	builder_process(b, release, false);
}

START_TEST(a_process_with_everything)
{
	for (int release = 0; release < GLIBC_RELEASES; release++) {
		struct image_builder b;
		struct heap heap;

		everything(&b, (enum glibc_release)release);
		walk_image(&b, &heap);
		expect_exact(&heap);
		if (builder_layout(&b)->tcache.size) {
			ck_assert_uint_eq(heap.totals.count[CHUNK_TCACHE], 9);
			ck_assert_uint_eq(heap.totals.count[CHUNK_INTERNAL], 3);
		}
		ck_assert_uint_eq(heap.totals.count[CHUNK_SMALL], 2);
		ck_assert_uint_eq(heap.totals.count[CHUNK_UNSORTED], 2);
		ck_assert_uint_eq(heap.totals.count[CHUNK_LARGE], 2);
		ck_assert_uint_eq(heap.totals.count[CHUNK_FAST],
				  builder_layout(&b)->arena.n_fastbins ? 4 : 0);
		ck_assert_uint_eq(heap.totals.foreign, 0x800);
		heap_deinit(&heap);
		image_builder_deinit(&b);
	}
}
END_TEST

/* Whether two walks found the same chunks in the same states. */
static bool same_chunks(const struct heap *a, const struct heap *b)
{
	return a->chunks.n == b->chunks.n &&
	       !memcmp(a->chunks.mem, b->chunks.mem, a->chunks.n * sizeof(*a->chunks.mem)) &&
	       !memcmp(a->chunks.size_units, b->chunks.size_units,
		       a->chunks.n * sizeof(*a->chunks.size_units)) &&
	       !memcmp(a->chunks.state, b->chunks.state, a->chunks.n);
}

/* Each page of the image is absent in turn, or reads as never touched; then each run of pages. What is called exact is what
   it was with all of them. */
START_TEST(any_page_may_be_missing)
{
	for (int release = GLIBC_2_31; release < GLIBC_RELEASES; release += 2) {
		struct image_builder sound;
		struct heap truth;
		size_t n = 0, exact = 0;

		everything(&sound, (enum glibc_release)release);
		walk_image(&sound, &truth);
		for (unsigned run = 1; run <= 4; run++)
			for (size_t i = 0; i < sound.memory.n; i++)
				for (vaddr at = sound.memory.v[i].start; at < sound.memory.v[i].end;
				     at += BUILDER_PAGE) {
					struct image_builder b;
					struct heap heap;

					everything(&b, (enum glibc_release)release);
					builder_absent(&b, at, run * BUILDER_PAGE);
					walk_image(&b, &heap);
					n++;
					if (heap_is_exact(&heap)) {
						ck_assert_msg(same_chunks(&heap, &truth),
							      "without %u pages at 0x%" PRIx64, run,
							      at);
						exact++;
					}
					heap_deinit(&heap);
					image_builder_deinit(&b);
					// Pages that should be there and read as zero.
					everything(&b, (enum glibc_release)release);
					builder_untouched(&b, at, run * BUILDER_PAGE);
					walk_image(&b, &heap);
					heap_deinit(&heap);
					image_builder_deinit(&b);
				}
		// Some pages hold nothing of the allocator's.
		ck_assert_uint_gt(exact, 0);
		ck_assert_uint_lt(exact * 2, n);
		heap_deinit(&truth);
		image_builder_deinit(&sound);
	}
}
END_TEST

/* Whether a word is the head of a list of chunks that look in use: a list that is not there misses to nobody. */
static bool is_head_of_used(const struct image_builder *b, vaddr at)
{
	const struct glibc_layout *layout = builder_layout(b);

	for (size_t i = 0; i < b->target->threads.n; i++) {
		vaddr cache = builder_get(b, b->target->threads.v[i].tp - TLS_SIZE + TLS_TCACHE);

		if (at - cache < layout->tcache.size)
			return true;
	}
	return at - MAIN_ARENA - layout->arena.fastbins < layout->arena.n_fastbins * 8;
}

/* Each word that is not zero is overwritten, one at a time: what is called exact is what it was. */
START_TEST(any_word_may_be_overwritten)
{
	static const uint64_t values[] = { 0, 0x4141414141414141, BRK_HEAP + 0x1000,
					   UINT64_MAX - 15 };
	struct image_builder sound;
	struct heap truth;
	size_t n = 0, exact = 0;

	builder_process(&sound, GLIBC_2_36, true);
	walk_image(&sound, &truth);
	expect_exact(&truth);
	for (size_t i = 0; i < sound.memory.n; i++)
		for (vaddr at = sound.memory.v[i].start; at < sound.memory.v[i].end; at += 8)
			for (size_t value = 0;
			     builder_get(&sound, at) && value < sizeof(values) / sizeof(*values);
			     value++) {
				struct image_builder b;
				struct heap heap;

				builder_process(&b, GLIBC_2_36, true);
				builder_put(&b, at, values[value]);
				walk_image(&b, &heap);
				n++;
				if (heap_is_exact(&heap)) {
					ck_assert_msg(same_chunks(&heap, &truth) ||
							      (!values[value] &&
							       is_head_of_used(&sound, at)),
						      "0x%" PRIx64 " at 0x%" PRIx64, values[value],
						      at);
					exact++;
				}
				heap_deinit(&heap);
				image_builder_deinit(&b);
			}
	ck_assert_uint_gt(n, 1000);
	ck_assert_uint_lt(exact * 4, n);
	heap_deinit(&truth);
	image_builder_deinit(&sound);
}
END_TEST

/* ---- random processes ---- */

/* A process as it is written, and the rows that the walk must find. */
struct random_process {
	struct image_builder b;
	ARRAY(struct expected_row) rows;
	/* The caches of its threads and of one that is gone. */
	vaddr caches[4];
	size_t n_caches;
	unsigned in_lists[4][64];
	/* Bytes of others in the main arena. */
	uint64_t foreign;
};

static unsigned roll(unsigned n)
{
	return (unsigned)rand() % n;
}

static void row_add(struct random_process *r, vaddr mem, uint64_t usable, enum chunk_state state)
{
	struct expected_row row = { mem, usable, "" };

	snprintf(row.state, sizeof(row.state), "%s", chunk_state_name(state));
	array_append(&r->rows, row);
}

/* What a program may have written there: nothing, text, pointers, small numbers. */
static void scribble(struct image_builder *b, vaddr start, vaddr end)
{
	unsigned kind = roll(4);

	for (vaddr at = start; kind && at + 8 <= end; at += 8)
		builder_put(b, at,
			    kind == 1	? UINT64_C(0x6d656d206f6e2021)
			    : kind == 2 ? BRK_HEAP + roll(0x20000)
					: roll(8));
}

static void chunk_add(struct random_process *r, struct pen *pen, uint64_t size, bool last)
{
	const struct glibc_layout *layout = builder_layout(&r->b);
	unsigned kind = roll(6);

	if (kind == 0 && !pen->free_before && !last) {
		vaddr chunk = pen_free(pen, size);
		unsigned bin = roll(4) == 0 ? 1 : size < 0x400 ? bin_of(size) : 64 + roll(62);

		builder_bin(&r->b, pen->arena, bin, chunk);
		row_add(r, chunk + 16, size - 8,
			bin == 1   ? CHUNK_UNSORTED
			: bin < 64 ? CHUNK_SMALL
				   : CHUNK_LARGE);
		return;
	}
	vaddr mem = pen_used(pen, size);
	enum chunk_state state = CHUNK_IN_USE;

	scribble(&r->b, mem, mem + size - 16);
	if (kind == 1 && r->n_caches && size < 0x410) {
		size_t cache = roll((unsigned)r->n_caches);

		if (r->in_lists[cache][tcache_bin(size)] < TCACHE_COUNT) {
			r->in_lists[cache][tcache_bin(size)]++;
			builder_tcache(&r->b, r->caches[cache], tcache_bin(size), mem);
			state = CHUNK_TCACHE;
		}
	} else if (kind == 2 && layout->arena.n_fastbins && size <= 0x80) {
		builder_fastbin(&r->b, pen->arena, (unsigned)(size / 16 - 2), mem - 16);
		state = CHUNK_FAST;
	}
	row_add(r, mem, size - 8, state);
}

/* Chunks up to an address, exactly; the last one is in use where top follows. */
static void stretch_add(struct random_process *r, struct pen *pen, vaddr end, bool before_top)
{
	while (pen->at < end) {
		uint64_t rest = end - pen->at,
			 size = 0x20 + 16 * (uint64_t)roll(roll(8) ? 16 : 300);

		if (rest < size + 0x20 || roll(60) == 0)
			size = rest > 0x4000 ? 0x1000 - (pen->at & 0xfff) : rest;
		if (size < 0x20 || rest - size < 0x20)
			size = rest;
		chunk_add(r, pen, size, before_top && size == rest);
	}
}

static void top_add(struct random_process *r, struct pen *pen)
{
	vaddr top = pen_top(pen);

	if (pen->end - top > 16)
		row_add(r, top + 16, pen->end - top - 16, CHUNK_TOP);
}

static void main_arena_make(struct random_process *r)
{
	const struct glibc_layout *layout = builder_layout(&r->b);
	uint64_t size = 0x1000 * (16 + (uint64_t)roll(64));
	struct pen pen = pen_main(&r->b, size);
	bool noncontiguous = roll(2);

	for (size_t i = 0; layout->tcache.size && i < 3; i++) {
		r->caches[r->n_caches++] = pen_tcache(&pen);
		row_add(r, r->caches[i], tcache_chunk_size(&r->b) - 8, CHUNK_INTERNAL);
		if (i < 2)
			builder_thread(&r->b, r->caches[i]);
	}
	// An orphan is known by an entry.
	if (layout->tcache.size) {
		vaddr mem = pen_used(&pen, 0x20);

		builder_tcache(&r->b, r->caches[2], 0, mem);
		r->in_lists[2][0]++;
		row_add(r, mem, 0x18, CHUNK_TCACHE);
	}
	for (unsigned gaps = roll(4); gaps && pen.end - pen.at > 0x8000; gaps--) {
		uint64_t gap = 16 * (uint64_t)roll(400);

		// An old top ends where a page does.
		stretch_add(r, &pen,
			    ((pen.at + 0x1000 * roll(4) + 0x1fff) & ~UINT64_C(0xfff)) - 0x20,
			    false);
		pen_fence(&pen);
		scribble(&r->b, pen.at, pen.at + gap);
		// A chain of small chunks that ends before the gap does.
		for (uint64_t at = 0, decoy = roll(2); decoy && at + 0x100 <= gap; at += 0x20)
			builder_put(&r->b, pen.at + at + 8, at + 0x120 <= gap ? 0x21 : 0);
		pen.at += gap;
		r->foreign += gap;
	}
	if (!noncontiguous) {
		stretch_add(r, &pen, pen.end - 0x20 - 16 * (uint64_t)roll(100), true);
		top_add(r, &pen);
		return;
	}
	stretch_add(r, &pen, pen.end - 0x20, false);
	pen_fence(&pen);
	builder_put_int(&r->b, MAIN_ARENA + layout->arena.flags, ARENA_NONCONTIGUOUS);

	unsigned segments = 1 + roll(3), with_top = roll(segments);

	for (unsigned i = 0; i < segments; i++) {
		// Some of them side by side.
		vaddr start = MMAPPED - 0x8000000 +
			      i * (roll(2) ? UINT64_C(0x20000) : UINT64_C(0x400000));
		struct pen other = {
			.b = &r->b, .arena = MAIN_ARENA, .at = start, .end = start + 0x20000
		};

		while (builder_find(&r->b, start)) {
			start += 0x20000;
			other.at = start;
			other.end = start + 0x20000;
		}
		builder_map(&r->b, start, 0x20000, NULL);
		arena_add_system(&r->b, MAIN_ARENA, 0x20000);
		stretch_add(r, &other, other.end - 0x20, i == with_top);
		if (i == with_top)
			top_add(r, &other);
		else
			pen_fence(&other);
	}
}

static void other_arena_make(struct random_process *r, unsigned index)
{
	vaddr heap = THREAD_HEAP + index * 4 * HEAP_STRIDE, prev = 0;
	unsigned heaps = 1 + roll(3);
	struct pen pen = pen_thread_arena(&r->b, heap, 0x21000);

	for (unsigned i = 0;; i++) {
		if (i + 1 == heaps) {
			stretch_add(r, &pen, pen.end - 0x20 - 16 * (uint64_t)roll(100), true);
			top_add(r, &pen);
			return;
		}
		if (roll(3)) {
			stretch_add(r, &pen, pen.end - 0x20, false);
			pen_heap_fence(&pen);
		} else {
			// The phantom.
			stretch_add(r, &pen, pen.end - 0x30, false);
			builder_put(&r->b, pen.at + 8, 0x20 | (pen.free_before ? 0 : 1));
			if (pen.free_before)
				builder_put(&r->b, pen.at, pen.free_before);
			builder_put(&r->b, pen.at + 0x28, 1);
		}
		prev = heap;
		heap += HEAP_STRIDE;
		builder_map(&r->b, heap, 0x21000, NULL);
		pen = pen_heap(&r->b, pen.arena, heap, 0x21000, prev);
	}
}

static void mmapped_make(struct random_process *r)
{
	uint64_t tail = builder_layout(&r->b)->mmapped_tail;
	vaddr at = MMAPPED;

	builder_map(&r->b, MMAPPED, 0x80000, NULL);
	for (unsigned n = roll(12); n; n--) {
		uint64_t total = 0x1000 * (2 + (uint64_t)roll(8)), offset = 0;

		if (roll(3) == 0)
			offset = (UINT64_C(32) << roll(7)) - 16;
		else if (roll(3) == 0)
			offset = 0x1000 * (1 + (uint64_t)roll((unsigned)(total / 0x1000) - 1)) - 16;
		if (offset)
			builder_put(&r->b, at + 8, (total + 0x1000 * roll(3) - tail) | 2);

		vaddr mem = builder_mmapped(&r->b, at, total, offset);

		// Not the header of a page on which another offset header could stand.
		builder_put(&r->b, mem, 0x6d656d206f6e2021);
		row_add(r, mem, total - offset - (tail ? 24 : 16), CHUNK_IN_USE);
		at += total + 0x1000 * roll(2);
	}
}

static int compare_expected(const void *left, const void *right)
{
	const struct expected_row *a = left, *b = right;

	return a->mem < b->mem ? -1 : a->mem > b->mem;
}

START_TEST(random_processes_are_found_exactly)
{
	for (unsigned seed = 0; seed < (unsigned)unit_rounds(400); seed++) {
		struct random_process r = { 0 };
		struct heap heap;

		srand(seed);
		image_builder_init(&r.b, (enum glibc_release)(seed % GLIBC_RELEASES));
		main_arena_make(&r);
		for (unsigned n = roll(3); n; n--)
			other_arena_make(&r, n);
		mmapped_make(&r);
		qsort(r.rows.v, r.rows.n, sizeof(*r.rows.v), compare_expected);
		walk_image(&r.b, &heap);
		if (!heap_is_exact(&heap))
			heap_print(&heap);
		ck_assert_msg(heap_is_exact(&heap), "process %u is not exact", seed);
		for (size_t i = 0; i < r.rows.n && i < heap.chunks.n; i++)
			if (heap.chunks.mem[i] != r.rows.v[i].mem ||
			    chunk_usable(&heap.chunks, i) != r.rows.v[i].usable ||
			    strcmp(chunk_state_name((enum chunk_state)heap.chunks.state[i]),
				   r.rows.v[i].state))
				ck_abort_msg(
					"process %u: 0x%" PRIx64 " %" PRIu64 " %s, not 0x%" PRIx64
					" %" PRIu64 " %s",
					seed, heap.chunks.mem[i], chunk_usable(&heap.chunks, i),
					chunk_state_name((enum chunk_state)heap.chunks.state[i]),
					r.rows.v[i].mem, r.rows.v[i].usable, r.rows.v[i].state);
		ck_assert_uint_eq(heap.chunks.n, r.rows.n);
		ck_assert_uint_eq(heap.totals.foreign, r.foreign);
		array_deinit(&r.rows);
		heap_deinit(&heap);
		image_builder_deinit(&r.b);
	}
}
END_TEST

/* ---- what is told besides ---- */

START_TEST(allocators_are_described)
{
	struct image_builder b;
	struct heap heap;
	const char *module, *version, *offsets;

	image_builder_init(&b, GLIBC_2_34);
	ck_assert_uint_eq(glibc_count(b.glibc), 1);
	glibc_describe(b.glibc, 0, &module, &version, &offsets);
	ck_assert_str_eq(module, "/usr/lib/libc.so.6");
	ck_assert_str_eq(version, "2.32–2.34");
	ck_assert_str_eq(offsets, "as built");
	b.glibc->instances.v[0].version = xstrdup("2.33");
	glibc_describe(b.glibc, 0, &module, &version, &offsets);
	ck_assert_str_eq(version, "2.33");
	walk_image(&b, &heap);
	ck_assert_uint_eq(heap.allocators.n, 1);
	ck_assert_str_eq(heap.allocators.v[0].name, "glibc");
	ck_assert_str_eq(heap.allocators.v[0].version, "2.33");
	ck_assert_str_eq(heap.allocators.v[0].offsets, "as built");
	heap_deinit(&heap);
	image_builder_deinit(&b);
}
END_TEST

START_TEST(without_an_allocator_there_is_nothing)
{
	struct target *target = target_create(TARGET_CORE);
	struct glibc *glibc = xcalloc(1, sizeof(*glibc));
	struct heap heap;

	image_seal(&target->image);
	glibc_walk(glibc, target, &heap, NULL);
	ck_assert_uint_eq(heap.allocators.n, 0);
	ck_assert_uint_eq(heap.checks.n, 0);
	ck_assert(!heap_is_exact(&heap));
	ck_assert_ptr_null(heap_verify(&heap));
	heap_deinit(&heap);
	glibc_destroy(glibc);
	glibc_destroy(NULL);
	target_destroy(target);
}
END_TEST

START_TEST(threads_inside_malloc_are_flagged)
{
	struct image_builder b;
	struct heap heap;
	bool *inside;

	// Of a live target the quiesce step knows.
	everything(&b, GLIBC_2_36);
	array_append(&b.glibc->inside, FIRST_TID + 1);
	array_append(&b.glibc->inside, 4242);
	image_builder_seal(&b);
	glibc_walk(b.glibc, b.target, &heap, &inside);
	expect_failed(&heap, "threads");
	expect_failures(&heap, "threads", 1);
	ck_assert(!inside[0]);
	ck_assert(inside[1]);
	free(inside);
	heap_deinit(&heap);
	image_builder_deinit(&b);

	// Of a core its registers tell.
	everything(&b, GLIBC_2_36);
	for (size_t i = 0; i < 2; i++) {
		b.target->threads.v[i].has_registers = true;
		b.target->threads.v[i].pc = i ? LIBC_CODE + LIBC_CODE_SIZE : LIBC_CODE + 0x123;
	}
	image_builder_seal(&b);
	glibc_walk(b.glibc, b.target, &heap, &inside);
	expect_failed(&heap, "threads");
	ck_assert(inside[0]);
	ck_assert(!inside[1]);
	free(inside);
	heap_deinit(&heap);
	image_builder_deinit(&b);
}
END_TEST

#define IMAGE_FUNCTION(name) image_##name,
UNIT_SUITE("glibc", IMAGES(IMAGE_FUNCTION) every_image_is_tested,
	   the_loader_says_which_line_it_does_not_understand, a_process_with_everything,
	   any_page_may_be_missing, any_word_may_be_overwritten, random_processes_are_found_exactly,
	   allocators_are_described, without_an_allocator_there_is_nothing,
	   threads_inside_malloc_are_flagged)
