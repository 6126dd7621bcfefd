/* SPDX-License-Identifier: MIT */
/*
 * What stands in the way of a report, and the remedy. It looks as far as it may and never stops the target: the right to attach, who serves malloc,
 * where offsets would come from, which debug information is there, and what the stop would cost.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "cmd/command.h"
#include "cmd/cost.h"
#include "cmd/diagnosis.h"
#include "cmd/message.h"
#include "cmd/open.h"
#include "cmd/package.h"
#include "cmd/permission.h"
#include "cmd/recognise.h"
#include "debug/allocator.h"
#include "debug/debug_files.h"
#include "debug/elf_file.h"
#include "debug/modules.h"
#include "glibc/glibc.h"
#include "snapshot/file.h"
#include "target/available.h"
#include "target/proc.h"

enum {
	/** Modules without debug information that are named unless -v. */
	MODULES_SHOWN = 5,
};

struct doctor {
	const struct options *options;
	const struct target *target;
	/** Where the target's own system lies, for package databases. */
	const char *root;
	struct modules modules;
	struct diagnoses *diagnoses;
};

static char *escaped(const char *string)
{
	return string ? text_escape(string, strlen(string)) : xstrdup("?");
}

/* ---- allocator ---- */

static void diagnose_allocator(struct doctor *doctor, const struct allocator *allocator,
			       const struct glibc *glibc)
{
	struct heap nothing;
	_cleanup_free_ char *evidence = escaped(allocator->evidence);
	const char *runtime = runtime_name(allocator->runtime);

	// The heap is not walked here, so an interposed malloc may still forward to libc.
	heap_init(&nothing);
	nothing.allocators.n = glibc_count(glibc);

	bool foreign = (allocator->kind != ALLOCATOR_INTERPOSED ||
			allocator->runtime == RUNTIME_SANITIZER) &&
		       allocator_is_foreign(allocator, &nothing);

	if (foreign || !glibc_count(glibc)) {
		bool known = allocator->kind != ALLOCATOR_UNKNOWN &&
			     allocator->kind != ALLOCATOR_GLIBC;

		diagnosis_add(doctor->diagnoses, DIAGNOSIS_PROBLEM, "allocator", "%s%s (%s)",
			      known ? "malloc is not glibc's: " : "no glibc malloc was found",
			      known ? allocator->name : "", evidence);
		diagnosis_remedy(doctor->diagnoses, "heapsnap lists chunks of glibc malloc; "
						    "heapsnap report shows what can be known "
						    "without");
		diagnosis_status(doctor->diagnoses, STATUS_UNSUPPORTED);
	} else if (allocator->kind == ALLOCATOR_INTERPOSED) {
		diagnosis_add(
			doctor->diagnoses, DIAGNOSIS_NOTE, "allocator",
			"malloc is interposed (%s); if it forwards to libc, its chunks are listed",
			evidence);
	}
	for (size_t i = 0; i < glibc_count(glibc); i++) {
		const char *module, *version, *offsets;

		glibc_describe(glibc, i, &module, &version, &offsets);

		_cleanup_free_ char *name = escaped(module), *release = escaped(version),
				    *from = escaped(offsets);

		diagnosis_add(doctor->diagnoses, DIAGNOSIS_FINE,
			      foreign ? "glibc's part" : "allocator",
			      "glibc %s in %s; offsets from %s", release, name, from);
	}
	if (allocator->runtime == RUNTIME_CPYTHON)
		diagnosis_add(doctor->diagnoses, DIAGNOSIS_FINE, "runtime",
			      "the objects of CPython 3.8 to 3.14 (with the GIL) are read, too: "
			      "heapsnap python");
	else if (runtime)
		diagnosis_add(doctor->diagnoses, DIAGNOSIS_NOTE, "runtime",
			      "the %s keeps objects of its own outside malloc: reports are about "
			      "the native C heap",
			      runtime);
}

/* ---- debug information ---- */

static const struct target_file *module_file(const struct doctor *doctor,
					     const struct module *module)
{
	return module->file >= 0 ? &doctor->target->files.v[module->file] : NULL;
}

static void diagnose_file(struct doctor *doctor, const struct module *module)
{
	const struct target_file *file = module_file(doctor, module);
	_cleanup_free_ char *path = escaped(module->path),
			    *why = escaped(file ? file->why_absent : NULL);

	diagnosis_add(doctor->diagnoses, DIAGNOSIS_PROBLEM, "file", "%s: %s", path,
		      file && file->why_absent ? why : "is no ELF file of this architecture");
	// What malloc and the stacks need of it is missing, but not all is lost.
	doctor->diagnoses->v.v[doctor->diagnoses->v.n - 1].result = DIAGNOSIS_NOTE;
	if (doctor->target->kind == TARGET_CORE)
		diagnosis_remedy(doctor->diagnoses,
				 "copy it from the machine of the core below a directory, and give "
				 "--sysroot DIR%s",
				 module->file == doctor->target->exe_file ? ", or -e FILE" : "");
}

/* True when the module is one that reports lean on: the executable, and whatever holds a malloc. */
static bool is_relevant(const struct doctor *doctor, const struct module *module,
			const struct glibc *glibc)
{
	if (module->file >= 0 && module->file == doctor->target->exe_file)
		return true;
	for (size_t i = 0; i < glibc_count(glibc); i++) {
		const char *path, *version, *offsets;

		glibc_describe(glibc, i, &path, &version, &offsets);
		if (module->path && path && !strcmp(module->path, path))
			return true;
	}
	return false;
}

static bool has_dwarf(Elf *elf)
{
	GElf_Shdr header;

	return section_named(elf, ".debug_info", &header) != NULL;
}

static void diagnose_debug(struct doctor *doctor, struct module *module)
{
	Elf *debug = module_debug_file(&doctor->modules, module);
	_cleanup_free_ char *path = escaped(module->path);
	_cleanup_free_ char *found = escaped(module->debug_path);

	if (debug && has_dwarf(debug)) {
		diagnosis_add(doctor->diagnoses, DIAGNOSIS_FINE, "debug info", "%s: %s", path,
			      debug == module->elf ? "inside" : found);
		return;
	}

	struct build_id id;
	_cleanup_free_ char *build_id = module_build_id(&doctor->modules, module, &id)
						? build_id_hex(&id)
						: NULL;
	_cleanup_free_ char *remedy = package_remedy(doctor->root, module->path, build_id,
						     doctor->options->debuginfod_urls);

	diagnosis_add(doctor->diagnoses, DIAGNOSIS_NOTE, "debug info", "%s: %s%s%s", path,
		      debug ? "symbols alone" : "none", build_id ? ", build ID " : "",
		      build_id ? build_id : "");
	diagnosis_remedy(doctor->diagnoses, "%s", remedy);
}

static void diagnose_modules(struct doctor *doctor, const struct glibc *glibc)
{
	size_t without = 0, absent = 0, others = 0;

	for (size_t i = 0; i < doctor->modules.v.n; i++) {
		struct module *module = &doctor->modules.v.v[i];
		const struct target_file *file = module_file(doctor, module);

		if (!module->elf) {
			if (absent++ < MODULES_SHOWN || doctor->options->verbose)
				diagnose_file(doctor, module);
			continue;
		}
		if (file && file->replaced) {
			_cleanup_free_ char *path = escaped(module->path);

			diagnosis_add(
				doctor->diagnoses, DIAGNOSIS_FINE, "replaced",
				"%s was upgraded or deleted; what is mapped is read all the same",
				path);
		}
		if (is_relevant(doctor, module, glibc) || doctor->options->verbose) {
			diagnose_debug(doctor, module);
			continue;
		}

		Elf *debug = module_debug_file(&doctor->modules, module);

		others++;
		without += !debug || !has_dwarf(debug);
	}
	if (absent > MODULES_SHOWN && !doctor->options->verbose)
		diagnosis_add(doctor->diagnoses, DIAGNOSIS_NOTE, "file",
			      "%zu more files cannot be read (-v names them)",
			      absent - MODULES_SHOWN);
	if (others)
		diagnosis_add(doctor->diagnoses, DIAGNOSIS_FINE, "debug info",
			      "of other modules there is some for %zu of %zu%s", others - without,
			      others, without ? " (-v names the others)" : "");
}

/* ---- what the stop costs ---- */

static void diagnose_cost(struct doctor *doctor)
{
	uint64_t bytes = cost_bytes(doctor->target->pid), available = available_memory();
	char needed[TEXT_NUMBER_MAX], there[TEXT_NUMBER_MAX];

	if (bytes == UINT64_MAX)
		return;
	text_bytes(needed, bytes, doctor->options->bytes);
	text_bytes(there, available, doctor->options->bytes);
	if (available == UINT64_MAX || bytes < available / 4 * 3) {
		diagnosis_add(doctor->diagnoses, DIAGNOSIS_FINE, "memory",
			      "the copy needs about %s%s%s%s", needed,
			      available == UINT64_MAX ? "" : " of the ",
			      available == UINT64_MAX ? "" : there,
			      available == UINT64_MAX ? "" : " available");
	} else {
		const char *directory = doctor->options->spool_dir ? doctor->options->spool_dir
					: getenv("TMPDIR")	   ? getenv("TMPDIR")
								   : "/tmp";
		uint64_t room = 0;
		bool is_memory = false, known = available_room(directory, &room, &is_memory);
		_cleanup_free_ char *where = escaped(directory);
		char free_room[TEXT_NUMBER_MAX];

		diagnosis_add(doctor->diagnoses, DIAGNOSIS_NOTE, "memory",
			      "the copy needs about %s, and %s are available; it goes to a file in "
			      "%s where it does not fit",
			      needed, there, where);
		if (!known || is_memory || room < bytes)
			diagnosis_remedy(doctor->diagnoses,
					 "--spool DIR, with %s free on a disk (%s %s)", needed,
					 where,
					 !known	     ? "cannot be used"
					 : is_memory ? "is itself memory"
						     : "has too little room");
		else
			diagnosis_remedy(doctor->diagnoses, "nothing: %s has room (%s)", where,
					 text_bytes(free_room, room, doctor->options->bytes));
	}

	double pause = (double)cost_pause(bytes) / 1e6;

	diagnosis_add(doctor->diagnoses, DIAGNOSIS_FINE, "pause",
		      "about %.*f ms (1 ms, and 0.15 s per GB)", pause < 10 ? 1 : 0, pause);
}

/* ---- the whole ---- */

static void diagnose_target(const struct options *options, const struct target_choice *choice,
			    struct diagnoses *diagnoses)
{
	_cleanup_target_ struct target *target = NULL;
	struct error *error = target_open(options, choice, &target);

	if (error) {
		diagnosis_add(diagnoses, DIAGNOSIS_PROBLEM, choice->pid ? "process" : "core", "%s",
			      error->message);
		diagnosis_status(diagnoses, error_status(error));
		error_destroy(error);
		return;
	}

	_cleanup_free_ char *root = package_root((int)choice->pid, options->sysroot);
	struct doctor doctor = {
		.options = options, .target = target, .root = root, .diagnoses = diagnoses
	};
	struct debug_options debug = { .debug_path = options->debug_path,
				       .sysroot = options->sysroot };
	struct allocator allocator;

	if (choice->core) {
		_cleanup_free_ char *name = escaped(target->name);

		diagnosis_add(diagnoses, DIAGNOSIS_FINE, "core", "of %s, %zu threads, %zu mappings",
			      name, target->threads.n, target->mappings.n);
	}
	for (size_t i = 0; i < target->notices.n; i++) {
		_cleanup_free_ char *notice = escaped(target->notices.v[i]);

		diagnosis_add(diagnoses, DIAGNOSIS_NOTE, choice->core ? "core" : "process", "%s",
			      notice);
	}
	modules_init(&doctor.modules, target, &debug);
	allocator_recognise(&doctor.modules, &allocator);

	struct glibc *glibc = glibc_find(&doctor.modules);

	diagnose_allocator(&doctor, &allocator, glibc);
	diagnose_modules(&doctor, glibc);
	if (target->kind == TARGET_LIVE)
		diagnose_cost(&doctor);
	glibc_destroy(glibc);
	free(allocator.evidence);
	modules_deinit(&doctor.modules);
}

/* A file tells what was true when it was written; only a new look at the target could be better. */
static void diagnose_snapshot(const struct target_choice *choice, struct diagnoses *diagnoses)
{
	_cleanup_snapshot_ struct snapshot snapshot = { 0 };
	struct error *error = snapshot_read(choice->file, 0, available_memory(), &snapshot);
	const struct heap *heap = &snapshot.heap;

	if (error) {
		diagnosis_add(diagnoses, DIAGNOSIS_PROBLEM, "snapshot", "%s", error->message);
		diagnosis_status(diagnoses, error_status(error));
		error_destroy(error);
		return;
	}

	_cleanup_free_ char *name = escaped(snapshot.name);
	size_t without = 0;

	diagnosis_add(diagnoses, DIAGNOSIS_FINE, "snapshot", "%s of %s, %zu threads, %zu chunks",
		      snapshot.kind == SNAPSHOT_LIVE ? "a stop" : "a core", name,
		      snapshot.threads.n, heap->chunks.n);
	if (snapshot.foreign_allocator) {
		_cleanup_free_ char *allocator = escaped(snapshot.foreign_allocator);

		diagnosis_add(diagnoses, DIAGNOSIS_PROBLEM, "allocator",
			      "malloc is not glibc's: %s", allocator);
		diagnosis_status(diagnoses, snapshot_status(&snapshot));
	} else if (!heap->allocators.n) {
		diagnosis_add(diagnoses, DIAGNOSIS_PROBLEM, "allocator",
			      "there is no glibc malloc");
		diagnosis_status(diagnoses, STATUS_UNSUPPORTED);
	}
	for (size_t i = 0; i < heap->allocators.n; i++) {
		_cleanup_free_ char *version = escaped(heap->allocators.v[i].version);
		_cleanup_free_ char *module = escaped(heap->allocators.v[i].module);
		_cleanup_free_ char *from = escaped(heap->allocators.v[i].offsets);

		diagnosis_add(diagnoses, DIAGNOSIS_FINE, "allocator",
			      "glibc %s in %s; offsets from %s", version, module, from);
	}
	if (heap->allocators.n && !heap_is_exact(heap)) {
		diagnosis_add(diagnoses, DIAGNOSIS_PROBLEM, "exactness",
			      "the heap was damaged or in motion; heapsnap report says where");
		diagnosis_status(diagnoses, STATUS_PARTIAL);
	}
	for (size_t i = 0; i < snapshot.modules.n; i++)
		without += !snapshot.modules.v[i].debug;
	diagnosis_add(diagnoses, DIAGNOSIS_FINE, "debug info", "%zu of %zu modules had none",
		      without, snapshot.modules.n);
	for (size_t i = 0; i < snapshot.notices.n; i++) {
		_cleanup_free_ char *notice = escaped(snapshot.notices.v[i]);

		diagnosis_add(diagnoses, DIAGNOSIS_NOTE, "snapshot", "%s", notice);
	}
}

static enum status verdict(const struct diagnoses *diagnoses)
{
	for (size_t i = 0; i < diagnoses->v.n; i++)
		if (diagnoses->v.v[i].result == DIAGNOSIS_PROBLEM)
			return diagnoses->v.v[i].status;
	return STATUS_DONE;
}

static const char *result_word(enum diagnosis_result result)
{
	switch (result) {
	case DIAGNOSIS_FINE:
		return "ok";
	case DIAGNOSIS_NOTE:
		return "note";
	case DIAGNOSIS_PROBLEM:
		return "PROBLEM";
	}
	return "?";
}

static const char *result_key(enum diagnosis_result result)
{
	return result == DIAGNOSIS_PROBLEM ? "problem" : result_word(result);
}

/* Prints words, going on with the next line where the terminal ends; the cursor stands at the indentation. */
static void print_words(struct writer *writer, enum style style, const char *text, size_t indent)
{
	size_t width = writer_options(writer)->width, column = indent;

	while (*text) {
		size_t length = strcspn(text, " ");
		_cleanup_free_ char *word = xstrndup(text, length);

		if (column > indent && column + 1 + writer_width(word) > width) {
			writer_print(writer, style, "\n");
			writer_print(writer, STYLE_PLAIN, "%*s", (int)indent, "");
			column = indent;
		}
		writer_print(writer, style, "%s%s", column > indent ? " " : "", word);
		column += (column > indent) + writer_width(word);
		text += length + (text[length] != '\0');
	}
	writer_print(writer, style, "\n");
}

static void print_text(struct writer *writer, const struct diagnoses *diagnoses, const char *target)
{
	enum {
		TOPIC_WIDTH = 12,
		INDENT = 9 + TOPIC_WIDTH,
	};
	static const enum style styles[] = {
		[DIAGNOSIS_FINE] = STYLE_GOOD,
		[DIAGNOSIS_NOTE] = STYLE_PLAIN,
		[DIAGNOSIS_PROBLEM] = STYLE_BAD,
	};
	size_t problems = 0;

	for (size_t i = 0; i < diagnoses->v.n; i++) {
		const struct diagnosis *diagnosis = &diagnoses->v.v[i];

		problems += diagnosis->result == DIAGNOSIS_PROBLEM;
		writer_print(writer, styles[diagnosis->result], "%-8s",
			     result_word(diagnosis->result));
		writer_print(writer, STYLE_PLAIN, "%-*s ", TOPIC_WIDTH, diagnosis->topic);
		print_words(writer, STYLE_PLAIN, diagnosis->detail, INDENT);
		if (!diagnosis->remedy)
			continue;
		writer_print(writer, STYLE_PLAIN, "%*s> ", INDENT, "");
		print_words(writer, STYLE_BOLD, diagnosis->remedy, INDENT + 2);
	}
	writer_print(writer, STYLE_PLAIN, "\n");
	if (problems)
		writer_print(writer, STYLE_BAD, "%zu problem%s in the way.\n", problems,
			     problems == 1 ? " stands" : "s stand");
	else
		writer_print(writer, STYLE_GOOD, "Nothing stands in the way: heapsnap %s\n",
			     target);
}

static void print_fields(struct writer *writer, const struct diagnoses *diagnoses,
			 const struct target_choice *choice)
{
	static const struct column columns[] = {
		{ .key = "topic" },
		{ .key = "result" },
		{ .key = "detail" },
		{ .key = "remedy" },
	};
	static const struct table table = {
		.key = "diagnoses", .columns = columns, .n_columns = 4, .is_main = true
	};

	if (writer_options(writer)->format == FORMAT_TEXT)
		return;
	writer_field(writer, "pid",
		     choice->pid ? value_number((uint64_t)choice->pid) : value_none());
	writer_field(writer, "core", value_text(choice->core));
	writer_field(writer, "snapshot", value_text(choice->file));
	writer_table_begin(writer, &table);
	for (size_t i = 0; i < diagnoses->v.n; i++)
		// What they quote is escaped already.
		writer_row(writer, (struct value[]){
					   value_word(diagnoses->v.v[i].topic),
					   value_word(result_key(diagnoses->v.v[i].result)),
					   value_word(diagnoses->v.v[i].detail),
					   value_word(diagnoses->v.v[i].remedy),
				   });
	writer_table_end(writer);
	writer_field(writer, "status", value_number(verdict(diagnoses)));
}

static enum status run(const struct options *options)
{
	struct target_choice choice;
	struct error *error = target_choose_with(options, 0, &choice);
	struct diagnoses diagnoses = { 0 };

	if (error)
		return message_error(error);
	if (choice.file)
		diagnose_snapshot(&choice, &diagnoses);
	else if (choice.core || permission_diagnose(choice.pid, &diagnoses))
		diagnose_target(options, &choice, &diagnoses);

	struct writer_options settings = options_writer(options);
	_cleanup_writer_ struct writer *writer = writer_create(&settings);
	_cleanup_free_ char *target = target_retype(options, &choice);
	enum status status = verdict(&diagnoses);

	writer_begin(writer, options->command->name);
	print_fields(writer, &diagnoses, &choice);
	print_text(writer, &diagnoses, target);
	error = writer_finish(writer);
	diagnoses_deinit(&diagnoses);
	return error ? message_error(error) : status;
}

const struct command command_doctor = {
	.name = "doctor",
	.usage = "TARGET [OPTION...]",
	.summary = "What stands in the way of a report, and the remedy",
	.description = "The right to attach, who serves malloc, where offsets come from, "
		       "which debug information is missing and which package brings it, "
		       "what the stop would cost. A process is not stopped. The exit "
		       "status is what the other commands would end with.",
	.options = (OPTIONS_TARGET | OPTIONS_OUTPUT) &
		   ~(OPTION_BIT(OPTION_NO_STEP) | OPTION_BIT(OPTION_JOBS)),
	.run = run,
};
