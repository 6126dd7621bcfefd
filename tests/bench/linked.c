/* SPDX-License-Identifier: MIT */
/*
 * A thousand types in one intrusive list: a pointer to the link may lead to any of them.
 *
 *	linked COUNT
 *
 * About COUNT chunks, of a thousand structs of forty sizes that have the link at their start. Prints how many there are of each type, as typed.c does, and waits to be killed.
 */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

struct link {
	struct link *next, *previous;
};

static struct link all = { &all, &all };

static void *linked_new(size_t size)
{
	struct link *link = calloc(1, size);

	if (!link)
		abort();
	link->next = all.next;
	link->previous = &all;
	all.next->previous = link;
	all.next = link;
	return link;
}

#define TEN(what, n) what(n##0) what(n##1) what(n##2) what(n##3) what(n##4) what(n##5) what(n##6) what(n##7) what(n##8) what(n##9)
#define HUNDRED(what, n) TEN(what, n##0) TEN(what, n##1) TEN(what, n##2) TEN(what, n##3) TEN(what, n##4) TEN(what, n##5) TEN(what, n##6) TEN(what, n##7) TEN(what, n##8) TEN(what, n##9)
#define THOUSAND(what) \
	HUNDRED(what, 0) HUNDRED(what, 1) HUNDRED(what, 2) HUNDRED(what, 3) HUNDRED(what, 4) HUNDRED(what, 5) HUNDRED(what, 6) HUNDRED(what, 7) HUNDRED(what, 8) HUNDRED(what, 9)

// Each has a table of its own, as modules of a program have.
#define KIND(n)                                                                            \
	struct kind_##n {                                                                  \
		struct link link;                                                          \
		uint64_t number;                                                           \
		char room[8 * (1##n % 40) + 8];                                            \
		struct kind_##n *before;                                                   \
	};                                                                                 \
	static struct kind_##n *last_##n;                                                  \
	static __attribute__((noinline)) void make_##n(uint64_t number)                    \
	{                                                                                  \
		struct kind_##n *kind = linked_new(sizeof(*kind));                         \
                                                                                           \
		kind->number = number;                                                     \
		kind->before = last_##n;                                                   \
		last_##n = kind;                                                           \
	}
THOUSAND(KIND)

#define MAKER(n) make_##n,
static void (*const makers[])(uint64_t number) = { THOUSAND(MAKER) };

int main(int argc, char **argv)
{
	const uint64_t kinds = sizeof(makers) / sizeof(makers[0]);
	uint64_t count = argc > 1 ? strtoull(argv[1], NULL, 10) : 100000;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (uint64_t i = 0; i < count; i++)
		makers[i * 7919 % kinds](i);
	printf("chunks %llu\n", (unsigned long long)count);
	for (uint64_t i = 0; i < kinds; i++)
		printf("struct kind_%03llu %llu\n", (unsigned long long)i, (unsigned long long)(count / kinds));
	puts("ready");
	fflush(stdout);
	for (;;)
		pause();
}
