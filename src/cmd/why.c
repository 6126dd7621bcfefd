/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "base/text.h"
#include "cmd/command.h"
#include "report/print_python.h"
#include "report/print_why.h"
#include "report/summary.h"

enum {
	CHAINS_DEFAULT = 1,
	/** Of chunks of a type or size, as examples. */
	EXAMPLES_DEFAULT = 2,
	/** Members that hold these. */
	MEMBERS_DEFAULT = 12,
	/** Hops of a chain that text shows. */
	HOPS_SHOWN = 24,
	DEPTH_DEFAULT = 5,
	DEPTH_ALL = 100,
	/** Paths and referrers of a Python type. */
	PATHS_DEFAULT = 10,
	LINES_VERBOSE = 1000,
};

/* Rows with less are left out of the text. */
static const double SHARE_SHOWN = 0.01;

/* An address has 0x in front; a size is a number. */
static bool is_address(const char *operand)
{
	return !strncmp(operand, "0x", 2) || !strncmp(operand, "0X", 2);
}

/* Why the objects of a Python type are there. */
static struct error *print_type(struct writer *writer, const struct snapshot *snapshot, const char *name, uint64_t limit)
{
	struct py_why why;

	if (!python_is_known(&snapshot->python))
		return error_create(ERROR_UNSUPPORTED, "there is no Python here whose objects can be read");
	if (!python_why(&snapshot->python, name, &why))
		return error_create(ERROR_USAGE, "no Python object has a type called \"%s\"", name);
	if (!why.paths.n) {
		py_why_deinit(&why);
		return error_create(ERROR_UNSUPPORTED, "this snapshot is of an older heapsnap and has no ways to Python objects");
	}
	print_why_python(writer, &why, limit);
	py_why_deinit(&why);
	return NULL;
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
		.members = options->verbose ? 0 : MEMBERS_DEFAULT,
		.lines = options->verbose ? LINES_VERBOSE : SUMMARY_LINES_MAX,
		.target = target,
		.quiet = options->quiet,
	};
	struct chunk_choice choice = { 0 };
	struct error *error;
	vaddr address;
	chunk_id chunk;

	(void)status;
	if (operand_python_type(operands[0])) {
		error = print_type(writer, snapshot, operand_python_type(operands[0]),
				   options_has(options, OPTION_CHAINS) ? options->chains : text ? PATHS_DEFAULT : 0);
		if (!error)
			print_trouble(writer, snapshot, why.lines);
		return error;
	}
	if (is_address(operands[0])) {
		error = operand_chunk(snapshot, operands[0], &address, &chunk);
		if (error)
			return error;
		print_why_chunk(writer, snapshot, chunk, &why);
		return NULL;
	}
	if (!options_has(options, OPTION_CHAINS))
		why.chains = EXAMPLES_DEFAULT;
	if (!text_parse_bytes(operands[0], &choice.usable)) {
		error = operand_label(snapshot, operands[0], &choice.label);
		if (error)
			return error;
	}
	if (!print_why_chunks(writer, snapshot, &choice, &why))
		return error_create(ERROR_USAGE, "no chunk in use has %" PRIu64 " usable bytes", choice.usable);
	return NULL;
}

static enum status run(const struct options *options)
{
	return command_print(options, 1, print);
}

const struct command command_why = {
	.name = "why",
	.usage = "TARGET ADDRESS|TYPE|SIZE|py:TYPE [OPTION...]",
	.summary = "What keeps a chunk alive, or all chunks of a type",
	.description = "With an address (0x…) of or within a chunk: the shortest chain of pointers from a root to it, "
		       "or with -k several that begin in different places. With a type ('struct conn', or just conn) or a usable "
		       "size: by which members and variables its chunks are held; then a tree up to the roots, each chunk counted once "
		       "along its shortest way; then -k such ways as examples. "
		       "With py: and the name of a Python type: the shortest ways to its objects from modules and running "
		       "functions, as a program would write them, and through what they are referred to. "
		       "CSV has the chains, the tree, or the ways.",
	.options = OPTIONS_TARGET | OPTIONS_OUTPUT | OPTIONS_GRAPH | OPTION_BIT(OPTION_NO_TYPES) | OPTION_BIT(OPTION_OUTPUT) | OPTION_BIT(OPTION_CHAINS) | OPTION_BIT(OPTION_DEPTH),
	.needs = NEEDS_GRAPH | NEEDS_NAMES | NEEDS_EDGES | NEEDS_TYPES,
	.run = run,
};
