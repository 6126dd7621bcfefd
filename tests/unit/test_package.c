/* SPDX-License-Identifier: MIT */
/* Which package brings debug information: read from made-up systems. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "cmd/package.h"
#include "unit.h"

static char root[64];

static void make_root(void)
{
	snprintf(root, sizeof(root), "/tmp/heapsnap-package.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(root));
}

static void put(const char *path, const char *text)
{
	_cleanup_free_ char *full = xasprintf("%s/%s", root, path);

	for (char *slash = full + strlen(root) + 1; (slash = strchr(slash, '/')); *slash++ = '/') {
		*slash = '\0';
		mkdir(full, 0700);
	}

	_cleanup_fclose_ FILE *file = fopen(full, "we");

	ck_assert_ptr_nonnull(file);
	ck_assert_int_ge(fputs(text, file), 0);
}

static void remedy_is(const char *path, const char *build_id, const char *servers,
		      const char *expected)
{
	_cleanup_free_ char *remedy = package_remedy(root, path, build_id, servers);

	ck_assert_str_eq(remedy, expected);
}

static void remove_root(void)
{
	_cleanup_free_ char *command = xasprintf("rm -rf %s", root);

	ck_assert_int_eq(system(command), 0);
}

START_TEST(debian_packages_are_found)
{
	make_root();
	put("var/lib/dpkg/info/libc6:amd64.list", "/.\n/lib/x86_64-linux-gnu/libc.so.6\n");
	put("var/lib/dpkg/info/zlib1g:amd64.list", "/usr/lib/x86_64-linux-gnu/libz.so.1.2.13\n");
	put("var/lib/dpkg/info/redis-server.list", "/usr/bin/redis-server\n");
	put("var/lib/dpkg/info/redis-server.md5sums", "/usr/bin/other\n");
	// A path is spelled with or without /usr since /lib is a link.
	remedy_is("/usr/lib/x86_64-linux-gnu/libc.so.6", "00ff", NULL, "apt-get install libc6-dbg");
	remedy_is("/lib/x86_64-linux-gnu/libc.so.6", NULL, NULL, "apt-get install libc6-dbg");
	remedy_is(
		"/lib/x86_64-linux-gnu/libz.so.1.2.13", NULL, NULL,
		"apt-get install zlib1g-dbgsym (from the archive of debug symbols), or zlib1g-dbg");
	remedy_is("/usr/bin/redis-server", NULL, NULL,
		  "apt-get install redis-server-dbgsym (from the archive of debug symbols), or "
		  "redis-server-dbg");
	remedy_is("/usr/bin/other", "00ff", NULL,
		  "build with -g; or put its debug file at DIR/.build-id/00/ff.debug and give "
		  "--debuginfo-path DIR");
	remove_root();
}
END_TEST

START_TEST(other_systems_have_other_words)
{
	make_root();
	put("etc/os-release",
	    "NAME=\"Rocky Linux\"\nID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n");
	remedy_is("/usr/bin/server", "00ff", NULL, "dnf debuginfo-install /usr/bin/server");
	remedy_is("/usr/bin/a\nb", NULL, NULL, "dnf debuginfo-install /usr/bin/a\\x0ab");
	put("etc/os-release", "ID='opensuse-leap'\nID_LIKE='suse opensuse'\n");
	remedy_is("/usr/bin/server", NULL, NULL,
		  "zypper install \"$(rpm -qf /usr/bin/server)-debuginfo\"");
	// A server that the user has set up needs no package.
	remedy_is("/usr/bin/server", "abcdef", "https://debuginfod.example",
		  "debuginfod-find debuginfo abcdef (where it puts it, heapsnap looks)");
	put("etc/os-release", "ID=\"\nID_LIKE=\"");
	remedy_is("/usr/bin/server", NULL, NULL,
		  "build it with -g and with a build ID (-Wl,--build-id)");
	remedy_is(NULL, NULL, NULL, "build it with -g and with a build ID (-Wl,--build-id)");
	remove_root();
}
END_TEST

UNIT_SUITE("package", debian_packages_are_found, other_systems_have_other_words)
