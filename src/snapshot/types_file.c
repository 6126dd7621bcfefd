/* SPDX-License-Identifier: MIT */
#include "snapshot/types_file.h"

#include <errno.h>
#include <sqlite3.h>

#include "base/alloc.h"
#include "snapshot/columns.h"

enum {
	/** What a chunk's label, place, confidence, evidence and form take in memory. Units: bytes. */
	CHUNK_COST = 11,
	CONFIDENCE_MAX = 100,
};

static const struct types *types_of(const void *context)
{
	return &((const struct snapshot *)context)->types;
}

static bool put_labels(label_id *labels, size_t n_labels, size_t first, size_t n, const uint64_t *values)
{
	for (size_t i = 0; i < n; i++) {
		if (values[i] >= n_labels)
			return false;
		labels[first + i] = (label_id)values[i];
	}
	return true;
}

static bool put_bytes(uint8_t *bytes, uint64_t max, size_t first, size_t n, const uint64_t *values)
{
	for (size_t i = 0; i < n; i++) {
		if (values[i] > max)
			return false;
		bytes[first + i] = (uint8_t)values[i];
	}
	return true;
}

static void get_type(const void *context, size_t first, size_t n, uint64_t *values)
{
	for (size_t i = 0; i < n; i++)
		values[i] = types_of(context)->label[first + i];
}

static bool put_type(void *context, size_t first, size_t n, const uint64_t *values)
{
	struct types *types = &((struct snapshot *)context)->types;

	return put_labels(types->label, types->labels.n, first, n, values);
}

static void get_role(const void *context, size_t first, size_t n, uint64_t *values)
{
	for (size_t i = 0; i < n; i++)
		values[i] = types_of(context)->role[first + i];
}

static bool put_role(void *context, size_t first, size_t n, const uint64_t *values)
{
	struct types *types = &((struct snapshot *)context)->types;

	return put_labels(types->role, types->labels.n, first, n, values);
}

static void get_confidence(const void *context, size_t first, size_t n, uint64_t *values)
{
	for (size_t i = 0; i < n; i++)
		values[i] = types_of(context)->confidence[first + i];
}

static bool put_confidence(void *context, size_t first, size_t n, const uint64_t *values)
{
	return put_bytes(((struct snapshot *)context)->types.confidence, CONFIDENCE_MAX, first, n, values);
}

static void get_evidence(const void *context, size_t first, size_t n, uint64_t *values)
{
	for (size_t i = 0; i < n; i++)
		values[i] = types_of(context)->evidence[first + i];
}

static bool put_evidence(void *context, size_t first, size_t n, const uint64_t *values)
{
	return put_bytes(((struct snapshot *)context)->types.evidence, EVIDENCES - 1, first, n, values);
}

static void get_form(const void *context, size_t first, size_t n, uint64_t *values)
{
	for (size_t i = 0; i < n; i++)
		values[i] = types_of(context)->form[first + i];
}

static bool put_form(void *context, size_t first, size_t n, const uint64_t *values)
{
	return put_bytes(((struct snapshot *)context)->types.form, FORMS - 1, first, n, values);
}

static const struct column_kind form_column = { "chunk.form", get_form, put_form };

static const struct column_kind columns[] = {
	{ "chunk.type", get_type, put_type },
	{ "chunk.role", get_role, put_role },
	{ "chunk.confidence", get_confidence, put_confidence },
	{ "chunk.evidence", get_evidence, put_evidence },
};

enum { COLUMNS = sizeof(columns) / sizeof(*columns) };

struct error *types_write(struct sqlite3 *db, const struct snapshot *snapshot)
{
	struct error *error = NULL;

	for (size_t i = 0; snapshot->types.is_built && !error && i < COLUMNS; i++)
		error = column_write(db, &columns[i], snapshot->heap.chunks.n, snapshot);
	if (!error && snapshot->types.has_forms)
		error = column_write(db, &form_column, snapshot->heap.chunks.n, snapshot);
	return error;
}

/* What the rows of labels say must be so that it can be looked up. */
static struct error *labels_check(const struct types *types)
{
	for (size_t i = 0; i < types->parts.n; i++)
		if (types->parts.v[i].label >= types->labels.n || (i && types->parts.v[i].label < types->parts.v[i - 1].label))
			return error_create(ERROR_FORMAT, "row %zu of type_members is of no label, or out of order", i);
	for (size_t i = 0; i < types->sites.n; i++)
		if (types->sites.v[i].label >= types->labels.n || (i && types->sites.v[i].label < types->sites.v[i - 1].label))
			return error_create(ERROR_FORMAT, "row %zu of type_sites is of no label, or out of order", i);
	return NULL;
}

struct error *types_read(struct sqlite3 *db, unsigned parts, uint64_t memory, struct snapshot *snapshot)
{
	struct types *types = &snapshot->types;
	size_t n = snapshot->heap.chunks.n;
	struct error *error = NULL;

	if (!types->is_built || !(parts & SNAPSHOT_TYPES)) {
		types_deinit(types);
		return NULL;
	}
	if (!types->labels.n)
		return error_create(ERROR_FORMAT, "it has types without labels");
	if (n > memory / CHUNK_COST)
		return error_os(ENOMEM, "the types of its %zu chunks", n);
	error = labels_check(types);
	types_allocate(types, n);
	for (size_t i = 0; !error && i < COLUMNS; i++)
		error = column_read(db, &columns[i], n, snapshot);
	// Files of earlier versions have none.
	if (!error && types->has_forms)
		error = column_read(db, &form_column, n, snapshot);
	return error;
}
