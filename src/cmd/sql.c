/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "base/alloc.h"
#include "cmd/choice.h"
#include "cmd/command.h"
#include "cmd/message.h"
#include "report/print_query.h"

/* Whether the target would be a file with a blank in its name. */
static bool has_blank(const struct options *options)
{
	return options->n_operands && !options->pid && !options->core &&
	       strchr(options->operands[0], ' ');
}

/* Whether something stands behind the target. */
static bool options_has_query(const struct options *options)
{
	return options->n_operands > (options->pid || options->core ? 0 : 1);
}

static void print_help(struct writer *writer, const char *target)
{
	writer_print(writer, STYLE_PLAIN,
		     "\nEach table but meta, memory and histogram has an id, which others refer "
		     "to.\nheapsnap-snapshot(5) describes them. For example:\n\n"
		     "  heapsnap sql %s 'SELECT state, count(*), sum(size) FROM chunk GROUP BY 1'\n"
		     "  heapsnap sql %s \"SELECT printf('%%#x', address), size FROM chunk\n"
		     "    WHERE state = 'in-use' ORDER BY size DESC LIMIT 10\"\n",
		     target, target);
}

/* Compiled before a process is stopped for a slip of the keyboard; and to see what it asks about. */
static struct error *query_check(const char *sql, unsigned *parts_ret)
{
	struct snapshot nothing;
	struct query *query = NULL;

	snapshot_init(&nothing);

	struct error *error = query_create(&nothing, sql, &query);

	if (!error)
		*parts_ret = query_parts(query);
	query_destroy(query);
	snapshot_deinit(&nothing);
	return error;
}

static struct error *print(struct writer *writer, const struct snapshot *snapshot,
			   const struct options *options, const char *target, char *const *operands,
			   enum status *status)
{
	_cleanup_query_ struct query *query = NULL;
	bool has_query = options_has_query(options);
	struct error *error = has_query ? query_create(snapshot, operands[0], &query)
					: query_schema(snapshot, &query);

	(void)status;
	if (error)
		return error;
	if (has_query)
		return print_query(writer, query, options->limit);
	error = print_schema(writer, query);
	if (!error && !options->quiet)
		print_help(writer, target);
	return error;
}

static enum status run(const struct options *options)
{
	bool has_query = options_has_query(options);
	struct options with_needs = *options;
	struct target_choice choice;
	struct error *error = target_choose(options, &choice);

	// The query itself has been taken for a file.
	if (error && has_blank(options))
		error = error_context(error, "the target stands before the query");
	if (!error && choice.n_operands > 1)
		error = error_create(ERROR_USAGE, "one query at a time, in quotes: what is \"%s\"?",
				     choice.operands[1]);
	if (!error && has_query)
		error = query_check(choice.operands[0], &with_needs.needs);
	return error ? message_error(error) : command_print(&with_needs, has_query, print);
}

const struct command command_sql = {
	.name = "sql",
	.usage = "TARGET ['SELECT ...']",
	.summary = "Answers a question in SQL; without one, tells the tables",
	.description = "The tables are those of heapsnap-snapshot(5), and two more: chunk has "
		       "every chunk in one row (id, address, size, kind, arena, state, reach, "
		       "retained, owner, sole_place), edge every pointer (source, target, offset, hit, weak). "
		       "Addresses are numbers; printf('%#x', address) shows one as such. A query "
		       "only reads. Without a query the tables and their columns are printed.",
	.options = OPTIONS_TARGET | OPTIONS_OUTPUT | OPTIONS_GRAPH | OPTION_BIT(OPTION_LIMIT) |
		   OPTION_BIT(OPTION_OUTPUT),
	.run = run,
};
