/* SPDX-License-Identifier: MIT */
/*
 * Runs a command and writes what it cost into a file.
 *
 *	measure [-w BYTES] FILE COMMAND...	FILE: WALL_S CPU_S PEAK_KIB
 *
 * CPU_S is user and system time; PEAK_KIB the most memory that was resident at a time. Ends with the command's status.
 *
 * -w: so much memory is written and freed again right before, by a process of its own. The host of a virtual machine takes back what was free for two
 * seconds, and the first touch after that costs ten times what clearing a page does (200 MiB: 0.05 s, and 0.44 to 0.53 s): a cost of the
 * place, which the command would be charged with.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Makes the host find so much memory. */
static void warm_up(size_t size)
{
	pid_t pid = fork();

	if (pid == 0) {
		char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (memory != MAP_FAILED) {
			madvise(memory, size, MADV_HUGEPAGE);
			memset(memory, 1, size);
		}
		_exit(0);
	}
	if (pid > 0)
		waitpid(pid, NULL, 0);
}

int main(int argc, char **argv)
{
	struct timespec before, after;
	struct rusage used;
	int status;

	if (argc > 2 && strcmp(argv[1], "-w") == 0) {
		warm_up(strtoull(argv[2], NULL, 10));
		argc -= 2;
		argv += 2;
	}
	if (argc < 3)
		return 2;
	clock_gettime(CLOCK_MONOTONIC, &before);

	pid_t pid = fork();

	if (pid == 0) {
		execvp(argv[2], argv + 2);
		perror(argv[2]);
		_exit(127);
	}
	if (pid < 0 || wait4(pid, &status, 0, &used) != pid) {
		perror("measure");
		return 1;
	}
	clock_gettime(CLOCK_MONOTONIC, &after);

	FILE *file = fopen(argv[1], "w");

	if (!file) {
		perror(argv[1]);
		return 1;
	}
	fprintf(file, "%.4f %.4f %ld\n",
		(double)(after.tv_sec - before.tv_sec) + (double)(after.tv_nsec - before.tv_nsec) / 1e9,
		(double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) + (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6,
		used.ru_maxrss);
	fclose(file);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
