/* SPDX-License-Identifier: MIT */
/*
 * How a core becomes a target:
 *
 *	the file		mapped, after unpacking if need be
 *	program headers		core segments: what memory there was, and which of it is in the file
 *	notes			threads, auxiliary vector, the process, the mapped files
 *	segments + NT_FILE	mappings (gcore leaves file text without a segment)
 *	mappings		files on this machine, by build ID
 *	segments + files	the image
 *
 * Three kinds of absent bytes are kept apart: cut off (the file ends too early), not dumped (p_filesz < p_memsz), and present
 * as holes of the file (zeros that were dumped: pages never touched).
 */
#include "target/core.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/text.h"
#include "target/core_files.h"
#include "target/core_notes.h"
#include "target/loaded.h"
#include "target/mapped_file.h"
#include "target/unpack.h"

enum {
	/* Holes shorter than this are not worth a segment of their own. */
	HOLE_MIN = 64 << 10,
	/* Questions to the file system about holes; a file can be made of nothing but. */
	HOLE_CALLS_MAX = 100000,
	/* What all paths of the mappings may take together. */
	PATHS_SIZE_MAX = 256 << 20,
};

/* A PT_LOAD. */
struct core_segment {
	/** Half-open. Units: bytes. */
	vaddr start, end;
	/** Where its bytes begin in the file, how many there should be, and how many there are. */
	uint64_t offset, dumped, present;
	unsigned prot;
};

/* A core while it is being read. */
struct reader {
	const char *path;
	const uint8_t *bytes;
	uint64_t size;
	/** Of what bytes is a mapping of. */
	int fd;
	struct target *target;
	Elf64_Ehdr ehdr;
	uint64_t phnum;
	/** Sorted by start. */
	ARRAY(struct core_segment) segments;
	struct core_notes notes;
	/** What the core holds, for looking things up before the files are known. */
	struct image dumped;
	/** Where the executable and the vdso are, if only loaded_find() knows. */
	struct loaded loaded;
	/** The file should be this long. */
	uint64_t wanted_size;
	/** Segments that contradict themselves. */
	size_t nonsense;
};

struct core_backend {
	struct mapped_file file;
};

static void backend_destroy(void *opaque)
{
	struct core_backend *backend = opaque;

	mapped_file_deinit(&backend->file);
	free(backend);
}

static void reader_deinit(struct reader *reader)
{
	array_deinit(&reader->segments);
	core_notes_deinit(&reader->notes);
	image_deinit(&reader->dumped);
}
#define _cleanup_reader_ _cleanup_(reader_deinit)

/* ---- the file --------------------------------------------------------------------------------------------------- */

/* What a file is that is no core. */
static const char *describe(const uint8_t *bytes, size_t size)
{
	static const struct {
		const char *magic;
		size_t length;
		const char *what;
	} known[] = {
		{ "\x1f\x8b", 2, "is compressed with gzip: unpack it first (only zstd is read directly)" },
		{ "\xfd"
		  "7zXZ",
		  5, "is compressed with xz: unpack it first (only zstd is read directly)" },
		{ "BZh", 3, "is compressed with bzip2: unpack it first (only zstd is read directly)" },
		{ "\x04\x22\x4d\x18", 4, "is compressed with lz4: unpack it first (only zstd is read directly)" },
		{ "MDMP", 4, "is a minidump, which has no heap in it" },
		{ "SQLite format 3", 16, "is a database (perhaps a snapshot), not a core" },
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (size >= known[i].length && memcmp(bytes, known[i].magic, known[i].length) == 0)
			return known[i].what;
	return "is no core: it does not begin with an ELF header";
}

static struct error *regular_open(const char *path, int *fd_ret, struct stat *status_ret)
{
	// Not a FIFO that nobody writes to.
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0 || fstat(fd, status_ret) != 0)
		return error_os(errno, "%s", path);
	if (S_ISDIR(status_ret->st_mode))
		return error_os(EISDIR, "%s", path);
	if (!S_ISREG(status_ret->st_mode))
		return error_create(ERROR_FORMAT, "%s: is no regular file: save the core to one first", path);
	if (status_ret->st_size == 0)
		return error_create(ERROR_FORMAT, "%s: is empty", path);
	*fd_ret = take_fd(&fd);
	return NULL;
}

static size_t read_magic(int fd, uint8_t *buffer, size_t size)
{
	ssize_t got = pread(fd, buffer, size, 0);

	return got > 0 ? (size_t)got : 0;
}

bool core_recognise(const char *path)
{
	struct stat status;
	_cleanup_close_ int fd = -1;
	Elf64_Ehdr ehdr;
	struct error *error = regular_open(path, &fd, &status);

	if (error) {
		error_destroy(error);
		return false;
	}

	size_t size = read_magic(fd, (uint8_t *)&ehdr, sizeof(ehdr));

	if (unpack_recognise((const uint8_t *)&ehdr, size))
		return true;
	if (size < offsetof(Elf64_Ehdr, e_machine) || memcmp(ehdr.e_ident, ELFMAG, SELFMAG) != 0)
		return false;
	// The type is at the same place in all classes; in big-endian files its bytes are swapped.
	return ehdr.e_type == (ehdr.e_ident[EI_DATA] == ELFDATA2MSB ? ET_CORE << 8 : ET_CORE);
}

/* Opens and maps the core, unpacked if it is compressed. The backend owns the mapping. */
static struct error *file_open(struct reader *reader, const struct core_options *options, int *fd_ret)
{
	struct core_backend *backend = reader->target->backend;
	_cleanup_close_ int fd = -1;
	struct stat status;
	uint8_t magic[4];
	struct error *error = regular_open(reader->path, &fd, &status);

	if (error)
		return error;

	uint64_t size = (uint64_t)status.st_size;

	reader->target->capture.time = status.st_mtime;
	if (unpack_recognise(magic, read_magic(fd, magic, sizeof(magic)))) {
		struct unpacked unpacked;

		error = unpack_zstd(fd, reader->path, options->spool_dir, NULL, &unpacked);
		if (error)
			return error;
		close(fd);
		fd = take_fd(&unpacked.fd);
		size = unpacked.length;
		reader->target->capture.spooled = true;
		if (unpacked.incomplete) {
			char text[TEXT_NUMBER_MAX];

			target_notice(reader->target, "%s could be unpacked only to %s: %s", reader->path,
				      text_bytes(text, size, false), unpacked.incomplete);
		}
		unpacked_deinit(&unpacked);
		if (!size)
			return error_create(ERROR_FORMAT, "%s: is empty when unpacked", reader->path);
	}
	error = mapped_file_init(&backend->file, fd, size, reader->path);
	if (error)
		return error;
	reader->bytes = backend->file.bytes;
	reader->size = size;
	reader->fd = *fd_ret = take_fd(&fd);
	return NULL;
}

/* ---- headers ---------------------------------------------------------------------------------------------------- */

static const char *type_name(unsigned type)
{
	switch (type) {
	case ET_EXEC:
	case ET_DYN:
		return "is a program or a library, not a core (-e names the program beside a core)";
	case ET_REL:
		return "is an object file, not a core";
	default:
		return "is an ELF file, but not a core";
	}
}

static struct error *header_read(struct reader *reader)
{
	Elf64_Ehdr *ehdr = &reader->ehdr;
	const uint8_t *ident = reader->bytes;

	if (reader->size < EI_NIDENT + 4 || memcmp(ident, ELFMAG, SELFMAG) != 0)
		return error_create(ERROR_FORMAT, "%s: %s", reader->path, describe(reader->bytes, reader->size));

	bool big = ident[EI_DATA] == ELFDATA2MSB;
	uint16_t type, machine;

	// Both are at the same place in 32-bit files.
	memcpy(&type, reader->bytes + offsetof(Elf64_Ehdr, e_type), sizeof(type));
	memcpy(&machine, reader->bytes + offsetof(Elf64_Ehdr, e_machine), sizeof(machine));
	if (big) {
		type = __builtin_bswap16(type);
		machine = __builtin_bswap16(machine);
	}
	if (ident[EI_DATA] != ELFDATA2LSB && !big)
		return error_create(ERROR_FORMAT, "%s: is damaged: byte %d is no byte order of ELF", reader->path, EI_DATA);
	if (type != ET_CORE)
		return error_create(ERROR_FORMAT, "%s: %s", reader->path, type_name(type));
	if (ident[EI_CLASS] == ELFCLASS32)
		return error_create(ERROR_UNSUPPORTED, "%s: is the core of a 32-bit program (%s%s); heapsnap reads 64-bit ones",
				    reader->path, machine_name(machine), machine == EM_X86_64 ? ", the x32 ABI" : "");
	if (ident[EI_CLASS] != ELFCLASS64)
		return error_create(ERROR_FORMAT, "%s: is damaged: byte %d is no class of ELF", reader->path, EI_CLASS);
	if (big || (machine != EM_X86_64 && machine != EM_AARCH64))
		return error_create(ERROR_UNSUPPORTED, "%s: is the core of a program for %s%s; heapsnap reads x86-64 and AArch64",
				    reader->path, machine_name(machine), big ? " (big-endian)" : "");
	if (reader->size < sizeof(*ehdr))
		return error_create(ERROR_FORMAT, "%s: is cut off within its header, at byte %" PRIu64, reader->path, reader->size);
	memcpy(ehdr, reader->bytes, sizeof(*ehdr));
	reader->target->machine = machine == EM_X86_64 ? MACHINE_X86_64 : MACHINE_AARCH64;
	return NULL;
}

static Elf64_Phdr phdr_at(const struct reader *reader, uint64_t index)
{
	Elf64_Phdr phdr;

	memcpy(&phdr, reader->bytes + reader->ehdr.e_phoff + index * sizeof(phdr), sizeof(phdr));
	return phdr;
}

/* The number of program headers when there are too many for e_phnum: in the section header that the kernel writes last. */
static uint64_t extended_phnum(struct reader *reader, uint64_t fitting)
{
	const Elf64_Ehdr *ehdr = &reader->ehdr;
	Elf64_Shdr shdr;

	if (ehdr->e_shoff && ehdr->e_shentsize >= sizeof(shdr) && ehdr->e_shoff <= reader->size &&
	    reader->size - ehdr->e_shoff >= sizeof(shdr)) {
		memcpy(&shdr, reader->bytes + ehdr->e_shoff, sizeof(shdr));
		if (shdr.sh_info >= PN_XNUM)
			return shdr.sh_info;
	}
	target_notice(reader->target, "the number of segments is missing (it was at byte %" PRIu64 "): guessed from where the first one begins",
		      ehdr->e_shoff);

	// The kernel puts the notes right behind the program headers.
	Elf64_Phdr first = phdr_at(reader, 0);

	if (first.p_offset > ehdr->e_phoff && (first.p_offset - ehdr->e_phoff) / sizeof(first) < fitting)
		return (first.p_offset - ehdr->e_phoff) / sizeof(first);
	return PN_XNUM < fitting ? PN_XNUM : fitting;
}

static struct error *phnum_read(struct reader *reader)
{
	const Elf64_Ehdr *ehdr = &reader->ehdr;

	if (!ehdr->e_phnum || !ehdr->e_phoff)
		return error_create(ERROR_FORMAT, "%s: has no program headers, so no memory", reader->path);
	if (ehdr->e_phentsize != sizeof(Elf64_Phdr))
		return error_create(ERROR_FORMAT, "%s: is damaged: program headers of %u bytes (byte %zu)", reader->path,
				    ehdr->e_phentsize, offsetof(Elf64_Ehdr, e_phentsize));
	if (ehdr->e_phoff > reader->size || reader->size - ehdr->e_phoff < sizeof(Elf64_Phdr))
		return error_create(ERROR_FORMAT, "%s: is cut off before its program headers, which begin at byte %" PRIu64,
				    reader->path, ehdr->e_phoff);

	uint64_t fitting = (reader->size - ehdr->e_phoff) / sizeof(Elf64_Phdr);

	reader->phnum = ehdr->e_phnum == PN_XNUM ? extended_phnum(reader, fitting) : ehdr->e_phnum;
	if (reader->phnum > fitting) {
		target_notice(reader->target,
			      "the core is cut off within its program headers: %" PRIu64 " of %" PRIu64 " are there", fitting,
			      reader->phnum);
		reader->phnum = fitting;
	}
	return NULL;
}

/* ---- segments --------------------------------------------------------------------------------------------------- */

static int compare_segments(const void *left, const void *right)
{
	const struct core_segment *a = left, *b = right;

	if (a->start != b->start)
		return a->start < b->start ? -1 : 1;
	return a->offset < b->offset ? -1 : a->offset > b->offset;
}

static void segment_add(struct reader *reader, const Elf64_Phdr *phdr)
{
	struct core_segment segment = { .start = phdr->p_vaddr, .offset = phdr->p_offset };
	uint64_t file_end;

	if (!phdr->p_memsz)
		return;
	if (__builtin_add_overflow(phdr->p_vaddr, phdr->p_memsz, &segment.end) || segment.end == VADDR_NONE) {
		reader->nonsense++;
		return;
	}
	segment.dumped = phdr->p_filesz < phdr->p_memsz ? phdr->p_filesz : phdr->p_memsz;
	segment.prot = ((phdr->p_flags & PF_R) ? MAPPING_READ : 0u) | ((phdr->p_flags & PF_W) ? MAPPING_WRITE : 0u) |
		       ((phdr->p_flags & PF_X) ? MAPPING_EXEC : 0u);
	// Whoever looks at the image reads aligned words in place; no writer of cores puts them elsewhere.
	if (segment.dumped && (__builtin_add_overflow(segment.offset, segment.dumped, &file_end) ||
			       ((segment.offset ^ segment.start) & 7))) {
		reader->nonsense++;
		segment.dumped = 0;
	}
	if (segment.dumped) {
		if (file_end > reader->wanted_size)
			reader->wanted_size = file_end;
		if (segment.offset < reader->size)
			segment.present = file_end <= reader->size ? segment.dumped : reader->size - segment.offset;
	}
	array_append(&reader->segments, segment);
}

static void note_segment_parse(struct reader *reader, const Elf64_Phdr *phdr)
{
	uint64_t size = phdr->p_filesz, end;
	size_t damage;

	if (!size)
		return;
	if (__builtin_add_overflow(phdr->p_offset, size, &end)) {
		reader->nonsense++;
		return;
	}
	if (end > reader->wanted_size)
		reader->wanted_size = end;
	if (phdr->p_offset >= reader->size) {
		target_notice(reader->target,
			      "the notes are cut off (they were to begin at byte %" PRIu64 "): threads, registers and file names are unknown",
			      phdr->p_offset);
		reader->target->threads_incomplete = true;
		return;
	}
	if (size > reader->size - phdr->p_offset) {
		size = reader->size - phdr->p_offset;
		reader->target->threads_incomplete = true;
	}
	if (core_notes_parse(&reader->notes, reader->target->machine, reader->bytes + phdr->p_offset, size, &damage))
		return;
	reader->target->threads_incomplete = true;
	target_notice(reader->target, "the notes are damaged or cut off at byte %" PRIu64, phdr->p_offset + damage);
}

static void phdrs_read(struct reader *reader)
{
	const Elf64_Ehdr *ehdr = &reader->ehdr;

	// gcore writes a section for each segment, and their headers last.
	if (ehdr->e_shoff && ehdr->e_shoff < INT64_MAX)
		reader->wanted_size = ehdr->e_shoff + (uint64_t)ehdr->e_shnum * ehdr->e_shentsize;
	for (uint64_t i = 0; i < reader->phnum; i++) {
		Elf64_Phdr phdr = phdr_at(reader, i);

		if (phdr.p_type == PT_LOAD)
			segment_add(reader, &phdr);
		else if (phdr.p_type == PT_NOTE)
			note_segment_parse(reader, &phdr);
	}
	if (reader->segments.n)
		qsort(reader->segments.v, reader->segments.n, sizeof(*reader->segments.v), compare_segments);
}

/* Adds what is present of a segment to the image, holes of the file as pages that were never touched. */
static void segment_add_bytes(struct reader *reader, const struct core_segment *segment, size_t *calls)
{
	if (!segment->present)
		return;

	const uint8_t *bytes = reader->bytes + segment->offset;
	uint64_t at = 0, added = 0;

	while (at < segment->present && *calls < HOLE_CALLS_MAX) {
		off_t hole = lseek(reader->fd, (off_t)(segment->offset + at), SEEK_HOLE);
		uint64_t start, end = segment->present;

		++*calls;
		if (hole < 0 || (uint64_t)hole >= segment->offset + segment->present)
			break;
		start = (uint64_t)hole - segment->offset;

		off_t data = lseek(reader->fd, hole, SEEK_DATA);

		// ENXIO: nothing but a hole up to the end of the file.
		if (data >= 0 && (uint64_t)data < segment->offset + segment->present)
			end = (uint64_t)data - segment->offset;
		at = end > at ? end : at + 1;
		if (start >= end || end - start < HOLE_MIN)
			continue;
		image_add_bytes(&reader->dumped, segment->start + added, start - added, bytes + added);
		image_add_untouched(&reader->dumped, segment->start + start, end - start, bytes + start);
		added = end;
	}
	image_add_bytes(&reader->dumped, segment->start + added, segment->present - added, bytes + added);
}

static void dumped_build(struct reader *reader)
{
	size_t calls = 0;

	for (size_t i = 0; i < reader->segments.n; i++) {
		segment_add_bytes(reader, &reader->segments.v[i], &calls);
		reader->target->capture.bytes += reader->segments.v[i].present;
	}
	image_seal(&reader->dumped);
}

/* Says what memory is not there, and why. */
static void absences_notice(const struct reader *reader)
{
	uint64_t cut = 0, withheld = 0;
	size_t cut_segments = 0, withheld_segments = 0;
	vaddr cut_first = 0, withheld_first = 0;
	char missing[TEXT_NUMBER_MAX], count[TEXT_NUMBER_MAX];

	for (size_t i = 0; i < reader->segments.n; i++) {
		const struct core_segment *segment = &reader->segments.v[i];

		if (segment->present < segment->dumped) {
			if (!cut_segments++)
				cut_first = segment->start + segment->present;
			cut += segment->dumped - segment->present;
		}
		// Text is left to the files by design; memory that only the core could have is another matter.
		if (segment->dumped < segment->end - segment->start && (segment->prot & MAPPING_WRITE)) {
			if (!withheld_segments++)
				withheld_first = segment->start + segment->dumped;
			withheld += segment->end - segment->start - segment->dumped;
		}
	}
	if (reader->wanted_size > reader->size && !cut_segments)
		target_notice(reader->target, "the core is cut off: it has %" PRIu64 " of %" PRIu64 " bytes; no memory is missing",
			      reader->size, reader->wanted_size);
	else if (cut_segments)
		target_notice(reader->target,
			      "the core is cut off: it has %" PRIu64 " of %" PRIu64 " bytes; %s of memory in %s segment%s missing, the first from 0x%" PRIxVADDR,
			      reader->size, reader->wanted_size, text_bytes(missing, cut, false), text_count(count, cut_segments),
			      cut_segments == 1 ? " is" : "s are", cut_first);
	if (withheld_segments)
		target_notice(reader->target,
			      "%s of writable memory in %s segment%s not dumped (never touched, or left out by coredump_filter or MADV_DONTDUMP), the first from 0x%" PRIxVADDR,
			      text_bytes(missing, withheld, false), text_count(count, withheld_segments),
			      withheld_segments == 1 ? " was" : "s were", withheld_first);
	if (reader->nonsense)
		target_notice(reader->target, "%s segments contradict themselves and are left out",
			      text_count(count, reader->nonsense));
	if (reader->notes.dropped)
		target_notice(reader->target, "%s entries of the notes contradict themselves or are too many, and are left out",
			      text_count(count, reader->notes.dropped));
}

/* ---- mappings --------------------------------------------------------------------------------------------------- */

/* A walk over segments and file ranges together, both sorted; segments may overlap. */
struct merge {
	struct reader *reader;
	uint64_t page_mask;
	size_t segment, range;
	/** All below this is done. */
	vaddr at;
	size_t paths_size;
};

static void mapping_add(struct merge *merge, vaddr start, vaddr end, const struct core_segment *segment,
			const struct core_file_range *range)
{
	struct target *target = merge->reader->target;
	struct mapping mapping = {
		.start = start, .end = end, .prot = segment ? segment->prot : CORE_PROT_UNKNOWN, .file = -1, .rss = UINT64_MAX
	};

	if (range) {
		mapping.offset = range->offset + (start - range->start);
		mapping.deleted = range->deleted;
		merge->paths_size += strlen(range->path) + 1;
		if (merge->paths_size <= PATHS_SIZE_MAX)
			mapping.path = xstrdup(range->path);
		// Only MAP_SHARED | MAP_ANONYMOUS and shmat() make files of these names.
		mapping.shared = range->deleted &&
				 (strcmp(range->path, "/dev/zero") == 0 || strncmp(range->path, "/SYSV", 5) == 0);
	}
	array_append(&target->mappings, mapping);
}

/* Emits the next piece that one segment, or one range, or one of each covers; false at the end. */
static bool merge_step(struct merge *merge)
{
	struct reader *reader = merge->reader;
	const struct core_segment *segment = NULL;
	const struct core_file_range *range = NULL;
	vaddr segment_start = VADDR_NONE, segment_end = 0, range_start = VADDR_NONE;

	for (; merge->segment < reader->segments.n; merge->segment++) {
		const struct core_segment *next = &reader->segments.v[merge->segment];

		segment_end = (next->end + ~merge->page_mask) & merge->page_mask;
		// The last page of the address space (the vsyscall page is one below it) cannot be rounded up.
		if (segment_end < next->end)
			segment_end = next->end & merge->page_mask;
		if (segment_end > merge->at && segment_end > (next->start & merge->page_mask)) {
			segment = next;
			segment_start = next->start & merge->page_mask;
			break;
		}
	}
	for (; merge->range < reader->notes.files.n; merge->range++) {
		const struct core_file_range *next = &reader->notes.files.v[merge->range];

		if (next->end > merge->at) {
			range = next;
			range_start = next->start;
			break;
		}
	}
	if (!segment && !range)
		return false;
	if (segment_start < merge->at)
		segment_start = merge->at;
	if (range && range_start < merge->at)
		range_start = merge->at;

	vaddr start = segment_start < range_start ? segment_start : range_start, end = VADDR_NONE;
	bool in_segment = segment && segment_start == start, in_range = range && range_start == start;

	if (segment)
		end = in_segment ? segment_end : segment_start;
	if (range) {
		vaddr limit = in_range ? range->end : range_start;

		if (limit < end)
			end = limit;
	}
	mapping_add(merge, start, end, in_segment ? segment : NULL, in_range ? range : NULL);
	merge->at = end;
	return true;
}

/* Names what has no file but a purpose that the auxiliary vector tells. */
static void mapping_set_name(struct target *target, vaddr address, const char *name)
{
	struct mapping *mapping = address ? (struct mapping *)(uintptr_t)mappings_find(&target->mappings, address) : NULL;

	if (mapping && !mapping->path)
		mapping->path = xstrdup(name);
}

static void ranges_check(struct reader *reader)
{
	struct core_notes *notes = &reader->notes;
	uint64_t page = reader->target->page_size;
	size_t kept = 0;

	for (size_t i = 0; i < notes->files.n; i++) {
		struct core_file_range range = notes->files.v[i];

		if ((range.start | range.end | range.offset) & (page - 1)) {
			free(range.path);
			notes->dropped++;
			continue;
		}
		notes->files.v[kept++] = range;
	}
	notes->files.n = kept;
}

static void mappings_build(struct reader *reader)
{
	struct target *target = reader->target;
	struct merge merge = { .reader = reader, .page_mask = ~((uint64_t)target->page_size - 1) };

	if (!reader->notes.has_files) {
		ARRAY(vaddr) starts = { 0 };

		for (size_t i = 0; i < reader->segments.n; i++)
			if (reader->segments.v[i].present)
				array_append(&starts, reader->segments.v[i].start);
		loaded_find(&reader->notes, target, &reader->dumped, starts.v, starts.n, &reader->loaded);
		array_deinit(&starts);
		target_notice(target, "the core does not list the mapped files: %s", reader->notes.files.n ?
			      "they were found by their headers in memory" : "and none were found by their headers in memory");
	}
	ranges_check(reader);
	while (merge_step(&merge))
		continue;
	if (merge.paths_size > PATHS_SIZE_MAX)
		target_notice(target, "the names of the mapped files are longer than any real ones; the rest are left out");
	mapping_set_name(target, target_auxv(target, AT_SYSINFO_EHDR), "[vdso]");
	mapping_set_name(target, reader->loaded.vdso, "[vdso]");
	mapping_set_name(target, target_auxv(target, AT_RANDOM), "[stack]");
	if (target->machine == MACHINE_X86_64)
		mapping_set_name(target, UINT64_C(0xffffffffff600000), "[vsyscall]");
}

/* Text whose file is not here, and whose protection therefore nobody knows, is executable where a thread executes. */
static void mappings_allow_execution(struct target *target)
{
	for (size_t i = 0; i < target->threads.n; i++) {
		struct mapping *mapping =
			(struct mapping *)(uintptr_t)mappings_find(&target->mappings, target->threads.v[i].pc);

		if (mapping && mapping->path && mapping->prot == MAPPING_READ && mapping->file >= 0 &&
		    target->files.v[mapping->file].fd < 0)
			mapping->prot |= MAPPING_EXEC;
	}
}

/* ---- the process ------------------------------------------------------------------------------------------------ */

/* Signals that end a process with a core (signal(7)). What gcore writes is whatever stopped a thread last. */
static bool signal_dumps_core(int number)
{
	switch (number) {
	case SIGQUIT:
	case SIGILL:
	case SIGTRAP:
	case SIGABRT:
	case SIGBUS:
	case SIGFPE:
	case SIGSEGV:
	case SIGXCPU:
	case SIGXFSZ:
	case SIGSYS:
		return true;
	default:
		return false;
	}
}

static void process_take(struct reader *reader)
{
	struct target *target = reader->target;
	struct core_notes *notes = &reader->notes;

	target->auxv.v = notes->auxv.v;
	target->auxv.n = notes->auxv.n;
	target->auxv.capacity = notes->auxv.capacity;
	memset(&notes->auxv, 0, sizeof(notes->auxv));
	target->threads.v = notes->threads.v;
	target->threads.n = notes->threads.n;
	target->threads.capacity = notes->threads.capacity;
	memset(&notes->threads, 0, sizeof(notes->threads));

	target->pid = notes->pid ? notes->pid : target->threads.n ? target->threads.v[0].tid : 0;
	target->name = xstrdup(notes->name);
	target->command = *notes->command ? xstrdup(notes->command) : NULL;
	if (signal_dumps_core(notes->signal)) {
		target->signal = notes->signal;
		target->fault_address = notes->fault_address;
	}
	for (size_t i = 0; i < target->threads.n; i++)
		if (target->threads.v[i].tid == target->pid)
			memcpy(target->threads.v[i].name, notes->name, sizeof(target->threads.v[i].name) - 1);

	uint64_t page_size = target_auxv(target, AT_PAGESZ);

	target->page_size = page_size == 4096 || page_size == 16384 || page_size == 65536 ? (uint32_t)page_size : 4096;
}

/* Without NT_PRPSINFO the program is called as its file is. */
static void name_settle(struct target *target)
{
	const char *slash = target->exe_path ? strrchr(target->exe_path, '/') : NULL;

	if (*target->name)
		return;
	free(target->name);
	target->name = xstrdup(slash ? slash + 1 : "unknown program");
}

static void image_build(struct reader *reader)
{
	struct target *target = reader->target;

	for (size_t i = 0; i < reader->dumped.segments.n; i++) {
		const struct segment *segment = &reader->dumped.segments.v[i];

		if (segment->untouched)
			image_add_untouched(&target->image, segment->start, segment->end - segment->start, segment->bytes);
		else
			image_add_bytes(&target->image, segment->start, segment->end - segment->start, segment->bytes);
	}
	core_files_add_pages(target);
	image_seal(&target->image);
}

static struct error *target_fill(struct reader *reader, const struct core_options *options)
{
	struct error *error = header_read(reader);

	if (!error)
		error = phnum_read(reader);
	if (error)
		return error;
	phdrs_read(reader);
	dumped_build(reader);
	if (!reader->target->capture.bytes)
		return error_create(ERROR_FORMAT, "%s: holds no memory%s", reader->path,
				    reader->wanted_size > reader->size ? ": it is cut off before the first segment" : "");
	process_take(reader);
	mappings_build(reader);
	absences_notice(reader);
	if (!reader->target->threads.n) {
		reader->target->threads_incomplete = true;
		target_notice(reader->target, "the core has no threads: nothing is known of registers and stacks");
	}
	core_files_find(reader->target, &reader->dumped, reader->loaded.exe, options);
	image_build(reader);
	mappings_allow_execution(reader->target);
	name_settle(reader->target);
	return NULL;
}

struct error *core_open(const char *path, const struct core_options *options, struct target **ret)
{
	_cleanup_target_ struct target *target = target_create(TARGET_CORE);
	_cleanup_reader_ struct reader reader = { .path = path, .fd = -1, .target = target };
	_cleanup_close_ int fd = -1;

	target->backend = xcalloc(1, sizeof(struct core_backend));
	target->backend_destroy = backend_destroy;
	core_notes_init(&reader.notes);
	image_init(&reader.dumped);

	struct error *error = file_open(&reader, options, &fd);

	if (!error)
		error = target_fill(&reader, options);
	if (error)
		return error;

	struct stat status;

	// A core that is still being written, or rewritten, is not the one that was read.
	if (fstat(fd, &status) != 0 || (uint64_t)status.st_size < reader.size)
		return error_create(ERROR_FORMAT, "%s: became shorter while it was read", path);
	*ret = take_pointer(target);
	return NULL;
}
