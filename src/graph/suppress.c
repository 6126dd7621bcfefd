/* SPDX-License-Identifier: MIT */
/*
 * Names are asked for once for each word that lies in a module, and what the rules say of it is kept as a bit for each: leaks of one kind hold the same words.
 */
#include "graph/suppress.h"

#include <ctype.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "debug/symbols.h"
#include "heap/chunks.h"
#include "target/image.h"

#define RULE_NONE UINT32_MAX

typedef ARRAY(chunk_id) chunk_array;

enum {
	/** Rules that ask for names are told apart by a bit; the others have no limit but this one. */
	RULES_MAX = 4096,
	HELD_MAX = 8,
	/** Of a leak that is looked at for names. Units: bytes. */
	LOOKED_AT = 64 << 10,
	/** Words whose names are remembered. */
	WORDS_MAX = 1 << 16,
};

/* ---- reading ---- */

/* One word of a line: a condition. */
struct condition {
	char *key, *value;
};

/* «200», «64-128», «1k-»: both ends included. */
static bool parse_range(char *text, uint64_t *min_ret, uint64_t *max_ret)
{
	char *dash = strchr(text, '-');

	*max_ret = UINT64_MAX;
	if (dash)
		*dash++ = '\0';
	if (!text_parse_bytes(text, min_ret))
		return false;
	if (!dash)
		*max_ret = *min_ret;
	else if (*dash && !text_parse_bytes(dash, max_ret))
		return false;
	return *min_ret <= *max_ret;
}

/* «none», «200», «+0x8:200», «+8:1k-2k». */
static bool parse_held(struct suppression *rule, char *text)
{
	struct suppression_held held = { .offset = UINT64_MAX };
	char *size = text;

	if (!strcmp(text, "none")) {
		rule->holds_none = true;
		return true;
	}
	if (*text == '+') {
		size = strchr(text, ':');
		if (!size)
			return false;
		*size++ = '\0';
		if (!text_parse_u64(text + 1, &held.offset))
			return false;
	}
	if (rule->held.n >= HELD_MAX || !parse_range(size, &held.min, &held.max))
		return false;
	array_append(&rule->held, held);
	return true;
}

static bool take_pattern(char **pattern, const char *value)
{
	if (*pattern || !*value)
		return false;
	*pattern = xstrdup(value);
	return true;
}

/* Adds a condition; gives what is wrong with it, NULL when nothing is. */
static const char *condition_add(struct suppression *rule, const struct condition *condition)
{
	if (!strcmp(condition->key, "cycle") && !condition->value) {
		rule->is_cycle = true;
		return NULL;
	}
	if (!condition->value)
		return "a condition is KEY=VALUE, or cycle";
	if (!strcmp(condition->key, "size"))
		return rule->max == UINT64_MAX && !rule->min && parse_range(condition->value, &rule->min, &rule->max) ?
			       NULL :
			       "size is given once, as SIZE or MIN-MAX (64, 1k-2k, 4096-)";
	if (!strcmp(condition->key, "holds"))
		return parse_held(rule, condition->value) ? NULL : "holds takes SIZE, +OFFSET:SIZE or none, up to 8 times";
	if (!strcmp(condition->key, "module"))
		return take_pattern(&rule->module, condition->value) ? NULL : "module is given once, as a pattern";
	if (!strcmp(condition->key, "function"))
		return take_pattern(&rule->function, condition->value) ? NULL : "function is given once, as a pattern";
	if (!strcmp(condition->key, "variable"))
		return take_pattern(&rule->variable, condition->value) ? NULL : "variable is given once, as a pattern";
	if (!strcmp(condition->key, "type"))
		return take_pattern(&rule->type, condition->value) ? NULL : "type is given once, as a pattern";
	return "it is none of module, function, variable, type, size, holds, cycle";
}

static void suppression_deinit(struct suppression *rule)
{
	free(rule->text);
	free(rule->module);
	free(rule->function);
	free(rule->variable);
	free(rule->type);
	array_deinit(&rule->held);
}

/* Reads a line, which it changes. */
static struct error *line_parse(struct suppression *rule, char *line, const char *name)
{
	char *rest = line, *word;

	while ((word = strtok_r(NULL, " \t", &rest))) {
		_cleanup_free_ char *whole = text_escape(word, strlen(word));
		struct condition condition = { .key = word, .value = strchr(word, '=') };
		const char *wrong;

		if (condition.value)
			*condition.value++ = '\0';
		wrong = condition_add(rule, &condition);
		if (wrong)
			return error_create(ERROR_USAGE, "%s, line %u, \"%s\": %s", name, rule->line, whole, wrong);
	}
	if (rule->holds_none && rule->held.n)
		return error_create(ERROR_USAGE, "%s, line %u: what holds=none holds nothing else", name, rule->line);
	return NULL;
}

struct error *suppressions_parse(const char *text, size_t size, const char *name, struct suppressions **ret)
{
	_cleanup_suppressions_ struct suppressions *suppressions = xcalloc(1, sizeof(*suppressions));
	unsigned number = 0;

	if (memchr(text, '\0', size))
		return error_create(ERROR_USAGE, "%s is no text file", name);
	for (const char *at = text, *end = text + size; at < end;) {
		const char *newline = memchr(at, '\n', (size_t)(end - at)), *until = newline ? newline : end;

		number++;
		while (at < until && isspace((unsigned char)*at))
			at++;
		while (until > at && isspace((unsigned char)until[-1]))
			until--;
		if (at < until && *at != '#') {
			_cleanup_free_ char *line = xstrndup(at, (size_t)(until - at));
			struct suppression rule = { .line = number, .text = xstrdup(line), .max = UINT64_MAX };
			struct error *error = suppressions->v.n < RULES_MAX ? line_parse(&rule, line, name) :
									      error_create(ERROR_USAGE, "%s has more than %d rules", name, RULES_MAX);

			if (error) {
				suppression_deinit(&rule);
				return error;
			}
			array_append(&suppressions->v, rule);
		}
		if (!newline)
			break;
		at = newline + 1;
	}
	*ret = take_pointer(suppressions);
	return NULL;
}

/* A pattern that only the text itself meets. Owner: the caller. */
static char *pattern_of(const char *text)
{
	char *pattern = xmalloc(strlen(text) * 2 + 1), *to = pattern;

	for (; *text; text++) {
		if (strchr("*?[]\\", *text))
			*to++ = '\\';
		*to++ = *text;
	}
	*to = '\0';
	return pattern;
}

struct suppressions *suppressions_of_type(const char *type)
{
	struct suppressions *suppressions = xcalloc(1, sizeof(*suppressions));

	array_append(&suppressions->v, (struct suppression){ .line = 1, .text = xasprintf("type:%s", type), .max = UINT64_MAX, .type = pattern_of(type) });
	return suppressions;
}

void suppressions_destroy(struct suppressions *suppressions)
{
	if (!suppressions)
		return;
	for (size_t i = 0; i < suppressions->v.n; i++)
		suppression_deinit(&suppressions->v.v[i]);
	array_deinit(&suppressions->v);
	free(suppressions);
}

static bool has_name(const struct suppression *rule)
{
	return rule->module || rule->function || rule->variable;
}

bool suppressions_have_names(const struct suppressions *suppressions)
{
	for (size_t i = 0; i < suppressions->v.n; i++)
		if (has_name(&suppressions->v.v[i]))
			return true;
	return false;
}

bool suppressions_have_types(const struct suppressions *suppressions)
{
	for (size_t i = 0; i < suppressions->v.n; i++)
		if (suppressions->v.v[i].type)
			return true;
	return false;
}

/* ---- applying ---- */

/* What a rule's patterns say of the words of a leak. */
enum {
	MET_MODULE = 1,
	MET_FUNCTION = 2,
	MET_VARIABLE = 4,
};

enum verdict {
	VERDICT_OPEN,
	VERDICT_YES,
	VERDICT_NO,
};

struct matcher {
	struct suppressions *suppressions;
	const struct image *image;
	struct modules *modules;
	const struct chunks *chunks;
	const struct edges *edges;
	/** NULL when there are none; and for each rule and name whether they go together, once that was asked (enum verdict). */
	const struct suppression_names *names;
	uint8_t *verdicts;
	/** No module is outside of these. */
	vaddr low, high;
	/** Rules with patterns, and for each what all words so far have met. */
	ARRAY(uint32_t) named;
	uint8_t *met;
	/** Words that were looked up (0 for none), and for each what it meets of every rule with patterns. */
	vaddr *words;
	uint8_t *word_met;
	size_t n_words, size;
	uint8_t *buffer;
};

static bool matches(const char *pattern, const char *name)
{
	return pattern && name && fnmatch(pattern, name, 0) == 0;
}

/* Asks who lives at an address, and sets for each rule with patterns what that meets. */
static void word_judge(struct matcher *matcher, vaddr word, uint8_t *met)
{
	struct module *module = modules_find(matcher->modules, word);
	struct symbol symbol;
	bool has_symbol = module && symbol_at(matcher->modules, module, word - module->bias, &symbol);

	for (size_t i = 0; i < matcher->named.n && module; i++) {
		const struct suppression *rule = &matcher->suppressions->v.v[matcher->named.v[i]];
		bool is_function = has_symbol && (symbol.type == STT_FUNC || symbol.type == STT_GNU_IFUNC);

		// A pattern with a slash is for the whole path.
		if (matches(rule->module, rule->module && strchr(rule->module, '/') ? module->path : module_name(module)))
			met[i] |= MET_MODULE;
		if (is_function && matches(rule->function, symbol.name))
			met[i] |= MET_FUNCTION;
		if (has_symbol && !is_function && matches(rule->variable, symbol.name))
			met[i] |= MET_VARIABLE;
	}
}

static void words_grow(struct matcher *matcher)
{
	size_t size = matcher->size ? matcher->size * 2 : 256, n = matcher->named.n;
	vaddr *words = xcalloc(size, sizeof(*words));
	uint8_t *met = xcalloc(size, n);

	for (size_t i = 0; i < matcher->size; i++) {
		size_t at = matcher->words[i] * UINT64_C(0x9E3779B97F4A7C15) >> 32 & (size - 1);

		if (!matcher->words[i])
			continue;
		while (words[at])
			at = (at + 1) & (size - 1);
		words[at] = matcher->words[i];
		memcpy(met + at * n, matcher->word_met + i * n, n);
	}
	free(matcher->words);
	free(matcher->word_met);
	matcher->words = words;
	matcher->word_met = met;
	matcher->size = size;
}

static void word_add(struct matcher *matcher, vaddr word)
{
	size_t n = matcher->named.n, at;

	if (word < matcher->low || word >= matcher->high)
		return;
	if (matcher->size < 2 * (matcher->n_words + 1) && matcher->n_words < WORDS_MAX / (n / 64 + 1))
		words_grow(matcher);
	at = word * UINT64_C(0x9E3779B97F4A7C15) >> 32 & (matcher->size - 1);
	while (matcher->words[at] && matcher->words[at] != word)
		at = (at + 1) & (matcher->size - 1);
	if (!matcher->words[at]) {
		if (matcher->size < 2 * (matcher->n_words + 1)) {
			// Too many to be remembered.
			word_judge(matcher, word, matcher->met);
			return;
		}
		matcher->words[at] = word;
		matcher->n_words++;
		word_judge(matcher, word, matcher->word_met + at * n);
	}
	for (size_t i = 0; i < n; i++)
		matcher->met[i] |= matcher->word_met[at * n + i];
}

/* What the words of a leak meet of each rule with patterns. */
static void leak_names(struct matcher *matcher, chunk_id chunk)
{
	uint64_t size = chunk_usable(matcher->chunks, chunk) < LOOKED_AT ? chunk_usable(matcher->chunks, chunk) : LOOKED_AT;

	memset(matcher->met, 0, matcher->named.n);
	if (!matcher->named.n || !image_get(matcher->image, matcher->chunks->mem[chunk], matcher->buffer, size))
		return;
	for (uint64_t at = 0; at + 8 <= size; at += 8) {
		uint64_t word;

		memcpy(&word, matcher->buffer + at, sizeof(word));
		word_add(matcher, word);
	}
}

static bool holds(const struct matcher *matcher, chunk_id chunk, const struct suppression_held *held)
{
	for (size_t edge = matcher->edges->first[chunk]; edge < matcher->edges->first[chunk + 1]; edge++) {
		uint64_t usable = chunk_usable(matcher->chunks, edge_to(matcher->edges, edge));

		if ((held->offset == UINT64_MAX || held->offset == edge_offset(matcher->edges, edge)) && usable >= held->min && usable <= held->max)
			return true;
	}
	return false;
}

/* «conn» and «struct conn» are meant by each other. */
static bool is_called(const struct matcher *matcher, const struct suppression *rule, chunk_id chunk)
{
	uint32_t name = matcher->names ? matcher->names->of[chunk] : 0;
	uint8_t *verdict;

	if (!name)
		return false;
	verdict = &matcher->verdicts[(size_t)(rule - matcher->suppressions->v.v) * matcher->names->n_names + name];
	if (*verdict == VERDICT_OPEN) {
		const char *text = matcher->names->names[name];

		*verdict = matches(rule->type, text) || matches(text_without_keyword(rule->type), text_without_keyword(text)) ? VERDICT_YES : VERDICT_NO;
	}
	return *verdict == VERDICT_YES;
}

static bool rule_is_for(const struct matcher *matcher, const struct suppression *rule, const struct leak *leak, uint8_t met)
{
	uint64_t usable = chunk_usable(matcher->chunks, leak->chunk);

	if (usable < rule->min || usable > rule->max || (rule->is_cycle && leak->cycle < 2) || (rule->module && !(met & MET_MODULE)) ||
	    (rule->function && !(met & MET_FUNCTION)) || (rule->variable && !(met & MET_VARIABLE)) ||
	    (rule->type && !is_called(matcher, rule, leak->chunk)) || (rule->holds_none && matcher->edges->first[leak->chunk] != matcher->edges->first[leak->chunk + 1]))
		return false;
	for (size_t i = 0; i < rule->held.n; i++)
		if (!holds(matcher, leak->chunk, &rule->held.v[i]))
			return false;
	return true;
}

/* The first rule for a leak. */
static uint32_t leak_rule(struct matcher *matcher, const struct leak *leak)
{
	size_t next = 0;

	leak_names(matcher, leak->chunk);
	for (uint32_t i = 0; i < matcher->suppressions->v.n; i++) {
		bool is_named = next < matcher->named.n && matcher->named.v[next] == i;

		if (rule_is_for(matcher, &matcher->suppressions->v.v[i], leak, is_named ? matcher->met[next] : 0))
			return i;
		next += is_named;
	}
	return RULE_NONE;
}

/* Follows what is leaked from a chunk: all that is suppressed and was not met before becomes `kind`. Gives how many, and their bytes. */
static uint64_t spread(const struct chunks *chunks, const struct edges *edges, struct reach *reach, chunk_id start, uint8_t kind, chunk_array *queue,
		       uint64_t *bytes_ret)
{
	*bytes_ret = chunk_usable(chunks, start);
	queue->n = 0;
	array_append(queue, start);
	for (size_t head = 0; head < queue->n; head++)
		for (size_t edge = edges->first[queue->v[head]]; edge < edges->first[queue->v[head] + 1]; edge++) {
			chunk_id to = edge_to(edges, edge);

			if (reach->kind[to] != REACH_SUPPRESSED)
				continue;
			reach->kind[to] = kind;
			*bytes_ret += chunk_usable(chunks, to);
			array_append(queue, to);
		}
	return queue->n;
}

/* Takes the leaks that have a rule out, with what no other leak leads to. */
static void leaks_suppress(struct suppressions *suppressions, const struct chunks *chunks, const struct edges *edges, struct reach *reach,
			   const uint32_t *rules)
{
	/* While it works: suppressed, and counted at a rule. */
	enum { COUNTED = REACH_KINDS };
	chunk_array queue = { 0 };
	size_t n = 0;
	uint64_t bytes;

	for (size_t i = 0; i < reach->n; i++)
		if (reach_is_leaked(reach, (chunk_id)i))
			reach->kind[i] = REACH_SUPPRESSED;
	for (size_t i = 0; i < reach->leaks.n; i++) {
		if (rules[i] != RULE_NONE)
			continue;
		reach->kind[reach->leaks.v[i].chunk] = REACH_DIRECT;
		spread(chunks, edges, reach, reach->leaks.v[i].chunk, REACH_INDIRECT, &queue, &bytes);
	}
	for (size_t i = 0; i < reach->leaks.n; i++) {
		struct leak leak = reach->leaks.v[i];

		if (rules[i] == RULE_NONE) {
			reach->leaks.v[n++] = leak;
			continue;
		}
		reach->kind[leak.chunk] = COUNTED;
		suppressions->v.v[rules[i]].leaks++;
		suppressions->v.v[rules[i]].chunks += spread(chunks, edges, reach, leak.chunk, COUNTED, &queue, &bytes);
		suppressions->v.v[rules[i]].bytes += bytes;
	}
	reach->leaks.n = n;
	for (size_t kind = REACH_DIRECT; kind < REACH_KINDS; kind++)
		reach->count[kind] = reach->bytes[kind] = 0;
	for (size_t i = 0; i < reach->n; i++) {
		if (!reach_is_leaked(reach, (chunk_id)i))
			continue;
		if (reach->kind[i] == COUNTED)
			reach->kind[i] = REACH_SUPPRESSED;
		reach->count[reach->kind[i]]++;
		reach->bytes[reach->kind[i]] += chunk_usable(chunks, (chunk_id)i);
	}
	array_deinit(&queue);
}

void suppressions_apply(struct suppressions *suppressions, const struct image *image, struct modules *modules, const struct chunks *chunks,
			const struct suppression_names *names, const struct edges *edges, struct reach *reach)
{
	struct matcher matcher = { .suppressions = suppressions, .image = image, .modules = modules, .chunks = chunks, .names = names, .edges = edges, .low = UINT64_MAX };
	_cleanup_free_ uint32_t *rules = xcalloc(reach->leaks.n + 1, sizeof(*rules));

	for (uint32_t i = 0; i < suppressions->v.n && image; i++)
		if (has_name(&suppressions->v.v[i]))
			array_append(&matcher.named, i);
	for (size_t i = 0; modules && i < modules->v.n; i++) {
		matcher.low = modules->v.v[i].start < matcher.low ? modules->v.v[i].start : matcher.low;
		matcher.high = modules->v.v[i].end > matcher.high ? modules->v.v[i].end : matcher.high;
	}
	matcher.verdicts = xcalloc(suppressions->v.n + 1, names && suppressions_have_types(suppressions) ? names->n_names : 1);
	matcher.met = xcalloc(matcher.named.n + 1, 1);
	matcher.buffer = xmalloc(LOOKED_AT);
	for (size_t i = 0; i < reach->leaks.n; i++)
		rules[i] = leak_rule(&matcher, &reach->leaks.v[i]);
	leaks_suppress(suppressions, chunks, edges, reach, rules);
	array_deinit(&matcher.named);
	free(matcher.met);
	free(matcher.verdicts);
	free(matcher.words);
	free(matcher.word_met);
	free(matcher.buffer);
}
