#include "sdm-agent/reconcile/accept.h"

enum sdm_want_verdict sdm_want_judge(const struct sdm_want_seen *seen, uint64_t epoch,
                                     uint64_t generation)
{
    if (epoch < seen->epoch) {
        return SDM_WANT_FENCED;
    }
    if (epoch == seen->epoch && generation < seen->generation) {
        return SDM_WANT_LATE;
    }
    return SDM_WANT_OBEYED;
}
