/* SPDX-License-Identifier: MIT */
/* Why the objects of a type are there, out of the tables. */
#include "cpython/python.h"

#include <string.h>

#include "base/alloc.h"
#include "unit.h"

static void class_add(struct python *python, const char *name, uint64_t count)
{
	array_append(&python->classes, (struct py_class){ .name = xstrdup(name),
							  .objects = { count, count * 64 },
							  .tables = { count, count * 16 },
							  .native = { 1, 1000 } });
}

static void path_add(struct python *python, uint32_t class, const char *text, uint64_t count, uint64_t bytes)
{
	array_append(&python->paths, (struct py_path){ xstrdup(text), { count, bytes }, class, true });
}

static void via_add(struct python *python, uint32_t class, const char *text, uint64_t references)
{
	array_append(&python->vias, (struct py_via){ xstrdup(text), references, class });
}

static void tables(struct python *python)
{
	python_init(python);
	class_add(python, "app.Conn", 10);
	class_add(python, "app.pool.Conn", 5);
	class_add(python, "Conn", 0);
	class_add(python, "MyConn", 3);
	path_add(python, 0, "app.kept['x']", 4, 100);
	path_add(python, 0, "app.other[i]", 2, 900);
	path_add(python, 0, "app.kept['x']", 4, 100);
	path_add(python, 1, "app.kept['x']", 5, 50);
	path_add(python, 3, "elsewhere", 3, 5000);
	via_add(python, 0, "list[i]", 3);
	via_add(python, 1, "list[i]", 4);
	via_add(python, 1, "dict['x']", 6);
	via_add(python, 3, "dict['x']", 100);
}

START_TEST(a_name_is_whole_or_stands_behind_a_dot)
{
	struct python python;
	bool wanted[4];

	tables(&python);
	ck_assert(python_choose(&python, "Conn", wanted));
	ck_assert(wanted[0] && wanted[1] && !wanted[2] && !wanted[3]);
	ck_assert(python_choose(&python, "pool.Conn", wanted));
	ck_assert(!wanted[0] && wanted[1]);
	ck_assert(!python_choose(&python, "onn", wanted));
	ck_assert(!python_choose(&python, ".Conn", wanted));
	// All that have objects.
	ck_assert(python_choose(&python, "", wanted));
	ck_assert(wanted[0] && wanted[1] && !wanted[2] && wanted[3]);
	// The whole name comes before those that end in it.
	python.classes.v[2].objects.count = 1;
	ck_assert(python_choose(&python, "Conn", wanted));
	ck_assert(!wanted[0] && !wanted[1] && wanted[2] && !wanted[3]);
	python_deinit(&python);
}
END_TEST

START_TEST(what_reads_alike_is_one)
{
	struct python python;
	struct py_why why;

	tables(&python);
	ck_assert(!python_why(&python, "None", &why));
	ck_assert(python_why(&python, "Conn", &why));
	ck_assert_str_eq(why.name, "app.Conn");
	ck_assert_uint_eq(why.totals.count, 15);
	ck_assert_uint_eq(why.totals.bytes, 15 * 80 + 2000);
	ck_assert_uint_eq(why.paths.n, 2);
	ck_assert_str_eq(why.paths.v[0].text, "app.other[i]");
	ck_assert_str_eq(why.paths.v[1].text, "app.kept['x']");
	ck_assert_uint_eq(why.paths.v[1].totals.count, 13);
	ck_assert_uint_eq(why.paths.v[1].totals.bytes, 250);
	ck_assert_uint_eq(why.vias.n, 2);
	ck_assert_str_eq(why.vias.v[0].text, "list[i]");
	ck_assert_uint_eq(why.vias.v[0].references, 7);
	ck_assert_uint_eq(why.references, 13);
	py_why_deinit(&why);
	python_deinit(&python);
}
END_TEST

START_TEST(objects_have_their_names)
{
	struct python python;

	python_init(&python);
	for (chunk_id chunk = 10; chunk < 100; chunk += 10)
		array_append(&python.named, (struct py_named){ xasprintf("way %u", chunk), chunk });
	ck_assert_str_eq(python_named(&python, 10), "way 10");
	ck_assert_str_eq(python_named(&python, 90), "way 90");
	ck_assert_str_eq(python_named(&python, 50), "way 50");
	ck_assert(!python_named(&python, 55) && !python_named(&python, 0) && !python_named(&python, 1000));
	python_deinit(&python);
}
END_TEST

UNIT_SUITE("answer", a_name_is_whole_or_stands_behind_a_dot, what_reads_alike_is_one, objects_have_their_names)
