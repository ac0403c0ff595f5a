#include "sdm-agent/backend/guest_view.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/error.h"

enum {
    /* Every question interrupts a guest that is busy with its memory, so it is asked when it has
     * said that it is done; one that says nothing is asked this often. */
    ASK_US = 150000,
    ASK_LATE_US = 100000,
    /* An answer is under way for this long, and looked for this often. */
    ANSWER_US = 30000,
    READ_US = 1500,
    /* Statistics come once a second and carry whole seconds: longer than both. */
    FRESH_US = 2200000,
};

/* What is known of one guest since its start. */
struct knowledge {
    char boot_id[64];
    uint64_t overhead_bytes;
};

struct sdm_guest_views {
    struct sdm_libvirt *link;
    char *folder;
    pthread_mutex_t mutex;
    GHashTable *known; /* UUID to struct knowledge */
};

struct sdm_guest_views *sdm_guest_views_new(struct sdm_libvirt *link, const char *folder)
{
    struct sdm_guest_views *views = g_new0(struct sdm_guest_views, 1);

    views->link = link;
    views->folder = g_strdup(folder);
    pthread_mutex_init(&views->mutex, NULL);
    views->known = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    return views;
}

void sdm_guest_views_free(struct sdm_guest_views *views)
{
    if (views == NULL) {
        return;
    }
    g_hash_table_unref(views->known);
    pthread_mutex_destroy(&views->mutex);
    g_free(views->folder);
    g_free(views);
}

static bool load(const struct sdm_guest_views *views, const char *vm, struct knowledge *knowledge)
{
    g_autofree char *path = NULL;
    g_autofree char *text = NULL;

    if (views->folder == NULL) {
        return false;
    }
    path = g_build_filename(views->folder, vm, NULL);
    return g_file_get_contents(path, &text, NULL, NULL) &&
           sscanf(text, "%63s %" SCNu64, knowledge->boot_id, &knowledge->overhead_bytes) == 2;
}

/* A file that cannot be written costs a guess after the next start, nothing more. */
static void save(const struct sdm_guest_views *views, const char *vm,
                 const struct knowledge *knowledge)
{
    g_autofree char *path = NULL;
    g_autofree char *text = NULL;

    if (views->folder == NULL) {
        return;
    }
    path = g_build_filename(views->folder, vm, NULL);
    text = g_strdup_printf("%s %" PRIu64 "\n", knowledge->boot_id, knowledge->overhead_bytes);
    g_file_set_contents_full(path, text, -1, G_FILE_SET_CONTENTS_CONSISTENT, 0600, NULL);
}

static bool recall(struct sdm_guest_views *views, const struct sdm_found_vm *vm,
                   uint64_t *overhead_bytes)
{
    struct knowledge loaded;
    const struct knowledge *knowledge;
    bool known = false;

    pthread_mutex_lock(&views->mutex);
    knowledge = g_hash_table_lookup(views->known, vm->vm);
    if (knowledge == NULL && load(views, vm->vm, &loaded)) {
        g_hash_table_insert(views->known, g_strdup(vm->vm), g_memdup2(&loaded, sizeof loaded));
        knowledge = &loaded;
    }
    if (knowledge != NULL && strcmp(knowledge->boot_id, vm->boot_id) == 0) {
        *overhead_bytes = knowledge->overhead_bytes;
        known = true;
    }
    pthread_mutex_unlock(&views->mutex);
    return known;
}

static void learn(struct sdm_guest_views *views, const struct sdm_found_vm *vm,
                  const struct sdm_guest_memory *memory)
{
    struct knowledge knowledge;
    uint64_t before;

    if (memory->total_bytes == 0 || memory->total_bytes > memory->given_bytes) {
        return;
    }
    knowledge.overhead_bytes = memory->given_bytes - memory->total_bytes;
    if (recall(views, vm, &before) && before == knowledge.overhead_bytes) {
        return;
    }
    g_strlcpy(knowledge.boot_id, vm->boot_id, sizeof knowledge.boot_id);
    pthread_mutex_lock(&views->mutex);
    g_hash_table_insert(views->known, g_strdup(vm->vm), g_memdup2(&knowledge, sizeof knowledge));
    save(views, vm->vm, &knowledge);
    pthread_mutex_unlock(&views->mutex);
}

/* For a guest that had DIMMs before anything could be learnt: the kernel's own, and its page
 * structures. */
static uint64_t guess_overhead(uint64_t given_bytes)
{
    return (UINT64_C(64) << 20) + given_bytes / 32;
}

/* As sdm_guest_read(), and when the guest last spoke, in seconds. */
static bool read_stats(virDomainPtr domain, struct sdm_guest_memory *memory, uint64_t *spoke_s,
                       GError **error)
{
    virDomainMemoryStatStruct stats[VIR_DOMAIN_MEMORY_STAT_NR];
    int n = virDomainMemoryStats(domain, stats, G_N_ELEMENTS(stats), 0);

    if (n < 0) {
        return sdm_libvirt_refuse(error, "read the guest's memory statistics");
    }
    *memory = (struct sdm_guest_memory){0};
    *spoke_s = 0;
    for (int i = 0; i < n; i++) {
        if (stats[i].tag == VIR_DOMAIN_MEMORY_STAT_ACTUAL_BALLOON) {
            memory->given_bytes = (uint64_t)stats[i].val * 1024;
        } else if (stats[i].tag == VIR_DOMAIN_MEMORY_STAT_AVAILABLE) {
            memory->total_bytes = (uint64_t)stats[i].val * 1024;
        } else if (stats[i].tag == VIR_DOMAIN_MEMORY_STAT_LAST_UPDATE) {
            *spoke_s = stats[i].val;
        }
    }
    return true;
}

bool sdm_guest_read(virDomainPtr domain, struct sdm_guest_memory *memory, GError **error)
{
    uint64_t spoke_s;

    return read_stats(domain, memory, &spoke_s, error);
}

/* Setting the period from none to one has QEMU ask the guest at once. */
static bool ask_guest(virDomainPtr domain, unsigned period_s, GError **error)
{
    if (virDomainSetMemoryStatsPeriod(domain, 0, VIR_DOMAIN_AFFECT_LIVE) < 0 ||
        virDomainSetMemoryStatsPeriod(domain, period_s > 0 ? (int)period_s : 1,
                                      VIR_DOMAIN_AFFECT_LIVE) < 0) {
        return sdm_libvirt_refuse(error, "ask the guest for memory statistics");
    }
    return true;
}

/* The guest's words of now: until the second in which it spoke is another one. */
static bool read_fresh(virDomainPtr domain, unsigned period_s, struct sdm_guest_memory *memory,
                       GError **error)
{
    int64_t deadline_us = g_get_monotonic_time() + FRESH_US;
    uint64_t first_s;
    uint64_t spoke_s;

    if (!read_stats(domain, memory, &first_s, error)) {
        return false;
    }
    /* Never spoken to: there is nothing stale. */
    while (first_s != 0 && g_get_monotonic_time() < deadline_us) {
        if (!ask_guest(domain, period_s, error)) {
            return false;
        }
        g_usleep(ASK_LATE_US);
        if (!read_stats(domain, memory, &spoke_s, error)) {
            return false;
        }
        if (spoke_s != first_s) {
            break;
        }
    }
    return true;
}

/* What is missing in the guest's total is laid to the DIMMs that came last. */
static void mark_dimms(const struct sdm_guest_memory *memory, uint64_t overhead_bytes,
                       struct sdm_found_vm *vm)
{
    uint64_t has_bytes = memory->total_bytes + overhead_bytes;
    uint64_t missing_bytes = memory->given_bytes > has_bytes ? memory->given_bytes - has_bytes : 0;

    for (unsigned i = vm->n_dimms; i > 0; i--) {
        struct sdm_found_dimm *dimm = &vm->dimms[i - 1];

        dimm->confirmed = memory->total_bytes > 0 && missing_bytes <= dimm->size_bytes / 4;
        if (!dimm->confirmed) {
            missing_bytes -= MIN(missing_bytes, dimm->size_bytes);
        }
    }
}

bool sdm_guest_view(struct sdm_guest_views *views, virDomainPtr domain, unsigned period_s,
                    struct sdm_found_vm *vm, GError **error)
{
    struct sdm_guest_memory memory;
    uint64_t overhead_bytes;
    bool known = recall(views, vm, &overhead_bytes);

    if (period_s == 0 && !ask_guest(domain, 1, error)) {
        return false;
    }
    if (!(known ? sdm_guest_read(domain, &memory, error)
                : read_fresh(domain, period_s, &memory, error))) {
        return false;
    }
    if (!known && vm->n_dimms == 0) {
        learn(views, vm, &memory);
    }
    if (!known) {
        overhead_bytes = guess_overhead(memory.given_bytes);
    }
    vm->memory_bytes = memory.given_bytes;
    vm->guest_memory_bytes = memory.total_bytes;
    mark_dimms(&memory, overhead_bytes, vm);
    return true;
}

/* 'overhead_bytes' is NULL when only a guess can be made, which is too large rather than too small.
 */
static bool fits(const struct sdm_guest_memory *memory, const uint64_t *overhead_bytes,
                 uint64_t slack_bytes)
{
    uint64_t has_bytes =
        memory->total_bytes +
        (overhead_bytes != NULL ? *overhead_bytes : guess_overhead(memory->given_bytes));

    return memory->total_bytes > 0 && has_bytes + slack_bytes >= memory->given_bytes &&
           (overhead_bytes == NULL || has_bytes <= memory->given_bytes + slack_bytes);
}

/* Waits for what comes first: a word of the guest, the next look at what it has answered, or the
 * next question. */
static void wait_a_little(const struct sdm_guest_views *views, uint64_t seen, int64_t asked_us,
                          int64_t ask_at_us, int64_t deadline_us)
{
    int64_t now_us = g_get_monotonic_time();
    int64_t until_us = MIN(ask_at_us, deadline_us);

    if (now_us < asked_us + ANSWER_US) {
        until_us = MIN(until_us, now_us + READ_US);
    }
    sdm_libvirt_guest_word_wait(views->link, seen, until_us);
}

bool sdm_guest_settle(struct sdm_guest_views *views, virDomainPtr domain, unsigned period_s,
                      const struct sdm_found_vm *vm, uint64_t heard, uint64_t slack_bytes,
                      int64_t deadline_us, struct sdm_guest_memory *memory, bool *settled,
                      GError **error)
{
    int64_t now_us = g_get_monotonic_time();
    int64_t asked_us = 0;
    int64_t ask_at_us = heard == SDM_GUEST_ASK_NOW ? now_us : now_us + ASK_US;
    uint64_t seen = heard == SDM_GUEST_ASK_NOW ? sdm_libvirt_guest_word(views->link) : heard;
    uint64_t overhead_bytes;
    bool known = recall(views, vm, &overhead_bytes);

    *settled = false;
    for (;;) {
        uint64_t word;

        if (!sdm_guest_read(domain, memory, error)) {
            return false;
        }
        if (fits(memory, known ? &overhead_bytes : NULL, slack_bytes)) {
            if (known) {
                learn(views, vm, memory);
            }
            *settled = true;
            return true;
        }
        now_us = g_get_monotonic_time();
        if (now_us >= deadline_us) {
            return true;
        }
        /* The guest has just told its firmware that it is done: its total is new now. */
        word = sdm_libvirt_guest_word(views->link);
        if (word != seen || now_us >= ask_at_us) {
            seen = word;
            if (!ask_guest(domain, period_s, error)) {
                return false;
            }
            asked_us = g_get_monotonic_time();
            ask_at_us = asked_us + ASK_LATE_US;
        }
        wait_a_little(views, seen, asked_us, ask_at_us, deadline_us);
    }
}
