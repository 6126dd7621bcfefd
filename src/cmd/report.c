/* SPDX-License-Identifier: MIT */
#include "cmd/command.h"
#include "report/print_report.h"
#include "report/summary.h"

static const char *const orders[] = { "bytes", "count", "size", NULL };

enum {
	/** What leaves room on a screen for the head and the account. */
	ROWS_DEFAULT = 16,
	/** Findings and modules with -v. */
	LINES_VERBOSE = 1000,
};

static struct error *print(struct writer *writer, const struct snapshot *snapshot, const struct options *options,
			   const char *target, char *const *operands, enum status *status)
{
	static const enum histogram_mode modes[] = {
		[SIZES_DEFAULT] = HISTOGRAM_FOLDED,
		[SIZES_EXACT] = HISTOGRAM_EXACT,
		[SIZES_CLASS] = HISTOGRAM_CLASS,
	};
	static const enum histogram_order by[] = { HISTOGRAM_BY_BYTES, HISTOGRAM_BY_COUNT,
						   HISTOGRAM_BY_SIZE };
	bool text = options->format == FORMAT_TEXT;
	struct report_options report = {
		.histogram = {
			// Programs fold for themselves, if they want to.
			.mode = !text && options->sizes == SIZES_DEFAULT ? HISTOGRAM_EXACT : modes[options->sizes],
			.order = by[options->order],
			.limit = options_has(options, OPTION_LIMIT) ? options->limit : text ? ROWS_DEFAULT : 0,
			.min_size = options->min_size,
		},
		.lines = options->verbose ? LINES_VERBOSE : SUMMARY_LINES_MAX,
		.target = target,
		.quiet = options->quiet,
	};

	(void)operands, (void)status;
	print_report(writer, snapshot, &report);
	return NULL;
}

static enum status run(const struct options *options)
{
	return command_print(options, 0, print);
}

const struct command command_report = {
	.name = "report",
	.usage = "TARGET [OPTION...]",
	.summary = "Who owns the memory: chunks in use by size",
	.description = "TARGET is -p PID, --core FILE, or just a PID or the path of a "
		       "core. Without a command, heapsnap runs this one. A process is "
		       "stopped once, for as long as the copy takes. JSON and CSV have "
		       "every size, unless --sizes or -n says otherwise.",
	.options = OPTIONS_TARGET | OPTIONS_OUTPUT | OPTION_BIT(OPTION_SIZES) |
		   OPTION_BIT(OPTION_SORT) | OPTION_BIT(OPTION_LIMIT) | OPTION_BIT(OPTION_OUTPUT) | OPTION_BIT(OPTION_MIN_SIZE) |
		   OPTION_BIT(OPTION_NO_TYPES) | OPTIONS_GRAPH,
	.orders = orders,
	.needs = NEEDS_TYPES,
	.run = run,
};
