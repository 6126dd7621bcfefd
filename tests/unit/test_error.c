/* SPDX-License-Identifier: MIT */
/* Errors as values: codes, context, ownership (the leaks are valgrind's and the sanitizer's to find). */
#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "unit.h"

START_TEST(created_error_holds_code_and_text)
{
	_cleanup_error_ struct error *error = error_create(ERROR_FORMAT, "note %d of %s", 3, "core");

	ck_assert_int_eq(error->code, ERROR_FORMAT);
	ck_assert_int_eq(error->errnum, 0);
	ck_assert_uint_eq(error->address, VADDR_NONE);
	ck_assert_str_eq(error->message, "note 3 of core");
}
END_TEST

START_TEST(os_error_says_what_errno_means)
{
	_cleanup_error_ struct error *error = error_os(ENOENT, "cannot open %s", "/nowhere");

	ck_assert_int_eq(error->code, ERROR_OS);
	ck_assert_int_eq(error->errnum, ENOENT);
	ck_assert_str_eq(error->message, "cannot open /nowhere: No such file or directory");
}
END_TEST

START_TEST(fault_carries_its_address)
{
	_cleanup_error_ struct error *error = error_fault(0x7f0000001000, "main_arena of %s", "libc");

	ck_assert_int_eq(error->code, ERROR_FAULT);
	ck_assert_uint_eq(error->address, 0x7f0000001000);
	ck_assert_str_eq(error->message, "main_arena of libc");
}
END_TEST

START_TEST(context_goes_in_front_and_keeps_the_rest)
{
	struct error *error = error_os(EPERM, "PTRACE_SEIZE");
	struct error *same = error_context(error, "thread %d", 7);

	ck_assert_ptr_eq(same, error);
	error = error_context(same, "pid %d", 6);
	ck_assert_str_eq(error->message, "pid 6: thread 7: PTRACE_SEIZE: Operation not permitted");
	ck_assert_int_eq(error->code, ERROR_OS);
	ck_assert_int_eq(error->errnum, EPERM);
	error_destroy(error);
}
END_TEST

START_TEST(context_of_success_is_success)
{
	ck_assert_ptr_null(error_context(NULL, "pid %d", 6));
	error_destroy(NULL);
}
END_TEST

UNIT_SUITE("error", created_error_holds_code_and_text, os_error_says_what_errno_means,
	   fault_carries_its_address, context_goes_in_front_and_keeps_the_rest,
	   context_of_success_is_success)
