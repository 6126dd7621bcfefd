/* SPDX-License-Identifier: MIT */
/*
 * Options: one table for all commands, so that an option means the same everywhere. A command says which of them it takes.
 *
 * The table is also what --help prints and what the man page and the completion are held against. To add an option: its id, its line in
 * options.c (with help text), its member of struct options and its case in option_set(); then its bit in the commands that take it.
 */
#ifndef HEAPSNAP_CMD_OPTIONS_H
#define HEAPSNAP_CMD_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "report/writer.h"

enum option_id {
	OPTION_PID,
	OPTION_CORE,
	OPTION_EXE,
	OPTION_SYSROOT,
	OPTION_DEBUGINFO_PATH,
	OPTION_NO_STEP,
	OPTION_SPOOL,
	OPTION_JOBS,
	OPTION_SIZES,
	OPTION_SORT,
	OPTION_LIMIT,
	OPTION_MIN_SIZE,
	OPTION_MAX_SIZE,
	OPTION_ALL,
	OPTION_STATE,
	OPTION_KIND,
	OPTION_ARENA,
	OPTION_CHAINS,
	OPTION_DEPTH,
	OPTION_CONTENTS,
	OPTION_SUPPRESS,
	OPTION_TAGGED_TOP_BYTE,
	OPTION_UNALIGNED,
	OPTION_NO_TYPES,
	OPTION_NO_CACHE,
	OPTION_TYPE,
	OPTION_RETAINED,
	OPTION_OUTPUT,
	OPTION_FAIL_IF,
	OPTION_INTERVAL,
	OPTION_COUNT,
	OPTION_FOR,
	OPTION_KEEP,
	OPTION_MAX_PAUSE,
	OPTION_FORMAT,
	OPTION_BYTES,
	OPTION_COLOR,
	OPTION_QUIET,
	OPTION_VERBOSE,
	OPTION_HELP,
	OPTION_IDS,
};

#define OPTION_BIT(id) (UINT64_C(1) << (id))

/* What every command that reads a target takes: where it is, and how to read it. */
#define OPTIONS_TARGET                                                                             \
	(OPTION_BIT(OPTION_PID) | OPTION_BIT(OPTION_CORE) | OPTION_BIT(OPTION_EXE) |               \
	 OPTION_BIT(OPTION_SYSROOT) | OPTION_BIT(OPTION_DEBUGINFO_PATH) |                          \
	 OPTION_BIT(OPTION_NO_STEP) | OPTION_BIT(OPTION_SPOOL) | OPTION_BIT(OPTION_JOBS) | \
	 OPTION_BIT(OPTION_NO_CACHE))

/* What every command that prints takes. */
#define OPTIONS_OUTPUT                                                                             \
	(OPTION_BIT(OPTION_FORMAT) | OPTION_BIT(OPTION_BYTES) | OPTION_BIT(OPTION_COLOR) |         \
	 OPTION_BIT(OPTION_QUIET) | OPTION_BIT(OPTION_VERBOSE) | OPTION_BIT(OPTION_HELP))

/* What every command that follows pointers takes: what it takes for one. */
#define OPTIONS_GRAPH (OPTION_BIT(OPTION_TAGGED_TOP_BYTE) | OPTION_BIT(OPTION_UNALIGNED))

struct option_entry {
	enum option_id id;
	/** Short form, 0 for none. */
	char letter;
	const char *name;
	/** What it takes, for the help; NULL when it takes nothing. */
	const char *argument;
	/** What it does, as --help says it; wrapped there. */
	const char *help;
};

/** The options, in the order of enum option_id. */
extern const struct option_entry option_entries[OPTION_IDS];

struct command;

enum color_mode {
	COLOR_AUTO,
	COLOR_ALWAYS,
	COLOR_NEVER,
};

enum sizes_mode {
	SIZES_DEFAULT,
	SIZES_EXACT,
	SIZES_CLASS,
};

enum { FAIL_IF_MAX = 64 };

struct options {
	const struct command *command;
	/** Bit of every option that was given. */
	uint64_t given;

	/** -p, 0 when not given. */
	pid_t pid;
	/** Strings are borrowed from the command line; NULL when not given. */
	const char *core, *exe, *sysroot, *debug_path, *spool_dir;
	bool no_step;
	unsigned jobs;

	enum sizes_mode sizes;
	/** -s: index in the command's list of orders. */
	unsigned order;
	/** -n: most rows; 0 for all. Only with its bit in given. */
	uint64_t limit;
	uint64_t min_size, max_size;
	bool all;
	/** Bits of enum chunk_state and enum chunk_kind; 0 when not given. */
	unsigned states, kinds;
	/** --type: a type as reports name it. */
	const char *type;
	/** --arena: «main», an index or an address. */
	const char *arena;
	/** What this use of the command needs of the graph besides what it always does (enum command_needs). */
	unsigned needs;
	/** -o: where a snapshot is kept. */
	const char *output;
	/** --fail-if: each condition, as it was written. Borrowed from the command line. */
	const char *fail_if[FAIL_IF_MAX];
	size_t n_fail_if;
	/** --interval, --for and --max-pause; 0 when not given. Units: ns. */
	uint64_t interval, duration, max_pause;
	/** --count and --keep; 0 when not given. */
	uint64_t count, keep;

	/** -k and --depth; only with their bits in given. */
	uint64_t chains, depth;
	bool contents, tagged_top_byte, unaligned, no_types, no_cache, retained;
	/** Path. Borrowed; NULL when not given. */
	const char *suppress;

	enum format format;
	bool bytes, quiet, verbose, help;
	enum color_mode color;

	/** What is left of the command line. Borrowed. */
	char *const *operands;
	size_t n_operands;

	/** $DEBUGINFOD_URLS as it was; it is never passed on to libraries. Owned; NULL when unset. */
	char *debuginfod_urls;
};

/** Parses the arguments of a command (argv[0] is not looked at) into options, which hold defaults. Errors: ERROR_USAGE. The operands
    move to the end of argv. */
struct error *options_parse(const struct command *command, int argc, char **argv,
			    struct options *ret) _must_check_;

/** How many arguments an option takes up at the start of argv, its value included: 1 or 2; 0 when it is no option, and the operands
    begin. For finding the command behind options; what is wrong with them options_parse() tells. */
size_t options_skip(char *const *argv);

/** Sets the defaults. */
void options_init(struct options *options, const struct command *command);

/** True when the option was on the command line. */
bool options_has(const struct options *options, enum option_id id);

/** Prints text to stdout, broken at blanks so that it fits 80 columns, and ends the line. `column` is where the cursor stands,
    `indent` where further lines begin; \n in the text breaks a line, too. */
void print_wrapped(const char *text, size_t column, size_t indent);

/** Prints the options of a mask as --help does. */
void options_print(uint64_t mask);

/** Where to write, and how, as the options and the terminal say. */
struct writer_options options_writer(const struct options *options);

#endif
