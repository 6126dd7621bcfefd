/* SPDX-License-Identifier: MIT */
#include "cmd/choice.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/text.h"
#include "cmd/command.h"
#include "snapshot/file.h"
#include "target/core.h"
#include "target/live.h"

static struct error *command_is_first(const char *name)
{
	return error_create(ERROR_USAGE, "the command comes first: heapsnap %s TARGET [OPTION...]",
			    name);
}

struct error *target_choose_operand(const char *operand, struct target_choice *ret)
{
	uint64_t number;
	struct stat status;

	// A number is a process; a file of that name needs a path («./4711»).
	if (text_parse_u64(operand, &number) && number >= 1 && number <= INT_MAX) {
		ret->pid = (pid_t)number;
		return NULL;
	}
	if (stat(operand, &status)) {
		if (errno == ENOENT && command_find(operand))
			return command_is_first(operand);
		return error_os(errno, "cannot open %s", operand);
	}
	if (S_ISDIR(status.st_mode))
		return error_create(ERROR_FORMAT,
				    "%s is a directory, neither a core nor a process id", operand);
	if (access(operand, R_OK))
		return error_os(errno, "cannot open %s", operand);
	if (snapshot_recognise(operand)) {
		ret->file = operand;
		return NULL;
	}
	if (!core_recognise(operand))
		return error_create(ERROR_FORMAT, "%s is neither a core file nor a snapshot",
				    operand);
	ret->core = operand;
	return NULL;
}

struct error *target_choose(const struct options *options, struct target_choice *ret)
{
	struct target_choice choice = { .pid = options->pid,
					.core = options->core,
					.operands = options->operands,
					.n_operands = options->n_operands };

	if (choice.pid && choice.core)
		return error_create(ERROR_USAGE, "-p and --core are two targets; one at a time");
	if (!choice.pid && !choice.core) {
		if (!choice.n_operands)
			return error_create(ERROR_USAGE,
					    "no target: give a process id, a core or a snapshot");

		struct error *error = target_choose_operand(choice.operands[0], &choice);

		if (error)
			return error;
		choice.operands++;
		choice.n_operands--;
	} else if (choice.core && snapshot_recognise(choice.core)) {
		return error_create(ERROR_USAGE, "%s is a snapshot, not a core: leave --core out",
				    choice.core);
	}
	if (options->exe && !choice.core)
		return error_create(ERROR_USAGE, "-e is for cores; a process knows its executable, "
						 "and a snapshot needs none");
	*ret = choice;
	return NULL;
}

struct error *target_choose_with(const struct options *options, size_t n_operands,
				 struct target_choice *ret)
{
	struct target_choice choice;
	struct error *error = target_choose(options, &choice);

	if (error)
		return error;
	if (choice.n_operands > n_operands && command_find(choice.operands[n_operands]))
		return command_is_first(choice.operands[n_operands]);
	if (choice.n_operands > n_operands)
		return error_create(ERROR_USAGE, "%s at a time: what is \"%s\"?",
				    n_operands ? "one" : "one target", choice.operands[n_operands]);
	*ret = choice;
	return NULL;
}

static char *append_option(char *line, const char *option, const char *value)
{
	if (!value)
		return line;

	_cleanup_free_ char *word = text_shell_word(value);
	char *longer = xasprintf("%s %s %s", line, option, word);

	free(line);
	return longer;
}

char *target_retype(const struct options *options, const struct target_choice *choice)
{
	char *line;

	if (choice->file)
		return text_shell_word(choice->file);
	if (choice->pid) {
		line = xasprintf("-p %d", (int)choice->pid);
	} else {
		_cleanup_free_ char *word = text_shell_word(choice->core);

		line = xasprintf("--core %s", word);
	}
	line = append_option(line, "-e", options->exe);
	line = append_option(line, "--sysroot", options->sysroot);
	return append_option(line, "--debuginfo-path", options->debug_path);
}

struct error *target_open(const struct options *options, const struct target_choice *choice,
			  struct target **ret)
{
	if (choice->pid)
		return live_open(choice->pid, ret);

	struct core_options core = {
		.exe = options->exe,
		.sysroot = options->sysroot,
		.debug_path = options->debug_path,
		.spool_dir = options->spool_dir,
	};

	return core_open(choice->core, &core, ret);
}
