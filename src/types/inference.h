/* SPDX-License-Identifier: MIT */
/*
 * The inference while it runs: private to infer.c, seeds.c, fits.c, shape.c, orphans.c, siblings.c, pools.c and what decides jointly (joint.h).
 *
 *   seeds (typed variables, vtables) ──→ flood ──→ joint decisions ──→ rules ──┐
 *                                          ↑                                   │ until the rules are the same as before
 *                                          └───────────────────────────────────┘
 *
 * A claim says that a chunk is of a type, how sure that is, and by which slot it came. A flood settles chunks in the order of their claims' confidence, and what is
 * settled claims what it points to: so the strongest way to a chunk decides, not the first one. Slots whose declaration does not say what they hold (void *, unions, bases) claim
 * nothing by themselves: all chunks behind such a slot are looked at together (joint.c), and the verdict is a rule, by which the next flood goes. Each flood begins from nothing, so
 * it is a function of seeds and rules alone, and no early mistake stays.
 *
 * How sure something is comes from the kind of its evidence, and holds or is more careful than what was measured, on eleven programs (tests/live/types_programs.t): of chunks at 0.9 and
 * above at least 99.8 in 100 were right in each; from 0.7 at least 99.0, but for a hundred of gawk's of which 96 were; from 0.5 the mean was 99.9, in the worst (redis' libraries) 96. That
 * something was decided before makes nothing surer.
 * Of four programs that it was not made by (jq, xmllint, troff and vim; mended since where it was wrong about them) 99.9 were right at 0.9 and above in the worst; from 0.7 to 0.9 81 and 89
 * in jq and xmllint, 96 and more in the others; and from 0.5 to 0.7 97 of all, 87 in vim.
 */
#ifndef HEAPSNAP_TYPES_INFERENCE_H
#define HEAPSNAP_TYPES_INFERENCE_H

#include "base/array.h"
#include "graph/edges.h"
#include "heap/heap.h"
#include "target/target.h"
#include "target/window.h"
#include "types/enclosing.h"
#include "types/erasures.h"
#include "types/layouts.h"
#include "types/type_index.h"
#include "types/type_table.h"
#include "types/types.h"
#include "types/words.h"

enum {
	/** Confidence is counted in percent. */
	CONFIDENCE_MAX = 100,
	/** Types that a pointer may stand for at once. */
	CANDIDATES_MAX = 24,
	/** Below, a chunk is not called by a name. */
	CONFIDENCE_SHOWN = 50,
};

/** Beside enum type_form. */
enum {
	/** A rule said so. */
	FORM_BY_RULE = 0x80,
	/** There is more in the chunk, of which the type says nothing. */
	FORM_HAS_REST = 0x40,
	/** Of a candidate: it is not the chunk that is of the type, but an object inside of it. */
	FORM_TENANT = 0x20,
};

/**
 * What the flood at hand says of a chunk, and what it asks of it each time: all in one place, for chunks are come to in the order of pointers, and each further column would be one more
 * wait for memory.
 */
struct typing {
	/** TYPE_NONE for what is not settled. */
	type_id type;
	/** The slot that claimed it; of what is not settled the first slot that leads to it. */
	slot_id slot;
	/** Slots further up the way, of other types. */
	slot_id context[2];
	/** As in the chunk table: usable_at() knows. */
	uint32_t size_units;
	uint8_t form, confidence;
	/** The best confidence that was claimed so far. */
	uint8_t best;
	/** enum type_evidence; and, of the chunk table, CHUNK_IN_USE and CHUNK_MMAPPED. */
	uint8_t evidence : 4;
	bool is_in_use : 1, is_mmapped : 1;
};

_Static_assert(EVIDENCES <= 16, "evidence has 4 bits");

/** The form of a settled chunk. */
#define form_of(inference, chunk) ((enum type_form)((inference)->typing[chunk].form & ~(FORM_BY_RULE | FORM_HAS_REST)))

/** A chunk is of a type. */
struct claim {
	chunk_id chunk;
	type_id type;
	/** The slot that leads to it; and the chunk that this is in, CHUNK_NONE for what is outside. */
	slot_id slot;
	chunk_id source;
	/** enum type_form, enum type_evidence. */
	uint8_t form, evidence;
	/** Units: percent. */
	uint8_t confidence;
};

/** A word outside of all chunks that is declared to be a pointer, and points to a chunk. */
struct seed {
	chunk_id chunk;
	slot_id slot;
	/** How far into the chunk. Units: bytes. */
	uint64_t into;
	/** Where it lies; VADDR_NONE for a register. */
	vaddr address;
	/** Units: percent. */
	uint8_t confidence;
};

/** A variable that has seeds. */
struct seed_root {
	/** «conns», «main:session». Owned, unescaped. */
	char *name;
	type_id type;
	/** Of a static variable: index in modules.v, and its DIE; 0 for others. */
	uint32_t module;
	uint64_t die;
};

/** An object that lies inside of a chunk, where a typed pointer leads: a pool has many of them. What it points to counts, whatever the chunk is. */
struct tenant {
	chunk_id chunk;
	type_id type;
	/** Where it begins in the chunk. Units: bytes. */
	uint64_t into;
	/** Units: percent. */
	uint8_t confidence;
};

/** A type that a chunk may have, and how well it fits. */
struct candidate {
	type_id type;
	/** enum type_form, enum type_evidence. */
	uint8_t form, evidence;
	/** Units: percent. */
	uint8_t fit;
};

struct candidates {
	struct candidate v[CANDIDATES_MAX];
	size_t n;
	/** More than there is room for. */
	bool overflow;
};

enum { KNOWN_CANDIDATES = 1024 };

/** What candidates_find() found last time, of some questions: target 0 for none yet. */
struct known_candidates {
	type_id target;
	uint32_t size_units;
	uint64_t into;
	bool is_mmapped, counted;
	struct candidates candidates;
};

/** How a joint decision tells the chunks of a slot apart. */
enum feature_kind {
	/** They are all alike. */
	FEATURE_NONE,
	/** A number beside the pointer: at `offset` from it (may be negative), `size` bytes. */
	FEATURE_BESIDE,
	/** A number in the target: at `offset` from where the pointer hits. */
	FEATURE_TARGET,
	/** The slot by which the source was reached, or its source … */
	FEATURE_CONTEXT,
	/** The slot itself. */
	FEATURE_SLOT,
	/** How the pointer hits: how far from the start. */
	FEATURE_INTO,
	/** The usable size of the target. */
	FEATURE_SIZE,
};

struct feature {
	uint8_t kind;
	/** Units: bytes; of FEATURE_CONTEXT how far up. */
	uint8_t size;
	int32_t offset;
	/** The enumeration that the number is of; TYPE_NONE for none. */
	type_id enumeration;
};

/** What is decided together: the chunks behind a slot, or all that pointers to a base type lead to, whatever slot they lie in. */
typedef uint64_t group_key;

static inline group_key key_of_slot(slot_id slot)
{
	return slot;
}

/* Slots of the same member of the same struct, whatever that is a part of, are decided together. */
static inline group_key key_of_member(type_id holder, uint64_t offset)
{
	return UINT64_C(1) << 63 | offset << 32 | holder;
}

static inline group_key key_of_base(type_id base)
{
	return UINT64_C(1) << 62 | base;
}

/* Of those of a key that have one value of its split, when they are split once more. */
static inline group_key key_within(group_key key, uint64_t value)
{
	return UINT64_C(3) << 62 | hash_mix(hash_mix(19, key), value) >> 2;
}

/** The value of those that have a rare one. */
#define VALUE_OTHER UINT64_MAX

/** How the chunks of a key are told apart. */
struct split {
	group_key key;
	struct feature feature;
};

/** What those of one value are. */
struct rule {
	group_key key;
	/** Of the feature; 0 with FEATURE_NONE. */
	uint64_t value;
	type_id type;
	/** Confidence 0: nothing is said. */
	uint8_t evidence, confidence;
};

/** What code says a slot holds. */
struct slot_hint {
	/** The innermost struct, or HINT_OF_ROOT and the number of a variable, or HINT_OF_HANDLE and a type that is only declared. */
	uint64_t owner;
	uint64_t offset;
	type_id type;
	/** The pointer leads so far into it. Units: bytes. */
	int32_t into;
	float weight;
};

#define HINT_OF_ROOT (UINT64_C(1) << 32)
#define HINT_OF_HANDLE (UINT64_C(1) << 33)

/** A place in the code that allocates a type. */
struct found_site {
	type_id type;
	/** Bits of enum allocated_as. */
	unsigned forms;
	/** Its label is not set yet. */
	struct type_site site;
};

struct inference {
	const struct target *target;
	const struct heap *heap;
	const struct chunks *chunks;
	const struct edges *edges;
	const struct type_table *table;
	struct layouts *layouts;
	struct enclosing enclosing;
	struct erasures erasures;
	struct words words;
	struct window window;
	/** Slots of variables, in the order of their offset. */
	ARRAY(struct seed) seeds;
	/** What SLOT_ROOT counts. */
	ARRAY(struct seed_root) roots;
	/** Claims that need no pointer: vtables. */
	ARRAY(struct claim) given;
	/** By chunk. A column. */
	struct typing *typing;
	/** Queues by confidence, of claims. */
	ARRAY(struct claim) levels[CONFIDENCE_MAX + 1];
	/** Objects inside of chunks, in the order in which they were found, one for each place; and where they are by that. */
	ARRAY(struct tenant) tenants;
	struct hash_map tenants_by_place;
	/** Queues of them by confidence: indices in tenants. */
	ARRAY(uint32_t) tenant_levels[CONFIDENCE_MAX + 1];
	/** Floods so far. */
	unsigned rounds;
	/** What was decided, and where it is by its key (and value). */
	ARRAY(struct split) splits;
	ARRAY(struct rule) rules;
	struct hash_map splits_by_key, rules_by_key;
	/** Sorted by owner, offset. */
	ARRAY(struct slot_hint) hints;
	/** Where code allocates which types, for reports. */
	ARRAY(struct found_site) sites;
	/** Sites of a constant size of which nobody says what they allocate: by symbols alone. Their type is TYPE_NONE. */
	ARRAY(struct found_site) untyped_sites;
	/** Types that code allocates, by type: bits of enum allocated_as; NULL when no code was read. */
	uint8_t *allocated;
	/** candidates_find() looks at the candidates of some chunk. */
	bool is_choosing;
	/** KNOWN_CANDIDATES of them. */
	struct known_candidates *known;
	/** What the program's own allocator puts in front of what it gives; 0 for nothing. Units: bytes. */
	uint32_t header;
	/** Usable sizes that code asks for instead of sizeof, by type and size. */
	struct hash_map site_sizes;
	/** Struct types that some pointer is declared to point to, by size as malloc rounds it up. */
	struct sized_type *sized;
	size_t n_sized;
};

/** The sizes that code asks for, of a type. */
enum allocated_as {
	ALLOCATED_ALONE = 1,
	ALLOCATED_AS_ARRAY = 2,
	ALLOCATED_LONGER = 4,
	ALLOCATED_OTHER = 8,
	/** Sizes that the code does not tell. */
	ALLOCATED_ANYHOW = 16,
};

struct sized_type {
	uint64_t usable;
	type_id type;
};

/** Bytes the program may use of a chunk. */
static inline uint64_t usable_at(const struct inference *inference, chunk_id chunk)
{
	uint32_t units = inference->typing[chunk].size_units;

	return __builtin_expect(units != CHUNK_SIZE_ODD, 1) ? (uint64_t)units * CHUNK_SIZE_UNIT : chunk_odd_usable(inference->chunks, chunk);
}

/* ---- fits.c ---- */

/** The usable size that malloc gives for so many bytes. */
uint64_t usable_of(uint64_t size);

/** Sorts types by the usable size of their chunks, then by number; may be empty. */
void sized_sort(struct sized_type *sized, size_t n);

/** The first of sorted types whose chunks have at least so many usable bytes; n when there is none. */
size_t sized_first(const struct sized_type *sized, size_t n, uint64_t usable);

/** A link: small, inside of other types or nothing but a pointer, and all its pointers lead to its like. Of what it links it says nothing. */
bool type_is_link(const struct inference *inference, type_id type);

/** How a type fits a chunk, as one, with a flexible end, or as an array; fit 0 when it does not. */
struct candidate fit_of(const struct inference *inference, type_id type, chunk_id chunk);

/** What a chunk can be that a pointer to `target` leads to, `into` bytes from its start. */
void candidates_find(struct inference *inference, type_id target, chunk_id chunk, uint64_t into, struct candidates *ret);

/** How the start of a chunk can be a struct that a pointer is declared to lead to, when its size says something else: there is more behind it, or it was cut short. Fit 0 when it cannot. */
struct candidate fit_of_start(const struct inference *inference, type_id target, chunk_id chunk, uint64_t into);

/* ---- shape.c ---- */

/** How well the bytes of a chunk look like a type: hundredths of a point; more is better, below 0 speaks against it. With depth 1 what its pointers lead to is looked at, too. */
int shape_score(struct inference *inference, type_id type, enum type_form form, chunk_id chunk, unsigned depth);

/** The same of a struct that lies inside of a chunk. */
int shape_score_inside(struct inference *inference, type_id type, chunk_id chunk, uint64_t into);

/** How well so far into a chunk a struct begins: all of it, or some beginning, behind which something else may lie: it was cut short, or is a further block of a pool, which
    has only a part of what its first one has. */
int shape_score_begin(struct inference *inference, type_id type, chunk_id chunk, uint64_t into);

/* ---- seeds.c ---- */

/** Finds the typed pointers outside of the chunks. */
void seeds_find(struct inference *inference, struct modules *modules);

/* ---- code_hints.c ---- */

/** Reads the code of the modules, once the seeds are known. */
void code_hints_find(struct inference *inference, struct modules *modules);

/* ---- orphans.c ---- */

struct reach;

/** Claims for leaked chunks what the flood has left without a type, by where code allocates their size; true when there is any: then the flood must go again. */
bool orphans_claim(struct inference *inference, const struct reach *reach);

/** The same for what is not leaked, but no typed pointer leads to: the program keeps it in memory of which nobody says what it is, such as the stack of an interpreter. Types that are as
    long as it takes are tried, too. About how many there are: if any, the flood must go again. */
size_t strays_claim(struct inference *inference);

/* ---- pools.c ---- */

/** Which chunks are pools, by chunk; NULL when none is. Owner: the caller. Cost: linear. */
bool *pools_find(const struct inference *inference);

/* ---- siblings.c ---- */

/** Claims for large chunks to which nothing typed leads what nearly all chunks of their size are; true when there is any: then the flood must go again. Cost: linear in the chunks. */
bool siblings_claim(struct inference *inference, const struct reach *reach);

/* ---- type_sites.c ---- */

/** Gives the sites that were found to the labels of their types. */
void type_sites_build(struct inference *inference, struct types *types);

/* ---- infer.c ---- */

/** Goes through all chunks once, by seeds and rules. */
void flood(struct inference *inference);

/** Where a pointer in a chunk leads to: how far into its target. */
uint64_t pointer_into(struct inference *inference, chunk_id source, size_t edge);

/** The slot of an edge out of a settled chunk; SLOT_NONE when its type has no pointer there. */
slot_id edge_slot(struct inference *inference, chunk_id source, size_t edge);

/** A pointer on its way: from a settled chunk (at an offset of it), or from outside (CHUNK_NONE), to a chunk. */
struct passage {
	slot_id slot;
	chunk_id source;
	/** Where the pointer lies; VADDR_NONE for a register. */
	vaddr address;
	chunk_id target;
	uint64_t into;
};

/** What is called with each pointer, how sure it is, and the caller's data. */
typedef void passage_taker(struct inference *inference, const struct passage *passage, unsigned confidence, void *data);

/** Calls back with the pointers of an object inside of a chunk: they have no source, as those of a variable. */
void tenant_passages(struct inference *inference, const struct tenant *tenant, passage_taker *take, void *data);

/** Whether the type of its chunk says the same, or better; that it is bytes does not. */
bool tenant_is_covered(const struct inference *inference, const struct tenant *tenant);

/** The key that a slot is decided under. */
group_key slot_key(const struct inference *inference, slot_id id);

/** The value of a feature for a pointer. False when it cannot be told. */
bool feature_value(struct inference *inference, const struct feature *feature, const struct passage *passage, uint64_t *ret);

/** How the target of a pointer that is said to lead to a type is one: of itself, or of what has it inside where the pointer hits, or (where it is declared to) the start of it. Fit 0
    when it is not. */
struct candidate candidate_of(struct inference *inference, type_id type, enum type_evidence evidence, const struct passage *passage);

/** The rule for a pointer under a key; NULL when there is none. */
const struct rule *rule_find(struct inference *inference, group_key key, const struct passage *passage);

/** Bytes from so far into a chunk that hold no pointer to a chunk; a text before the first one is plain, too: a long one, or one that is declared. */
bool bytes_are_plain(const struct inference *inference, chunk_id chunk, uint64_t into, bool is_declared);

/* ---- joint.c ---- */

/** Decides all slots that are open, by what the flood found; true when the rules changed. */
bool joint_decide(struct inference *inference);

#endif
