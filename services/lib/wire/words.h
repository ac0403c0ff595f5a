/* Closed sets of words: the enumerations of schemas/, whose generated header is "wire/words.h".
 *
 * A library of its own above lib/base alone, so that pure layers name modes and states with the
 * very enumerations that messages carry.  Thread rule: everything is constant. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct sdm_words {
    /* What one of them is called: "latency_class". */
    const char *what;
    /* The word of each value of the enumeration, which begins at 0. */
    const char *const *words;
    size_t n_words;
};

/* The word of 'value', which must be one of the enumeration. */
const char *sdm_words_name(const struct sdm_words *words, int value);

/* Looks a word up; false and '*value' untouched when it is none of the set. */
bool sdm_words_find(const struct sdm_words *words, const char *word, int *value);

/* "host, vm or device"; g_free(). */
char *sdm_words_join(const struct sdm_words *words);
