/* SPDX-License-Identifier: MIT */
/*
 * A joint decision while it is made: private to joint.c, options.c, looks.c, option_names.c and splits.c.
 *
 *	entries (pointers of one key) ──→ options (what they may lead to) ──→ looks (each chunk as each option) ──→ splits (by which number they are told apart)
 */
#ifndef HEAPSNAP_TYPES_JOINT_H
#define HEAPSNAP_TYPES_JOINT_H

#include "types/inference.h"

enum {
	/** Of one decision, how many are looked at for what they may be; and how many are counted. */
	SAMPLE_MAX = 320,
	ENTRIES_MAX = 1 << 15,
	/** The look of what cannot be at all; of others the least and the most. Units: hundredths of a point. */
	LOOK_MISFIT = -400,
	LOOK_LEAST = -300,
	LOOK_MOST = 1000,
};

/** A pointer of an open slot. */
struct entry {
	group_key key;
	struct passage passage;
};

struct option {
	type_id type;
	/** What speaks for it besides its looks. Units: hundredths of a point. */
	int bonus;
	uint8_t evidence;
	/** Pointers lead at least so far into it: the code has their offset. Units: bytes. */
	int32_t into;
	/** The slot declares it, whatever else speaks for it. */
	bool is_declared;
};

/** How well a chunk looks, by option. */
struct looks {
	int16_t v[CANDIDATES_MAX];
	bool exact[CANDIDATES_MAX];
};

struct decision {
	struct inference *inference;
	group_key key;
	const struct entry *entries;
	size_t n;
	/** What a slot is decided by; else a base. */
	bool is_slot;
	/** Only what says for certain which kind a chunk is of may split it. */
	bool is_little_mixed;
	/** Every so manieth entry is in the sample that options are taken from. */
	size_t step, n_sample;
	/** Every so manieth entry is counted. */
	size_t stride;
	struct option options[CANDIDATES_MAX];
	size_t n_options;
	type_id text;
	/** By entry: 1 + its row in looks; 0 for one that was not looked at. */
	uint32_t *rows;
	ARRAY(struct looks) looks;
};

/** All that is decided in a round, to be compared with the one before. */
struct verdicts {
	ARRAY(struct split) splits;
	ARRAY(struct rule) rules;
};

/** Settled, and not by a verdict: these would only confirm each other. */
bool chunk_is_witness(const struct inference *inference, chunk_id chunk);

/** Finds what the entries may lead to. */
void options_find(struct decision *decision);

/** How an entry looks as each of the options. Borrowed: until the next is asked for. */
const struct looks *looks_of(struct decision *decision, size_t entry);

/** The option that the value of a tag is named for; CANDIDATES_MAX for none. cm_while is the tag of the union's member While, and cm_arith_for that of ArithFor, not of For. */
size_t option_named(const struct decision *decision, const struct feature *feature, uint64_t value);

/** The option that an owner is, of what is told apart by its owner: what aliastab leads to is rather an alias than something else of the same make, and so is what is next to an alias.
    CANDIDATES_MAX for none. */
size_t option_of_owner(const struct decision *decision, const struct feature *feature, uint64_t value);

/** Decides: what was found becomes splits and rules. */
void splits_find(struct decision *decision, struct verdicts *verdicts);

#endif
