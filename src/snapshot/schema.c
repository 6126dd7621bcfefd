/* SPDX-License-Identifier: MIT */
#include "snapshot/schema.h"

#define N(array) (sizeof(array) / sizeof(*(array)))

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
