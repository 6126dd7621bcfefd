/* SPDX-License-Identifier: MIT */
/*
 * The commands.
 *
 * To add one: a file with its `const struct command`, and its line in the table of command.c. The help text, the man page and the completion are
 * held against that table by tests/live/cli.t.
 */
#ifndef HEAPSNAP_CMD_COMMAND_H
#define HEAPSNAP_CMD_COMMAND_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "cmd/options.h"
#include "cmd/status.h"
#include "snapshot/snapshot.h"

/* What a command wants to know of the graph, besides the chunks. */
enum command_needs {
	NEEDS_GRAPH = 1,
	NEEDS_EDGES = 2,
	NEEDS_DOMINATORS = 4,
	NEEDS_OWNERS = 8,
	/** Roots named by DWARF, where there is any. */
	NEEDS_NAMES = 16,
	/** What each chunk is, unless --no-types says not to ask. */
	NEEDS_TYPES = 32,
};

struct command {
	const char *name;
	/** What follows the name: «TARGET [OPTION...]». */
	const char *usage;
	/** One line without a full stop. */
	const char *summary;
	/** What --help says between usage and options, wrapped there; NULL for nothing. */
	const char *description;
	/** Bits of the options it takes. */
	uint64_t options;
	/** What -s takes, the default first; ends in NULL. NULL where there is no -s. */
	const char *const *orders;
	/** Bits of enum command_needs. */
	unsigned needs;
	/** Runs it; gives the exit status. Errors are printed by message_error(). */
	enum status (*run)(const struct options *options);
};

/** All commands, in the order of the help; ends in NULL. */
extern const struct command *const commands[];

extern const struct command command_report, command_leaks, command_top, command_why, command_show,
	command_list, command_python, command_arenas, command_save, command_diff, command_watch, command_sql,
	command_doctor, command_help, command_version;

/** Prints what a command has to say about a snapshot. `target` is the target as the user would type it again, `operands` those behind it (as many as the
    command takes). One that found something sets *status to STATUS_FOUND. */
typedef struct error *command_printer(struct writer *writer, const struct snapshot *snapshot,
				      const struct options *options, const char *target,
				      char *const *operands, enum status *status);

/** Prints a report to stdout: opens the target that the options name, with `n_operands` more operands behind it, makes the writer, calls print,
    finishes. Gives the exit status: that of the snapshot, or of what was found, or of what failed. */
enum status command_print(const struct options *options, size_t n_operands, command_printer *print);

/** The chunk at an address that was given as an operand: ERROR_USAGE when there is none. */
struct error *operand_chunk(const struct snapshot *snapshot, const char *operand,
			    vaddr *address_ret, chunk_id *ret) _must_check_;

/** The label that a type stands for which was given as an operand or option («struct conn», «conn»). Errors: ERROR_USAGE when there is none, or several. */
struct error *operand_label(const struct snapshot *snapshot, const char *operand, label_id *ret) _must_check_;

/** The type in an operand «py:mypkg.Conn»; NULL when it is none. Borrowed from the operand. */
const char *operand_python_type(const char *operand);

/** The command of that name, or NULL. */
const struct command *command_find(const char *name);

/** The name in a list that a mistyped word comes close to, or NULL. `next` gives the names one by one, NULL at the end. */
const char *name_suggest(const char *word, const char *(*next)(size_t index));

/** The name of a command that a word comes close to, or NULL. */
const char *command_suggest(const char *word);

/** Prints the help of one command. */
void command_print_help(const struct command *command);

/** Prints the help of all. */
void commands_print_help(void);

#endif
