#include "sdm-controller/store/campaign.h"

#include <string.h>

static bool is_over(const struct sdm_campaign *campaign, int64_t now_us)
{
    const struct sdm_leader *seen = &campaign->seen;

    /* A row that nobody has touched for long, or that our own earlier life left, needs no second
     * look: its sessions are ended before anything else in any case. */
    return now_us - campaign->seen_at_us >= campaign->patience_us ||
           seen->beat_age_us >= campaign->patience_us || strcmp(seen->holder, "") == 0 ||
           strcmp(seen->holder, campaign->holder) == 0;
}

bool sdm_campaign_step(struct sdm_campaign *campaign, struct sdm_pg *pg, int64_t now_us,
                       int64_t *epoch, GError **error)
{
    struct sdm_leader read;
    int64_t n_ended;

    if (!sdm_leader_read(pg, &read, error)) {
        return false;
    }
    if (!campaign->is_watching || read.epoch != campaign->seen.epoch ||
        read.beat_us != campaign->seen.beat_us) {
        campaign->is_watching = true;
        campaign->seen_at_us = now_us;
    }
    campaign->seen = read;
    *epoch = 0;
    if (!is_over(campaign, now_us)) {
        return true;
    }
    return sdm_leader_end_sessions(pg, read.epoch, &n_ended, error) &&
           sdm_leader_take_over(pg, &read, campaign->holder, epoch, error);
}
