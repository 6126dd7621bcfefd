/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "base/text.h"
#include "cmd/command.h"
#include "report/print_why.h"
#include "report/summary.h"

enum {
	CHAINS_DEFAULT = 1,
	/** Hops of a chain that text shows. */
	HOPS_SHOWN = 24,
	DEPTH_DEFAULT = 5,
	DEPTH_ALL = 100,
	LINES_VERBOSE = 1000,
};

/* Rows with less are left out of the text. */
static const double SHARE_SHOWN = 0.01;

/* An address has 0x in front; anything else is a size. */
static bool is_address(const char *operand)
{
	return !strncmp(operand, "0x", 2) || !strncmp(operand, "0X", 2);
}

static struct error *print(struct writer *writer, const struct snapshot *snapshot, const struct options *options,
			   const char *target, char *const *operands, enum status *status)
{
	bool text = options->format == FORMAT_TEXT;
	struct why_options why = {
		.chains = options_has(options, OPTION_CHAINS) ? (size_t)options->chains : CHAINS_DEFAULT,
		.hops = options->verbose ? 0 : HOPS_SHOWN,
		.depth = options_has(options, OPTION_DEPTH) ? (size_t)options->depth : text ? DEPTH_DEFAULT : DEPTH_ALL,
		.min_share = options->verbose ? 0 : SHARE_SHOWN,
		.lines = options->verbose ? LINES_VERBOSE : SUMMARY_LINES_MAX,
		.target = target,
		.quiet = options->quiet,
	};
	struct error *error;
	vaddr address;
	chunk_id chunk;
	uint64_t size;

	(void)status;
	if (is_address(operands[0])) {
		error = operand_chunk(snapshot, operands[0], &address, &chunk);
		if (error)
			return error;
		print_why_chunk(writer, snapshot, chunk, &why);
		return NULL;
	}
	if (!text_parse_bytes(operands[0], &size))
		return error_create(ERROR_USAGE, "\"%s\" is neither an address (0x…) nor a size", operands[0]);
	if (!print_why_size(writer, snapshot, size, &why))
		return error_create(ERROR_USAGE, "no chunk in use has %" PRIu64 " usable bytes", size);
	return NULL;
}

static enum status run(const struct options *options)
{
	return command_print(options, 1, print);
}

const struct command command_why = {
	.name = "why",
	.usage = "TARGET ADDRESS|SIZE [OPTION...]",
	.summary = "What keeps a chunk alive, or all chunks of a size",
	.description = "With an address (0x…) of or within a chunk: the shortest chain of pointers from a root to it, "
		       "or with -k several that begin in different places. With a size: who holds all chunks "
		       "of that usable size, as a tree, each counted once along its shortest way to a root. "
		       "CSV has the chains, or the tree.",
	.options = OPTIONS_TARGET | OPTIONS_OUTPUT | OPTIONS_GRAPH | OPTION_BIT(OPTION_NO_TYPES) | OPTION_BIT(OPTION_OUTPUT) | OPTION_BIT(OPTION_CHAINS) | OPTION_BIT(OPTION_DEPTH),
	.needs = NEEDS_GRAPH | NEEDS_NAMES | NEEDS_EDGES | NEEDS_TYPES,
	.run = run,
};
