/* SPDX-License-Identifier: MIT */
#include "cmd/command.h"
#include "report/print_show.h"
#include "report/summary.h"

enum {
	REFERENCES_DEFAULT = 10,
	FIELDS_DEFAULT = 40,
	LINES_VERBOSE = 1000,
};

static struct error *print(struct writer *writer, const struct snapshot *snapshot, const struct options *options,
			   const char *target, char *const *operands, enum status *status)
{
	struct show_options show = {
		.limit = options_has(options, OPTION_LIMIT) ? (size_t)options->limit : REFERENCES_DEFAULT,
		.fields = options->verbose ? 0 : FIELDS_DEFAULT,
		.lines = options->verbose ? LINES_VERBOSE : SUMMARY_LINES_MAX,
		.target = target,
		.quiet = options->quiet,
	};
	chunk_id chunk;
	struct error *error = operand_chunk(snapshot, operands[0], &show.address, &chunk);

	(void)status;
	if (error)
		return error;
	print_show(writer, snapshot, chunk, &show);
	return NULL;
}

static enum status run(const struct options *options)
{
	return command_print(options, 1, print);
}

const struct command command_show = {
	.name = "show",
	.usage = "TARGET ADDRESS [OPTION...]",
	.summary = "One chunk: its fields by name, references in and out, what it keeps",
	.description = "The address may be anywhere within the chunk. -n is how many references are shown in each "
		       "direction. A chunk whose type is known is shown field by field. --contents adds what they hold, and the chunk's "
		       "words, with what they point to. CSV has the shortest chain from a root.",
	.options = OPTIONS_TARGET | OPTIONS_OUTPUT | OPTIONS_GRAPH | OPTION_BIT(OPTION_NO_TYPES) | OPTION_BIT(OPTION_OUTPUT) | OPTION_BIT(OPTION_LIMIT) | OPTION_BIT(OPTION_CONTENTS),
	.needs = NEEDS_GRAPH | NEEDS_NAMES | NEEDS_EDGES | NEEDS_DOMINATORS | NEEDS_TYPES,
	.run = run,
};
