/* SPDX-License-Identifier: MIT */
/* From thread pointers to libc's thread-local variables: by GOT slots, by the ABI for static executables; and dtvs. */
#include "glibc/tls.h"

#include "image_builder.h"
#include "unit.h"

static const vaddr GOT = LIBC + 0x2000;

/* An instance with n slots, the i-th of the variable at offset 8 i, whose values say that the block starts at tp + distance. */
static struct instance *slots_make(struct image_builder *b, size_t n, int64_t distance)
{
	struct instance *instance = &b->glibc->instances.v[0];

	instance->is_static = false;
	for (size_t i = 0; i < n; i++) {
		array_append(&instance->tls_slots, (struct tls_slot){ GOT + 16 * i, 8 * i });
		builder_put(b, GOT + 16 * i, (uint64_t)distance + 8 * i);
	}
	return instance;
}

START_TEST(slots_that_agree)
{
	struct image_builder b;
	int64_t distance = 0;

	image_builder_init(&b, GLIBC_2_36);
	struct instance *instance = slots_make(&b, 5, -0x90);

	image_builder_seal(&b);
	ck_assert(tls_distance(instance, b.target, &distance));
	ck_assert_int_eq(distance, -0x90);
	image_builder_deinit(&b);
}
END_TEST

START_TEST(slots_that_contradict_each_other)
{
	struct image_builder b;
	int64_t distance = 42;

	image_builder_init(&b, GLIBC_2_36);
	struct instance *instance = slots_make(&b, 5, -0x90);

	builder_put(&b, GOT + 16 * 4, 7);
	image_builder_seal(&b);
	ck_assert(!tls_distance(instance, b.target, &distance));
	ck_assert_int_eq(distance, 42);
	image_builder_deinit(&b);
}
END_TEST

START_TEST(slots_that_are_not_in_the_image)
{
	struct image_builder b;
	int64_t distance = 42;

	// Some: the others tell.
	image_builder_init(&b, GLIBC_2_36);
	struct instance *instance = slots_make(&b, 5, 0x40);

	builder_absent(&b, GOT, 32);
	image_builder_seal(&b);
	ck_assert(tls_distance(instance, b.target, &distance));
	ck_assert_int_eq(distance, 0x40);
	image_builder_deinit(&b);

	// All, or there are none.
	distance = 42;
	image_builder_init(&b, GLIBC_2_36);
	instance = slots_make(&b, 5, 0x40);
	builder_absent(&b, GOT, 0x1000);
	image_builder_seal(&b);
	ck_assert(!tls_distance(instance, b.target, &distance));
	instance->tls_slots.n = 0;
	ck_assert(!tls_distance(instance, b.target, &distance));
	ck_assert_int_eq(distance, 42);
	image_builder_deinit(&b);
}
END_TEST

START_TEST(static_executables_by_the_abi)
{
	static const struct {
		enum machine machine;
		uint64_t size, align;
		int64_t distance;
	} blocks[] = {
		{ MACHINE_X86_64, 0x90, 16, -0x90 }, { MACHINE_X86_64, 0x68, 64, -0x80 },
		{ MACHINE_X86_64, 0x68, 1, -0x68 },  { MACHINE_X86_64, 0x68, 0, -0x68 },
		{ MACHINE_AARCH64, 0x90, 8, 16 },    { MACHINE_AARCH64, 0x90, 16, 16 },
		{ MACHINE_AARCH64, 0x90, 64, 64 },
	};
	struct image_builder b;
	int64_t distance;

	image_builder_init(&b, GLIBC_2_36);
	struct instance *instance = &b.glibc->instances.v[0];

	for (size_t i = 0; i < sizeof(blocks) / sizeof(*blocks); i++) {
		b.target->machine = blocks[i].machine;
		instance->tls_size = blocks[i].size;
		instance->tls_align = blocks[i].align;
		ck_assert(tls_distance(instance, b.target, &distance));
		ck_assert_int_eq(distance, blocks[i].distance);
	}
	// No TLS, or sizes that no program has.
	distance = 42;
	instance->tls_size = 0;
	ck_assert(!tls_distance(instance, b.target, &distance));
	instance->tls_size = UINT64_MAX;
	ck_assert(!tls_distance(instance, b.target, &distance));
	instance->tls_size = 0x90;
	instance->tls_align = UINT64_MAX;
	ck_assert(!tls_distance(instance, b.target, &distance));
	ck_assert_int_eq(distance, 42);
	image_builder_deinit(&b);
}
END_TEST

START_TEST(a_dynamic_libc_finds_its_caches_by_slots)
{
	// The whole way: the variable of a thread is at tp + distance + offset.
	struct image_builder b;
	struct heap heap;

	image_builder_init(&b, GLIBC_2_36);
	slots_make(&b, 3, -0x200);

	struct pen pen = pen_main(&b, 0x21000);
	vaddr cache = pen_tcache(&pen), mem = pen_used(&pen, 0x40);

	pen_top(&pen);
	builder_tcache(&b, cache, tcache_bin(0x40), mem);
	builder_put(&b, builder_thread(&b, 0)->tp - 0x200 + TLS_TCACHE, cache);
	image_builder_seal(&b);
	glibc_walk(b.glibc, b.target, &heap, NULL);
	ck_assert(heap_is_exact(&heap));
	ck_assert_uint_eq(heap.tcaches.n, 1);
	ck_assert_int_eq(heap.tcaches.v[0].tid, FIRST_TID);
	heap_deinit(&heap);
	image_builder_deinit(&b);
}
END_TEST

START_TEST(vectors_of_threads)
{
	struct image_builder b;
	vaddr dtv = 0;
	uint64_t n = 0;

	image_builder_init(&b, GLIBC_2_36);
	struct thread thread = *builder_thread(&b, 0);

	builder_put(&b, thread.tp + 8, TLS + 0x900);
	builder_put(&b, TLS + 0x900 - 16, 17);
	builder_put(&b, thread.tp, TLS + 0xa00);
	builder_put(&b, TLS + 0xa00 - 16, 18);
	image_builder_seal(&b);
	ck_assert(tls_dtv(b.target, &thread, &dtv, &n));
	ck_assert_uint_eq(dtv, TLS + 0x900);
	ck_assert_uint_eq(n, 17);
	// aarch64 has it in the first word.
	b.target->machine = MACHINE_AARCH64;
	ck_assert(tls_dtv(b.target, &thread, &dtv, &n));
	ck_assert_uint_eq(dtv, TLS + 0xa00);
	ck_assert_uint_eq(n, 18);
	thread.tp = 0;
	ck_assert(!tls_dtv(b.target, &thread, &dtv, &n));
	thread.tp = 0x1230;
	ck_assert(!tls_dtv(b.target, &thread, &dtv, &n));
	ck_assert_uint_eq(n, 18);
	image_builder_deinit(&b);
}
END_TEST

UNIT_SUITE("tls", slots_that_agree, slots_that_contradict_each_other,
	   slots_that_are_not_in_the_image, static_executables_by_the_abi,
	   a_dynamic_libc_finds_its_caches_by_slots, vectors_of_threads)
