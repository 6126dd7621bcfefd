/* SPDX-License-Identifier: MIT */
/*
 * Sends a signal in the middle of the stop, again and again.
 *
 *	kill_trials [-s SIGNAL] [-m MICROSECONDS] TRIALS PID FILE COMMAND...	to the command, which captures PID
 *	kill_trials [-m MICROSECONDS] -t PID COMMAND...				to PID, once, which the command captures
 *
 * A trial starts the command, waits until PID has a tracer, waits a random time up to -m, and sends the signal (SIGKILL). Then PID
 * must be as it was: alive, no tracer, not stopped, and counting up the number in FILE (fixtures/programs/busy.c). Prints
 *
 *	trials 100 in_stop 98 harmed 0		in_stop: PID still had its tracer when the signal was sent
 *	exit 1 / signal 9 				how the command ended; for -t, and for the last trial that hit the stop
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000 + (uint64_t)time.tv_nsec / 1000;
}

/* Tracer and state of a thread by its status file; state 0 when it is gone. */
static void look(const char *path, int *tracer, char *state)
{
	char text[4096];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (fd >= 0)
		close(fd);
	*state = 0;
	*tracer = 0;
	if (length <= 0)
		return;
	text[length] = '\0';

	const char *at = strstr(text, "State:\t"), *by = strstr(text, "TracerPid:\t");

	if (at)
		*state = at[7];
	if (by)
		*tracer = atoi(by + 11);
}

/* What is wrong with any thread of the target; NULL when nothing is. */
static const char *harm(int pid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/task", pid);

	DIR *dir = opendir(path);
	const struct dirent *entry;
	const char *wrong = dir ? NULL : "it is gone";

	while (dir && (entry = readdir(dir)) != NULL) {
		char status[512], state;
		int tracer;

		if (entry->d_name[0] == '.')
			continue;
		snprintf(status, sizeof(status), "/proc/%d/task/%s/status", pid, entry->d_name);
		look(status, &tracer, &state);
		if (tracer)
			wrong = "a thread is still traced";
		else if (state == 't' || state == 'T')
			wrong = "a thread is stopped";
		else if (!state || state == 'Z' || state == 'X')
			wrong = "a thread is gone";
	}
	if (dir)
		closedir(dir);
	return wrong;
}

static pid_t start(char **command)
{
	pid_t child = fork();

	if (child == 0) {
		int null = open("/dev/null", O_WRONLY);

		dup2(null, 1);
		dup2(null, 2);
		execvp(command[0], command);
		_exit(127);
	}
	return child;
}

/* Waits until the process has a tracer, or the command has ended. */
static bool wait_for_stop(int pid, pid_t child, int *status, bool *ended)
{
	char path[64], state;
	int tracer;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	for (;;) {
		look(path, &tracer, &state);
		if (tracer)
			return true;
		if (waitpid(child, status, WNOHANG) == child) {
			*ended = true;
			return false;
		}
		nanosleep(&(struct timespec){ 0, 20 * 1000 }, NULL);
	}
}

static void wait_random(unsigned maximum)
{
	uint64_t until = now() + (maximum ? (unsigned)rand() % maximum : 0);

	while (now() < until)
		;
}

static void print_end(int status)
{
	if (WIFSIGNALED(status))
		printf("signal %d\n", WTERMSIG(status));
	else
		printf("exit %d\n", WEXITSTATUS(status));
}

int main(int argc, char **argv)
{
	int number = SIGKILL, status = 0;
	unsigned maximum = 50 * 1000;
	bool kill_target = false;

	for (int option; (option = getopt(argc, argv, "+s:m:t")) != -1;) {
		if (option == 's')
			number = atoi(optarg);
		else if (option == 'm')
			maximum = (unsigned)atoi(optarg);
		else if (option == 't')
			kill_target = true;
		else
			return 2;
	}
	argv += optind;
	if (argc - optind < (kill_target ? 2 : 4))
		return 2;
	srand((unsigned)now());
	if (kill_target) {
		int pid = atoi(argv[0]);
		bool ended = false;
		pid_t child = start(argv + 1);

		if (wait_for_stop(pid, child, &status, &ended)) {
			wait_random(maximum);
			kill(pid, SIGKILL);
		}
		if (!ended)
			waitpid(child, &status, 0);
		print_end(status);
		return 0;
	}

	int trials = atoi(argv[0]), pid = atoi(argv[1]), in_stop = 0, harmed = 0, end = 0;
	int fd = open(argv[2], O_RDONLY);
	const volatile uint64_t *counter = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	char path[64];

	if (fd < 0 || counter == MAP_FAILED)
		return 2;
	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	for (int i = 0; i < trials; i++) {
		bool ended = false;
		pid_t child = start(argv + 3);
		char state;
		int tracer = 0;

		if (wait_for_stop(pid, child, &status, &ended)) {
			wait_random(maximum);
			look(path, &tracer, &state);
			kill(child, number);
		}
		if (!ended)
			waitpid(child, &status, 0);
		if (tracer) {
			in_stop++;
			end = status;
		}

		// The end of the command is the end of the stop; the kernel needs a moment to say so.
		uint64_t since = now(), before = *counter;
		const char *wrong;

		do {
			nanosleep(&(struct timespec){ 0, 1000 * 1000 }, NULL);
			wrong = harm(pid);
			if (!wrong && *counter == before)
				wrong = "it does not get on";
		} while (wrong && now() - since < 5 * 1000 * 1000);
		if (wrong) {
			printf("trial %d: %s\n", i, wrong);
			harmed++;
		}
	}
	printf("trials %d in_stop %d harmed %d\n", trials, in_stop, harmed);
	print_end(end);
	return 0;
}
