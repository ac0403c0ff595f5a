#include "sdm-controller/store/refusal.h"

#include <string.h>

#include "lib/base/error.h"
#include "lib/pg/error.h"
#include "sdm-controller/store/tx.h"

static const struct {
    const char *constraint;
    enum sdm_error_code code;
    const char *text;
} refusals[] = {
    {"project_check", SDM_ERROR_QUOTA_EXCEEDED,
     "the quota of the project does not allow it: others have just used the rest"},
    {"project_check1", SDM_ERROR_QUOTA_EXCEEDED,
     "the quota of the project does not allow it: others have just made the last reservations"},
    {"reservation_group", SDM_ERROR_ALREADY_EXISTS, "the group has just been made by another"},
    {"reservation_accelerator", SDM_ERROR_PLAN_STALE,
     "the accelerator has just been taken by another"},
    {"segment_one_owner", SDM_ERROR_PLAN_STALE, "an extent of the plan has an owner"},
    {"segment_of_brick", SDM_ERROR_PLAN_STALE, "a brick of the plan is off, retired or smaller"},
    {"segment_within_brick", SDM_ERROR_PLAN_STALE, "a brick of the plan is smaller"},
};

static const struct {
    const char *constraint;
    const char *text;
} races[] = {
    {"stored_reply_pkey", "the key has just been used"},
    /* The ledger knows a circuit that another transaction has made and not yet committed. */
    {"segment_circuit_circuit_fkey", "a circuit of the plan is not in the database"},
};

GError *sdm_refusal_of(GError *violation_take)
{
    g_autoptr(GError) violation = violation_take;
    const char *constraint = sdm_pg_constraint(violation);
    GError *meaning = NULL;

    for (size_t i = 0; i < G_N_ELEMENTS(refusals); i++) {
        if (strcmp(refusals[i].constraint, constraint) == 0) {
            sdm_refuse(&meaning, refusals[i].code, "%s", refusals[i].text);
            return meaning;
        }
    }
    for (size_t i = 0; i < G_N_ELEMENTS(races); i++) {
        if (strcmp(races[i].constraint, constraint) == 0) {
            sdm_tx_raced(&meaning, "%s", races[i].text);
            return meaning;
        }
    }
    return g_steal_pointer(&violation);
}
