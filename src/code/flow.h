/* SPDX-License-Identifier: MIT */
/*
 * One function, instruction by instruction. Each register and stack slot holds a value: a symbol plus a number. A symbol stands for something that the function got hold of (a
 * parameter, the result of a call, what it loaded), whatever that is, and collects what is found out about it: the node it came from, the types it was taken for, the nodes it went
 * to. What two registers have from the same place is the same symbol, so what one of them shows is known of both.
 *
 * Where a variable of some type begins to be in a register, by its location list, the symbol in there has that type. Stores to typed members, arguments and results give the
 * rest. At the end of the function its symbols are turned into facts and flows.
 *
 * The code is read once, from front to back. The state at a forward jump is kept and put together with what falls through to its target; what only a backward jump or a table
 * leads to begins with nothing but the variables that DWARF knows there. So a loop is read once, which loses little.
 */
#ifndef HEAPSNAP_CODE_FLOW_H
#define HEAPSNAP_CODE_FLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/array.h"
#include "code/bodies.h"
#include "code/reader.h"

enum {
	/** Symbols that are always there. */
	SYMBOL_NONE,
	/** The number is the value. */
	SYMBOL_CONSTANT,
	/** The number is from the CFA. */
	SYMBOL_CFA,
	SYMBOLS_FIRST,
	/** Of one function. */
	SYMBOLS_MAX = 1 << 18,
	/** Stack slots that are followed at once; a power of two. */
	SLOTS_MAX = 64,
	/** Jumps whose target is ahead; a power of two. */
	PENDING_MAX = 1024,
	/** Places of variables that are in force at once. */
	ACTIVE_MAX = 256,
	ACTIVE_REGISTER_MAX = 6,
	/** Code of one function. Units: bytes. */
	CODE_MAX = 1 << 20,
	/** How often all code of a module may be read. */
	CODE_ROUNDS = 4,
	/** How often all of a function may be looked through for what its loops write. */
	LOOP_ROUNDS = 16,
	/** Instructions of all modules. */
	INSTRUCTIONS_MAX = 1 << 26,
	/** How far from the start of something a pointer to it may be. Units: bytes. */
	REACH_MAX = 1 << 20,
	/** Calls of all modules. */
	CALLS_MAX = 1 << 22,
	/** Of one function. */
	GOINGS_MAX = 1 << 18,
	/** Joins of joins that are followed, and how often types are handed down where there are loops. */
	JOIN_DEPTH = 4,
	JOIN_ROUNDS = 3,
	LINKS_MAX = 1 << 16,
	RETURNED_MAX = 1 << 14,
};

struct value {
	int32_t symbol;
	int64_t number;
};

enum symbol_kind {
	SYMBOL_OPAQUE,
	/** A register argument of the function. */
	SYMBOL_ARGUMENT,
	/** Of a call. */
	SYMBOL_RESULT,
	/** k * something. */
	SYMBOL_SCALED,
	/** One of two constants. */
	SYMBOL_EITHER,
	/** The product of two arguments. */
	SYMBOL_PRODUCT,
	/** One of two symbols, which are older. */
	SYMBOL_JOIN,
};

struct symbol_state {
	enum symbol_kind kind;
	/** Where it came from; CODE_NONE for nowhere in particular. */
	int32_t node;
	/** Of a result: in calls. */
	int32_t call;
	/** The register argument that all of it comes from, or -1; of a product the other one is k. */
	int8_t parameter;
	uint8_t n_types;
	bool is_rounded;
	/** Factor, or the two constants. */
	int64_t k, c;
	/** Of a join: what it is one of. Of a multiple: the first is what it is one of. */
	struct value joined[2];
	/** Of what a loop changes: in links, what it may be, too; -1 for none. */
	int32_t first_link;
	struct typing types[SYMBOL_TYPES_MAX];
};

struct slot {
	/** From the CFA. */
	int64_t offset;
	struct value value;
};

struct state {
	/** Nothing is known of how the code got here: what is unknown is only not known. */
	bool is_guess;
	struct value registers[REGISTERS_MAX];
	/** By offset / 8. */
	struct slot slots[SLOTS_MAX];
};

struct pending {
	/** 0 for none. */
	vaddr target;
	struct state *state;
};

/* A symbol goes to a node. */
struct going {
	int32_t symbol, node;
	/** Joins on the way. */
	uint8_t depth;
};

/* A symbol is returned. */
struct returned {
	struct value value;
	uint8_t depth;
};

/* What a symbol may be, too. */
struct link {
	struct value value;
	int32_t next;
};

/* What a register has where a loop begins. */
struct loop_register {
	/** In code. */
	size_t head;
	uint8_t reg;
	int32_t symbol;
};

struct flow {
	struct code_reader *reader;
	const struct declarations *declarations;
	struct module *module;
	const struct convention *convention;
	struct instruction_reader *instructions;
	uint32_t module_index;
	struct body body;
	/** Index in facts.functions. */
	int32_t function;
	ARRAY(struct symbol_state) symbols;
	ARRAY(struct going) goings;
	/** Symbols that are returned, and how far into them. */
	ARRAY(struct returned) returned;
	ARRAY(struct link) links;
	/** By head. */
	ARRAY(struct loop_register) loop_registers;
	/** Calls of this function begin here. */
	size_t first_call;
	struct state now;
	bool is_reachable;
	struct pending pending[PENDING_MAX];
	size_t n_pending;
	ARRAY(struct state *) unused;
	/** Next place to come into force, and those that are: by register, and in memory. */
	size_t next_place;
	uint32_t active[REGISTERS_MAX][ACTIVE_REGISTER_MAX];
	uint8_t n_active[REGISTERS_MAX];
	uint32_t active_memory[ACTIVE_MAX];
	size_t n_active_memory;
	/** The stack pointer at the last call or jump. */
	struct value body_sp;
	/** The instructions of the range that is read; for each the last one that jumps back to it, or 0; and the one at hand. */
	ARRAY(struct instruction) code;
	ARRAY(uint32_t) loop_ends;
	size_t at;
	/** Code that may still be read: functions of a damaged file may share theirs. Units: bytes. */
	uint64_t code_budget;
	/** Instructions that may still be looked through for what loops write. */
	size_t loop_budget;
	/** The range that is read, and the instruction. */
	struct body_range range;
	vaddr pc, next_pc;
};

/* What an address leads to. */
struct memory {
	enum { MEMORY_UNKNOWN, MEMORY_SLOT, MEMORY_PLACE, MEMORY_GLOBAL } kind;
	/** From the CFA. */
	int64_t offset;
	/** What is declared there. */
	struct pointee pointee;
	int32_t node;
};

static const struct value value_unknown = { .symbol = SYMBOL_NONE };

/** The value of a number. */
static inline struct value value_constant(int64_t number)
{
	return (struct value){ .symbol = SYMBOL_CONSTANT, .number = number };
}

/** Where the slot at an offset from the CFA is, or belongs. */
static inline struct slot *slot_at(struct state *state, int64_t offset)
{
	return &state->slots[(uint64_t)(offset >> 3) % SLOTS_MAX];
}

/* ---- values.c ---- */

/** A new symbol of which nothing is known; no value when there are too many. */
struct value symbol_new(struct flow *flow, enum symbol_kind kind);

/** What is known of the symbol of a value; NULL when that is none. Borrowed: until the next new symbol. */
struct symbol_state *symbol_of(struct flow *flow, struct value value);

/** Whether a type (an index in types) is a struct, class or union. */
bool type_is_aggregate(const struct flow *flow, int32_t type);

/** Takes note that a value points to a type. None (below 0) is ignored, and so are numbers and bytes inside of something. */
void value_type(struct flow *flow, struct value value, int32_t type, enum type_source source);

/** A new symbol of what is loaded from, or comes out of, a node that is declared so. */
struct value symbol_from(struct flow *flow, enum symbol_kind kind, int32_t node, const struct pointee *pointee, enum type_source source);

/** The node of a member; CODE_NONE when that holds no pointer to data. */
int32_t node_member(struct flow *flow, const struct place_in_type *place);

/** The node of a variable of the function, when that may hold anything; else CODE_NONE. */
int32_t node_local(struct flow *flow, const struct body_variable *variable);

/** Takes note that a value goes to a node; CODE_NONE is ignored. */
void value_goes(struct flow *flow, struct value value, int32_t node);

/** Whether a value is a constant, or one of two. */
bool value_is_constant(struct flow *flow, struct value value);

/** What two ways lead to. */
struct value value_join(struct flow *flow, struct value a, struct value b);

/** The sum (with sign -1 the difference) of two multiples of one thing; no value when they are none. */
struct value multiples_add(struct flow *flow, struct value a, struct value b, int64_t sign);

/** The sum of two values. That of a pointer and something unknown is a pointer of the same kind. */
struct value value_add(struct flow *flow, struct value a, struct value b);

/** A value times a constant. */
struct value value_scale(struct flow *flow, struct value a, int64_t factor);

/** The product of two values. */
struct value value_multiply(struct flow *flow, struct value a, struct value b);

/** A value that keeps nothing of another one but which parameter it comes from. */
struct value value_round(struct flow *flow, struct value from);

/* ---- places.c ---- */

/** Whether a place (an index in body.places) is in force at the instruction at hand. */
bool place_is_current(const struct flow *flow, uint32_t index);

/** A new symbol of a variable that is known by its place alone. */
struct value symbol_of_variable(struct flow *flow, const struct body_variable *variable);

/** What is in a register: what was put there, or else the variable that DWARF has there. */
struct value register_read(struct flow *flow, unsigned reg);

/** Puts a value into a register. */
void register_write(struct flow *flow, unsigned reg, struct value value);

/** The variable that covers an offset from the CFA, and how far into it that is; NULL for none. */
const struct body_variable *slot_variable(struct flow *flow, int64_t offset, uint64_t *into_ret);

/** The variable that is said to be at an address which is no stack slot; NULL for none. */
const struct body_variable *alias_at(struct flow *flow, struct value address);

/** Applies a place that comes into force: what is there has the type of the variable. */
void place_begin(struct flow *flow, uint32_t index);

/* ---- memory.c ---- */

/** The address that a memory operand has. */
struct value operand_address(struct flow *flow, const struct operand *operand);

/** What an address leads to. */
struct memory memory_at(struct flow *flow, struct value address);

/** Does what a store to the frame tells about the variable there. */
void slot_store(struct flow *flow, int64_t offset, struct value value);

/** The value of an operand. */
struct value operand_read(struct flow *flow, const struct operand *operand);

/** Writes a value to a register or to memory. */
void operand_write(struct flow *flow, const struct operand *operand, struct value value);

/* ---- loops.c ---- */

/** Keeps the present state for a jump target that is ahead. */
void pending_keep(struct flow *flow, vaddr target);

/** Forgets all but where the frame is. */
void state_reset(struct flow *flow);

/** The index in code of the instruction at an address; the number of all when there is none. */
size_t instruction_at(const struct flow *flow, vaddr address);

/** Takes note of what registers have where a loop goes back to its begin. */
void loop_back(struct flow *flow, vaddr target);

/** Whether some jump leads to the instruction at hand. */
bool instruction_is_target(struct flow *flow);

/** Goes to the instruction at hand: joins the states that lead here, and applies the places that begin here. */
void instruction_begin(struct flow *flow);

/* ---- calls.c ---- */

/** Forgets what some registers (a bit each) hold. */
void registers_clobber(struct flow *flow, uint64_t registers);

/** A call: its record, and what it does to the registers. */
void call_read(struct flow *flow, const struct operand *to);

/** A return: what is in the register of the result is returned. */
void return_read(struct flow *flow);

/* ---- settle.c ---- */

/** Turns what was found out about the symbols of a function into facts, flows and the types of its calls. */
void symbols_settle(struct flow *flow);

#endif
