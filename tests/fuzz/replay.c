/* SPDX-License-Identifier: MIT */
/*
 * Replays the seeds of a fuzz target with any compiler: a plain main() in place of libFuzzer's, printing TAP.
 *
 *	fuzz_X			replays each file of tests/fuzz/corpus/X (below $top_srcdir)
 *	fuzz_X FILE|FOLDER...	replays these
 *
 * A crash or a sanitizer report ends the program before its plan, which the harness counts as an error; the name of the seed
 * is printed before it is run.
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned replayed;

static int replay_file(const char *path)
{
	FILE *stream = fopen(path, "rb");
	struct stat status;

	if (!stream || fstat(fileno(stream), &status) != 0) {
		printf("Bail out! %s: %s\n", path, strerror(errno));
		return 1;
	}

	// An allocation of exactly this size, so that a sanitizer sees a read past its end.
	size_t size = (size_t)status.st_size;
	uint8_t *bytes = malloc(size ? size : 1);

	if (!bytes || fread(bytes, 1, size, stream) != size) {
		printf("Bail out! %s: cannot be read\n", path);
		return 1;
	}
	fclose(stream);
	printf("# %s\n", path);
	fflush(stdout);
	LLVMFuzzerTestOneInput(bytes, size);
	printf("ok %u - %s\n", ++replayed, strrchr(path, '/') ? strrchr(path, '/') + 1 : path);
	free(bytes);
	return 0;
}

static int replay_folder(const char *path)
{
	struct dirent **entries;
	int n = scandir(path, &entries, NULL, alphasort), failed = 0;

	if (n < 0) {
		printf("Bail out! %s: %s\n", path, strerror(errno));
		return 1;
	}
	for (int i = 0; i < n; i++) {
		char file[PATH_MAX];

		// RECIPE is about the seeds, not one of them.
		if (entries[i]->d_name[0] != '.' && strcmp(entries[i]->d_name, "RECIPE") != 0 && !failed) {
			snprintf(file, sizeof(file), "%s/%s", path, entries[i]->d_name);
			failed = replay_file(file);
		}
		free(entries[i]);
	}
	free(entries);
	return failed;
}

int main(int argc, char **argv)
{
	int failed = 0;

	if (argc == 1) {
		const char *top = getenv("top_srcdir"), *name = strstr(argv[0], "fuzz_");
		char folder[PATH_MAX];

		for (const char *next = name; next; next = strstr(next + 1, "fuzz_"))
			name = next;
		if (!name) {
			printf("Bail out! %s is no name of a fuzz target\n", argv[0]);
			return 99;
		}
		snprintf(folder, sizeof(folder), "%s/tests/fuzz/corpus/%s", top ? top : ".", name + strlen("fuzz_"));
		failed = replay_folder(folder);
	}
	for (int i = 1; i < argc && !failed; i++) {
		struct stat status;

		failed = stat(argv[i], &status) == 0 && S_ISDIR(status.st_mode) ? replay_folder(argv[i]) : replay_file(argv[i]);
	}
	if (failed)
		return 99;
	if (!replayed) {
		printf("Bail out! there are no seeds\n");
		return 99;
	}
	printf("1..%u\n", replayed);
	return 0;
}
