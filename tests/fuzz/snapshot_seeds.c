/* SPDX-License-Identifier: MIT */
/*
 * Writes the seeds of fuzz_snapshot into the folder corpus/snapshot of the working directory. How the committed ones were made: see RECIPE there.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "graph_snapshot.h"
#include "snapshot/file.h"

static void empty_snapshot(struct snapshot *snapshot)
{
	snapshot_init(snapshot);
	snapshot->machine = "x86-64";
	snapshot->page_size = 4096;
}

int main(void)
{
	static const struct {
		const char *name;
		void (*build)(struct snapshot *);
	} seeds[] = {
		{ "sample", graph_snapshot },
		{ "types", typed_snapshot },
		{ "damaged", damaged_snapshot },
		{ "foreign", foreign_snapshot },
		{ "empty", empty_snapshot },
	};

	for (size_t i = 0; i < sizeof(seeds) / sizeof(seeds[0]); i++) {
		struct snapshot snapshot;
		char path[128];

		snprintf(path, sizeof(path), "corpus/snapshot/%s", seeds[i].name);
		unlink(path);
		seeds[i].build(&snapshot);

		struct error *error = snapshot_write(&snapshot, path);

		if (error) {
			fprintf(stderr, "%s\n", error->message);
			return 1;
		}
		snapshot_deinit(&snapshot);
	}
	return 0;
}
