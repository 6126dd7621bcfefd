/* SPDX-License-Identifier: MIT */
#include "target/core_notes.h"

#include <signal.h>
#include <stdlib.h>

#include "core_builder.h"
#include "unit.h"

/* Parses what the builder has collected. */
static bool parse(struct core_builder *builder, struct core_notes *notes, size_t *damage)
{
	core_notes_init(notes);
	return core_notes_parse(notes, builder->machine == EM_X86_64 ? MACHINE_X86_64 : MACHINE_AARCH64, builder->notes.v,
				builder->notes.n, damage);
}

START_TEST(x86_64_registers_are_in_dwarf_order)
{
	// rax rdx rcx rbx rsi rdi rbp rsp r8..r15 rip, as positions in struct user_regs_struct.
	static const unsigned expected[17] = { 10, 12, 11, 5, 13, 14, 4, 19, 9, 8, 7, 6, 3, 2, 1, 0, 16 };
	struct core_builder builder = { .machine = EM_X86_64 };
	struct core_notes notes;
	size_t damage;

	core_builder_thread(&builder, 7, 0x1000);
	core_builder_thread(&builder, 8, 0x2000);
	ck_assert(parse(&builder, &notes, &damage));
	ck_assert_uint_eq(notes.threads.n, 2);

	const struct thread *thread = &notes.threads.v[1];

	ck_assert_int_eq(thread->tid, 8);
	ck_assert(thread->has_registers);
	for (size_t i = 0; i < 17; i++)
		ck_assert_uint_eq(thread->registers[i], 0x2000 + expected[i]);
	ck_assert_uint_eq(thread->pc, 0x2010);
	ck_assert_uint_eq(thread->sp, 0x2013);
	ck_assert_uint_eq(thread->tp, 0x2015);
	ck_assert_int_eq(thread->syscall, -1);
	core_notes_deinit(&notes);
	core_builder_deinit(&builder);
}
END_TEST

START_TEST(a_plausible_orig_rax_is_a_system_call)
{
	static const struct {
		uint64_t orig_rax;
		long expected;
	} cases[] = { { 202, 202 }, { 0, 0 }, { 1023, 1023 }, { 1024, -1 }, { UINT64_MAX, -1 }, { 0x40000001, -1 } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct core_builder builder = { .machine = EM_X86_64 };
		struct core_notes notes;
		size_t damage;

		core_builder_thread(&builder, 7, 0x1000);
		memcpy(builder.notes.v + 20 + 112 + 15 * 8, &cases[i].orig_rax, 8);
		ck_assert(parse(&builder, &notes, &damage));
		ck_assert_int_eq(notes.threads.v[0].syscall, cases[i].expected);
		ck_assert_uint_eq(notes.threads.v[0].syscall_argument, cases[i].expected < 0 ? 0 : 0x100e);
		core_notes_deinit(&notes);
		core_builder_deinit(&builder);
	}
}
END_TEST

START_TEST(aarch64_thread_pointer_and_call_follow_the_registers)
{
	struct core_builder builder = { .machine = EM_AARCH64 };
	struct core_notes notes;
	uint64_t tls[2] = { 0xabc000, 0 };
	int call = 98;
	size_t damage;

	core_builder_note(&builder, "LINUX", NT_ARM_TLS, tls, 8); // belongs to no thread
	core_builder_thread(&builder, 1, 0x1000);
	core_builder_note(&builder, "LINUX", NT_ARM_TLS, tls, 16);
	core_builder_note(&builder, "LINUX", 0x404, &call, sizeof(call));
	core_builder_thread(&builder, 2, 0x2000);
	ck_assert(parse(&builder, &notes, &damage));
	ck_assert_uint_eq(notes.threads.n, 2);

	const struct thread *thread = &notes.threads.v[0];

	for (size_t i = 0; i <= 32; i++)
		ck_assert_uint_eq(thread->registers[i], 0x1000 + i);
	ck_assert_uint_eq(thread->pc, 0x1000 + 32);
	ck_assert_uint_eq(thread->sp, 0x1000 + 31);
	ck_assert_uint_eq(thread->tp, 0xabc000);
	ck_assert_int_eq(thread->syscall, 98);
	ck_assert_uint_eq(thread->syscall_argument, 0x1000);
	ck_assert_uint_eq(notes.threads.v[1].tp, 0);
	ck_assert_int_eq(notes.threads.v[1].syscall, -1);
	core_notes_deinit(&notes);
	core_builder_deinit(&builder);
}
END_TEST

START_TEST(the_process_and_its_signal)
{
	struct core_builder builder = { .machine = EM_X86_64 };
	struct core_notes notes;
	uint8_t siginfo[128] = { 0 };
	int number = SIGSEGV;
	uint64_t address = 0xdead000, pairs[] = { AT_PAGESZ, 4096, AT_ENTRY, 0x401000 };
	size_t damage;

	core_builder_thread(&builder, 7, 0x1000);
	// Neither field ends in a NUL; the kernel puts a space behind the last argument.
	core_builder_process(&builder, 77, "sixteen-letters!and-more", "./a b ");
	memcpy(siginfo, &number, sizeof(number));
	memcpy(siginfo + 16, &address, sizeof(address));
	core_builder_note(&builder, "CORE", NT_SIGINFO, siginfo, sizeof(siginfo));
	core_builder_auxv(&builder, pairs, 2);
	core_builder_auxv(&builder, pairs, 1); // a second one does not count
	ck_assert(parse(&builder, &notes, &damage));
	ck_assert_int_eq(notes.pid, 77);
	ck_assert_str_eq(notes.name, "sixteen-letters!");
	ck_assert_str_eq(notes.command, "./a b");
	ck_assert_int_eq(notes.signal, SIGSEGV);
	ck_assert_uint_eq(notes.fault_address, address);
	ck_assert_uint_eq(notes.auxv.n, 4);
	ck_assert_uint_eq(notes.auxv.v[3], 0x401000);
	core_notes_deinit(&notes);
	core_builder_deinit(&builder);
}
END_TEST

START_TEST(file_ranges_are_sorted_and_scaled)
{
	static const struct core_builder_file files[] = {
		{ 0x30000, 0x40000, 2, "/lib/b.so" },
		{ 0x10000, 0x20000, 1, "/bin/a (deleted)" },
		{ 0x18000, 0x28000, 0, "/overlaps" },
		{ 0x50000, 0x50000, 0, "/empty" },
		{ 0x70000, 0x60000, 0, "/backwards" },
		{ 0x80000, 0x90000, UINT64_MAX / 2, "/far" },
		{ 0x90000, 0xa0000, 0, "" },
	};
	struct core_builder builder = { .machine = EM_X86_64 };
	struct core_notes notes;
	size_t damage;

	core_builder_files(&builder, files, sizeof(files) / sizeof(files[0]), 4096);
	ck_assert(parse(&builder, &notes, &damage));
	ck_assert(notes.has_files);
	ck_assert_uint_eq(notes.files.n, 2);
	ck_assert_uint_eq(notes.dropped, 5);
	ck_assert_uint_eq(notes.files.v[0].start, 0x10000);
	ck_assert_uint_eq(notes.files.v[0].offset, 4096);
	ck_assert_str_eq(notes.files.v[0].path, "/bin/a");
	ck_assert(notes.files.v[0].deleted);
	ck_assert_uint_eq(notes.files.v[1].offset, 8192);
	ck_assert(!notes.files.v[1].deleted);
	core_notes_deinit(&notes);
	core_builder_deinit(&builder);
}
END_TEST

START_TEST(a_file_note_that_lies_about_its_count)
{
	struct core_builder builder = { .machine = EM_X86_64 };
	struct core_notes notes;
	uint64_t desc[5] = { UINT64_MAX / 24 + 2, 4096, 0x1000, 0x2000, 0 };
	size_t damage = 0;

	core_builder_thread(&builder, 1, 0);

	size_t at = builder.notes.n;

	core_builder_note(&builder, "CORE", NT_FILE, desc, sizeof(desc));
	ck_assert(!parse(&builder, &notes, &damage));
	ck_assert_uint_eq(damage, at);
	ck_assert_uint_eq(notes.threads.n, 1);
	ck_assert(!notes.has_files);
	core_notes_deinit(&notes);

	// The right count, but a path that does not end.
	desc[0] = 1;
	memcpy(builder.notes.v + at + 20, desc, sizeof(desc));
	builder.notes.n = at;
	core_builder_note(&builder, "CORE", NT_FILE, desc, sizeof(desc));
	ck_assert(parse(&builder, &notes, &damage));
	ck_assert_uint_eq(notes.files.n, 0);
	ck_assert_uint_eq(notes.dropped, 1);
	core_notes_deinit(&notes);
	core_builder_deinit(&builder);
}
END_TEST

START_TEST(every_prefix_is_bounded)
{
	struct core_builder builder = { .machine = EM_X86_64 };
	static const struct core_builder_file files[] = { { 0x1000, 0x2000, 0, "/a" }, { 0x3000, 0x4000, 1, "/b" } };
	uint64_t pairs[] = { AT_PAGESZ, 4096 };
	size_t complete = 0;

	core_builder_thread(&builder, 1, 0);
	core_builder_process(&builder, 1, "p", "p");
	core_builder_auxv(&builder, pairs, 1);
	core_builder_files(&builder, files, 2, 4096);
	core_builder_thread(&builder, 2, 0);
	for (size_t size = 0; size <= builder.notes.n; size++) {
		// An allocation of exactly this size, so that a sanitizer sees a read past it.
		uint8_t *bytes = xmemdup(builder.notes.v, size);
		struct core_notes notes;
		size_t damage = 0;

		core_notes_init(&notes);
		if (core_notes_parse(&notes, MACHINE_X86_64, bytes, size, &damage))
			complete++;
		else
			ck_assert_uint_lt(damage, size);
		ck_assert_uint_le(notes.threads.n, 2);
		if (size == builder.notes.n)
			ck_assert_uint_eq(notes.threads.n, 2);
		core_notes_deinit(&notes);
		free(bytes);
	}
	// Complete: the whole, and each cut between two notes, in the padding, or within the 12 bytes of a header that then is none.
	ck_assert_uint_ge(complete, 5);
	ck_assert_uint_le(complete, 5 * (12 + 3));
	core_builder_deinit(&builder);
}
END_TEST

START_TEST(foreign_and_empty_notes_are_passed_over)
{
	struct core_builder builder = { .machine = EM_X86_64 };
	struct core_notes notes;
	static const uint8_t zeros[64];
	size_t damage;

	core_builder_note(&builder, "GDB", NT_PRSTATUS, zeros, 3);
	core_builder_note(&builder, "CORE", 0x1234, zeros, 5);
	core_builder_note(&builder, "CORELESS", NT_PRSTATUS, zeros, 3);
	core_builder_thread(&builder, 1, 0);
	bytes_append(&builder.notes, zeros, sizeof(zeros));
	ck_assert(parse(&builder, &notes, &damage));
	ck_assert_uint_eq(notes.threads.n, 1);
	core_notes_deinit(&notes);
	core_builder_deinit(&builder);
}
END_TEST

START_TEST(a_short_prstatus_is_damage)
{
	struct core_builder builder = { .machine = EM_X86_64 };
	struct core_notes notes;
	static const uint8_t zeros[327];
	size_t damage = 1;

	core_builder_note(&builder, "CORE", NT_PRSTATUS, zeros, sizeof(zeros));
	ck_assert(!parse(&builder, &notes, &damage));
	ck_assert_uint_eq(damage, 0);
	ck_assert_uint_eq(notes.threads.n, 0);
	core_notes_deinit(&notes);
	core_builder_deinit(&builder);
}
END_TEST

UNIT_SUITE("core_notes", x86_64_registers_are_in_dwarf_order, a_plausible_orig_rax_is_a_system_call,
	   aarch64_thread_pointer_and_call_follow_the_registers, the_process_and_its_signal, file_ranges_are_sorted_and_scaled,
	   a_file_note_that_lies_about_its_count, every_prefix_is_bounded, foreign_and_empty_notes_are_passed_over,
	   a_short_prstatus_is_damage)
