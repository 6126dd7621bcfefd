/* SPDX-License-Identifier: MIT */
#include "snapshot/schema.h"

#include <assert.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "heap/sizes.h"
#include "snapshot/database.h"

#define N(array) (sizeof(array) / sizeof(*(array)))

enum {
	FIELDS_MAX = 32,
	/** Page sizes that systems have. Units: bytes. */
	PAGE_MIN = 4096,
	PAGE_MAX = 65536,
};

/* ---- what stands where ---- */

static const char *const snapshot_kinds[] = {
	[SNAPSHOT_LIVE] = "live", [SNAPSHOT_CORE] = "core", NULL
};
static const char *const machines[] = { "x86-64", "aarch64", NULL };
static const char *const place_kinds[] = { [PLACE_MODULE] = "module",
					   [PLACE_VARIABLE] = "variable",
					   [PLACE_THREAD] = "thread",
					   [PLACE_REGISTER] = "register",
					   [PLACE_FRAME] = "frame",
					   [PLACE_TLS] = "tls",
					   [PLACE_DESCRIPTOR] = "descriptor",
					   [PLACE_MAPPING] = "mapping",
					   [PLACE_LIBC] = "libc",
					   [PLACE_LEAKED] = "leaked",
					   NULL };
static const char *const hits[] = {
	[HIT_START] = "start", [HIT_KNOWN] = "known", [HIT_INTERIOR] = "interior", NULL
};
static const char *const source_kinds[] = {
	[SOURCE_SEGMENT] = "segment", [SOURCE_HEAP] = "heap", NULL
};
static const char *const check_results[] = {
	[CHECK_PASSED] = "passed", [CHECK_FAILED] = "failed", [CHECK_SKIPPED] = "skipped", NULL
};
static const char *const finding_kinds[] = { [FINDING_CORRUPTION] = "corruption",
					     [FINDING_AMBIGUOUS] = "ambiguous",
					     [FINDING_MISSING] = "missing",
					     NULL };

static const char *const roles[] = { [PY_FOREIGN] = "foreign",
				     [PY_OBJECT] = "object",
				     [PY_TABLE] = "table",
				     [PY_NATIVE] = "native",
				     [PY_CACHED] = "cached",
				     [PY_INTERPRETER] = "interpreter",
				     [PY_UNKNOWN] = "unknown",
				     NULL };

#define S(member) offsetof(struct snapshot, member)

const struct field schema_meta[] = {
	{ "kind", FIELD_WORD, S(kind), snapshot_kinds },
	{ "pid", FIELD_I32, S(pid), NULL },
	{ "name", FIELD_TEXT, S(name), NULL },
	{ "exe", FIELD_TEXT, S(exe), NULL },
	{ "command", FIELD_TEXT, S(command), NULL },
	{ "core", FIELD_TEXT, S(core), NULL },
	{ "start_ticks", FIELD_U64, S(start_ticks), NULL },
	{ "boot_id", FIELD_TEXT, S(boot_id), NULL },
	{ "signal", FIELD_I32, S(signal), NULL },
	{ "fault_address", FIELD_U64, S(fault_address), NULL },
	{ "time", FIELD_I64, S(time), NULL },
	{ "machine", FIELD_STATIC, S(machine), machines },
	{ "page_size", FIELD_U32, S(page_size), NULL },
	{ "pause_ns", FIELD_U64, S(pause_ns), NULL },
	{ "copy_ns", FIELD_U64, S(copy_ns), NULL },
	{ "quiesce_ns", FIELD_U64, S(quiesce_ns), NULL },
	{ "copied_bytes", FIELD_U64, S(copied_bytes), NULL },
	{ "steps", FIELD_U64, S(steps), NULL },
	{ "threads_stepped", FIELD_U64, S(threads_stepped), NULL },
	{ "spooled", FIELD_FLAG, S(spooled), NULL },
	{ "held_by_debugger", FIELD_FLAG, S(held_by_debugger), NULL },
	{ "analysis_ns", FIELD_U64, S(analysis_ns), NULL },
	{ "trimmable_resident", FIELD_U64, S(trimmable_resident), NULL },
	{ "foreign_allocator", FIELD_TEXT, S(foreign_allocator), NULL },
	{ "allocator_evidence", FIELD_TEXT, S(allocator_evidence), NULL },
	{ "runtime", FIELD_TEXT, S(runtime), NULL },
	{ "findings_dropped", FIELD_U64, S(heap.findings_dropped), NULL },
	{ "leaked_place", FIELD_INDEX, S(graph.leaked), NULL },
	{ "tagged_top_byte", FIELD_FLAG, S(graph.options.pointers.tagged_top_byte), NULL },
	{ "unaligned", FIELD_FLAG, S(graph.options.pointers.unaligned), NULL },
	{ "unread_chunk_bytes", FIELD_U64, S(graph.unread_chunks), NULL },
	{ "unread_root_bytes", FIELD_U64, S(graph.unread_roots), NULL },
	{ "refused_edges", FIELD_U64, S(graph.refused), NULL },
	{ "python_unreachable", FIELD_FLAG, S(python.has_unreachable), NULL },
	{ "has_types", FIELD_FLAG, S(types.is_built), NULL },
	{ "has_debug", FIELD_FLAG, S(types.has_debug), NULL },
	{ "has_type_forms", FIELD_FLAG, S(types.has_forms), NULL },
	{ "type_header", FIELD_U32, S(types.header), NULL },
	{ "found_edges", FIELD_U64, S(graph.n_edges), NULL },
};
const size_t schema_n_meta = N(schema_meta);

#define M(member) offsetof(struct snapshot_module, member)
static const struct field module_fields[] = {
	{ "path", FIELD_TEXT, M(path), NULL },
	{ "start", FIELD_U64, M(start), NULL },
	{ "end", FIELD_U64, M(end), NULL },
	{ "build_id", FIELD_TEXT, M(build_id), NULL },
	{ "why_absent", FIELD_TEXT, M(why_absent), NULL },
	{ "debug", FIELD_TEXT, M(debug), NULL },
	{ "replaced", FIELD_FLAG, M(replaced), NULL },
};

#define T(member) offsetof(struct snapshot_thread, member)
static const struct field thread_fields[] = {
	{ "tid", FIELD_I32, T(tid), NULL },
	{ "name", FIELD_NAME16, T(name), NULL },
	{ "pc", FIELD_U64, T(pc), NULL },
	{ "sp", FIELD_U64, T(sp), NULL },
	{ "in_malloc", FIELD_FLAG, T(in_malloc), NULL },
};

#define AL(member) offsetof(struct heap_allocator, member)
static const struct field allocator_fields[] = {
	{ "name", FIELD_STRING, AL(name), NULL },
	{ "version", FIELD_STRING, AL(version), NULL },
	{ "module", FIELD_STRING, AL(module), NULL },
	{ "offsets", FIELD_STRING, AL(offsets), NULL },
	{ "n_mmaps", FIELD_U64, AL(n_mmaps), NULL },
	{ "mmapped_bytes", FIELD_U64, AL(mmapped_bytes), NULL },
	{ "found_mmaps", FIELD_U64, AL(found_mmaps), NULL },
	{ "found_mmapped_bytes", FIELD_U64, AL(found_mmapped_bytes), NULL },
};

#define A(member) offsetof(struct heap_arena, member)
static const struct field arena_fields[] = {
	{ "address", FIELD_U64, A(address), NULL },
	{ "allocator", FIELD_U32, A(allocator), NULL },
	{ "is_main", FIELD_FLAG, A(is_main), NULL },
	{ "is_pymalloc", FIELD_FLAG, A(is_pymalloc), NULL },
	{ "locked", FIELD_FLAG, A(locked), NULL },
	{ "noncontiguous", FIELD_FLAG, A(noncontiguous), NULL },
	{ "attached_threads", FIELD_U64, A(attached_threads), NULL },
	{ "system_bytes", FIELD_U64, A(system_bytes), NULL },
	{ "max_system_bytes", FIELD_U64, A(max_system_bytes), NULL },
};

#define O(member) offsetof(struct heap_source, member)
static const struct field source_fields[] = {
	{ "kind", FIELD_WORD, O(kind), source_kinds },
	{ "arena", FIELD_U32, O(arena), NULL },
	{ "start", FIELD_U64, O(start), NULL },
	{ "end", FIELD_U64, O(end), NULL },
	{ "foreign_bytes", FIELD_U64, O(totals.foreign), NULL },
	{ "unwalked_bytes", FIELD_U64, O(totals.unwalked), NULL },
};

#define TK(member) offsetof(struct heap_tcache, member)
static const struct field tcache_fields[] = {
	{ "tid", FIELD_I32, TK(tid), NULL },
	{ "address", FIELD_U64, TK(address), NULL },
	{ "count", FIELD_U64, TK(count), NULL },
	{ "bytes", FIELD_U64, TK(bytes), NULL },
};

#define C(member) offsetof(struct heap_check, member)
static const struct field check_fields[] = {
	{ "name", FIELD_STRING, C(name), NULL },
	{ "result", FIELD_WORD, C(result), check_results },
	{ "failures", FIELD_U64, C(failures), NULL },
	{ "detail", FIELD_TEXT, C(detail), NULL },
};

#define F(member) offsetof(struct heap_finding, member)
static const struct field finding_fields[] = {
	{ "kind", FIELD_WORD, F(kind), finding_kinds },
	{ "address", FIELD_U64, F(address), NULL },
	{ "arena", FIELD_INDEX, F(arena), NULL },
	{ "text", FIELD_STRING, F(text), NULL },
};

static const struct field notice_fields[] = { { "text", FIELD_STRING, 0, NULL } };

#define P(member) offsetof(struct root_place, member)
static const struct field place_fields[] = {
	{ "kind", FIELD_WORD, P(kind), place_kinds }, { "parent", FIELD_INDEX, P(parent), NULL },
	{ "name", FIELD_TEXT, P(name), NULL },	      { "module", FIELD_TEXT, P(module), NULL },
	{ "source", FIELD_TEXT, P(source), NULL },    { "start", FIELD_U64, P(start), NULL },
	{ "end", FIELD_U64, P(end), NULL },	      { "tid", FIELD_I32, P(tid), NULL },
	{ "frame", FIELD_U32, P(frame), NULL },
};

#define R(member) offsetof(struct root, member)
static const struct field root_fields[] = {
	{ "place", FIELD_U32, R(place), NULL },	  { "chunk", FIELD_U32, R(chunk), NULL },
	{ "offset", FIELD_U64, R(offset), NULL }, { "hit", FIELD_WORD, R(hit), hits },
	{ "path", FIELD_TEXT, R(path), NULL },
};

#define W(member) offsetof(struct owner, member)
static const struct field owner_fields[] = {
	{ "place", FIELD_U32, W(place), NULL },
	{ "name", FIELD_STRING, W(name), NULL },
};

#define U(member) offsetof(struct suspect, member)
static const struct field suspect_fields[] = {
	{ "place", FIELD_INDEX, U(place), NULL },
	{ "start", FIELD_INDEX, U(start), NULL },
	{ "chunk", FIELD_INDEX, U(point), NULL },
	{ "is_shared", FIELD_FLAG, U(is_shared), NULL },
	{ "retained", FIELD_U64, U(retained), NULL },
	{ "child_usable", FIELD_U64, U(child_usable), NULL },
	{ "child_count", FIELD_U64, U(child_count), NULL },
	{ "child_retained", FIELD_U64, U(child_retained), NULL },
	{ "offset", FIELD_U64, U(offset), NULL },
	{ "n_offsets", FIELD_U64, U(n_offsets), NULL },
};

#define PR(member) offsetof(struct py_runtime, member)
static const struct field runtime_fields[] = {
	{ "module", FIELD_STRING, PR(module), NULL },
	{ "version", FIELD_TEXT, PR(version), NULL },
	{ "offsets", FIELD_TEXT, PR(offsets), NULL },
	{ "why_not", FIELD_TEXT, PR(why_not), NULL },
	{ "interpreters", FIELD_U64, PR(interpreters), NULL },
	{ "threads", FIELD_U64, PR(threads), NULL },
	{ "pymalloc", FIELD_U64, PR(pymalloc.address), NULL },
	{ "arenas", FIELD_U64, PR(pymalloc.arenas), NULL },
	{ "arena_bytes", FIELD_U64, PR(pymalloc.arena_bytes), NULL },
	{ "pools", FIELD_U64, PR(pymalloc.pools), NULL },
	{ "free_pools", FIELD_U64, PR(pymalloc.free_pools), NULL },
	{ "fresh_pools", FIELD_U64, PR(pymalloc.fresh_pools), NULL },
	{ "pool_bytes", FIELD_U64, PR(pymalloc.pool_bytes), NULL },
	{ "used", FIELD_U64, PR(pymalloc.used.count), NULL },
	{ "used_bytes", FIELD_U64, PR(pymalloc.used.bytes), NULL },
	{ "free", FIELD_U64, PR(pymalloc.free.count), NULL },
	{ "free_bytes", FIELD_U64, PR(pymalloc.free.bytes), NULL },
	{ "raw", FIELD_U64, PR(pymalloc.raw_blocks), NULL },
	{ "in_motion", FIELD_U64, PR(pymalloc.in_motion), NULL },
	{ "is_debug", FIELD_FLAG, PR(pymalloc.is_debug), NULL },
	{ "gc_known", FIELD_FLAG, PR(gc.is_known), NULL },
	{ "gc_collecting", FIELD_FLAG, PR(gc.is_collecting), NULL },
	{ "generation0", FIELD_U64, PR(gc.generations[0]), NULL },
	{ "generation1", FIELD_U64, PR(gc.generations[1]), NULL },
	{ "generation2", FIELD_U64, PR(gc.generations[2]), NULL },
	{ "permanent", FIELD_U64, PR(gc.generations[3]), NULL },
	{ "garbage", FIELD_U64, PR(gc.garbage), NULL },
};

#define PC(member) offsetof(struct py_class, member)
static const struct field class_fields[] = {
	{ "address", FIELD_U64, PC(address), NULL },
	{ "name", FIELD_STRING, PC(name), NULL },
	{ "count", FIELD_U64, PC(objects.count), NULL },
	{ "object_bytes", FIELD_U64, PC(objects.bytes), NULL },
	{ "getsizeof_bytes", FIELD_U64, PC(getsizeof_bytes), NULL },
	{ "tracked", FIELD_U64, PC(tracked), NULL },
	{ "tables", FIELD_U64, PC(tables.count), NULL },
	{ "table_bytes", FIELD_U64, PC(tables.bytes), NULL },
	{ "native_chunks", FIELD_U64, PC(native.count), NULL },
	{ "native_bytes", FIELD_U64, PC(native.bytes), NULL },
	{ "unreachable", FIELD_U64, PC(unreachable.count), NULL },
	{ "unreachable_bytes", FIELD_U64, PC(unreachable.bytes), NULL },
	{ "lost", FIELD_U64, PC(lost.count), NULL },
	{ "lost_bytes", FIELD_U64, PC(lost.bytes), NULL },
};

#define PS(member) offsetof(struct py_role_sums, member)
static const struct field role_fields[] = {
	{ "role", FIELD_WORD, PS(role), roles },
	{ "chunks", FIELD_U64, PS(all.count), NULL },
	{ "bytes", FIELD_U64, PS(all.bytes), NULL },
	{ "malloc_chunks", FIELD_U64, PS(in_malloc.count), NULL },
	{ "malloc_bytes", FIELD_U64, PS(in_malloc.bytes), NULL },
	{ "unreachable", FIELD_U64, PS(unreachable.count), NULL },
	{ "unreachable_bytes", FIELD_U64, PS(unreachable.bytes), NULL },
};

#define PP(member) offsetof(struct py_path, member)
static const struct field path_fields[] = {
	{ "type", FIELD_U32, PP(class), NULL },
	{ "path", FIELD_STRING, PP(text), NULL },
	{ "count", FIELD_U64, PP(totals.count), NULL },
	{ "bytes", FIELD_U64, PP(totals.bytes), NULL },
	{ "is_named", FIELD_FLAG, PP(is_named), NULL },
};

#define PV(member) offsetof(struct py_via, member)
static const struct field via_fields[] = {
	{ "type", FIELD_U32, PV(class), NULL },
	{ "via", FIELD_STRING, PV(text), NULL },
	{ "count", FIELD_U64, PV(references), NULL },
};

#define PN(member) offsetof(struct py_named, member)
static const struct field named_fields[] = {
	{ "chunk", FIELD_U32, PN(chunk), NULL },
	{ "path", FIELD_STRING, PN(text), NULL },
};

#define PM(member) offsetof(struct py_module, member)
static const struct field python_module_fields[] = {
	{ "name", FIELD_STRING, PM(name), NULL },
	{ "chunk", FIELD_INDEX, PM(object), NULL },
	{ "dict", FIELD_INDEX, PM(dict), NULL },
};

#define L(member) offsetof(struct chunk_label, member)
static const struct field label_fields[] = {
	{ "name", FIELD_STRING, L(name), NULL },
	{ "is_type", FIELD_FLAG, L(is_type), NULL },
};

#define SY(member) offsetof(struct snapshot_symbol, member)
static const struct field symbol_fields[] = {
	{ "address", FIELD_U64, SY(address), NULL },
	{ "name", FIELD_TEXT, SY(name), NULL },
	{ "module", FIELD_STRING, SY(module), NULL },
};

static const char *const part_kinds[] = { "struct", "union", "pointer", "function", "signed", "unsigned", "char", "bool", "enum", "float", "other", NULL };

#define TP(member) offsetof(struct type_part, member)
static const struct field part_fields[] = {
	{ "label", FIELD_INDEX, TP(label), NULL },	   { "depth", FIELD_U32, TP(depth), NULL },
	{ "offset", FIELD_U64, TP(offset), NULL },	   { "size", FIELD_U64, TP(size), NULL },
	{ "count", FIELD_U64, TP(count), NULL },	   { "is_array", FIELD_FLAG, TP(is_array), NULL },
	{ "bit_size", FIELD_U32, TP(bit_size), NULL },	   { "bit_offset", FIELD_U32, TP(bit_offset), NULL },
	{ "kind", FIELD_WORD, TP(kind), part_kinds },	   { "name", FIELD_STRING, TP(name), NULL },
	{ "type", FIELD_STRING, TP(type), NULL },	   { "enumeration", FIELD_INDEX, TP(constants), NULL },
};

#define TE(member) offsetof(struct type_constant, member)
static const struct field constant_fields[] = {
	{ "enumeration", FIELD_INDEX, TE(enumeration), NULL },
	{ "value", FIELD_I64, TE(value), NULL },
	{ "name", FIELD_STRING, TE(name), NULL },
};

#define UD(member) offsetof(struct undescribed, member)
static const struct field undescribed_fields[] = {
	{ "module", FIELD_STRING, UD(module), NULL },
	{ "remedy", FIELD_TEXT, UD(remedy), NULL },
	{ "chunks", FIELD_U64, UD(chunks), NULL },
	{ "bytes", FIELD_U64, UD(bytes), NULL },
};

#define TS(member) offsetof(struct type_site, member)
static const struct field site_fields[] = {
	{ "label", FIELD_INDEX, TS(label), NULL },	  { "confidence", FIELD_U32, TS(confidence), NULL },
	{ "size", FIELD_U64, TS(size), NULL },		  { "function", FIELD_TEXT, TS(function), NULL },
	{ "source", FIELD_TEXT, TS(source), NULL },	  { "allocator", FIELD_TEXT, TS(allocator), NULL },
};

// A member more is a column more, or a reason why not.
_Static_assert(sizeof(struct snapshot_module) == 56, "struct snapshot_module has changed");
_Static_assert(sizeof(struct snapshot_thread) == 48, "struct snapshot_thread has changed");
_Static_assert(sizeof(struct heap_allocator) == 64, "struct heap_allocator has changed");
_Static_assert(sizeof(struct heap_arena) == 216, "struct heap_arena has changed");
_Static_assert(sizeof(struct heap_source) == 192, "struct heap_source has changed");
_Static_assert(sizeof(struct heap_tcache) == 32, "struct heap_tcache has changed");
_Static_assert(sizeof(struct heap_check) == 32, "struct heap_check has changed");
_Static_assert(sizeof(struct heap_finding) == 32, "struct heap_finding has changed");
_Static_assert(sizeof(struct py_class) == 112, "struct py_class has changed");
_Static_assert(sizeof(struct py_role_sums) == 56, "struct py_role_sums has changed");
_Static_assert(sizeof(struct py_path) == 32, "struct py_path has changed");
_Static_assert(sizeof(struct py_via) == 24, "struct py_via has changed");
_Static_assert(sizeof(struct py_named) == 16, "struct py_named has changed");
_Static_assert(sizeof(struct py_module) == 16, "struct py_module has changed");
_Static_assert(sizeof(struct root_place) == 56, "struct root_place has changed");
_Static_assert(sizeof(struct root) == 32, "struct root has changed");
_Static_assert(sizeof(struct owner) == 16, "struct owner has changed");
_Static_assert(sizeof(struct suspect) == 64, "struct suspect has changed");
_Static_assert(sizeof(struct chunk_label) == 16, "struct chunk_label has changed");
_Static_assert(sizeof(struct snapshot_symbol) == 24, "struct snapshot_symbol has changed");
_Static_assert(sizeof(struct type_part) == 72, "struct type_part has changed");
_Static_assert(sizeof(struct type_constant) == 24, "struct type_constant has changed");
_Static_assert(sizeof(struct type_site) == 40, "struct type_site has changed");

#define RECORD(table, fields, type, maximum, member, part)                                         \
	{                                                                                          \
		table, fields, N(fields), sizeof(type), maximum, S(member), part                   \
	}

const struct record schema_records[] = {
	RECORD("modules", module_fields, struct snapshot_module, 1 << 16, modules, 0),
	RECORD("threads", thread_fields, struct snapshot_thread, 1 << 22, threads, 0),
	RECORD("notices", notice_fields, char *, 1 << 16, notices, 0),
	RECORD("allocators", allocator_fields, struct heap_allocator, 1 << 10, heap.allocators, 0),
	RECORD("arenas", arena_fields, struct heap_arena, 1 << 16, heap.arenas, 0),
	RECORD("sources", source_fields, struct heap_source, 1 << 20, heap.sources, 0),
	RECORD("tcaches", tcache_fields, struct heap_tcache, 1 << 22, heap.tcaches, 0),
	RECORD("checks", check_fields, struct heap_check, 1 << 10, heap.checks, 0),
	RECORD("findings", finding_fields, struct heap_finding, HEAP_FINDINGS_MAX, heap.findings,
	       0),
	RECORD("places", place_fields, struct root_place, 1 << 26, graph.roots.places,
	       SNAPSHOT_GRAPH),
	RECORD("roots", root_fields, struct root, 1 << 28, graph.roots.v, SNAPSHOT_GRAPH),
	RECORD("owners", owner_fields, struct owner, 1 << 28, graph.owners.v, SNAPSHOT_OWNERS),
	RECORD("suspects", suspect_fields, struct suspect, 1 << 10, graph.suspects,
	       SNAPSHOT_DOMINATORS),
	RECORD("python_runtimes", runtime_fields, struct py_runtime, 1 << 10, python.runtimes, 0),
	RECORD("python_types", class_fields, struct py_class, 1 << 22, python.classes, 0),
	RECORD("python_roles", role_fields, struct py_role_sums, PY_ROLES, python.roles, 0),
	RECORD("python_paths", path_fields, struct py_path, 1 << 22, python.paths, 0),
	RECORD("python_vias", via_fields, struct py_via, 1 << 22, python.vias, 0),
	RECORD("python_named", named_fields, struct py_named, 1 << 16, python.named, 0),
	RECORD("python_modules", python_module_fields, struct py_module, 1 << 20, python.modules, 0),
	RECORD("labels", label_fields, struct chunk_label, 1 << 26, types.labels, SNAPSHOT_TYPES),
	RECORD("symbols", symbol_fields, struct snapshot_symbol, 1 << 20, symbols, 0),
	RECORD("type_members", part_fields, struct type_part, PARTS_MAX, types.parts, SNAPSHOT_TYPES),
	RECORD("type_constants", constant_fields, struct type_constant, PART_CONSTANTS_MAX, types.constants, SNAPSHOT_TYPES),
	RECORD("type_sites", site_fields, struct type_site, 1 << 22, types.sites, SNAPSHOT_TYPES),
	RECORD("undescribed", undescribed_fields, struct undescribed, 1 << 16, types.undescribed, SNAPSHOT_TYPES),
	{ NULL, NULL, 0, 0, 0, 0, 0 },
};

/* An ARRAY() of any type. */
typedef ARRAY(uint8_t) any_array;

/* Copied, since its type is another. */
static any_array array_load(const struct record *record, const struct snapshot *snapshot)
{
	any_array array;

	memcpy(&array, (const char *)snapshot + record->array, sizeof(array));
	return array;
}

/* ---- one member and one SQL value ---- */

static void field_bind(sqlite3_stmt *statement, int position, const struct field *field,
		       const void *element)
{
	const void *member = (const char *)element + field->offset;
	uint64_t number;

	switch (field->kind) {
	case FIELD_U64:
		memcpy(&number, member, sizeof(number));
		if (number == UINT64_MAX)
			sqlite3_bind_null(statement, position);
		else
			sqlite3_bind_int64(statement, position, (sqlite3_int64)number);
		break;
	case FIELD_I64:
		sqlite3_bind_int64(statement, position, *(const int64_t *)member);
		break;
	case FIELD_INDEX:
		sqlite3_bind_null(statement, position);
		if (*(const uint32_t *)member != UINT32_MAX)
			sqlite3_bind_int64(statement, position, *(const uint32_t *)member);
		break;
	case FIELD_U32:
		sqlite3_bind_int64(statement, position, *(const uint32_t *)member);
		break;
	case FIELD_I32:
		sqlite3_bind_int(statement, position, *(const int32_t *)member);
		break;
	case FIELD_FLAG:
		sqlite3_bind_int(statement, position, *(const bool *)member);
		break;
	case FIELD_TEXT:
	case FIELD_STRING:
	case FIELD_STATIC:
		// Binding NULL binds SQL's NULL.
		sqlite3_bind_text(statement, position, *(char *const *)member, -1, SQLITE_STATIC);
		break;
	case FIELD_NAME16:
		sqlite3_bind_text(statement, position, member, (int)strnlen(member, 16),
				  SQLITE_STATIC);
		break;
	case FIELD_WORD:
		sqlite3_bind_text(statement, position, field->words[*(const unsigned *)member], -1,
				  SQLITE_STATIC);
		break;
	}
}

static bool word_find(const char *const *words, const char *word, unsigned *ret)
{
	for (unsigned i = 0; word && words[i]; i++)
		if (!strcmp(words[i], word)) {
			*ret = i;
			return true;
		}
	return false;
}

/* False when the value is none that the field can have. */
static bool field_take(sqlite3_stmt *statement, int position, const struct field *field,
		       void *element)
{
	void *member = (char *)element + field->offset;
	int type = sqlite3_column_type(statement, position);
	sqlite3_int64 number = sqlite3_column_int64(statement, position);
	const char *text = NULL;
	size_t length = 0;
	unsigned index;

	if (type == SQLITE_TEXT) {
		text = (const char *)sqlite3_column_text(statement, position);
		length = (size_t)sqlite3_column_bytes(statement, position);
		if (!text || length > SCHEMA_TEXT_MAX || strlen(text) != length)
			return false;
	}
	switch (field->kind) {
	case FIELD_U64:
		if (type != SQLITE_INTEGER && type != SQLITE_NULL)
			return false;
		*(uint64_t *)member = type == SQLITE_NULL ? UINT64_MAX : (uint64_t)number;
		return true;
	case FIELD_I64:
		*(int64_t *)member = number;
		return type == SQLITE_INTEGER;
	case FIELD_INDEX:
		*(uint32_t *)member = type == SQLITE_NULL ? UINT32_MAX : (uint32_t)number;
		return type == SQLITE_NULL ||
		       (type == SQLITE_INTEGER && number >= 0 && number < UINT32_MAX);
	case FIELD_U32:
		*(uint32_t *)member = (uint32_t)number;
		return type == SQLITE_INTEGER && number >= 0 && number <= UINT32_MAX;
	case FIELD_I32:
		*(int32_t *)member = (int32_t)number;
		return type == SQLITE_INTEGER && number >= INT32_MIN && number <= INT32_MAX;
	case FIELD_FLAG:
		*(bool *)member = number == 1;
		return type == SQLITE_INTEGER && (number == 0 || number == 1);
	case FIELD_TEXT:
	case FIELD_STRING:
		if (type != SQLITE_TEXT && (type != SQLITE_NULL || field->kind == FIELD_STRING))
			return false;
		free(*(char **)member);
		*(char **)member = text ? xstrdup(text) : NULL;
		return true;
	case FIELD_NAME16:
		if (!text || length >= 16)
			return false;
		memset(member, 0, 16);
		memcpy(member, text, length);
		return true;
	case FIELD_WORD:
		if (!word_find(field->words, text, &index))
			return false;
		*(unsigned *)member = index;
		return true;
	case FIELD_STATIC:
		if (!word_find(field->words, text, &index))
			return false;
		*(const char **)member = field->words[index];
		return true;
	}
	return false;
}

/* ---- creating ---- */

static const char *field_type(enum field_kind kind)
{
	switch (kind) {
	case FIELD_U64:
	case FIELD_U32:
	case FIELD_INDEX:
	case FIELD_I64:
	case FIELD_I32:
	case FIELD_FLAG:
		return "INTEGER";
	case FIELD_TEXT:
	case FIELD_STRING:
	case FIELD_NAME16:
	case FIELD_WORD:
	case FIELD_STATIC:
		break;
	}
	return "TEXT";
}

struct error *schema_create(struct sqlite3 *db)
{
	_cleanup_free_ char *header = xasprintf(
		"PRAGMA application_id = %d; PRAGMA user_version = %d;"
		"CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;"
		"CREATE TABLE memory (kind TEXT PRIMARY KEY, mapped INTEGER, rss INTEGER, "
		"n_mappings INTEGER) WITHOUT ROWID;"
		"CREATE TABLE histogram (usable INTEGER, count INTEGER, bytes INTEGER);",
		SCHEMA_APPLICATION, SCHEMA_VERSION);
	struct error *error = database_run(db, header);

	for (const struct record *record = schema_records; !error && record->table; record++) {
		char *sql = xasprintf("CREATE TABLE %s (id INTEGER PRIMARY KEY", record->table);

		for (size_t i = 0; i < record->n_fields; i++) {
			char *longer = xasprintf("%s, \"%s\" %s", sql, record->fields[i].name,
						 field_type(record->fields[i].kind));

			free(sql);
			sql = longer;
		}
		char *whole = xasprintf("%s)", sql);

		error = database_run(db, whole);
		free(whole);
		free(sql);
	}
	return error;
}

/* ---- writing ---- */

static struct error *record_write(sqlite3 *db, const struct record *record,
				  const struct snapshot *snapshot)
{
	const any_array array = array_load(record, snapshot);
	_cleanup_statement_ sqlite3_stmt *statement = NULL;
	char *sql = xasprintf("INSERT INTO %s VALUES (?", record->table);

	for (size_t i = 0; i < record->n_fields; i++) {
		char *longer = xasprintf("%s, ?", sql);

		free(sql);
		sql = longer;
	}
	char *whole = xasprintf("%s)", sql);
	struct error *error = database_prepare(db, whole, &statement);

	free(whole);
	free(sql);
	for (size_t row = 0; !error && row < array.n; row++) {
		sqlite3_bind_int64(statement, 1, (sqlite3_int64)row);
		for (size_t i = 0; i < record->n_fields; i++)
			field_bind(statement, (int)i + 2, &record->fields[i],
				   array.v + row * record->size);
		error = database_step(db, statement);
		sqlite3_reset(statement);
	}
	return error;
}

/* What is no member of the snapshot. */
static const char *const meta_extra[] = { "heapsnap", "chunks" };

static struct error *meta_write(sqlite3 *db, const struct snapshot *snapshot)
{
	_cleanup_statement_ sqlite3_stmt *statement = NULL;
	struct error *error = database_prepare(db, "INSERT INTO meta VALUES (?, ?)", &statement);

	for (size_t i = 0; !error && i < N(meta_extra) + schema_n_meta; i++) {
		if (i == 0)
			sqlite3_bind_text(statement, 2, PACKAGE_VERSION, -1, SQLITE_STATIC);
		else if (i == 1)
			sqlite3_bind_int64(statement, 2, (sqlite3_int64)snapshot->heap.chunks.n);
		else
			field_bind(statement, 2, &schema_meta[i - N(meta_extra)], snapshot);
		sqlite3_bind_text(statement, 1,
				  i < N(meta_extra) ? meta_extra[i]
						    : schema_meta[i - N(meta_extra)].name,
				  -1, SQLITE_STATIC);
		error = database_step(db, statement);
		sqlite3_reset(statement);
	}
	return error;
}

static void bind_unless_unknown(sqlite3_stmt *statement, int position, uint64_t value)
{
	if (value == UINT64_MAX)
		sqlite3_bind_null(statement, position);
	else
		sqlite3_bind_int64(statement, position, (sqlite3_int64)value);
}

static struct error *memory_write(sqlite3 *db, const struct snapshot *snapshot)
{
	_cleanup_statement_ sqlite3_stmt *statement = NULL;
	struct error *error = database_prepare(db, "INSERT INTO memory VALUES (?, ?, ?, ?)",
					       &statement);

	for (size_t i = 0; !error && i < MEMORY_KINDS; i++) {
		const struct snapshot_memory *memory = &snapshot->memory[i];

		sqlite3_bind_text(statement, 1, memory_kind_name((enum memory_kind)i), -1,
				  SQLITE_STATIC);
		sqlite3_bind_int64(statement, 2, (sqlite3_int64)memory->mapped);
		bind_unless_unknown(statement, 3, memory->rss);
		sqlite3_bind_int64(statement, 4, (sqlite3_int64)memory->n_mappings);
		error = database_step(db, statement);
		sqlite3_reset(statement);
	}
	return error;
}

static int compare_bytes(const void *left, const void *right)
{
	const struct size_count *a = left, *b = right;
	uint64_t bytes_a = a->usable * a->count, bytes_b = b->usable * b->count;

	return bytes_a > bytes_b ? -1 : bytes_a < bytes_b;
}

/* Most bytes first, so that the first rows tell most. */
static struct error *histogram_write(sqlite3 *db, const struct chunks *chunks)
{
	_cleanup_statement_ sqlite3_stmt *statement = NULL;
	struct error *error = database_prepare(db, "INSERT INTO histogram VALUES (?, ?, ?)",
					       &statement);
	size_count_array list;

	if (error)
		return error;
	sizes_in_use(chunks, &list);
	if (list.n)
		qsort(list.v, list.n, sizeof(*list.v), compare_bytes);
	for (size_t i = 0; !error && i < list.n; i++) {
		sqlite3_bind_int64(statement, 1, (sqlite3_int64)list.v[i].usable);
		sqlite3_bind_int64(statement, 2, (sqlite3_int64)list.v[i].count);
		sqlite3_bind_int64(statement, 3,
				   (sqlite3_int64)(list.v[i].usable * list.v[i].count));
		error = database_step(db, statement);
		sqlite3_reset(statement);
	}
	array_deinit(&list);
	return error;
}

struct error *schema_write(struct sqlite3 *db, const struct snapshot *snapshot)
{
	struct error *error = meta_write(db, snapshot);

	if (!error)
		error = memory_write(db, snapshot);
	if (!error)
		error = histogram_write(db, &snapshot->heap.chunks);
	for (const struct record *record = schema_records; !error && record->table; record++)
		error = record_write(db, record, snapshot);
	return error;
}

/* ---- reading ---- */

/* Which fields of a record its table has, as bits; files of older versions may lack some, or the table. */
static struct error *fields_present(sqlite3 *db, const struct record *record, bool *is_there_ret,
				    uint32_t *ret)
{
	_cleanup_free_ char *sql = xasprintf("PRAGMA table_info(%s)", record->table);
	_cleanup_statement_ sqlite3_stmt *statement = NULL;
	struct error *error = database_prepare(db, sql, &statement);
	bool is_there = false, is_row;
	uint32_t present = 0;

	assert(record->n_fields <= FIELDS_MAX);
	while (!error && !(error = database_row(db, statement, &is_row)) && is_row) {
		const char *name = (const char *)sqlite3_column_text(statement, 1);

		is_there |= name && !strcmp(name, "id");
		for (size_t i = 0; name && i < record->n_fields; i++)
			if (!strcmp(name, record->fields[i].name))
				present |= UINT32_C(1) << i;
	}
	if (!error) {
		*is_there_ret = is_there;
		*ret = present;
	}
	return error;
}

/* What of a record the file has: the fields, and the statement that gives them behind the id. */
struct selection {
	const struct field *fields[FIELDS_MAX];
	size_t n;
	sqlite3_stmt *statement;
};

static struct error *record_select(sqlite3 *db, const struct record *record, uint32_t present,
				   struct selection *selection)
{
	char *sql = xstrdup("SELECT id");

	for (size_t i = 0; i < record->n_fields; i++) {
		const struct field *field = &record->fields[i];

		if (present >> i & 1) {
			char *longer = xasprintf("%s, \"%s\"", sql, field->name);

			free(sql);
			sql = longer;
			selection->fields[selection->n++] = field;
		} else if (field->kind == FIELD_STRING) {
			free(sql);
			return error_create(ERROR_FORMAT, "table %s has no %s", record->table,
					    field->name);
		}
	}

	_cleanup_free_ char *whole = xasprintf("%s FROM %s ORDER BY id", sql, record->table);

	free(sql);
	return database_prepare(db, whole, &selection->statement);
}

static struct error *rows_read(sqlite3 *db, const struct record *record,
			       const struct selection *selection, any_array *array)
{
	sqlite3_stmt *statement = selection->statement;
	bool is_row;

	for (;;) {
		struct error *error = database_row(db, statement, &is_row);

		if (error || !is_row)
			return error;
		if (array->n >= record->rows_max ||
		    sqlite3_column_int64(statement, 0) != (sqlite3_int64)array->n)
			return error_create(ERROR_FORMAT, "table %s has rows that cannot be",
					    record->table);
		if (array->n == array->capacity) {
			array->capacity = array->capacity ? array->capacity * 2 : 16;
			array->v = xreallocarray(array->v, array->capacity, record->size);
		}

		uint8_t *element = array->v + array->n * record->size;

		memset(element, 0, record->size);
		// Counted before it is filled, so that its strings are freed whatever happens.
		array->n++;
		for (size_t i = 0; i < selection->n; i++)
			if (!field_take(statement, (int)i + 1, selection->fields[i], element))
				return error_create(
					ERROR_FORMAT, "row %zu of table %s has no valid %s",
					array->n - 1, record->table, selection->fields[i]->name);
	}
}

static struct error *record_read(sqlite3 *db, const struct record *record,
				 struct snapshot *snapshot)
{
	struct selection selection = { .n = 0 };
	bool is_there;
	uint32_t present;
	struct error *error = fields_present(db, record, &is_there, &present);

	if (error || !is_there)
		return error;
	error = record_select(db, record, present, &selection);
	if (!error) {
		any_array array = array_load(record, snapshot);

		error = rows_read(db, record, &selection, &array);
		memcpy((char *)snapshot + record->array, &array, sizeof(array));
	}
	sqlite3_finalize(selection.statement);
	return error;
}

static struct error *meta_read(sqlite3 *db, struct snapshot *snapshot)
{
	_cleanup_statement_ sqlite3_stmt *statement = NULL;
	struct error *error = database_prepare(db, "SELECT value FROM meta WHERE key = ?",
					       &statement);

	for (size_t i = 0; !error && i < schema_n_meta; i++) {
		bool is_row;

		sqlite3_bind_text(statement, 1, schema_meta[i].name, -1, SQLITE_STATIC);
		error = database_row(db, statement, &is_row);
		if (!error && is_row && !field_take(statement, 0, &schema_meta[i], snapshot))
			return error_create(ERROR_FORMAT, "meta has no valid %s",
					    schema_meta[i].name);
		sqlite3_reset(statement);
	}
	return error;
}

static struct error *memory_read(sqlite3 *db, struct snapshot *snapshot)
{
	_cleanup_statement_ sqlite3_stmt *statement = NULL;
	struct error *error = database_prepare(
		db, "SELECT mapped, rss, n_mappings FROM memory WHERE kind = ?", &statement);

	for (size_t i = 0; !error && i < MEMORY_KINDS; i++) {
		struct snapshot_memory *memory = &snapshot->memory[i];
		bool is_row;

		sqlite3_bind_text(statement, 1, memory_kind_name((enum memory_kind)i), -1,
				  SQLITE_STATIC);
		error = database_row(db, statement, &is_row);
		if (!error && is_row) {
			memory->mapped = (uint64_t)sqlite3_column_int64(statement, 0);
			memory->rss = sqlite3_column_type(statement, 1) == SQLITE_NULL
					      ? UINT64_MAX
					      : (uint64_t)sqlite3_column_int64(statement, 1);
			memory->n_mappings = (uint64_t)sqlite3_column_int64(statement, 2);
		}
		sqlite3_reset(statement);
	}
	return error;
}

struct error *schema_read(struct sqlite3 *db, unsigned parts, struct snapshot *snapshot)
{
	struct error *error = meta_read(db, snapshot);

	if (!error &&
	    (!snapshot->machine || snapshot->page_size < PAGE_MIN ||
	     snapshot->page_size > PAGE_MAX || snapshot->page_size & (snapshot->page_size - 1)))
		error = error_create(ERROR_FORMAT, "meta lacks the machine or a page size");
	if (!error)
		error = memory_read(db, snapshot);
	for (const struct record *record = schema_records; !error && record->table; record++)
		if ((record->part & parts) == record->part)
			error = record_read(db, record, snapshot);
	return error;
}
