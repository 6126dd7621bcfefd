/* SPDX-License-Identifier: MIT */
#include "target/locate.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core_builder.h"
#include "target/elf_headers.h"
#include "unit.h"

/* A directory of the test's own, which becomes its working directory. It is left to the system's care: each test is a process. */
static char base[PATH_MAX];

static void enter_directory(void)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(base, sizeof(base), "%s/heapsnap-locate-XXXXXX", tmp ? tmp : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(base));
	ck_assert_int_eq(chdir(base), 0);
}

static void leave_directory(void)
{
	char command[PATH_MAX + 16];

	snprintf(command, sizeof(command), "rm -rf '%s'", base);
	ck_assert_int_eq(chdir("/"), 0);
	ck_assert_int_eq(system(command), 0);
}

static void make_directories(const char *path)
{
	char command[PATH_MAX];

	snprintf(command, sizeof(command), "mkdir -p '%s'", path);
	ck_assert_int_eq(system(command), 0);
}

/* An ELF file as elf_builder() makes it, at a path. */
static void put_elf(const char *path, uint16_t machine, uint8_t id, uint8_t fill, bool debug_only)
{
	uint8_t file[ELF_BUILDER_SIZE];

	elf_builder(file, machine, id, fill, debug_only);
	file_write(path, file, sizeof(file));
}

static struct build_id id_of(uint8_t first)
{
	struct build_id id = { .size = 20 };

	memset(id.bytes, 0x11, 20);
	id.bytes[0] = first;
	return id;
}

/* The path below the test's own directory. */
static const char *own(const char *name)
{
	static char path[2 * PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", base, name);
	return path;
}

static struct wanted_file wanted_by_id(const char *path, uint8_t id)
{
	return (struct wanted_file){ .path = path, .machine = MACHINE_X86_64, .build_id = id_of(id), .needed_size = ELF_BUILDER_SIZE };
}

static const struct locate_options nowhere = { .debug_path = "" };

START_TEST(the_path_itself)
{
	struct located_file located;

	enter_directory();
	put_elf("libx.so", EM_X86_64, 0xaa, 1, false);

	struct wanted_file wanted = wanted_by_id(own("libx.so"), 0xaa);

	locate_file(&nowhere, &wanted, &located);
	ck_assert_int_ge(located.fd, 0);
	ck_assert_str_eq(located.opened_as, wanted.path);
	ck_assert(located.verified);
	ck_assert(!located.replaced);
	ck_assert_ptr_null(located.why_absent);
	ck_assert(build_id_equal(&located.build_id, &wanted.build_id));
	located_file_deinit(&located);
	leave_directory();
}
END_TEST

START_TEST(another_build_id_is_told_exactly)
{
	struct located_file located;

	enter_directory();
	put_elf("libx.so", EM_X86_64, 0xbb, 1, false);

	struct wanted_file wanted = wanted_by_id(own("libx.so"), 0xaa);

	locate_file(&nowhere, &wanted, &located);
	ck_assert_int_eq(located.fd, -1);
	ck_assert(located.replaced);
	ck_assert_ptr_nonnull(strstr(located.why_absent, "wanted is build ID aa11111111111111111111111111111111111111; "));
	ck_assert_ptr_nonnull(strstr(located.why_absent, "libx.so has another build ID: bb11111111111111111111111111111111111111"));
	located_file_deinit(&located);

	put_elf("libx.so", EM_X86_64, 0, 1, false);
	locate_file(&nowhere, &wanted, &located);
	ck_assert_ptr_nonnull(strstr(located.why_absent, "libx.so has no build ID"));
	located_file_deinit(&located);

	put_elf("libx.so", EM_AARCH64, 0xaa, 1, false);
	locate_file(&nowhere, &wanted, &located);
	ck_assert_ptr_nonnull(strstr(located.why_absent, "libx.so is for AArch64"));
	located_file_deinit(&located);

	file_write("libx.so", "#!/bin/sh\n", 10);
	locate_file(&nowhere, &wanted, &located);
	ck_assert_ptr_nonnull(strstr(located.why_absent, "libx.so is no 64-bit ELF file"));
	located_file_deinit(&located);

	ck_assert_int_eq(unlink("libx.so"), 0);
	locate_file(&nowhere, &wanted, &located);
	ck_assert_str_eq(located.why_absent, "is not on this machine: wanted is build ID aa11111111111111111111111111111111111111");
	ck_assert(!located.replaced);
	located_file_deinit(&located);
	leave_directory();
}
END_TEST

START_TEST(the_sysroot_comes_first_then_the_path)
{
	struct located_file located;

	enter_directory();
	make_directories("root/usr/lib");
	put_elf("root/usr/lib/libx.so", EM_X86_64, 0xaa, 1, false);

	struct locate_options options = { .sysroot = "root/", .debug_path = "" };
	struct wanted_file wanted = wanted_by_id("/usr/lib/libx.so", 0xaa);

	locate_file(&options, &wanted, &located);
	ck_assert_int_ge(located.fd, 0);
	ck_assert_str_eq(located.opened_as, "root/usr/lib/libx.so");
	located_file_deinit(&located);

	// Not in the sysroot, but at the path itself.
	put_elf("outside.so", EM_X86_64, 0xcc, 1, false);
	wanted = wanted_by_id(own("outside.so"), 0xcc);
	locate_file(&options, &wanted, &located);
	ck_assert_int_ge(located.fd, 0);
	ck_assert_str_eq(located.opened_as, wanted.path);
	located_file_deinit(&located);
	leave_directory();
}
END_TEST

START_TEST(links_stay_within_the_sysroot)
{
	struct located_file located;

	// Only openat2() keeps them inside, which Linux before 5.6 does not have, nor valgrind 3.19.
	if (syscall(SYS_openat2, -1, NULL, NULL, 0) != 0 && errno == ENOSYS)
		return;
	enter_directory();
	make_directories("root/usr/lib");
	put_elf("root/usr/lib/libx.so.1.2", EM_X86_64, 0xaa, 1, false);
	ck_assert_int_eq(symlink("usr/lib", "root/lib"), 0);
	ck_assert_int_eq(symlink("/usr/lib/libx.so.1.2", "root/usr/lib/libx.so"), 0);

	struct locate_options options = { .sysroot = "root", .debug_path = "" };
	struct wanted_file wanted = wanted_by_id("/lib/libx.so", 0xaa);

	locate_file(&options, &wanted, &located);
	ck_assert_int_ge(located.fd, 0);
	located_file_deinit(&located);

	// Up and out leads back to the root of the sysroot.
	wanted = wanted_by_id("/../../../usr/lib/libx.so.1.2", 0xaa);
	locate_file(&options, &wanted, &located);
	ck_assert_int_ge(located.fd, 0);
	located_file_deinit(&located);
	leave_directory();
}
END_TEST

START_TEST(a_folder_of_collected_files_needs_proof)
{
	struct located_file located;

	enter_directory();
	make_directories("collected");
	put_elf("collected/libx.so", EM_X86_64, 0xaa, 1, false);

	struct locate_options options = { .sysroot = "collected", .debug_path = "" };
	struct wanted_file wanted = wanted_by_id("/nonexistent/lib/libx.so", 0xaa);

	locate_file(&options, &wanted, &located);
	ck_assert_int_ge(located.fd, 0);
	ck_assert_str_eq(located.opened_as, "collected/libx.so");
	located_file_deinit(&located);

	wanted.build_id.size = 0;
	locate_file(&options, &wanted, &located);
	ck_assert_int_eq(located.fd, -1);
	located_file_deinit(&located);
	leave_directory();
}
END_TEST

START_TEST(debug_directories_count_only_with_whole_files)
{
	static const char id_path[] = "debug/.build-id/aa/11111111111111111111111111111111111111";
	struct located_file located;
	char path[PATH_MAX];

	enter_directory();
	make_directories("debug/.build-id/aa");

	struct locate_options options = { .debug_path = "/nonexistent:debug" };
	struct wanted_file wanted = wanted_by_id("/nonexistent/libx.so", 0xaa);

	snprintf(path, sizeof(path), "%s.debug", id_path);
	put_elf(path, EM_X86_64, 0xaa, 1, true);
	locate_file(&options, &wanted, &located);
	ck_assert_int_eq(located.fd, -1);
	ck_assert_ptr_nonnull(strstr(located.why_absent, "has debug information only"));
	located_file_deinit(&located);

	put_elf(id_path, EM_X86_64, 0xaa, 1, false);
	locate_file(&options, &wanted, &located);
	ck_assert_int_ge(located.fd, 0);
	ck_assert_str_eq(located.opened_as, id_path);
	ck_assert(located.replaced);
	located_file_deinit(&located);

	// Some keep unstripped files under the .debug name.
	ck_assert_int_eq(unlink(id_path), 0);
	put_elf(path, EM_X86_64, 0xaa, 1, false);
	locate_file(&options, &wanted, &located);
	ck_assert_int_ge(located.fd, 0);
	located_file_deinit(&located);
	leave_directory();
}
END_TEST

START_TEST(the_executable_given_by_hand)
{
	struct located_file located;

	enter_directory();
	put_elf("right", EM_X86_64, 0xaa, 1, false);
	put_elf("wrong", EM_X86_64, 0xbb, 1, false);

	struct wanted_file wanted = wanted_by_id("/nonexistent/program", 0xaa);

	wanted.exe = "right";
	locate_file(&nowhere, &wanted, &located);
	ck_assert_int_ge(located.fd, 0);
	ck_assert_str_eq(located.opened_as, "right");
	ck_assert_ptr_null(located.why_not_exe);
	located_file_deinit(&located);

	wanted.exe = "wrong";
	locate_file(&nowhere, &wanted, &located);
	ck_assert_int_eq(located.fd, -1);
	ck_assert_str_eq(located.why_not_exe, "wrong has another build ID: bb11111111111111111111111111111111111111");
	located_file_deinit(&located);

	wanted.exe = "missing";
	wanted.path = own("right");
	locate_file(&nowhere, &wanted, &located);
	ck_assert_int_ge(located.fd, 0);
	ck_assert_str_eq(located.opened_as, wanted.path);
	ck_assert_str_eq(located.why_not_exe, "missing is not there");
	located_file_deinit(&located);
	leave_directory();
}
END_TEST

START_TEST(without_a_build_id_the_first_page_decides)
{
	uint8_t file[ELF_BUILDER_SIZE], other[ELF_BUILDER_SIZE];
	struct located_file located;

	enter_directory();
	elf_builder(file, EM_X86_64, 0, 1, false);
	elf_builder(other, EM_X86_64, 0, 2, false);
	file_write("libx.so", file, sizeof(file));

	struct wanted_file wanted = { .path = own("libx.so"), .machine = MACHINE_X86_64, .head = file, .head_size = 4096,
				      .needed_size = ELF_BUILDER_SIZE };

	locate_file(&nowhere, &wanted, &located);
	ck_assert_int_ge(located.fd, 0);
	ck_assert(!located.verified);
	located_file_deinit(&located);

	wanted.head = other;
	locate_file(&nowhere, &wanted, &located);
	ck_assert_int_eq(located.fd, -1);
	ck_assert_ptr_nonnull(strstr(located.why_absent, "is another file: its first page differs"));
	located_file_deinit(&located);

	// Nothing to compare: taken by its name, unless it cannot be.
	wanted.head_size = 0;
	locate_file(&nowhere, &wanted, &located);
	ck_assert_int_ge(located.fd, 0);
	ck_assert(!located.verified);
	located_file_deinit(&located);

	wanted.needed_size = 1 << 20;
	locate_file(&nowhere, &wanted, &located);
	ck_assert_int_eq(located.fd, -1);
	ck_assert_ptr_nonnull(strstr(located.why_absent, "is shorter than what was mapped"));
	located_file_deinit(&located);
	leave_directory();
}
END_TEST

START_TEST(only_regular_files_are_opened)
{
	struct located_file located;

	enter_directory();
	ck_assert_int_eq(mkfifo("fifo", 0600), 0);
	make_directories("directory");

	struct wanted_file wanted = wanted_by_id(own("fifo"), 0xaa);

	// Opening the FIFO would block for ever.
	locate_file(&nowhere, &wanted, &located);
	ck_assert_ptr_nonnull(strstr(located.why_absent, "fifo is no regular file"));
	located_file_deinit(&located);

	wanted.path = own("directory");
	locate_file(&nowhere, &wanted, &located);
	ck_assert_ptr_nonnull(strstr(located.why_absent, "directory is a directory"));
	located_file_deinit(&located);

	wanted.path = "/dev/null";
	locate_file(&nowhere, &wanted, &located);
	ck_assert_ptr_nonnull(strstr(located.why_absent, "/dev/null is no regular file"));
	located_file_deinit(&located);

	leave_directory();
}
END_TEST

START_TEST(a_relative_path_needs_proof)
{
	struct located_file located;

	enter_directory();
	put_elf("libx.so", EM_X86_64, 0xaa, 1, false);

	struct wanted_file wanted = wanted_by_id("libx.so", 0xaa);

	locate_file(&nowhere, &wanted, &located);
	ck_assert_int_ge(located.fd, 0);
	located_file_deinit(&located);

	// Without it, a file of that name in our own working directory is just any file.
	wanted.build_id.size = 0;
	locate_file(&nowhere, &wanted, &located);
	ck_assert_int_eq(located.fd, -1);
	located_file_deinit(&located);

	// A bare name is looked for among the libraries; whatever is there has another build ID.
	wanted = wanted_by_id("libc.so.6", 0xaa);
	locate_file(&nowhere, &wanted, &located);
	ck_assert_int_eq(located.fd, -1);
	ck_assert_ptr_nonnull(strstr(located.why_absent, "/libc.so.6 has another build ID: "));
	located_file_deinit(&located);
	leave_directory();
}
END_TEST

START_TEST(a_truncated_file_is_not_whole)
{
	uint8_t file[ELF_BUILDER_SIZE];
	struct located_file located;

	enter_directory();
	elf_builder(file, EM_X86_64, 0xaa, 1, false);
	file_write("libx.so", file, sizeof(file) - 1);

	struct wanted_file wanted = wanted_by_id(own("libx.so"), 0xaa);

	locate_file(&nowhere, &wanted, &located);
	ck_assert_int_eq(located.fd, -1);
	located_file_deinit(&located);
	leave_directory();
}
END_TEST

UNIT_SUITE("locate", the_path_itself, another_build_id_is_told_exactly, the_sysroot_comes_first_then_the_path,
	   links_stay_within_the_sysroot, a_folder_of_collected_files_needs_proof, debug_directories_count_only_with_whole_files,
	   the_executable_given_by_hand, without_a_build_id_the_first_page_decides, only_regular_files_are_opened,
	   a_relative_path_needs_proof, 	   a_truncated_file_is_not_whole)
