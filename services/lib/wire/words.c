#include "lib/wire/words.h"

#include <string.h>

#include <glib.h>

const char *sdm_words_name(const struct sdm_words *words, int value)
{
    g_assert(value >= 0 && (size_t)value < words->n_words);
    return words->words[value];
}

bool sdm_words_find(const struct sdm_words *words, const char *word, int *value)
{
    for (size_t i = 0; i < words->n_words; i++) {
        if (strcmp(words->words[i], word) == 0) {
            *value = (int)i;
            return true;
        }
    }
    return false;
}

char *sdm_words_join(const struct sdm_words *words)
{
    GString *text = g_string_new(NULL);

    for (size_t i = 0; i < words->n_words; i++) {
        const char *before = i + 1 < words->n_words ? ", " : " or ";

        g_string_append(text, i > 0 ? before : "");
        g_string_append(text, words->words[i]);
    }
    return g_string_free(text, FALSE);
}
