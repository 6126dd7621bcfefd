/* SPDX-License-Identifier: MIT */
#include "base/alloc.h"
#include "cmd/command.h"
#include "cmd/message.h"
#include "cmd/open.h"
#include "report/print_query.h"

/* The query of the command line: all that stands behind the target. */
static struct error *query_choose(const struct target_choice *choice, const char **ret)
{
	if (choice->n_operands > 1)
		return error_create(ERROR_USAGE, "one query at a time, in quotes: what is \"%s\"?",
				    choice->operands[1]);
	*ret = choice->n_operands ? choice->operands[0] : NULL;
	return NULL;
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

/* Found out before a process is stopped for a slip of the keyboard. */
static struct error *query_check(const char *sql)
{
	struct snapshot nothing;
	struct query *query = NULL;

	snapshot_init(&nothing);

	struct error *error = query_create(&nothing, sql, &query);

	query_destroy(query);
	snapshot_deinit(&nothing);
	return error;
}

static struct error *print(struct writer *writer, const struct snapshot *snapshot,
			   const struct options *options, const char *target)
{
	struct target_choice choice;
	_cleanup_query_ struct query *query = NULL;
	const char *sql = NULL;
	struct error *error = target_choose(options, &choice);

	if (!error)
		error = query_choose(&choice, &sql);
	if (!error)
		error = sql ? query_create(snapshot, sql, &query) : query_schema(snapshot, &query);
	if (error)
		return error;
	if (sql)
		return print_query(writer, query, options->limit);
	error = print_schema(writer, query);
	if (!error && !options->quiet)
		print_help(writer, target);
	return error;
}

static enum status run(const struct options *options)
{
	struct target_choice choice;
	const char *sql = NULL;
	struct error *error = target_choose(options, &choice);

	if (!error)
		error = query_choose(&choice, &sql);
	if (!error && sql)
		error = query_check(sql);
	return error ? message_error(error) : command_print_chosen(options, &choice, print);
}

const struct command command_sql = {
	.name = "sql",
	.usage = "TARGET ['SELECT ...']",
	.summary = "Answers a question in SQL; without one, tells the tables",
	.description = "The tables are those of heapsnap-snapshot(5), and chunk, which has "
		       "every chunk in one row: id, address, size, kind, arena, state. "
		       "Addresses are numbers; printf('%#x', address) shows one as such. A "
		       "query only reads. Without a query the tables and their columns are "
		       "printed.",
	.options = OPTIONS_TARGET | OPTIONS_OUTPUT | OPTION_BIT(OPTION_LIMIT) |
		   OPTION_BIT(OPTION_OUTPUT),
	.run = run,
};
