/* SPDX-License-Identifier: MIT */
/*
 * Which target a command line means: a process, a core or a snapshot; how the user would type it again, and opening it.
 */
#ifndef HEAPSNAP_CMD_CHOICE_H
#define HEAPSNAP_CMD_CHOICE_H

#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"
#include "cmd/options.h"
#include "target/target.h"

struct target_choice {
	/** A process, or 0. */
	pid_t pid;
	/** A core, or NULL. Borrowed from the command line. */
	const char *core;
	/** A snapshot file, or NULL. Borrowed from the command line. */
	const char *file;
	/** The operands behind the target. Borrowed. */
	char *const *operands;
	size_t n_operands;
};

/** Which target an operand names: a number is a process, a path a core or a snapshot, told by its content. Fills a choice of zeroes. Errors: ERROR_FORMAT and
    ERROR_OS for one that is neither. */
struct error *target_choose_operand(const char *operand, struct target_choice *ret) _must_check_;

/** Which target the command line names: -p, --core, or the first operand (a number is a process, a path a core or a snapshot, told by its content).
    Errors: ERROR_USAGE when there is none or more than one; ERROR_FORMAT and ERROR_OS for an operand that is neither. */
struct error *target_choose(const struct options *options, struct target_choice *ret) _must_check_;

/** As target_choose(), and an error when more than n_operands are left over. */
struct error *target_choose_with(const struct options *options, size_t n_operands,
				 struct target_choice *ret) _must_check_;

/** The target as the user would type it again: «-p 4711», «--core 'a file'» with -e and --sysroot where they were given. Owner: the caller. */
char *target_retype(const struct options *options, const struct target_choice *choice);

/** Opens a target that is no snapshot file; a process runs on. Owner of it: the caller. */
struct error *target_open(const struct options *options, const struct target_choice *choice,
			  struct target **ret) _must_check_;

#endif
