/* SPDX-License-Identifier: MIT */
#include "target/core.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <zstd.h>

#include "core_builder.h"
#include "unit.h"

static const struct core_options no_options = { .debug_path = "" };

/* A file without a name that holds the bytes; `name` is how to open it. It stays open: each test is a process. */
static int open_bytes(const void *bytes, size_t size, char name[64])
{
	int fd = memfd_create("core", MFD_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	ck_assert(size == 0 || write(fd, bytes, size) == (ssize_t)size);
	snprintf(name, 64, "/proc/self/fd/%d", fd);
	return fd;
}

static struct error *open_core(const void *bytes, size_t size, const struct core_options *options, struct target **ret)
{
	char name[64];
	int fd = open_bytes(bytes, size, name);
	struct error *error = core_open(name, options, ret);

	close(fd);
	return error;
}

/* The core that the builder has finished, which must open. */
static struct target *must_open(const struct core_builder *builder)
{
	struct target *target = NULL;
	struct error *error = open_core(builder->file.v, builder->file.n, &no_options, &target);

	ck_assert_msg(!error, "%s", error ? error->message : "");
	return target;
}

static bool has_notice(const struct target *target, const char *part)
{
	for (size_t i = 0; i < target->notices.n; i++)
		if (strstr(target->notices.v[i], part))
			return true;
	return false;
}

/* The error that a file gives; its message is checked for a part. */
static void assert_refused(const void *bytes, size_t size, enum error_code code, const char *part)
{
	struct target *target = NULL;
	struct error *error = open_core(bytes, size, &no_options, &target);

	ck_assert_ptr_nonnull(error);
	ck_assert_ptr_null(target);
	ck_assert_msg(strstr(error->message, part), "«%s» is not in «%s»", part, error->message);
	ck_assert_int_eq(error->code, code);
	error_destroy(error);
}

static uint8_t page_one[4096], page_two[4096], pages[16 * 4096];

/* Two threads, three segments, all kinds of notes: rw 2 pages of which one dumped; r-x not dumped; rw 1 page. */
static struct core_builder small_core(uint16_t machine, bool notes_last)
{
	struct core_builder builder = { .machine = machine, .notes_last = notes_last };
	static const uint64_t auxv[] = { AT_PAGESZ, 4096, AT_SYSINFO_EHDR, 0x7000000, AT_RANDOM, 0x9000010 };
	static const struct core_builder_file files[] = {
		{ 0x5000000, 0x5001000, 0, "/nonexistent/program" },
		{ 0x5001000, 0x5002000, 1, "/nonexistent/program" },
	};

	memset(page_one, 0xa1, sizeof(page_one));
	memset(page_two, 0xa2, sizeof(page_two));
	core_builder_segment(&builder, 0x1000000, page_one, 4096, 8192, PF_R | PF_W);
	core_builder_segment(&builder, 0x5001000, NULL, 0, 4096, PF_R | PF_X);
	core_builder_segment(&builder, 0x7000000, page_two, 4096, 4096, PF_R | PF_X);
	core_builder_segment(&builder, 0x9000000, page_two, 4096, 4096, PF_R | PF_W);
	core_builder_thread(&builder, 77, 0x1000);
	core_builder_process(&builder, 77, "program", "./program -x ");
	core_builder_auxv(&builder, auxv, 3);
	core_builder_files(&builder, files, 2, 4096);
	core_builder_thread(&builder, 78, 0x2000);
	core_builder_finish(&builder);
	return builder;
}

static void check_small_core(const struct target *target)
{
	uint8_t byte;

	ck_assert_int_eq(target->kind, TARGET_CORE);
	ck_assert_int_eq(target->pid, 77);
	ck_assert_str_eq(target->name, "program");
	ck_assert_str_eq(target->command, "./program -x");
	ck_assert_uint_eq(target->page_size, 4096);
	ck_assert_uint_eq(target->threads.n, 2);
	ck_assert_str_eq(target->threads.v[0].name, "program");
	ck_assert_str_eq(target->threads.v[1].name, "");
	ck_assert_int_eq(target->threads.v[1].tid, 78);
	ck_assert_uint_eq(target->capture.bytes, 3 * 4096);
	ck_assert_uint_eq(target_auxv(target, AT_RANDOM), 0x9000010);

	ck_assert_uint_eq(target->mappings.n, 5);
	ck_assert_uint_eq(target->mappings.v[0].start, 0x1000000);
	ck_assert_uint_eq(target->mappings.v[0].end, 0x1002000);
	ck_assert_uint_eq(target->mappings.v[0].prot, MAPPING_READ | MAPPING_WRITE);
	ck_assert(mapping_is_private_anonymous(&target->mappings.v[0]));
	// From NT_FILE alone, then from NT_FILE and a segment.
	ck_assert_uint_eq(target->mappings.v[1].start, 0x5000000);
	ck_assert_uint_eq(target->mappings.v[1].prot, MAPPING_READ);
	ck_assert_str_eq(target->mappings.v[1].path, "/nonexistent/program");
	ck_assert_uint_eq(target->mappings.v[2].prot, MAPPING_READ | MAPPING_EXEC);
	ck_assert_uint_eq(target->mappings.v[2].offset, 4096);
	ck_assert_int_eq(target->mappings.v[2].file, 0);
	ck_assert_str_eq(target->mappings.v[3].path, "[vdso]");
	ck_assert_str_eq(target->mappings.v[4].path, "[stack]");

	ck_assert_uint_eq(target->files.n, 1);
	ck_assert_int_eq(target->files.v[0].fd, -1);
	ck_assert_ptr_nonnull(strstr(target->files.v[0].why_absent, "is not on this machine"));
	ck_assert(has_notice(target, "/nonexistent/program is not on this machine"));

	ck_assert(image_get(&target->image, 0x1000fff, &byte, 1));
	ck_assert_uint_eq(byte, 0xa1);
	// filesz < memsz, and filesz 0: not dumped, never zero.
	ck_assert(!image_get(&target->image, 0x1001000, &byte, 1));
	ck_assert(!image_get(&target->image, 0x5001000, &byte, 1));
	ck_assert(image_get(&target->image, 0x9000000, &byte, 1));
	ck_assert_uint_eq(byte, 0xa2);
	ck_assert(has_notice(target, "4.00 KiB of writable memory in 1 segment was not dumped"));
	ck_assert(!has_notice(target, "cut off"));
}

START_TEST(a_kernel_core)
{
	struct core_builder builder = small_core(EM_X86_64, false);
	struct target *target = must_open(&builder);

	check_small_core(target);
	ck_assert(!target->threads_incomplete);
	ck_assert_int_eq(target->machine, MACHINE_X86_64);
	ck_assert_uint_eq(target->threads.v[1].pc, 0x2010);
	ck_assert_int_le(llabs((long long)(target->capture.time - time(NULL))), 60);
	target_destroy(target);
	core_builder_deinit(&builder);
}
END_TEST

/* gcore's unit of file offsets is the byte; an offset that is no multiple of the page is dropped as nonsense. */
START_TEST(a_gcore_core)
{
	struct core_builder builder = { .machine = EM_X86_64, .notes_last = true };
	static const struct core_builder_file files[] = {
		{ 0x5000000, 0x5001000, 0, "/nonexistent/program" },
		{ 0x5001000, 0x5002000, 0x1000, "/nonexistent/program" },
		{ 0x6000000, 0x6001000, 1, "/nonexistent/odd" },
	};

	core_builder_segment(&builder, 0x1000000, page_one, 4096, 4096, PF_R | PF_W);
	core_builder_process(&builder, 77, "program", "./program");
	core_builder_thread(&builder, 77, 0x1000);
	core_builder_files(&builder, files, 3, 1);
	core_builder_finish(&builder);

	struct target *target = must_open(&builder);

	ck_assert_uint_eq(target->mappings.n, 3);
	ck_assert_uint_eq(target->mappings.v[2].offset, 0x1000);
	ck_assert(has_notice(target, "1 entries of the notes contradict themselves"));
	ck_assert_uint_eq(target->threads.n, 1);
	ck_assert_uint_eq(target->page_size, 4096);
	target_destroy(target);
	core_builder_deinit(&builder);
}
END_TEST

START_TEST(an_aarch64_core)
{
	struct core_builder builder = { .machine = EM_AARCH64 };
	static const uint64_t auxv[] = { AT_PAGESZ, 65536 };
	uint64_t tls = 0x1000100;

	core_builder_segment(&builder, 0x1000000, pages, sizeof(pages), sizeof(pages), PF_R | PF_W);
	core_builder_thread(&builder, 5, 0x100);
	core_builder_note(&builder, "LINUX", NT_ARM_TLS, &tls, sizeof(tls));
	core_builder_auxv(&builder, auxv, 1);
	core_builder_finish(&builder);

	struct target *target = must_open(&builder);

	ck_assert_int_eq(target->machine, MACHINE_AARCH64);
	ck_assert_uint_eq(target->page_size, 65536);
	ck_assert_uint_eq(target->threads.v[0].tp, tls);
	ck_assert_uint_eq(target->threads.v[0].pc, 0x100 + 32);
	ck_assert_int_eq(target->pid, 5); // without NT_PRPSINFO
	target_destroy(target);
	core_builder_deinit(&builder);
}
END_TEST

START_TEST(a_compressed_core)
{
	struct core_builder builder = small_core(EM_X86_64, false);
	size_t bound = ZSTD_compressBound(builder.file.n);
	uint8_t *packed = xmalloc(bound);
	size_t size = ZSTD_compress(packed, bound, builder.file.v, builder.file.n, 3);
	struct target *target = NULL;
	char name[64];

	ck_assert_ptr_null(open_core(packed, size, &no_options, &target));
	check_small_core(target);
	ck_assert(target->capture.spooled);
	target_destroy(target);
	open_bytes(packed, size, name);
	ck_assert(core_recognise(name));

	// A compressed core within a compressed file is none.
	size_t twice_bound = ZSTD_compressBound(size);
	uint8_t *twice = xmalloc(twice_bound);

	size = ZSTD_compress(twice, twice_bound, packed, size, 3);
	assert_refused(twice, size, ERROR_FORMAT, "is no core");
	free(twice);
	free(packed);
	core_builder_deinit(&builder);
}
END_TEST

/* Each prefix opens or is refused with a message; what is readable is what was dumped. */
static void check_prefixes(struct core_builder *builder, size_t step)
{
	size_t opened = 0;

	for (size_t size = 0; size < builder->file.n; size += size < 2048 ? 1 : step) {
		struct target *target = NULL;
		struct error *error = open_core(builder->file.v, size, &no_options, &target);

		if (error) {
			ck_assert_int_eq(error->code, ERROR_FORMAT);
			ck_assert_uint_gt(strlen(error->message), 10);
			error_destroy(error);
			continue;
		}
		opened++;
		ck_assert_msg(has_notice(target, "the core is cut off: it has "), "cut at %zu", size);
		for (size_t i = 0; i < builder->segments.n; i++) {
			const Elf64_Phdr *phdr = &builder->segments.v[i].phdr;

			for (uint64_t at = 0; at < phdr->p_memsz; at += 512) {
				uint8_t byte;
				bool there = image_get(&target->image, phdr->p_vaddr + at, &byte, 1);

				ck_assert(there == (at < phdr->p_filesz && phdr->p_offset + at < size));
				if (there)
					ck_assert_uint_eq(byte, builder->segments.v[i].bytes[at]);
			}
		}
		target_destroy(target);
	}
	ck_assert_uint_ge(opened, 5);
}

START_TEST(truncated_anywhere_kernel)
{
	struct core_builder builder = small_core(EM_X86_64, false);

	check_prefixes(&builder, 97);
	core_builder_deinit(&builder);
}
END_TEST

START_TEST(truncated_anywhere_gcore)
{
	struct core_builder builder = small_core(EM_X86_64, true);

	check_prefixes(&builder, 97);

	// Without its notes: memory, and a clear account of what is unknown.
	struct target *target = NULL;

	ck_assert_ptr_null(open_core(builder.file.v, builder.notes_offset, &no_options, &target));
	ck_assert_uint_eq(target->threads.n, 0);
	ck_assert(target->threads_incomplete);
	ck_assert(has_notice(target, "the notes are cut off"));
	ck_assert(has_notice(target, "the core has no threads"));
	ck_assert(has_notice(target, "the core does not list the mapped files"));
	target_destroy(target);

	// With only the first of two.
	ck_assert_ptr_null(open_core(builder.file.v, builder.notes_offset + 400, &no_options, &target));
	ck_assert_uint_eq(target->threads.n, 1);
	ck_assert(target->threads_incomplete);
	target_destroy(target);
	core_builder_deinit(&builder);
}
END_TEST

START_TEST(bits_flipped_anywhere)
{
	for (int last = 0; last < 2; last++) {
		struct core_builder builder = small_core(EM_X86_64, last);
		uint64_t notes = builder.notes_offset, size = builder.file.n;
		uint32_t state = 12345;

		for (int i = 0; i < 3000; i++) {
			state = state * 1664525 + 1013904223;

			// Headers, and notes wherever they are; one to four bits.
			uint64_t at = (state >> 8) % (i % 2 ? 64 + 5 * 56 : size - notes);

			if (i % 2 == 0)
				at += notes;

			uint8_t *copy = xmemdup(builder.file.v, size);

			for (int k = 0; k <= i % 4; k++) {
				state = state * 1664525 + 1013904223;
				copy[(at + (k ? (state >> 24) : 0)) % size] ^= (uint8_t)(1 << (state >> 16) % 8);
			}

			struct target *target = NULL;
			struct error *error = open_core(copy, size, &no_options, &target);

			if (error)
				ck_assert_uint_gt(strlen(error->message), 10);
			else
				for (size_t k = 1; k < target->mappings.n; k++)
					ck_assert_uint_le(target->mappings.v[k - 1].end, target->mappings.v[k].start);
			error_destroy(error);
			target_destroy(target);
			free(copy);
		}
		core_builder_deinit(&builder);
	}
}
END_TEST

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

START_TEST(seventy_thousand_segments)
{
	struct core_builder builder = { .machine = EM_X86_64, .extended = true };
	enum { N = 70000 };
	struct core_builder_file *files = xcalloc(N / 2, sizeof(*files));
	uint8_t byte = 0x5a;

	for (uint64_t i = 0; i < N; i++) {
		core_builder_segment(&builder, 0x10000000 + i * 8192, &byte, i % 1000 == 0, 4096, PF_R | PF_W);
		if (i % 2)
			files[i / 2] = (struct core_builder_file){ 0x10000000 + i * 8192, 0x10001000 + i * 8192, 0,
								   i % 4 == 1 ? "/nonexistent/a" : "/nonexistent/b" };
	}
	core_builder_thread(&builder, 1, 0);
	core_builder_files(&builder, files, N / 2, 4096);
	core_builder_finish(&builder);

	double before = seconds();
	struct target *target = must_open(&builder);

	ck_assert_double_lt(seconds() - before, 2.0);
	ck_assert_uint_eq(target->mappings.n, N);
	ck_assert_uint_eq(target->files.n, 2);
	ck_assert_str_eq(target->mappings.v[1].path, "/nonexistent/a");
	ck_assert_ptr_null(target->mappings.v[2].path);
	ck_assert(image_get(&target->image, 0x10000000 + 69000 * 8192, &byte, 1));
	ck_assert(!image_get(&target->image, 0x10000000 + 69001 * 8192, &byte, 1));
	target_destroy(target);

	// Cut before the section header that has the count: guessed from where the notes begin.
	ck_assert_ptr_null(open_core(builder.file.v, builder.file.n - sizeof(Elf64_Shdr), &no_options, &target));
	ck_assert_uint_eq(target->mappings.n, N);
	ck_assert(has_notice(target, "the number of segments is missing"));
	target_destroy(target);
	core_builder_deinit(&builder);
	free(files);
}
END_TEST

START_TEST(other_machines_are_refused_by_name)
{
	struct core_builder builder = small_core(EM_X86_64, false);
	Elf64_Ehdr *ehdr = (Elf64_Ehdr *)builder.file.v;
	uint8_t *bytes = builder.file.v;
	size_t size = builder.file.n;

	ehdr->e_machine = EM_RISCV;
	assert_refused(bytes, size, ERROR_UNSUPPORTED, "is the core of a program for RISC-V; heapsnap reads x86-64 and AArch64");
	ehdr->e_machine = EM_386;
	ehdr->e_ident[EI_CLASS] = ELFCLASS32;
	assert_refused(bytes, size, ERROR_UNSUPPORTED, "is the core of a 32-bit program (i386)");
	ehdr->e_machine = EM_X86_64;
	assert_refused(bytes, size, ERROR_UNSUPPORTED, "the x32 ABI");
	// Seen whole even when it is no longer than a 32-bit header.
	assert_refused(bytes, 52, ERROR_UNSUPPORTED, "32-bit");

	ehdr->e_ident[EI_CLASS] = ELFCLASS64;
	ehdr->e_ident[EI_DATA] = ELFDATA2MSB;
	ehdr->e_type = ET_CORE << 8;
	ehdr->e_machine = EM_S390 << 8;
	assert_refused(bytes, size, ERROR_UNSUPPORTED, "S/390 (big-endian)");
	core_builder_deinit(&builder);
}
END_TEST

START_TEST(what_is_no_core_is_told_what_it_is)
{
	uint8_t elf[ELF_BUILDER_SIZE];

	elf_builder(elf, EM_X86_64, 1, 1, false);
	assert_refused(elf, sizeof(elf), ERROR_FORMAT, "is a program or a library, not a core");
	elf[16] = ET_REL;
	assert_refused(elf, sizeof(elf), ERROR_FORMAT, "is an object file, not a core");
	assert_refused("", 0, ERROR_FORMAT, "is empty");
	assert_refused("x", 1, ERROR_FORMAT, "is no core");
	assert_refused("#!/bin/sh\necho core\n", 20, ERROR_FORMAT, "is no core: it does not begin with an ELF header");
	assert_refused("\x1f\x8b\x08\0\0\0\0\0", 8, ERROR_FORMAT, "gzip: unpack it first");
	assert_refused("\xfd"
		       "7zXZ\0\0\0",
		       8, ERROR_FORMAT, "xz: unpack it first");
	assert_refused("\x04\x22\x4d\x18\0\0\0\0", 8, ERROR_FORMAT, "lz4: unpack it first");
	assert_refused("SQLite format 3\0....", 20, ERROR_FORMAT, "perhaps a snapshot");
}
END_TEST

START_TEST(what_cannot_be_opened)
{
	struct target *target = NULL;
	struct error *error = core_open("/nonexistent/core", &no_options, &target);

	ck_assert_int_eq(error->code, ERROR_OS);
	ck_assert_str_eq(error->message, "/nonexistent/core: No such file or directory");
	error_destroy(error);
	error = core_open("/tmp", &no_options, &target);
	ck_assert_ptr_nonnull(strstr(error->message, "Is a directory"));
	error_destroy(error);
	error = core_open("/dev/zero", &no_options, &target);
	ck_assert_ptr_nonnull(strstr(error->message, "is no regular file"));
	error_destroy(error);
	ck_assert(!core_recognise("/nonexistent/core"));
	ck_assert(!core_recognise("/tmp"));
	ck_assert(!core_recognise("/dev/zero"));
	ck_assert(!core_recognise("/proc/self/exe"));
}
END_TEST

START_TEST(headers_that_lie)
{
	struct core_builder builder = small_core(EM_X86_64, false);
	uint8_t *bytes = builder.file.v;
	size_t size = builder.file.n;
	Elf64_Ehdr *ehdr = (Elf64_Ehdr *)bytes, good = *ehdr;
	Elf64_Phdr *phdrs = (Elf64_Phdr *)(bytes + sizeof(*ehdr)), load = phdrs[1];
	struct target *target;

	ehdr->e_phentsize = 32;
	assert_refused(bytes, size, ERROR_FORMAT, "program headers of 32 bytes (byte 54)");
	*ehdr = good;
	ehdr->e_phnum = 0;
	assert_refused(bytes, size, ERROR_FORMAT, "has no program headers");
	*ehdr = good;
	ehdr->e_phoff = UINT64_MAX - 10;
	assert_refused(bytes, size, ERROR_FORMAT, "cut off before its program headers");
	*ehdr = good;
	ehdr->e_phoff = size - 60;
	assert_refused(bytes, size, ERROR_FORMAT, "holds no memory");
	*ehdr = good;

	// Segments: the end wraps; the file position wraps; an odd position; two that overlap.
	static const struct {
		uint64_t vaddr, offset, filesz, memsz;
	} lies[] = {
		{ UINT64_MAX - 4095, 0x1000, 4096, 4096 },
		{ UINT64_MAX - 8191, 0x1000, 4096, 4096 },
		{ 0x1000000, UINT64_MAX - 100, 4096, 4096 },
		{ 0x1000000, 0x1001, 4096, 4096 },
		{ 0x1000000, 0x1000, UINT64_MAX, 4096 },
		{ 0x1000000, 0x1000, 4096, UINT64_MAX },
		{ 0x0, 0x1000, 4096, UINT64_MAX - 1 },
		{ 0x9000800, 0x1800, 1024, 1024 },
		{ 0x8fff000, 0x1000, 12288, 12288 },
	};

	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		phdrs[1] = load;
		phdrs[1].p_vaddr = lies[i].vaddr;
		phdrs[1].p_offset = lies[i].offset;
		phdrs[1].p_filesz = lies[i].filesz;
		phdrs[1].p_memsz = lies[i].memsz;
		target = must_open(&builder);
		for (size_t k = 0; k < target->mappings.n; k++) {
			const struct mapping *mapping = &target->mappings.v[k];

			ck_assert_uint_lt(mapping->start, mapping->end);
			ck_assert_uint_eq((mapping->start | mapping->end) & 4095, 0);
			if (k)
				ck_assert_uint_le(target->mappings.v[k - 1].end, mapping->start);
		}
		for (size_t k = 0; k < target->image.segments.n; k++) {
			const struct segment *segment = &target->image.segments.v[k];

			// Words can be read in place.
			ck_assert_uint_eq(((uintptr_t)segment->bytes ^ segment->start) & 7, 0);
		}
		target_destroy(target);
	}
	core_builder_deinit(&builder);
}
END_TEST

START_TEST(holes_are_pages_never_touched)
{
	struct core_builder builder = { .machine = EM_X86_64 };
	uint8_t *bytes = xcalloc(1, 1 << 20);
	char name[64];
	struct target *target = NULL;
	uint64_t word = 1;

	bytes[0] = bytes[(1 << 20) - 1] = 0x77;
	core_builder_segment(&builder, 0x1000000, bytes, 1 << 20, 1 << 20, PF_R | PF_W);
	core_builder_thread(&builder, 1, 0);
	core_builder_finish(&builder);

	// The middle is punched out, as the kernel leaves it out.
	int fd = open_bytes(builder.file.v, builder.file.n, name);

	ck_assert_int_eq(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				   (off_t)builder.segments.v[0].phdr.p_offset + 4096, (1 << 20) - 8192),
			 0);
	ck_assert_ptr_null(core_open(name, &no_options, &target));
	ck_assert_uint_eq(target->image.segments.n, 3);
	ck_assert(!target->image.segments.v[0].untouched);
	ck_assert(target->image.segments.v[1].untouched);
	ck_assert_uint_eq(target->image.segments.v[1].start, 0x1001000);
	ck_assert_uint_eq(target->image.segments.v[1].end, 0x10ff000);
	ck_assert(!target->image.segments.v[2].untouched);
	ck_assert(image_get_word(&target->image, 0x1080000, &word));
	ck_assert_uint_eq(word, 0);
	ck_assert_ptr_nonnull(image_view(&target->image, 0x1000000, 1 << 20));
	ck_assert_uint_eq(target->capture.bytes, 1 << 20);
	target_destroy(target);
	free(bytes);
	core_builder_deinit(&builder);
}
END_TEST

/* ---- files ------------------------------------------------------------------------------------------------------ */

static char base[64];

static void enter_directory(void)
{
	strcpy(base, "/tmp/heapsnap-core-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(base));
	ck_assert_int_eq(chdir(base), 0);
}

static void leave_directory(void)
{
	char command[PATH_MAX];

	snprintf(command, sizeof(command), "rm -rf '%s'", base);
	ck_assert_int_eq(chdir("/"), 0);
	ck_assert_int_eq(system(command), 0);
}

enum { MODULE = 0x5000000 };

/* A core of a program that elf_builder() made, mapped at MODULE; `segments` are written for it as a kernel does, else only NT_FILE knows. */
static struct core_builder module_core(const char *path, const uint8_t *elf, bool segments, bool head)
{
	struct core_builder builder = { .machine = EM_X86_64 };
	const struct core_builder_file files[] = {
		{ MODULE, MODULE + 0x1000, 0, path },
		{ MODULE + 0x1000, MODULE + 0x2000, 1, path },
		{ MODULE + 0x3000, MODULE + 0x4000, 2, path },
		{ MODULE + 0x4000, MODULE + 0x5000, 3, path },
	};
	static const uint64_t auxv[] = { AT_PAGESZ, 4096, AT_PHDR, MODULE + 64 };

	core_builder_segment(&builder, 0x1000000, page_one, 4096, 4096, PF_R | PF_W);
	if (segments || head)
		core_builder_segment(&builder, MODULE, elf, head ? 4096 : 0, 4096, PF_R);
	if (segments) {
		core_builder_segment(&builder, MODULE + 0x1000, NULL, 0, 4096, PF_R | PF_X);
		core_builder_segment(&builder, MODULE + 0x3000, NULL, 0, 4096, PF_R);
		core_builder_segment(&builder, MODULE + 0x4000, NULL, 0, 4096, PF_R | PF_W);
	}
	core_builder_thread(&builder, 1, MODULE + 0x1000 - 16);
	core_builder_auxv(&builder, auxv, 2);
	core_builder_files(&builder, files, 4, 4096);
	core_builder_finish(&builder);
	return builder;
}

START_TEST(files_stand_in_only_where_nothing_was_written)
{
	uint8_t elf[ELF_BUILDER_SIZE], byte;
	char path[128];

	enter_directory();
	snprintf(path, sizeof(path), "%s/program", base);
	elf_builder(elf, EM_X86_64, 0xaa, 0x33, false);
	file_write(path, elf, sizeof(elf));
	for (int segments = 0; segments < 2; segments++) {
		struct core_builder builder = module_core(path, elf, segments, true);
		struct target *target = must_open(&builder);

		ck_assert_int_eq(target->exe_file, 0);
		ck_assert_str_eq(target->exe_path, path);
		ck_assert_int_ge(target->files.v[0].fd, 0);
		ck_assert_str_eq(target->files.v[0].opened_as, path);
		ck_assert_uint_eq(target->files.v[0].build_id.bytes[0], 0xaa);
		ck_assert_uint_eq(target->notices.n, segments ? 1 : 0);
		ck_assert(image_get(&target->image, MODULE + 0x1000, &byte, 1));
		ck_assert_uint_eq(byte, 0xc3);
		// RELRO, and .data: the dynamic loader and the program wrote there.
		ck_assert(!image_get(&target->image, MODULE + 0x3000, &byte, 1));
		ck_assert(!image_get(&target->image, MODULE + 0x4000, &byte, 1));
		ck_assert_uint_eq(mappings_find(&target->mappings, MODULE + 0x1000)->prot, MAPPING_READ | MAPPING_EXEC);
		ck_assert_uint_eq(mappings_find(&target->mappings, MODULE + 0x3000)->prot, MAPPING_READ);
		ck_assert_uint_eq(mappings_find(&target->mappings, MODULE + 0x4000)->prot, MAPPING_READ | MAPPING_WRITE);
		target_destroy(target);
		core_builder_deinit(&builder);
	}
	leave_directory();
}
END_TEST

START_TEST(a_file_with_another_build_id_is_absent)
{
	uint8_t elf[ELF_BUILDER_SIZE], byte;
	char path[128];

	enter_directory();
	snprintf(path, sizeof(path), "%s/program", base);
	elf_builder(elf, EM_X86_64, 0xbb, 0x33, false);
	file_write(path, elf, sizeof(elf));
	elf_builder(elf, EM_X86_64, 0xaa, 0x33, false);

	struct core_builder builder = module_core(path, elf, true, true);
	struct target *target = must_open(&builder);

	ck_assert_int_eq(target->files.v[0].fd, -1);
	ck_assert(target->files.v[0].replaced);
	ck_assert(has_notice(target, "wanted is build ID aa11111111111111111111111111111111111111; "));
	ck_assert(has_notice(target, "/program has another build ID: bb11111111111111111111111111111111111111"));
	ck_assert(!image_get(&target->image, MODULE + 0x1000, &byte, 1));
	ck_assert(image_get(&target->image, MODULE, &byte, 1)); // dumped
	target_destroy(target);

	// The right one by hand; then the wrong one.
	struct core_options options = { .exe = "right", .debug_path = "" };
	struct error *error;

	file_write("right", elf, sizeof(elf));
	error = open_core(builder.file.v, builder.file.n, &options, &target);
	ck_assert_ptr_null(error);
	ck_assert_str_eq(target->files.v[0].opened_as, "right");
	ck_assert(image_get(&target->image, MODULE + 0x1000, &byte, 1));
	target_destroy(target);

	options.exe = path;
	error = open_core(builder.file.v, builder.file.n, &options, &target);
	ck_assert_ptr_null(error);
	ck_assert_int_eq(target->files.v[0].fd, -1);
	ck_assert(has_notice(target, "/program has another build ID: bb"));
	target_destroy(target);
	core_builder_deinit(&builder);
	leave_directory();
}
END_TEST

START_TEST(a_file_without_proof_is_used_with_a_notice)
{
	uint8_t elf[ELF_BUILDER_SIZE], byte;
	char path[128];

	enter_directory();
	snprintf(path, sizeof(path), "%s/program", base);
	elf_builder(elf, EM_X86_64, 0xaa, 0x33, false);
	file_write(path, elf, sizeof(elf));

	// No page of it in the core.
	struct core_builder builder = module_core(path, elf, false, false);
	struct target *target = must_open(&builder);

	ck_assert_int_ge(target->files.v[0].fd, 0);
	ck_assert(has_notice(target, "/program could not be verified: the core has no build ID of"));
	ck_assert(image_get(&target->image, MODULE + 0x1000, &byte, 1));
	target_destroy(target);
	core_builder_deinit(&builder);

	// Data beside it: nothing says whether it is the same.
	static const struct core_builder_file data[] = { { 0x8000000, 0x8001000, 0, "/etc/passwd" } };
	struct core_builder other = { .machine = EM_X86_64 };

	core_builder_segment(&other, 0x1000000, page_one, 4096, 4096, PF_R | PF_W);
	core_builder_segment(&other, 0x8000000, NULL, 0, 4096, PF_R);
	core_builder_files(&other, data, 1, 4096);
	core_builder_finish(&other);
	target = must_open(&other);
	ck_assert_int_eq(target->files.v[0].fd, -1);
	ck_assert_ptr_nonnull(strstr(target->files.v[0].why_absent, "is data, not a module"));
	ck_assert(!image_get(&target->image, 0x8000000, &byte, 1));
	ck_assert(!has_notice(target, "passwd"));
	target_destroy(target);
	core_builder_deinit(&other);
	leave_directory();
}
END_TEST

/* Writes words at a position of a page. */
static void put_words(uint8_t *page, size_t at, const uint64_t *words, size_t n)
{
	memcpy(page + at, words, 8 * n);
}

START_TEST(without_a_list_of_files_the_loader_s_own_is_read)
{
	enum { EXE = 0x5000000, LIBRARY = 0x6000000, DATA = 0x7000000 };
	struct core_builder builder = { .machine = EM_X86_64 };
	static const uint64_t auxv[] = { AT_PAGESZ, 4096, AT_EXECFN, DATA + 0x800 };
	uint8_t exe[ELF_BUILDER_SIZE], library[ELF_BUILDER_SIZE], data[4096] = { 0 };
	char path[128];

	enter_directory();
	snprintf(path, sizeof(path), "%s/libx.so", base);
	elf_builder(exe, EM_X86_64, 0xee, 0x33, false);
	elf_builder(library, EM_X86_64, 0xaa, 0x44, false);

	// The last program header of each becomes PT_DYNAMIC; the build ID's note is the one before, in place of RELRO.
	for (int i = 0; i < 2; i++) {
		Elf64_Phdr *phdrs = (Elf64_Phdr *)((i ? library : exe) + 64);

		phdrs[3] = phdrs[4];
		phdrs[4] = (Elf64_Phdr){ .p_type = PT_DYNAMIC, .p_vaddr = 12288, .p_offset = 8192, .p_filesz = 64, .p_memsz = 64 };
	}
	file_write(path, library, sizeof(library));

	const uint64_t exe_dynamic[] = { DT_DEBUG, DATA, DT_NULL, 0 }, library_dynamic[] = { DT_NULL, 0 };
	// r_debug; link_map of the executable, of the library, and one that leads back: a cycle.
	const uint64_t debug[] = { 1, DATA + 0x100, 0, 0, 0 };
	const uint64_t map_one[] = { EXE, DATA + 0x700, EXE + 12288, DATA + 0x200, 0 };
	const uint64_t map_two[] = { LIBRARY, DATA + 0x600, LIBRARY + 12288, DATA + 0x100, 0 };

	put_words(data, 0, debug, 5);
	put_words(data, 0x100, map_one, 5);
	put_words(data, 0x200, map_two, 5);
	memcpy(data + 0x600, path, strlen(path) + 1);
	strcpy((char *)data + 0x800, "/nonexistent/program");
	put_words(exe + 8192, 0, exe_dynamic, 4);
	put_words(library + 8192, 0, library_dynamic, 2);
	core_builder_segment(&builder, EXE, exe, 4096, 4096, PF_R);
	core_builder_segment(&builder, EXE + 0x3000, exe + 8192, 8192, 8192, PF_R | PF_W);
	core_builder_segment(&builder, LIBRARY, library, 4096, 4096, PF_R);
	core_builder_segment(&builder, LIBRARY + 0x1000, NULL, 0, 4096, PF_R | PF_X);
	core_builder_segment(&builder, LIBRARY + 0x3000, library + 8192, 8192, 8192, PF_R | PF_W);
	core_builder_segment(&builder, DATA, data, 4096, 4096, PF_R | PF_W);
	core_builder_thread(&builder, 1, 0);
	core_builder_auxv(&builder, auxv, 2);
	core_builder_finish(&builder);

	struct target *target = must_open(&builder);
	uint8_t byte;

	ck_assert(has_notice(target, "the core does not list the mapped files: they were found by their headers in memory"));
	ck_assert_uint_eq(target->files.n, 2);
	ck_assert_str_eq(target->exe_path, "/nonexistent/program");
	ck_assert_int_ge(target->exe_file, 0);
	ck_assert_str_eq(target->files.v[target->exe_file].path, "/nonexistent/program");

	const struct mapping *text = mappings_find(&target->mappings, LIBRARY + 0x1000);

	ck_assert_str_eq(text->path, path);
	ck_assert_uint_eq(text->offset, 4096);
	ck_assert(image_get(&target->image, LIBRARY + 0x1000, &byte, 1));
	ck_assert_uint_eq(byte, 0xc3);
	target_destroy(target);
	core_builder_deinit(&builder);
	leave_directory();
}
END_TEST

START_TEST(recognition)
{
	struct core_builder builder = small_core(EM_X86_64, false);
	char name[64];

	open_bytes(builder.file.v, builder.file.n, name);
	ck_assert(core_recognise(name));
	open_bytes(builder.file.v, 18, name);
	ck_assert(core_recognise(name));
	open_bytes(builder.file.v, 17, name);
	ck_assert(!core_recognise(name));
	builder.file.v[16] = ET_DYN;
	open_bytes(builder.file.v, builder.file.n, name);
	ck_assert(!core_recognise(name));
	open_bytes("", 0, name);
	ck_assert(!core_recognise(name));
	core_builder_deinit(&builder);
}
END_TEST

UNIT_SUITE("core", a_kernel_core, a_gcore_core, an_aarch64_core, a_compressed_core, truncated_anywhere_kernel, truncated_anywhere_gcore,
	   bits_flipped_anywhere, seventy_thousand_segments, other_machines_are_refused_by_name, what_is_no_core_is_told_what_it_is,
	   what_cannot_be_opened, headers_that_lie, holes_are_pages_never_touched, files_stand_in_only_where_nothing_was_written,
	   a_file_with_another_build_id_is_absent, a_file_without_proof_is_used_with_a_notice,
	   without_a_list_of_files_the_loader_s_own_is_read, recognition)
