/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "base/alloc.h"
#include "cmd/command.h"
#include "cmd/message.h"
#include "cmd/open.h"
#include "cmd/progress.h"
#include "report/print_diff.h"
#include "snapshot/threshold.h"

static const char *const orders[] = { "change", "growth", "count", "size", NULL };

enum {
	ROWS_DEFAULT = 16,
};

typedef ARRAY(struct threshold) threshold_array;
typedef ARRAY(struct target_choice) choice_array;

/* All operands and conditions are looked at before a process is stopped for nothing. */
static struct error *prepare(const struct options *options, choice_array *choices,
			     threshold_array *thresholds)
{
	if (options->n_operands < 2)
		return error_create(ERROR_USAGE,
				    "diff compares two or more: snapshots, cores, process ids");
	for (size_t i = 0; i < options->n_operands; i++) {
		struct target_choice choice = { 0 };
		struct error *error = target_choose_operand(options->operands[i], &choice);

		if (error)
			return error;
		array_append(choices, choice);
	}
	for (size_t i = 0; i < options->n_fail_if; i++) {
		struct threshold threshold;
		struct error *error = threshold_parse(options->fail_if[i], &threshold);

		if (error)
			return error;
		array_append(thresholds, threshold);
	}
	return NULL;
}

/* The exit status of the worst of them, but for conditions. */
static enum status worse(enum status a, enum status b)
{
	// Nothing to compare is worse than something partial.
	return a > b ? a : b;
}

/* Reads one after the other; only the first is kept, beside the one at hand. */
static struct error *compare(const struct options *options, const choice_array *choices,
			     struct diff *diff, enum status *status)
{
	_cleanup_snapshot_ struct snapshot first = { 0 };

	for (size_t i = 0; i < choices->n; i++) {
		struct snapshot snapshot;
		struct error *error = open_snapshot(options, &choices->v[i], &snapshot);

		if (error)
			return error;
		*status = worse(*status, snapshot_status(&snapshot));
		diff_add(diff, options->operands[i], &snapshot);
		progress_phase("comparing");
		if (i + 1 == choices->n)
			diff_survivors(diff, &first, &snapshot);
		if (!i)
			first = snapshot;
		else
			snapshot_deinit(&snapshot);
	}
	return NULL;
}

/* The conditions, each with what came of it; the status that they make of it all. */
static enum status judge(struct writer *writer, const struct diff *diff,
			 const threshold_array *thresholds, enum status status)
{
	static const char *const words[] = { [THRESHOLD_KEPT] = "kept",
					     [THRESHOLD_FAILED] = "failed",
					     [THRESHOLD_UNKNOWN] = "unknown" };
	static const struct column columns[] = {
		{ .key = "condition", .title = "condition" },
		{ .key = "change", .title = "change", .flags = COLUMN_RIGHT },
		{ .key = "result", .title = "result" },
	};
	static const struct table table = { .key = "thresholds",
					    .columns = columns,
					    .n_columns = 3 };
	bool failed = false, unknown = false;

	if (!thresholds->n)
		return status;
	writer_print(writer, STYLE_PLAIN, "\n");
	writer_table_begin(writer, &table);
	for (size_t i = 0; i < thresholds->n; i++) {
		const struct threshold *threshold = &thresholds->v[i];
		int64_t change;
		enum threshold_result result = threshold_judge(threshold, diff, &change);

		if (threshold_is_about_nobody(threshold, diff))
			message("\"%s\" is about %s that none of the snapshots has; --format json "
				"tells them all",
				threshold->text, threshold->owner ? "an owner" : "a type");
		failed |= result == THRESHOLD_FAILED;
		unknown |= result == THRESHOLD_UNKNOWN;
		writer_row(writer,
			   (struct value[]){
				   value_text(threshold->text),
				   result == THRESHOLD_UNKNOWN	   ? value_none()
				   : threshold_is_bytes(threshold) ? value_bytes_change(change)
								   : value_count_change(change),
				   value_word(words[result]),
			   });
	}
	writer_table_end(writer);
	return failed ? STATUS_FOUND : unknown ? worse(status, STATUS_PARTIAL) : status;
}

static struct error *print(const struct options *options, const struct diff *diff,
			   const threshold_array *thresholds, enum status *status)
{
	static const enum growth_mode modes[] = {
		[SIZES_DEFAULT] = GROWTH_FOLDED,
		[SIZES_EXACT] = GROWTH_EXACT,
		[SIZES_CLASS] = GROWTH_CLASS,
	};
	static const enum growth_order by[] = { GROWTH_BY_CHANGE, GROWTH_BY_GROWTH, GROWTH_BY_COUNT,
						GROWTH_BY_SIZE };
	bool text = options->format == FORMAT_TEXT;
	struct diff_options settings = {
		.growth = {
			// Programs fold for themselves, if they want to.
			.mode = !text && options->sizes == SIZES_DEFAULT ? GROWTH_EXACT : modes[options->sizes],
			.order = by[options->order],
			.limit = options_has(options, OPTION_LIMIT) ? options->limit : text ? ROWS_DEFAULT : 0,
			.min_size = options->min_size,
			.only_changed = text,
		},
		.wants_sizes = options_has(options, OPTION_SIZES) || options->min_size || options_has(options, OPTION_SORT),
	};
	struct writer_options writer_settings = options_writer(options);
	_cleanup_writer_ struct writer *writer = writer_create(&writer_settings);

	writer_begin(writer, options->command->name);
	print_diff(writer, diff, &settings);
	*status = judge(writer, diff, thresholds, *status);
	if (!options->quiet)
		print_diff_hints(writer, diff);
	return writer_finish(writer);
}

static enum status run(const struct options *options)
{
	choice_array choices = { 0 };
	threshold_array thresholds = { 0 };
	struct diff diff;
	enum status status = STATUS_DONE;
	struct error *error = prepare(options, &choices, &thresholds);

	diff_init(&diff);
	if (!error) {
		progress_begin(!options->quiet && !options->verbose);
		error = compare(options, &choices, &diff, &status);
		progress_end();
	}
	if (!error)
		error = print(options, &diff, &thresholds, &status);
	diff_deinit(&diff);
	array_deinit(&choices);
	array_deinit(&thresholds);
	return error ? message_error(error) : status;
}

const struct command command_diff = {
	.name = "diff",
	.usage = "OLD NEW [MORE...] [OPTION...]",
	.summary = "What grew from one snapshot to the next, by type and owner",
	.description =
		"Any snapshots, cores and process ids, in the order of time; the first is "
		"compared with the last, and those between show how it went. Of one run of "
		"a program, chunks are known by their addresses: which are new, which were "
		"freed. Other runs are compared by type and size alone. --sizes, -s and --min-size show "
		"the sizes that changed, too. --fail-if takes a condition "
		"on the change, such as 'bytes>10M', 'count>=1000', 'resident>5%' or "
		"'type:struct conn count>50', and may be given several times; if one holds the exit "
		"status is 1.",
	.options = ((OPTIONS_TARGET | OPTIONS_OUTPUT | OPTIONS_GRAPH) &
		    ~(OPTION_BIT(OPTION_PID) | OPTION_BIT(OPTION_CORE))) |
		   OPTION_BIT(OPTION_SIZES) | OPTION_BIT(OPTION_SORT) | OPTION_BIT(OPTION_LIMIT) |
		   OPTION_BIT(OPTION_MIN_SIZE) | OPTION_BIT(OPTION_FAIL_IF) | OPTION_BIT(OPTION_NO_TYPES),
	.needs = NEEDS_GRAPH | NEEDS_NAMES | NEEDS_OWNERS | NEEDS_TYPES,
	.orders = orders,
	.run = run,
};
