/* SPDX-License-Identifier: MIT */
/*
 * Millions of typed chunks, as services have them: what the measurement of types looks at.
 *
 *	typed COUNT
 *
 * A hash table with void * values that a tag tells apart (users and orders), their names as texts, lists of order lines, and arrays. About COUNT chunks in all;
 * prints how many there are of each type:
 *
 *	chunks 1000003
 *	struct entry 250000
 *	…
 *	ready
 *
 * and waits to be killed.
 */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

enum kind {
	KIND_USER,
	KIND_ORDER,
};

struct entry {
	struct entry *next;
	char *key;
	enum kind kind;
	void *value;
};

struct user {
	char *name;
	uint64_t id;
	uint32_t logins;
	struct user *referrer;
};

struct line {
	struct line *next;
	uint32_t product, amount;
	double price;
};

struct order {
	struct user *buyer;
	struct line *lines;
	uint64_t *history;
	uint64_t number;
	uint32_t n_history;
	char note[20];
};

struct table {
	struct entry **buckets;
	size_t n_buckets;
};

static struct table table;
static struct user *last_user;
static size_t n_entries, n_users, n_orders, n_lines, n_texts, n_arrays;

static void *allocate(size_t size)
{
	void *mem = malloc(size);

	if (!mem)
		abort();
	return mem;
}

static char *text_make(const char *prefix, uint64_t number)
{
	char text[40];
	int length = snprintf(text, sizeof(text), "%s-%llu", prefix, (unsigned long long)number);
	char *copy = allocate((size_t)length + 1);

	n_texts++;
	return memcpy(copy, text, (size_t)length + 1);
}

static struct user *user_make(uint64_t number)
{
	struct user *user = allocate(sizeof(*user));

	*user = (struct user){ text_make("user", number), number, (uint32_t)(number % 97), last_user };
	last_user = user;
	n_users++;
	return user;
}

static struct order *order_make(uint64_t number)
{
	struct order *order = allocate(sizeof(*order));

	*order = (struct order){ .buyer = last_user, .number = number, .n_history = 4 };
	order->history = allocate(4 * sizeof(*order->history));
	n_arrays++;
	for (unsigned i = 0; i < 4; i++)
		order->history[i] = number * 4 + i;
	for (unsigned i = 0; i < 2; i++) {
		struct line *line = allocate(sizeof(*line));

		*line = (struct line){ order->lines, (uint32_t)(number * 7), i + 1, 9.5 };
		order->lines = line;
		n_lines++;
	}
	n_orders++;
	return order;
}

static void table_add(const char *prefix, uint64_t number, enum kind kind, void *value)
{
	struct entry *entry = allocate(sizeof(*entry)), **bucket = &table.buckets[number * 2654435761u % table.n_buckets];

	*entry = (struct entry){ *bucket, text_make(prefix, number), kind, value };
	*bucket = entry;
	n_entries++;
}

static uint64_t entry_number(const struct entry *entry)
{
	switch (entry->kind) {
	case KIND_USER:
		return ((const struct user *)entry->value)->id;
	case KIND_ORDER:
		return ((const struct order *)entry->value)->number;
	}
	return 0;
}

int main(int argc, char **argv)
{
	// A user and his order are ten chunks.
	uint64_t count = argc > 1 ? strtoull(argv[1], NULL, 10) / 10 : 100000, sum = 0;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	table.n_buckets = count + 1;
	table.buckets = calloc(table.n_buckets, sizeof(struct entry *));
	if (!table.buckets)
		abort();
	for (uint64_t i = 0; i < count; i++) {
		table_add("u", i, KIND_USER, user_make(i));
		table_add("o", i, KIND_ORDER, order_make(i));
	}
	for (size_t i = 0; i < table.n_buckets; i++)
		sum += table.buckets[i] ? entry_number(table.buckets[i]) : 0;
	printf("chunks %zu\nstruct entry %zu\nstruct user %zu\nstruct order %zu\nstruct line %zu\nchar[] %zu\nlong unsigned int[] %zu\nsum %llu\nready\n",
	       n_entries + n_users + n_orders + n_lines + n_texts + n_arrays + 1, n_entries, n_users, n_orders, n_lines, n_texts, n_arrays, (unsigned long long)sum);
	fflush(stdout);
	for (;;)
		pause();
}
