/* SPDX-License-Identifier: MIT */
/*
 * Types for the chunks of a sample: those of 88 bytes are struct session, those of 1,032 are struct request with a name that would do harm to a terminal, the mapping is an array of char; the
 * others have a place, or nothing.
 */
#ifndef TESTS_UNIT_TYPES_BUILDER_H
#define TESTS_UNIT_TYPES_BUILDER_H

#include "base/alloc.h"
#include "snapshot/snapshot.h"

enum {
	LABEL_SESSION = 1,
	LABEL_REQUEST,
	LABEL_BYTES,
	LABEL_TABLE,
	LABEL_PLACE,
};

static inline void part_add(struct types *types, label_id label, uint32_t depth, uint64_t offset, uint64_t size, uint64_t count, enum part_kind kind, const char *type,
			    const char *name)
{
	array_append(&types->parts, (struct type_part){ .label = label,
							.depth = depth,
							.offset = offset,
							.size = size,
							.count = count,
							.is_array = count != 1,
							.constants = kind == PART_ENUM ? 0 : UINT32_MAX,
							.kind = kind,
							.name = xstrdup(name),
							.type = xstrdup(type) });
}

static inline void types_add(struct snapshot *snapshot)
{
	static const char *const labels[] = { "unknown", "struct session", "struct req\x1b[31muest", "char[]", "struct session *[]", "← sessions.buckets" };
	const struct chunks *chunks = &snapshot->heap.chunks;
	struct types *types = &snapshot->types;

	*types = (struct types){ .is_built = true, .has_debug = true, .has_forms = true };
	types_allocate(types, chunks->n);
	for (unsigned i = 0; i < sizeof(labels) / sizeof(*labels); i++)
		array_append(&types->labels, (struct chunk_label){ .name = xstrdup(labels[i]), .type = TYPE_NONE, .is_type = i && i != LABEL_PLACE });
	for (chunk_id i = 0; i < chunks->n; i++) {
		uint64_t usable = chunk_usable(chunks, i);

		if (chunks->state[i] != CHUNK_IN_USE)
			continue;
		types->form[i] = FORM_ONE;
		types->confidence[i] = 90;
		types->evidence[i] = EVIDENCE_POINTER;
		types->role[i] = usable == 88 ? LABEL_PLACE : 0;
		if (usable == 88) {
			types->label[i] = LABEL_SESSION;
			types->evidence[i] = i % 5 ? EVIDENCE_POINTER : EVIDENCE_FLOW;
			types->confidence[i] = i % 5 ? 90 : 75;
		} else if (usable == 1032) {
			types->label[i] = LABEL_REQUEST;
		} else if (usable == 66520) {
			types->label[i] = LABEL_TABLE;
			types->form[i] = FORM_ARRAY;
		} else if (usable > 1 << 20) {
			types->label[i] = LABEL_BYTES;
			types->form[i] = FORM_ARRAY;
			types->evidence[i] = EVIDENCE_CONTENT;
			types->confidence[i] = 50;
		} else {
			types->label[i] = usable == 248 ? LABEL_PLACE : 0;
			types->evidence[i] = usable == 248 ? EVIDENCE_ROLE : EVIDENCE_NONE;
			types->confidence[i] = 0;
		}
	}
	part_add(types, LABEL_SESSION, 0, 0, 88, 1, PART_STRUCT, "struct session", "");
	part_add(types, LABEL_SESSION, 1, 0, 8, 1, PART_POINTER, "struct session *", "next");
	part_add(types, LABEL_SESSION, 1, 8, 4, 1, PART_ENUM, "enum phase", "phase");
	part_add(types, LABEL_SESSION, 1, 12, 1, 1, PART_BOOL, "_Bool", "alive");
	part_add(types, LABEL_SESSION, 1, 16, 16, 1, PART_STRUCT, "struct link", "li\x1bnk");
	part_add(types, LABEL_SESSION, 2, 16, 8, 1, PART_POINTER, "struct link *", "next");
	part_add(types, LABEL_SESSION, 2, 24, 8, 1, PART_POINTER, "struct link *", "previous");
	part_add(types, LABEL_SESSION, 1, 32, 1, 16, PART_CHAR, "char", "name");
	part_add(types, LABEL_SESSION, 1, 48, 8, 1, PART_FUNCTION, "function *", "on_close");
	part_add(types, LABEL_SESSION, 1, 56, 4, 1, PART_UNSIGNED, "unsigned int", "flags");
	part_add(types, LABEL_SESSION, 1, 60, 4, 1, PART_FLOAT, "float", "load");
	part_add(types, LABEL_SESSION, 1, 64, 16, 1, PART_STRUCT, "struct slot", "slots");
	types->parts.v[types->parts.n - 1].is_array = true;
	part_add(types, LABEL_SESSION, 2, 64, 8, 1, PART_POINTER, "struct buffer *", "buffer");
	part_add(types, LABEL_SESSION, 2, 72, 4, 1, PART_SIGNED, "int", "length");
	part_add(types, LABEL_REQUEST, 0, 0, 1032, 1, PART_STRUCT, "struct req\x1b[31muest", "");
	part_add(types, LABEL_REQUEST, 1, 0, 8, 1, PART_POINTER, "struct request *", "next");
	part_add(types, LABEL_BYTES, 0, 0, 1, 1, PART_CHAR, "char", "");
	part_add(types, LABEL_TABLE, 0, 0, 8, 1, PART_POINTER, "struct session *", "");
	array_append(&types->constants, (struct type_constant){ 0, 0, xstrdup("PHASE_IDLE") });
	array_append(&types->constants, (struct type_constant){ 0, 1, xstrdup("PHASE_READ") });
	array_append(&types->sites, (struct type_site){ .label = LABEL_SESSION,
							.confidence = 90,
							.size = 88,
							.function = xstrdup("session_make"),
							.source = xstrdup("session.c:45"),
							.allocator = xstrdup("calloc") });
	array_append(&types->sites, (struct type_site){ .label = LABEL_REQUEST, .confidence = 60, .size = UINT64_MAX, .function = xstrdup("request_\x1bmake"), .allocator = xstrdup("xmalloc") });
	array_append(&types->sites, (struct type_site){ .label = LABEL_REQUEST, .confidence = 50, .size = UINT64_MAX, .function = xstrdup("request_copy"), .source = xstrdup("copy.c:9") });
}

#endif
