/* SPDX-License-Identifier: MIT */
/*
 * The cache of what debug information says: it comes back as it was, or not at all, whatever stands in the files and whoever made them.
 */
#include "debug/cache.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "code/facts.h"
#include "dwarf_case.h"
#include "types/type_cache.h"
#include "types/type_table.h"
#include "unit.h"

static const char source[] =
	"#include <stdlib.h>\n"
	"struct link { struct link *next, *prev; };\n"
	"enum kind { KIND_ONE = 1, KIND_TWO = 40 };\n"
	"typedef struct { const char *text; struct link link; } Named;\n"
	"struct conn { int id; Named *names[4]; enum kind kind; unsigned bits : 3; void *data; void *tail[]; };\n"
	"struct conn *head; static _Thread_local Named *mine;\n"
	"struct conn *conn_new(void) { head = malloc(sizeof(*head) + 16); head->data = mine = malloc(sizeof(Named)); return head; }\n"
	"Named *conn_data(struct conn *conn) { return conn->data; }\n";

/* A program of one module, without a process. */
struct program {
	struct dwarf_case built;
	struct target *target;
	struct modules modules;
};

static bool program_init(struct program *program, const char *cache_dir)
{
	const struct debug_options options = { .debug_path = "", .cache_dir = cache_dir };

	if (!dwarf_case_init(&program->built, source, "c", "gcc -g -O1"))
		return false;
	program->target = empty_target();
	target_add_elf(program->target, program->built.path, 0x100000);
	modules_init(&program->modules, program->target, &options);
	ck_assert_uint_eq(program->modules.v.n, 1);
	return true;
}

static void program_deinit(struct program *program)
{
	modules_deinit(&program->modules);
	target_destroy(program->target);
	dwarf_case_deinit(&program->built);
}

/* Everything that a table says, as text, which also touches all of it. Owner: the caller. */
static char *table_text(const struct type_table *table)
{
	size_t size;
	char *text;
	FILE *stream = open_memstream(&text, &size);

	for (size_t i = 0; i < table->v.n; i++) {
		const struct type *type = type_at(table, (type_id)i);
		char *label = type_label(table, (type_id)i);

		fprintf(stream, "%s|%s %u %u %llu %llu %d %u\n", label, type->name, (unsigned)type->kind, (unsigned)type->flags, (unsigned long long)type->size,
			(unsigned long long)type->count, (int)type->target, (unsigned)type->module);
		free(label);
		for (uint32_t j = 0; j < type->n; j++) {
			const struct type_member *member = &table->members.v[type->first + j];

			fprintf(stream, "\t%s %llu %u %u %u %u\n", member->name, (unsigned long long)member->offset, (unsigned)member->type, (unsigned)member->kind,
				(unsigned)member->bit_size, (unsigned)member->bit_offset);
		}
		type_pointee(table, (type_id)i);
		type_parameter(table, (type_id)i, 0);
	}
	for (size_t i = 0; i < table->variables.n; i++) {
		const struct type_variable *variable = &table->variables.v[i];

		fprintf(stream, "%llx %llx %u %u %d %s\n", (unsigned long long)variable->start, (unsigned long long)variable->die, (unsigned)variable->type,
			(unsigned)variable->module, variable->is_thread_local, type_at(table, variable->type)->name);
	}
	for (uint64_t die = 0; die < 4096; die++) {
		type_id type = type_of_die(table, 0, die);

		if (type != TYPE_NONE)
			fprintf(stream, "%llx=%u %s\n", (unsigned long long)die, (unsigned)type, type_at(table, type)->name);
	}
	fclose(stream);
	return text;
}

/* The table of the program, and it as a file. Owner: the caller, of both. */
static uint8_t *table_bytes(struct program *program, struct type_table *table, size_t *size_ret)
{
	struct cache_entry entry = { .bytes = NULL };
	const bool described[] = { true };
	uint8_t *bytes;

	type_table_init(table);
	ck_assert(type_table_read(table, &program->modules, 0));
	type_table_seal(table);
	type_table_keep(table, described, 1, &entry);
	bytes = cache_store_bytes("me", &entry, size_ret);
	cache_entry_deinit(&entry);
	return bytes;
}

/* Loads a copy of a file; whether anything was believed. With `repair`, as if the checksum were right. */
static bool table_load(const uint8_t *bytes, size_t size, bool repair, const char *identity, char **text_ret)
{
	uint8_t *copy = xmalloc(size + 1);
	struct cache_entry entry;
	struct type_table table;
	bool described[1], is_good;

	memcpy(copy, bytes, size);
	if (!cache_load_bytes(copy, size, identity, repair, &entry))
		return false;
	type_table_init(&table);
	is_good = type_table_revive(&table, described, 1, &entry);
	if (is_good) {
		char *text = table_text(&table);

		if (text_ret)
			*text_ret = text;
		else
			free(text);
	}
	cache_entry_deinit(&entry);
	type_table_deinit(&table);
	return is_good;
}

/* From one byte that is damaged to the next: every one, but for runs in which all is slow. */
static size_t stride(size_t size)
{
	return size / (size_t)unit_rounds((int)size);
}

START_TEST(types_come_back)
{
	struct program program;
	struct type_table table;
	char *before, *after = NULL;
	size_t size;

	if (!program_init(&program, NULL))
		return;

	uint8_t *bytes = table_bytes(&program, &table, &size);

	before = table_text(&table);
	ck_assert(table_load(bytes, size, false, "me", &after));
	ck_assert_str_eq(before, after);
	ck_assert_msg(strstr(before, "struct conn"), "%s", before);
	ck_assert(!table_load(bytes, size, false, "you", NULL));
	free(before);
	free(after);
	free(bytes);
	type_table_deinit(&table);
	program_deinit(&program);
}
END_TEST

/* Each byte of a file, damaged in three ways: no checksum lets it pass; and where one would, what it says is bounded. */
START_TEST(damaged_types_are_not_believed)
{
	struct program program;
	struct type_table table;
	size_t size;

	if (!program_init(&program, NULL))
		return;

	uint8_t *bytes = table_bytes(&program, &table, &size);

	for (size_t i = 0; i < size; i += stride(size)) {
		static const uint8_t flips[] = { 0xff, 1, 0x80 };

		for (size_t j = 0; j < sizeof(flips); j++) {
			bytes[i] ^= flips[j];
			ck_assert(!table_load(bytes, size, false, "me", NULL));
			table_load(bytes, size, true, "me", NULL);
			bytes[i] ^= flips[j];
		}
		ck_assert(!table_load(bytes, i, false, "me", NULL));
		table_load(bytes, i, true, "me", NULL);
	}
	ck_assert(table_load(bytes, size, false, "me", NULL));
	free(bytes);
	type_table_deinit(&table);
	program_deinit(&program);
}
END_TEST

/* Everything that facts say, as text. Owner: the caller. */
static char *facts_text(const struct code_facts *facts)
{
	size_t size, n;
	char *text;
	FILE *stream = open_memstream(&text, &size);

	for (size_t i = 0; i < facts->types.n; i++)
		fprintf(stream, "%u %llx %u %llu %s\n", facts->types.v[i].module, (unsigned long long)facts->types.v[i].die, facts->types.v[i].tag,
			(unsigned long long)facts->types.v[i].size, facts->types.v[i].name ? facts->types.v[i].name : "-");
	for (size_t i = 0; i < facts->nodes.n; i++) {
		const struct code_node *node = &facts->nodes.v[i];

		fprintf(stream, "%u %d %d %u %llx %llu %d %d %d\n", (unsigned)node->kind, node->type, node->function, node->module, (unsigned long long)node->die,
			(unsigned long long)node->offset, node->declared, node->is_generic, node->is_hub);
		if (node->type >= 0 && facts->types.v[node->type].name)
			fputs(facts->types.v[node->type].name, stream);
		if (node->function >= 0 && facts->functions.v[node->function].name)
			fputs(facts->functions.v[node->function].name, stream);
		code_candidates(facts, (int32_t)i, &n);
	}
	for (size_t i = 0; i < facts->candidates.n; i++)
		fprintf(stream, "%d %d %d %.3f %u\n", facts->candidates.v[i].node, facts->candidates.v[i].type, facts->candidates.v[i].offset,
			(double)facts->candidates.v[i].weight, facts->types.v[facts->candidates.v[i].type].tag);
	for (size_t i = 0; i < facts->facts.n; i++)
		fprintf(stream, "%d %d %u\n", facts->facts.v[i].node, facts->facts.v[i].type, facts->facts.v[i].count);
	for (size_t i = 0; i < facts->flows.n; i++)
		fprintf(stream, "%d %d %u\n", facts->flows.v[i].from, facts->flows.v[i].to, facts->flows.v[i].count);
	for (size_t i = 0; i < facts->sites.n; i++) {
		const struct code_site *site = &facts->sites.v[i];

		fprintf(stream, "%llx %s %s %s %u %u %lld %lld\n", (unsigned long long)site->pc, facts->functions.v[site->function].name, facts->functions.v[site->callee].name,
			site->source, (unsigned)site->allocator, (unsigned)site->form, (long long)site->k, (long long)site->c);
		for (uint32_t j = 0; j < site->types; j++)
			fprintf(stream, "%d\n", facts->site_types.v[site->first_type + j].type);
	}
	for (size_t i = 0; i < facts->wrappers.n; i++)
		fprintf(stream, "%d %d %d\n", facts->wrappers.v[i].function, facts->wrappers.v[i].size, facts->wrappers.v[i].count);
	fclose(stream);
	return text;
}

static bool facts_load(const uint8_t *bytes, size_t size, bool repair, char **text_ret)
{
	uint8_t *copy = xmalloc(size + 1);
	struct cache_entry entry;
	struct code_facts facts;
	bool is_good;

	memcpy(copy, bytes, size);
	if (!cache_load_bytes(copy, size, "me", repair, &entry))
		return false;
	is_good = code_facts_revive(&facts, 1, &entry);
	cache_entry_deinit(&entry);
	if (is_good) {
		char *text = facts_text(&facts);

		if (text_ret)
			*text_ret = text;
		else
			free(text);
		code_facts_deinit(&facts);
	}
	return is_good;
}

START_TEST(facts_come_back_or_not_at_all)
{
	struct cache_entry entry = { .bytes = NULL };
	struct program program;
	struct code_facts facts;
	char *before, *after = NULL;
	size_t size;

	if (!program_init(&program, NULL))
		return;
	code_facts_read(&program.modules, &facts);
	ck_assert_uint_gt(facts.sites.n, 0);
	code_facts_keep(&facts, &entry);

	uint8_t *bytes = cache_store_bytes("me", &entry, &size);

	cache_entry_deinit(&entry);
	before = facts_text(&facts);
	ck_assert(facts_load(bytes, size, false, &after));
	ck_assert_str_eq(before, after);
	for (size_t i = 0; i < size; i += stride(size)) {
		bytes[i] ^= 0x55;
		ck_assert(!facts_load(bytes, size, false, NULL));
		facts_load(bytes, size, true, NULL);
		bytes[i] ^= 0x55;
	}
	free(before);
	free(after);
	free(bytes);
	code_facts_deinit(&facts);
	program_deinit(&program);
}
END_TEST

/* ---- the directory ---- */

static struct error *number_store(const char *directory, const char *identity, uint32_t number)
{
	struct cache_entry entry = { .bytes = NULL };
	struct error *error;

	cache_column_begin(&entry, 1, sizeof(number));
	cache_column_add(&entry, &number, 1);
	error = cache_store(directory, "types", identity, &entry);
	cache_entry_deinit(&entry);
	return error;
}

/* The number that was stored; 0 for none. */
static uint32_t number_load(const char *directory, const char *identity)
{
	struct cache_entry entry;
	uint32_t *number, found = 0;
	size_t n;

	if (!cache_load(directory, "types", identity, &entry))
		return 0;
	number = cache_column_get(&entry, 1, sizeof(*number), &n);
	if (number && n == 1)
		found = *number;
	free(number);
	cache_entry_deinit(&entry);
	return found;
}

/* The path of the only file in a directory. */
static void only_file(const char *directory, char *path, size_t size)
{
	char command[256];

	snprintf(command, sizeof(command), "echo '%s'/types-*", directory);

	FILE *stream = popen(command, "re");

	ck_assert_ptr_nonnull(fgets(path, (int)size, stream));
	path[strcspn(path, "\n")] = '\0';
	pclose(stream);
}

START_TEST(files_are_ours_alone)
{
	char base[64], directory[128], path[512];
	struct stat status;

	temporary_directory(base);
	snprintf(directory, sizeof(directory), "%s/cache/heapsnap", base);
	ck_assert_uint_eq(number_load(directory, "a"), 0);
	ck_assert_ptr_null(number_store(directory, "a", 7));
	ck_assert_uint_eq(number_load(directory, "a"), 7);
	ck_assert_uint_eq(number_load(directory, "b"), 0);
	ck_assert_ptr_null(number_store(directory, "a", 8));
	ck_assert_uint_eq(number_load(directory, "a"), 8);
	ck_assert_int_eq(stat(directory, &status), 0);
	ck_assert_uint_eq(status.st_mode & 0777, 0700);
	only_file(directory, path, sizeof(path));
	ck_assert_int_eq(stat(path, &status), 0);
	ck_assert_uint_eq(status.st_mode & 0777, 0600);

	// What others may have written is not read; nor what lies elsewhere.
	ck_assert_int_eq(chmod(path, 0622), 0);
	ck_assert_uint_eq(number_load(directory, "a"), 0);
	ck_assert_int_eq(chmod(path, 0600), 0);
	ck_assert_int_eq(chmod(directory, 0777), 0);
	ck_assert_uint_eq(number_load(directory, "a"), 0);

	struct error *error = number_store(directory, "a", 9);

	ck_assert_ptr_nonnull(error);
	error_destroy(error);
	ck_assert_int_eq(chmod(directory, 0700), 0);
	ck_assert_uint_eq(number_load(directory, "a"), 8);

	char moved[600];

	snprintf(moved, sizeof(moved), "%s/elsewhere", base);
	ck_assert_int_eq(rename(path, moved), 0);
	ck_assert_int_eq(symlink(moved, path), 0);
	ck_assert_uint_eq(number_load(directory, "a"), 0);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	ck_assert_uint_eq(number_load(directory, "a"), 0);
	remove_directory(base);
}
END_TEST

/* What was used longest ago goes when there is too much; files that are none of ours stay. */
START_TEST(what_is_old_goes)
{
	char base[64], directory[128], path[256];
	const struct timespec ages[] = { { 1000, 0 }, { 1000, 0 } };

	temporary_directory(base);
	snprintf(directory, sizeof(directory), "%s/heapsnap", base);
	ck_assert_ptr_null(number_store(directory, "a", 1));
	// Holes, which take no room: together with another one they are too many bytes.
	for (int i = 0; i < 4; i++) {
		snprintf(path, sizeof(path), "%s/code-%d", directory, i);

		int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

		ck_assert_int_eq(ftruncate(fd, CACHE_SIZE_MAX / 4), 0);
		ck_assert_int_eq(futimens(fd, (struct timespec[]){ { 2000 + i, 0 }, { 2000 + i, 0 } }), 0);
		close(fd);
	}
	snprintf(path, sizeof(path), "%s/mine", directory);
	close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	ck_assert_int_eq(utimensat(AT_FDCWD, path, ages, 0), 0);
	ck_assert_ptr_null(number_store(directory, "b", 2));
	ck_assert_uint_eq(number_load(directory, "a"), 1);
	ck_assert_uint_eq(number_load(directory, "b"), 2);
	ck_assert_int_eq(access(path, F_OK), 0);
	snprintf(path, sizeof(path), "%s/code-0", directory);
	ck_assert_int_ne(access(path, F_OK), 0);
	snprintf(path, sizeof(path), "%s/code-3", directory);
	ck_assert_int_eq(access(path, F_OK), 0);
	remove_directory(base);
}
END_TEST

UNIT_SUITE("cache", types_come_back, damaged_types_are_not_believed, facts_come_back_or_not_at_all, files_are_ours_alone, what_is_old_goes)
