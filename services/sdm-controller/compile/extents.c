#include "sdm-controller/compile/extents.h"

#include <string.h>

#include <glib.h>

static bool is_listed(const char *users, const char *user)
{
    g_auto(GStrv) words = g_strsplit(users, ",", -1);

    return g_strv_contains((const char *const *)words, user);
}

/* Adds what is in 'from' and not in 'except'. */
static void add_users(GPtrArray *users, const char *from, const char *except)
{
    g_auto(GStrv) words = g_strsplit(from, ",", -1);

    for (char **word = words; *word != NULL; word++) {
        if (**word != '\0' && !is_listed(except, *word) &&
            !g_ptr_array_find_with_equal_func(users, *word, g_str_equal, NULL)) {
            g_ptr_array_add(users, g_strdup(*word));
        }
    }
}

static int compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static const char *join(GPtrArray *users, struct sdm_arena *arena)
{
    g_autoptr(GString) joined = g_string_new(NULL);

    g_ptr_array_sort(users, compare_names);
    for (guint i = 0; i < users->len; i++) {
        g_string_append_printf(joined, "%s%s", i > 0 ? "," : "",
                               (const char *)g_ptr_array_index(users, i));
    }
    return sdm_arena_strdup(arena, joined->str);
}

static bool touches(const struct sdm_found_extent *found, const struct sdm_known_extent *known)
{
    return found->offset_bytes < known->offset_bytes + known->size_bytes &&
           known->offset_bytes < found->offset_bytes + found->size_bytes;
}

static bool is_same(const struct sdm_found_extent *found, const struct sdm_known_extent *known)
{
    return found->offset_bytes == known->offset_bytes && found->size_bytes == known->size_bytes;
}

struct comparison {
    const struct sdm_found_extent *found;
    size_t n_found;
    const struct sdm_known_extent *known;
    size_t n_known;
    const char *ignored;
    struct sdm_arena *arena;
    struct sdm_extent_findings *findings;
};

/* Who maps bytes of it. */
static const char *users_of(const struct comparison *comparison,
                            const struct sdm_known_extent *known)
{
    g_autoptr(GPtrArray) users = g_ptr_array_new_with_free_func(g_free);

    for (size_t i = 0; i < comparison->n_found; i++) {
        if (touches(&comparison->found[i], known)) {
            add_users(users, comparison->found[i].users, comparison->ignored);
        }
    }
    return join(users, comparison->arena);
}

/* Each of them by a window of its own that covers just these bytes. */
static bool is_explained(const struct comparison *comparison, const struct sdm_known_extent *known)
{
    for (size_t i = 0; i < comparison->n_found; i++) {
        const struct sdm_found_extent *found = &comparison->found[i];
        g_autoptr(GPtrArray) strangers = g_ptr_array_new_with_free_func(g_free);

        if (!touches(found, known)) {
            continue;
        }
        add_users(strangers, found->users, comparison->ignored);
        for (guint k = 0; k < strangers->len; k++) {
            if (!is_same(found, known) ||
                !is_listed(known->users, g_ptr_array_index(strangers, k))) {
                return false;
            }
        }
    }
    return true;
}

static void compare_known(struct comparison *comparison, size_t index)
{
    const struct sdm_known_extent *known = &comparison->known[index];
    struct sdm_extent_change *change =
        &comparison->findings->changes[comparison->findings->n_changes];

    if (known->state == SDM_SEGMENT_STATE_SCRUBBING) {
        return;
    }
    change->known = index;
    change->is_taken = known->state == SDM_SEGMENT_STATE_LIVE;
    change->mapped_by = users_of(comparison, known);
    if (known->mapped_by != NULL ? strcmp(change->mapped_by, known->mapped_by) != 0
                                 : !is_explained(comparison, known)) {
        comparison->findings->n_changes++;
    }
}

static void add_unknown(struct comparison *comparison, uint64_t begin, uint64_t end,
                        const char *users)
{
    struct sdm_extent_findings *findings = comparison->findings;

    /* A brick that says more than once what is mapped is not believed more than once. */
    if (begin < end && users[0] != '\0' &&
        findings->n_unknown < comparison->n_found + comparison->n_known) {
        findings->unknown[findings->n_unknown++] =
            (struct sdm_found_extent){begin, end - begin, users};
    }
}

/* What of the extent no known one covers. */
static void find_unknown(struct comparison *comparison, const struct sdm_found_extent *found)
{
    uint64_t begin = found->offset_bytes;
    uint64_t end = begin + found->size_bytes;
    g_autoptr(GPtrArray) users = g_ptr_array_new_with_free_func(g_free);
    const char *joined;

    add_users(users, found->users, comparison->ignored);
    joined = join(users, comparison->arena);
    for (size_t i = 0; i < comparison->n_known && begin < end; i++) {
        const struct sdm_known_extent *known = &comparison->known[i];

        if (!touches(found, known)) {
            continue;
        }
        add_unknown(comparison, begin, MIN(end, known->offset_bytes), joined);
        begin = MAX(begin, known->offset_bytes + known->size_bytes);
    }
    add_unknown(comparison, begin, end, joined);
}

void sdm_compile_extents(const struct sdm_found_extent *found, size_t n_found,
                         const struct sdm_known_extent *known, size_t n_known, const char *ignored,
                         struct sdm_arena *arena, struct sdm_extent_findings *findings)
{
    struct comparison comparison = {found, n_found, known, n_known, ignored, arena, findings};

    /* Each known extent splits at most one found extent in two. */
    findings->unknown = SDM_ARENA_NEW(arena, struct sdm_found_extent, n_found + n_known + 1);
    findings->n_unknown = 0;
    findings->changes = SDM_ARENA_NEW(arena, struct sdm_extent_change, n_known + 1);
    findings->n_changes = 0;
    for (size_t i = 0; i < n_known; i++) {
        compare_known(&comparison, i);
    }
    for (size_t i = 0; i < n_found; i++) {
        find_unknown(&comparison, &found[i]);
    }
}

static bool has_unknown(const struct sdm_extent_findings *findings,
                        const struct sdm_found_extent *unknown)
{
    for (size_t i = 0; i < findings->n_unknown; i++) {
        if (findings->unknown[i].offset_bytes == unknown->offset_bytes &&
            findings->unknown[i].size_bytes == unknown->size_bytes) {
            return true;
        }
    }
    return false;
}

static bool has_change(const struct sdm_extent_findings *findings,
                       const struct sdm_extent_change *change)
{
    for (size_t i = 0; i < findings->n_changes; i++) {
        if (findings->changes[i].known == change->known &&
            strcmp(findings->changes[i].mapped_by, change->mapped_by) == 0) {
            return true;
        }
    }
    return false;
}

void sdm_extent_findings_confirm(struct sdm_extent_findings *findings,
                                 const struct sdm_extent_findings *later)
{
    size_t n = 0;

    for (size_t i = 0; i < findings->n_unknown; i++) {
        if (has_unknown(later, &findings->unknown[i])) {
            findings->unknown[n++] = findings->unknown[i];
        }
    }
    findings->n_unknown = n;
    n = 0;
    for (size_t i = 0; i < findings->n_changes; i++) {
        if (has_change(later, &findings->changes[i])) {
            findings->changes[n++] = findings->changes[i];
        }
    }
    findings->n_changes = n;
}
