/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "cmd/command.h"
#include "cmd/message.h"

static enum status run_help(const struct options *options)
{
	if (!options->n_operands) {
		commands_print_help();
		return STATUS_DONE;
	}

	const struct command *command = command_find(options->operands[0]);

	if (!command) {
		const char *close = command_suggest(options->operands[0]);

		if (close)
			message("there is no command \"%s\"; did you mean %s?",
				options->operands[0], close);
		else
			message("there is no command \"%s\"; heapsnap help lists them",
				options->operands[0]);
		return STATUS_USAGE;
	}
	command_print_help(command);
	return STATUS_DONE;
}

static enum status run_version(const struct options *options)
{
	(void)options;
	printf("heapsnap %s\n", PACKAGE_VERSION);
	return STATUS_DONE;
}

const struct command command_help = {
	.name = "help",
	.usage = "[COMMAND]",
	.summary = "Explains a command, or lists them",
	.options = OPTION_BIT(OPTION_HELP),
	.run = run_help,
};

const struct command command_version = {
	.name = "version",
	.usage = "",
	.summary = "Says which version this is",
	.options = OPTION_BIT(OPTION_HELP),
	.run = run_version,
};
