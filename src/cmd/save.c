/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/text.h"
#include "cmd/command.h"
#include "cmd/message.h"
#include "cmd/open.h"
#include "snapshot/file.h"

/* What was kept, and where: a line, or the fields of JSON. */
static struct error *print(struct writer *writer, const struct snapshot *snapshot,
			   const struct options *options, const char *target, char *const *operands,
			   enum status *status)
{
	const struct heap_totals *totals = &snapshot->heap.totals;
	struct stat file_status;

	(void)target, (void)operands, (void)status;
	if (stat(options->output, &file_status))
		return error_os(errno, "cannot find %s", options->output);

	_cleanup_free_ char *file = text_escape(options->output, strlen(options->output));
	_cleanup_free_ char *name = snapshot->name
					    ? text_escape(snapshot->name, strlen(snapshot->name))
					    : xstrdup("?");
	_cleanup_free_ char *size = writer_format_value(writer,
							value_bytes((uint64_t)file_status.st_size));
	_cleanup_free_ char *in_use = writer_format_value(writer,
							  value_bytes(totals->bytes[CHUNK_IN_USE]));
	char count[TEXT_NUMBER_MAX];

	writer_field(writer, "file", value_text(options->output));
	writer_field(writer, "file_bytes", value_bytes((uint64_t)file_status.st_size));
	writer_field(writer, "name", value_text(snapshot->name));
	writer_field(writer, "pid",
		     snapshot->pid ? value_number((uint64_t)snapshot->pid) : value_none());
	writer_field(writer, "chunks", value_count(snapshot->heap.chunks.n));
	writer_field(writer, "in_use_chunks", value_count(totals->count[CHUNK_IN_USE]));
	writer_field(writer, "in_use_bytes", value_bytes(totals->bytes[CHUNK_IN_USE]));
	writer_field(writer, "exact", value_flag(heap_is_exact(&snapshot->heap)));
	writer_print(writer, STYLE_PLAIN, "%s: %s, %s in %s chunk%s in use, %s; %s on the disk\n",
		     file, name, in_use, text_count(count, totals->count[CHUNK_IN_USE]),
		     totals->count[CHUNK_IN_USE] == 1 ? "" : "s",
		     heap_is_exact(&snapshot->heap) ? "exact" : "NOT exact", size);
	return NULL;
}

static enum status run(const struct options *options)
{
	// Before a process is stopped for nothing.
	if (!options->output)
		return message_error(error_create(ERROR_USAGE, "save needs -o FILE, where the "
							       "snapshot goes"));

	struct error *error = snapshot_check_destination(options->output);

	if (error)
		return message_error(error);
	return command_print(options, 0, print);
}

const struct command command_save = {
	.name = "save",
	.usage = "TARGET -o FILE.hsnap",
	.summary = "Keeps a snapshot in a file, for any report later",
	.description = "The file takes the place of the target in every other command: "
		       "heapsnap FILE.hsnap, heapsnap diff OLD.hsnap NEW.hsnap. It holds the "
		       "chunks, malloc's books and the graph of pointers, not the bytes of the "
		       "memory (but with --contents those of chunks in use); "
		       "heapsnap-snapshot(5) describes it. Another snapshot of that name is "
		       "replaced, when the new one is complete. -o does the same with any "
		       "report.",
	.options = OPTIONS_TARGET | OPTIONS_OUTPUT | OPTIONS_GRAPH | OPTION_BIT(OPTION_OUTPUT) |
		   OPTION_BIT(OPTION_CONTENTS),
	.run = run,
};
