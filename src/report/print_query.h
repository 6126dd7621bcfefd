/* SPDX-License-Identifier: MIT */
/*
 * The answer to a query, and what can be asked.
 */
#ifndef HEAPSNAP_REPORT_PRINT_QUERY_H
#define HEAPSNAP_REPORT_PRINT_QUERY_H

#include "report/writer.h"
#include "snapshot/query.h"

/** Prints all rows of a query (at most `limit`; 0: no limit), between writer_begin() and writer_finish(). Errors: those of query_next(), and ERROR_USAGE for more columns
    than a table can have. */
struct error *print_query(struct writer *writer, struct query *query, uint64_t limit) _must_check_;

/** Prints the tables and their columns: the answer to query_schema(), a line for each table in text. Errors: as above. */
struct error *print_schema(struct writer *writer, struct query *query) _must_check_;

#endif
