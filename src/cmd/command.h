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
	/** Runs it; gives the exit status. Errors are printed by message_error(). */
	enum status (*run)(const struct options *options);
};

/** All commands, in the order of the help; ends in NULL. */
extern const struct command *const commands[];

extern const struct command command_report, command_list, command_arenas, command_save,
	command_diff, command_watch, command_sql, command_doctor, command_help, command_version;

/** Prints a report to stdout: opens the target that the options name (the only operand), makes the writer, calls print, finishes. Gives the exit
    status: that of the snapshot, or of what failed. */
enum status command_print(const struct options *options,
			  struct error *(*print)(struct writer *writer,
						 const struct snapshot *snapshot,
						 const struct options *options,
						 const char *target));

struct target_choice;

/** The same for a target that was chosen already. */
enum status command_print_chosen(const struct options *options, const struct target_choice *choice,
				 struct error *(*print)(struct writer *writer,
							const struct snapshot *snapshot,
							const struct options *options,
							const char *target));

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
