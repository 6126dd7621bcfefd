/* SPDX-License-Identifier: MIT */
/* Names that people type, and what lies where in a chunk by its label's parts. */
#include "types/labels.h"

#include <string.h>

#include "base/cleanup.h"
#include "snapshot_builder.h"
#include "types_builder.h"
#include "unit.h"

static void names_add(struct types *types, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		array_append(&types->labels, (struct chunk_label){ .name = xstrdup(names[i]), .type = TYPE_NONE, .is_type = i && names[i][0] != '(' });
}

START_TEST(a_name_is_found_as_it_is_meant)
{
	static const char *const names[] = { "unknown", "struct conn", "struct conn[]", "net::Conn<a::b>", "old::Conn<a::b>", "Row", "db::Row", "union value", "db::Table", "(zeros)", "class conn" };
	struct types types = { .is_built = true };
	label_id found[4];

	types_allocate(&types, 0);
	names_add(&types, names, sizeof(names) / sizeof(*names));
	ck_assert_uint_eq(labels_find(&types, "struct conn", found, 4), 1);
	ck_assert_uint_eq(found[0], 1);
	ck_assert_uint_eq(labels_find(&types, "conn[]", found, 4), 1);
	ck_assert_uint_eq(found[0], 2);
	// The very name before what only ends so.
	ck_assert_uint_eq(labels_find(&types, "Row", found, 4), 1);
	ck_assert_uint_eq(found[0], 5);
	ck_assert_uint_eq(labels_find(&types, "Table", found, 4), 1);
	ck_assert_uint_eq(found[0], 8);
	ck_assert_uint_eq(labels_find(&types, "value", found, 4), 1);
	ck_assert_uint_eq(found[0], 7);
	// Two that are meant alike, and no more of them than there is room for.
	ck_assert_uint_eq(labels_find(&types, "conn", found, 1), 2);
	ck_assert_uint_eq(found[0], 1);
	ck_assert_uint_eq(labels_find(&types, "Conn<a::b>", found, 4), 2);
	ck_assert_uint_eq(found[1], 4);
	// A look is only found by its very name; what nothing is known of by none.
	ck_assert_uint_eq(labels_find(&types, "(zeros)", found, 4), 1);
	ck_assert_uint_eq(labels_find(&types, "unknown", found, 4), 0);
	ck_assert_uint_eq(labels_find(&types, "b>", found, 4), 0);
	ck_assert_uint_eq(labels_find(&types, "con", found, 4), 0);
	types_deinit(&types);
}
END_TEST

/* A chunk of the sample with a usable size. */
static chunk_id chunk_of(const struct snapshot *snapshot, uint64_t usable)
{
	const struct chunks *chunks = &snapshot->heap.chunks;
	chunk_id chunk = 0;

	while (chunks->state[chunk] != CHUNK_IN_USE || chunk_usable(chunks, chunk) != usable)
		chunk++;
	return chunk;
}

static void lies_at(const struct snapshot *snapshot, chunk_id chunk, uint64_t offset, bool any, const char *expected)
{
	_cleanup_free_ char *path = chunk_path(&snapshot->types, &snapshot->heap.chunks, chunk, offset, any);

	ck_assert_msg(!strcmp(path, expected), "+0x%llx is %s, not %s", (unsigned long long)offset, path, expected);
}

START_TEST(paths_lead_to_what_lies_there)
{
	struct snapshot snapshot;
	size_t n;

	sample_snapshot(&snapshot);
	types_add(&snapshot);

	chunk_id session = chunk_of(&snapshot, 88), table = chunk_of(&snapshot, 66520), other = chunk_of(&snapshot, 24);

	lies_at(&snapshot, session, 0, false, ".next");
	lies_at(&snapshot, session, 9, false, ".phase");
	lies_at(&snapshot, session, 24, false, ".li\x1bnk.previous");
	lies_at(&snapshot, session, 34, false, ".name[2]");
	lies_at(&snapshot, session, 34, true, ".name[]");
	lies_at(&snapshot, session, 64, true, ".slots[].buffer");
	lies_at(&snapshot, session, 86, false, ".slots[1].buffer");
	lies_at(&snapshot, session, 13, false, "");
	lies_at(&snapshot, table, 24, false, "[3]");
	lies_at(&snapshot, other, 0, false, "");

	_cleanup_free_ char *member = chunk_member(&snapshot.types, &snapshot.heap.chunks, session, 0);

	ck_assert_str_eq(member, "session.next");

	_cleanup_free_ char *gap = chunk_member(&snapshot.types, &snapshot.heap.chunks, session, 13);

	ck_assert_str_eq(gap, "session at +0xd");
	ck_assert_ptr_null(chunk_member(&snapshot.types, &snapshot.heap.chunks, other, 0));

	// As many as there is room for, and behind a header.
	uint64_t start;

	ck_assert_uint_eq(chunk_elements(&snapshot.types, &snapshot.heap.chunks, table, &start), 66520 / 8);
	ck_assert_uint_eq(start, 0);
	snapshot.types.form[table] = FORM_COUNTED;
	ck_assert_uint_eq(chunk_elements(&snapshot.types, &snapshot.heap.chunks, table, &start), 66512 / 8);
	ck_assert_uint_eq(start, 8);
	lies_at(&snapshot, table, 24, false, "[2]");
	lies_at(&snapshot, table, 0, false, "");
	snapshot.types.form[session] = FORM_BEHIND;
	snapshot.types.header = 16;
	lies_at(&snapshot, session, 16, false, ".next");
	lies_at(&snapshot, session, 8, false, "");

	const struct type_part *parts = label_parts(&snapshot.types, LABEL_SESSION, &n);

	ck_assert_uint_eq(n, 14);
	ck_assert_str_eq(part_constant(&snapshot.types, &parts[2], 1), "PHASE_READ");
	ck_assert_ptr_null(part_constant(&snapshot.types, &parts[2], 7));
	ck_assert_ptr_null(label_parts(&snapshot.types, LABEL_PLACE, &n));
	ck_assert_uint_eq(n, 0);
	ck_assert_ptr_nonnull(label_sites(&snapshot.types, LABEL_REQUEST, &n));
	ck_assert_uint_eq(n, 2);
	ck_assert_ptr_null(label_sites(&snapshot.types, LABEL_BYTES, &n));
	snapshot_deinit(&snapshot);
}
END_TEST

UNIT_SUITE("labels", a_name_is_found_as_it_is_meant, paths_lead_to_what_lies_there)
