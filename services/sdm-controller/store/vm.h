/* Virtual machines as their agents report them, and the projects that they are bound to.
 *
 * Thread rule: as the connection. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <glib.h>

#include "lib/base/arena.h"
#include "lib/base/id.h"
#include "sdm-controller/store/tx.h"

struct sdm_vm {
    char vm[SDM_UUID_SIZE];
    int32_t compute_no;
    char compute_brick[SDM_ID_SIZE]; /* read, not written */
    char name[256];
    char project[SDM_PROJECT_SIZE]; /* "" while it is bound to none; read, not reported */
    char boot_id[65];
    int32_t n_slots;
    int32_t n_slots_used;
    int64_t max_memory_bytes;
    int64_t memory_bytes;
    int64_t guest_memory_bytes;
    int64_t remote_bytes; /* in its windows that are attached; read, not written */
    bool present;         /* its agent still reports it */
};

/* Refuses NOT_FOUND. */
bool sdm_vm_read(struct sdm_pg *pg, const char *vm, struct sdm_vm *row, GError **error);

/* Up to 'n_max' by uuid, behind 'after' ("" for all); of 'project', or of all for NULL. */
bool sdm_vm_list(struct sdm_pg *pg, const char *project, const char *after, size_t n_max,
                 struct sdm_arena *arena, struct sdm_vm **rows, size_t *n, GError **error);

/* Binds a virtual machine to a project; "" unbinds. */
bool sdm_vm_bind(struct sdm_tx *tx, const char *vm, const char *project, GError **error);

/* Attachments, not yet gone, that put memory of another project than 'project' into it. */
bool sdm_vm_count_foreign(struct sdm_pg *pg, const char *vm, const char *project, int64_t *n,
                          GError **error);

/* What the agent of a compute brick reports: everything it has.  One that it does not name any more
 * is no longer present, and its uuid is written to 'gone'; one that is new, to 'appeared' (both
 * in 'arena').  A machine that another compute brick still has is moved only when that one no
 * longer reports it. */
struct sdm_vm_elsewhere {
    const char *vm;
    char compute_brick[SDM_ID_SIZE];
};
struct sdm_vm_changes {
    const char **gone;
    size_t n_gone;
    const char **appeared;
    size_t n_appeared;
    /* Reported by this brick too, and left with the one that has them. */
    struct sdm_vm_elsewhere *elsewhere;
    size_t n_elsewhere;
};
bool sdm_vm_report(struct sdm_tx *tx, int32_t compute_no, const struct sdm_vm *rows, size_t n,
                   struct sdm_arena *arena, struct sdm_vm_changes *changes, GError **error);

/* Reservations that are used by a machine of the brick that 'rows' do not have: sdm_vm_report() is
 * going to find it gone. */
bool sdm_vm_missing(struct sdm_pg *pg, int32_t compute_no, const struct sdm_vm *rows, size_t n,
                    struct sdm_arena *arena, char (**reservations)[SDM_UUID_SIZE],
                    size_t *n_reservations, GError **error);
