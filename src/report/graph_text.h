/* SPDX-License-Identifier: MIT */
/*
 * Words that the reports on the graph share: sizes of chunks, outlines as trees, and what was not there to be looked at.
 */
#ifndef HEAPSNAP_REPORT_GRAPH_TEXT_H
#define HEAPSNAP_REPORT_GRAPH_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include "base/array.h"
#include "graph/outline.h"
#include "report/writer.h"
#include "snapshot/snapshot.h"

/** The size of one chunk as a name: «1,032 B», «2.5 MiB». Owner: the caller. */
char *size_text(const struct writer *writer, uint64_t bytes);

/** What a chunk is, by the inference of types, else by Python alone; NULL when it is not known. Owner: the caller; unescaped. */
char *chunk_type(const struct snapshot *snapshot, chunk_id chunk);

/** A chunk as a name: its size, and what it is where that is known: «40 B, struct node». Owner: the caller; escaped. */
char *chunk_text(const struct writer *writer, const struct snapshot *snapshot, chunk_id chunk);

/** What lies at an offset of a chunk, by its type: «.peer», «[3].next»; NULL when that is not known. Owner: the caller; unescaped. */
char *member_text(const struct snapshot *snapshot, chunk_id chunk, uint64_t offset);

/** Where chunks of a label are allocated, as code tells it: «conn_make (conn.c:12)», «a (x.c:1), b (x.c:9) or 3 other places»; NULL when that is not known. Owner: the caller; unescaped. */
char *sites_phrase(const struct snapshot *snapshot, label_id label);

/** One of these: «conn_make (conn.c:12)». Owner: the caller; unescaped. */
char *site_phrase(const struct type_site *site);

/** What a suspect fans out to, as one thing. */
struct suspect_children {
	/** The type that has most of it; 0 where none has half. */
	label_id label;
	/** Usable size of each, 0 for several. */
	uint64_t usable;
	uint64_t count;
	/** One of them, CHUNK_NONE without any. */
	chunk_id example;
};

/** Finds that. Without types it is what the suspect says. Cost: linear in chunks. */
struct suspect_children suspect_children(const struct snapshot *snapshot, const struct suspect *suspect);

/** «→», or «->» where there is no UTF-8. Borrowed: for ever. */
const char *arrow(const struct writer *writer);

/** «+0x18», «[]» for an array, nothing for what needs no offset. Owner: the caller. */
char *offset_text(uint64_t offset);

/** The nodes of an outline in the order of a tree, each parent's children by bytes with all below, most first; those at the top too. Owner: the caller. */
uint32_t *outline_order(const struct outline *outline);

/** Says what could not be looked at, where something could not: then a chunk may be called leaked that is not. */
void print_unread(struct writer *writer, const struct snapshot *snapshot);

/** The words of a chunk as far as the snapshot has its bytes: offset, number, text, and the chunk a pointer leads to. At most `limit` bytes in text. */
void print_words(struct writer *writer, const struct snapshot *snapshot, chunk_id chunk, size_t limit);

#endif
