/* SPDX-License-Identifier: MIT */
/*
 * Stops a process at the very instruction at which a tracer lets it go.
 *
 *   ambush PID RESULT COMMAND...   runs COMMAND, which is to trace PID; exits with its status
 *
 * As soon as all threads of PID are traced and stopped, each of them is sent SIGSTOP. The signals stay
 * pending while the threads are held, and are taken before any of them returns to its program. So
 * whatever heapsnap copied is still so when it has gone, and the recorder's books can be compared with
 * it, although the program was running when heapsnap came.
 *
 * The file RESULT then says
 *
 *   held     all threads were held from before the first signal to after the last: compare
 *   late     some had been let go, and ran on a little: the stop is good, the comparison is not
 *   missed   the command had ended before: nothing was stopped
 *
 * After the first two a SIGCONT lets the process run again.
 */
#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	MAX_THREADS = 256,
	LOOK_EVERY = 100000, // ns
};

static int threads_list(const char *pid, int tids[])
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%s/task", pid);
	DIR *folder = opendir(path);
	int n = 0;
	if (!folder)
		return 0;
	for (struct dirent *entry; (entry = readdir(folder)) && n < MAX_THREADS;) {
		if (entry->d_name[0] != '.')
			tids[n++] = atoi(entry->d_name);
	}
	closedir(folder);
	return n;
}

static bool is_traced(const char *pid, int tid)
{
	char path[64], text[2048];
	snprintf(path, sizeof(path), "/proc/%s/task/%d/status", pid, tid);
	int fd = open(path, O_RDONLY);
	if (fd < 0)
		return false;
	ssize_t size = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[size > 0 ? size : 0] = 0;
	const char *tracer = strstr(text, "\nTracerPid:\t");
	const char *state = strstr(text, "\nState:\t");
	return tracer && strtol(tracer + 12, NULL, 10) > 0 && state && state[8] == 't';
}

static bool all_traced(const char *pid, const int tids[], int n)
{
	// The last one first: it is the one that is seized last.
	for (int i = n - 1; i >= 0; i--) {
		if (!is_traced(pid, tids[i]))
			return false;
	}
	return n > 0;
}

static const char *ambush(const char *pid, pid_t command, int *status)
{
	int tids[MAX_THREADS];
	int n = threads_list(pid, tids);
	while (!all_traced(pid, tids, n)) {
		if (waitpid(command, status, WNOHANG) == command)
			return "missed";
		nanosleep(&(struct timespec){ .tv_nsec = LOOK_EVERY }, NULL);
	}
	for (int i = 0; i < n; i++)
		syscall(SYS_tgkill, atoi(pid), tids[i], SIGSTOP);
	bool held = all_traced(pid, tids, n);
	waitpid(command, status, 0);
	return held ? "held" : "late";
}

int main(int argc, char **argv)
{
	if (argc < 4)
		return 2;
	pid_t command = fork();
	if (command == 0) {
		execvp(argv[3], argv + 3);
		_exit(127);
	}
	// The threads that are watched keep the processors busy. Without the right to this it misses more often.
	sched_setscheduler(0, SCHED_FIFO, &(struct sched_param){ .sched_priority = 1 });
	int status = 0;
	const char *result = ambush(argv[1], command, &status);
	FILE *file = fopen(argv[2], "w");
	if (command < 0 || !file || fprintf(file, "%s\n", result) < 0 || fclose(file))
		return 126;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
