/* One request of a line protocol to one device: words in, armed faults applied, one line out.
 *
 * Thread rule: the main-loop thread; takes the mutex of 'struct sdm_emu' itself. */
#pragma once

#include <stdbool.h>

#include "emurack/emu.h"
#include "emurack/line_server.h"

/* Longest list of words in a request. */
enum { SDM_EMU_MAX_WORDS = 16 };

struct sdm_emu_command;

/* Does what the words say, under the mutex.  Appends to 'reply' what follows "ok", beginning with a
 * space; '*wait_ms' delays the reply. */
typedef bool sdm_emu_run_fn(struct sdm_emu_command *command, unsigned n_words, char *const *words,
                            GString *reply, unsigned *wait_ms, GError **error);

struct sdm_emu_command {
    struct sdm_emu *emu;
    struct sdm_emu_device *device;
    sdm_emu_run_fn *run;
    char *line;     /* waits for an armed delay; or NULL */
    GString *reply; /* waits for a brick to wake; or NULL */
    bool lose_reply;
};

/* Runs a request for 'command', which stays with the peer for as long as it lives, and replies
 * "ok..." or "error CODE text" or what an armed fault makes of it.  A dead device hangs up. */
void sdm_emu_command_run(struct sdm_emu_command *command, struct sdm_line_peer *peer,
                         const char *line);

/* Frees what waits; not 'command' itself. */
void sdm_emu_command_done(struct sdm_emu_command *command);

/* Replies "error CODE text", the text's newlines replaced. */
void sdm_emu_command_refuse(struct sdm_line_peer *peer, const GError *error);

/* Reads a word as a number up to 'max' in the given base; refuses INVALID_VALUE. */
bool sdm_emu_word_number(const char *word, unsigned base, uint64_t max, uint64_t *number,
                         GError **error);

/* True when there are 'n_wanted' words after the first; else refuses MALFORMED with 'usage'. */
bool sdm_emu_words_check(unsigned n_words, unsigned n_wanted, const char *usage, GError **error);
