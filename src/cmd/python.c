/* SPDX-License-Identifier: MIT */
#include "cmd/command.h"
#include "report/print_python.h"
#include "report/summary.h"

static const char *const orders[] = { "bytes", "count", "getsizeof", "name", NULL };

enum {
	ROWS_DEFAULT = 20,
	LINES_VERBOSE = 1000,
};

static struct error *print(struct writer *writer, const struct snapshot *snapshot, const struct options *options,
			   const char *target, char *const *operands, enum status *status)
{
	static const enum python_order by[] = { PYTHON_BY_BYTES, PYTHON_BY_COUNT, PYTHON_BY_GETSIZEOF, PYTHON_BY_NAME };
	bool text = options->format == FORMAT_TEXT;
	struct python_options python = {
		.order = by[options->order],
		.limit = options_has(options, OPTION_LIMIT) ? options->limit : text ? ROWS_DEFAULT : 0,
		.min_size = options->min_size,
		.lines = options->verbose ? LINES_VERBOSE : SUMMARY_LINES_MAX,
		.target = target,
		.quiet = options->quiet,
		.verbose = options->verbose,
	};
	const struct python *found = &snapshot->python;

	(void)operands, (void)status;
	if (!found->runtimes.n)
		return error_create(ERROR_UNSUPPORTED, "there is no CPython in this process");
	if (!python_is_known(found))
		return error_create(ERROR_UNSUPPORTED, "the objects of CPython %s cannot be read: %s; heapsnap report has the native heap",
				    found->runtimes.v[0].version ? found->runtimes.v[0].version : "", found->runtimes.v[0].why_not);
	print_python(writer, snapshot, &python);
	return NULL;
}

static enum status run(const struct options *options)
{
	return command_print(options, 0, print);
}

const struct command command_python = {
	.name = "python",
	.usage = "TARGET [OPTION...]",
	.summary = "Python objects by type, and the native memory they own",
	.description = "First whose the memory is: Python objects, native memory that they own, C code's, and what nothing "
		       "reaches. Then the objects of CPython 3.8 to 3.14 by type: bytes are what allocators gave, with the tables and the "
		       "native memory that the objects own; getsizeof is what sys.getsizeof() adds up to. CSV has the types.",
	.options = OPTIONS_TARGET | OPTIONS_OUTPUT | OPTIONS_GRAPH | OPTION_BIT(OPTION_SORT) | OPTION_BIT(OPTION_LIMIT) |
		   OPTION_BIT(OPTION_MIN_SIZE),
	.orders = orders,
	.needs = NEEDS_GRAPH,
	.run = run,
};
