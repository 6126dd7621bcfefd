/* SPDX-License-Identifier: MIT */
/*
 * What a test expects of a walk: rows, findings, failed checks. Every walk is verified (heap_verify), as every test should.
 */
#ifndef TESTS_UNIT_HEAP_EXPECT_H
#define TESTS_UNIT_HEAP_EXPECT_H

#include <check.h>

#include "image_builder.h"

static inline const char *finding_kind_name(enum finding_kind kind)
{
	return kind == FINDING_CORRUPTION  ? "corruption"
	       : kind == FINDING_AMBIGUOUS ? "ambiguous"
					   : "missing";
}

/* All that a walk said, for the message of a test that fails. */
static inline void heap_print(const struct heap *heap)
{
	for (size_t i = 0; i < heap->chunks.n; i++)
		fprintf(stderr, "# chunk %" PRIx64 " %" PRIx64 " %s\n", heap->chunks.mem[i],
			chunk_usable(&heap->chunks, i),
			chunk_state_name((enum chunk_state)heap->chunks.state[i]));
	for (size_t i = 0; i < heap->findings.n; i++)
		fprintf(stderr, "# %s %" PRIx64 ": %s\n",
			finding_kind_name(heap->findings.v[i].kind), heap->findings.v[i].address,
			heap->findings.v[i].text);
	for (size_t i = 0; i < heap->checks.n; i++)
		if (heap->checks.v[i].result == CHECK_FAILED)
			fprintf(stderr, "# failed %s: %s\n", heap->checks.v[i].name,
				heap->checks.v[i].detail ? heap->checks.v[i].detail : "");
	fprintf(stderr, "# foreign %" PRIx64 ", unwalked %" PRIx64 "\n", heap->totals.foreign,
		heap->totals.unwalked);
}

/* Seals the image and walks it. */
static inline void walk_image(struct image_builder *b, struct heap *ret)
{
	image_builder_seal(b);
	glibc_walk(b->glibc, b->target, ret, NULL);

	char *complaint = heap_verify(ret);

	if (complaint)
		heap_print(ret);
	ck_assert_msg(!complaint, "heap_verify: %s", complaint);
}

/* The row of a chunk, by the pointer the program holds. */
static inline void expect_chunk(const struct heap *heap, vaddr mem, uint64_t usable,
				enum chunk_state state)
{
	chunk_id id = chunks_at(&heap->chunks, mem);

	if (id == CHUNK_NONE)
		heap_print(heap);
	ck_assert_msg(id != CHUNK_NONE, "no chunk at 0x%" PRIx64, mem);
	ck_assert_msg(chunk_usable(&heap->chunks, id) == usable,
		      "chunk at 0x%" PRIx64 " has 0x%" PRIx64 " bytes, not 0x%" PRIx64, mem,
		      chunk_usable(&heap->chunks, id), usable);
	ck_assert_msg(heap->chunks.state[id] == state, "chunk at 0x%" PRIx64 " is %s, not %s", mem,
		      chunk_state_name((enum chunk_state)heap->chunks.state[id]),
		      chunk_state_name(state));
}

static inline void expect_no_chunk(const struct heap *heap, vaddr mem)
{
	ck_assert_msg(chunks_at(&heap->chunks, mem) == CHUNK_NONE, "there is a chunk at 0x%" PRIx64,
		      mem);
}

static inline void expect_state(const struct heap *heap, vaddr mem, enum chunk_state state)
{
	chunk_id id = chunks_at(&heap->chunks, mem);

	ck_assert_msg(id != CHUNK_NONE, "no chunk at 0x%" PRIx64, mem);
	expect_chunk(heap, mem, chunk_usable(&heap->chunks, id), state);
}

/* The check fails, with that many items. */
static inline void expect_failures(const struct heap *heap, const char *name, uint64_t failures)
{
	for (size_t i = 0; i < heap->checks.n; i++)
		if (strcmp(heap->checks.v[i].name, name) == 0) {
			ck_assert_msg(heap->checks.v[i].failures == failures,
				      "check %s has %" PRIu64 " failures, not %" PRIu64, name,
				      heap->checks.v[i].failures, failures);
			ck_assert_int_eq(heap->checks.v[i].result,
					 failures ? CHECK_FAILED : CHECK_PASSED);
			ck_assert(!failures == !heap->checks.v[i].detail);
			return;
		}
	ck_abort_msg("there is no check %s", name);
}

/* Exactly the named checks fail: « bins sizes », "" for none. */
static inline void expect_failed(const struct heap *heap, const char *names)
{
	char failed[256] = " ", wanted[256];

	for (size_t i = 0; i < heap->checks.n; i++)
		if (heap->checks.v[i].result == CHECK_FAILED) {
			strcat(failed, heap->checks.v[i].name);
			strcat(failed, " ");
		}
	snprintf(wanted, sizeof(wanted), " %s%s", names, *names ? " " : "");
	if (strcmp(failed, wanted))
		heap_print(heap);
	ck_assert_msg(!strcmp(failed, wanted), "failed checks:%s, not:%s", failed, wanted);
}

/* How many findings of a kind there are about an address. */
static inline size_t findings_about(const struct heap *heap, enum finding_kind kind, vaddr address)
{
	size_t n = 0;

	for (size_t i = 0; i < heap->findings.n; i++)
		n += heap->findings.v[i].kind == kind && heap->findings.v[i].address == address;
	return n;
}

/* One finding about an address, whose text has some words in it. Give the number of all findings too. */
static inline void expect_finding(const struct heap *heap, size_t n, enum finding_kind kind,
				  vaddr address, const char *words)
{
	if (heap->findings.n != n || findings_about(heap, kind, address) != 1)
		heap_print(heap);
	ck_assert_uint_eq(heap->findings.n, n);
	ck_assert_uint_eq(findings_about(heap, kind, address), 1);
	for (size_t i = 0; i < heap->findings.n; i++) {
		const struct heap_finding *finding = &heap->findings.v[i];

		if (finding->kind != kind || finding->address != address)
			continue;
		ck_assert_msg(strstr(finding->text, words), "«%s» does not say «%s»", finding->text,
			      words);
		ck_assert_ptr_null(strchr(finding->text, '\n'));
	}
}

/* No finding, no failed check. */
static inline void expect_exact(const struct heap *heap)
{
	if (!heap_is_exact(heap))
		heap_print(heap);
	ck_assert(heap_is_exact(heap));
}

#endif
