/* SPDX-License-Identifier: MIT */
#include "cmd/package.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/text.h"

/* Files of another system may be anything; so much of one is read. */
enum { LINE_MAX_READ = 8192 };

static bool file_has_line(const char *path, const char *line, const char *other)
{
	_cleanup_fclose_ FILE *file = fopen(path, "re");
	char buffer[LINE_MAX_READ];

	if (!file)
		return false;
	while (fgets(buffer, sizeof(buffer), file)) {
		buffer[strcspn(buffer, "\n")] = '\0';
		if (!strcmp(buffer, line) || !strcmp(buffer, other))
			return true;
	}
	return false;
}

static bool has_suffix(const char *string, const char *suffix)
{
	size_t length = strlen(string), suffix_length = strlen(suffix);

	return length >= suffix_length && !strcmp(string + length - suffix_length, suffix);
}

/* The package that holds a file, without its architecture; owned; NULL when none does. */
static char *dpkg_owner(const char *root, const char *path)
{
	_cleanup_free_ char *directory = xasprintf("%s/var/lib/dpkg/info", root);
	_cleanup_closedir_ DIR *dir = opendir(directory);
	const struct dirent *entry;

	if (!dir)
		return NULL;

	// Since /lib is a link to /usr/lib, a path has two spellings, and the database either of them.
	_cleanup_free_ char *other = !strncmp(path, "/usr/", 5) ? xstrdup(path + 4)
								: xasprintf("/usr%s", path);

	while ((entry = readdir(dir))) {
		if (!has_suffix(entry->d_name, ".list"))
			continue;

		_cleanup_free_ char *list = xasprintf("%s/%s", directory, entry->d_name);

		if (file_has_line(list, path, other))
			return xstrndup(entry->d_name,
					strcspn(entry->d_name, ":") < strlen(entry->d_name)
						? strcspn(entry->d_name, ":")
						: strlen(entry->d_name) - strlen(".list"));
	}
	return NULL;
}

/* The value of a key in /etc/os-release, unquoted; owned; NULL when it is not there. */
static char *os_release(const char *root, const char *key)
{
	_cleanup_free_ char *path = xasprintf("%s/etc/os-release", root);
	_cleanup_fclose_ FILE *file = fopen(path, "re");
	size_t length = strlen(key);
	char line[LINE_MAX_READ];

	while (file && fgets(line, sizeof(line), file)) {
		if (strncmp(line, key, length) || line[length] != '=')
			continue;

		char *value = line + length + 1;

		value[strcspn(value, "\n")] = '\0';
		if (*value == '"' || *value == '\'') {
			value++;
			if (*value)
				value[strlen(value) - 1] = '\0';
		}
		return xstrdup(value);
	}
	return NULL;
}

static bool is_like(const char *root, const char *family)
{
	_cleanup_free_ char *id = os_release(root, "ID"), *like = os_release(root, "ID_LIKE");

	return (id && strstr(id, family)) || (like && strstr(like, family));
}

static char *escape(const char *string)
{
	return text_escape(string, strlen(string));
}

char *package_root(int pid, const char *sysroot)
{
	return pid ? xasprintf("/proc/%d/root", pid) : xstrdup(sysroot ? sysroot : "");
}

char *package_remedy(const char *root, const char *path, const char *build_id, const char *servers)
{
	_cleanup_free_ char *package = path ? dpkg_owner(root, path) : NULL;

	if (package) {
		_cleanup_free_ char *name = escape(package);

		// Debian and its kin: libc6 has its own, the rest comes from the archive of debug symbols.
		if (!strcmp(package, "libc6"))
			return xstrdup("apt-get install libc6-dbg");
		return xasprintf(
			"apt-get install %s-dbgsym (from the archive of debug symbols), or %s-dbg",
			name, name);
	}
	if (build_id && servers)
		return xasprintf("debuginfod-find debuginfo %s (where it puts it, heapsnap looks)", build_id);
	if (path && is_like(root, "fedora")) {
		_cleanup_free_ char *name = escape(path);

		return xasprintf("dnf debuginfo-install %s", name);
	}
	if (path && is_like(root, "suse")) {
		_cleanup_free_ char *name = escape(path);

		return xasprintf("zypper install \"$(rpm -qf %s)-debuginfo\"", name);
	}
	if (build_id)
		return xasprintf("build with -g; or put its debug file at "
				 "DIR/.build-id/%.2s/%s.debug and give --debuginfo-path DIR",
				 build_id, build_id + 2);
	return xstrdup("build it with -g and with a build ID (-Wl,--build-id)");
}
