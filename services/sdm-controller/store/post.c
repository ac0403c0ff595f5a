#include "sdm-controller/store/post.h"

struct posting {
    const struct sdm_work_sink *sink;
    struct sdm_work work;
};

static void post(void *data, bool committed)
{
    struct posting *posting = data;

    if (committed) {
        posting->sink->post(posting->sink->data, &posting->work);
    }
    g_free(posting);
}

void sdm_post_device(struct sdm_tx *tx, const struct sdm_work_sink *sink, enum sdm_work_kind kind,
                     int32_t device_no)
{
    struct posting *posting = g_new0(struct posting, 1);

    posting->sink = sink;
    posting->work.kind = kind;
    posting->work.device_no = device_no;
    sdm_tx_on_end(tx, post, posting);
}

void sdm_post_id(struct sdm_tx *tx, const struct sdm_work_sink *sink, enum sdm_work_kind kind,
                 const char *id)
{
    struct posting *posting = g_new0(struct posting, 1);

    posting->sink = sink;
    posting->work.kind = kind;
    g_strlcpy(posting->work.id, id, sizeof posting->work.id);
    sdm_tx_on_end(tx, post, posting);
}
