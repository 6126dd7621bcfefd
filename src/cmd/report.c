/* SPDX-License-Identifier: MIT */
#include "cmd/command.h"
#include "report/print_report.h"
#include "report/print_type.h"
#include "report/summary.h"

static const char *const orders[] = { "bytes", "count", "size", "retained", NULL };

/* Index of the last one. */
enum { ORDER_RETAINED = 3 };

enum {
	/** What leaves room on a screen for the head and the account. */
	ROWS_DEFAULT = 16,
	/** Of one type: places, owners and sites; and members. */
	TYPE_ROWS_DEFAULT = 6,
	MEMBERS_DEFAULT = 20,
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
						   HISTOGRAM_BY_SIZE, HISTOGRAM_BY_RETAINED };
	bool text = options->format == FORMAT_TEXT;
	struct report_options report = {
		.histogram = {
			// Programs fold for themselves, if they want to.
			.mode = !text && options->sizes == SIZES_DEFAULT ? HISTOGRAM_EXACT : modes[options->sizes],
			.order = by[options->order],
			.limit = options_has(options, OPTION_LIMIT) ? options->limit : text ? ROWS_DEFAULT : 0,
			.min_size = options->min_size,
			.with_retained = options->retained || options->order == ORDER_RETAINED,
		},
		.lines = options->verbose ? LINES_VERBOSE : SUMMARY_LINES_MAX,
		.target = target,
		.quiet = options->quiet,
	};

	(void)operands, (void)status;
	if (options->type) {
		struct type_options type = {
			.histogram = report.histogram,
			.wants_sizes = options_has(options, OPTION_SIZES),
			.rows = options->verbose ? 0 : TYPE_ROWS_DEFAULT,
			.members = options->verbose ? 0 : MEMBERS_DEFAULT,
			.lines = report.lines,
			.target = target,
			.quiet = options->quiet,
		};
		label_id label;
		struct error *error = operand_label(snapshot, options->type, &label);

		if (error)
			return error;
		print_type(writer, snapshot, label, &type);
		return NULL;
	}
	print_report(writer, snapshot, &report);
	return NULL;
}

static enum status run(const struct options *options)
{
	struct options own = *options;

	// Who keeps chunks, and what they retain, takes more than what they are.
	if (own.type)
		own.needs = NEEDS_GRAPH | NEEDS_EDGES | NEEDS_DOMINATORS | NEEDS_OWNERS;
	else if (own.retained || own.order == ORDER_RETAINED)
		own.needs = NEEDS_GRAPH | NEEDS_DOMINATORS;
	return command_print(&own, 0, print);
}

const struct command command_report = {
	.name = "report",
	.usage = "TARGET [OPTION...]",
	.summary = "Who owns the memory: chunks in use by type",
	.description = "TARGET is -p PID, --core FILE, or just a PID or the path of a "
		       "core. Without a command, heapsnap runs this one. A process is "
		       "stopped once, for as long as the copy takes. --type is about one type by itself: its sizes, "
		       "members, owners, and where it is allocated. --sizes shows sizes, all of them or those of the type. "
		       "JSON and CSV have every row, unless --sizes or -n says otherwise.",
	.options = OPTIONS_TARGET | OPTIONS_OUTPUT | OPTION_BIT(OPTION_SIZES) |
		   OPTION_BIT(OPTION_SORT) | OPTION_BIT(OPTION_LIMIT) | OPTION_BIT(OPTION_OUTPUT) | OPTION_BIT(OPTION_MIN_SIZE) |
		   OPTION_BIT(OPTION_NO_TYPES) | OPTION_BIT(OPTION_TYPE) | OPTION_BIT(OPTION_RETAINED) | OPTIONS_GRAPH,
	.orders = orders,
	.needs = NEEDS_TYPES,
	.run = run,
};
