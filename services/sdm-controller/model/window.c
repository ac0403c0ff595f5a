#include "sdm-controller/model/window.h"

#include <inttypes.h>

#include "lib/base/error.h"

bool sdm_window_validate(const struct sdm_window *window, uint64_t unit_bytes, GError **error)
{
    uint64_t start = window->start_bytes;
    uint64_t size = window->size_bytes;

    if (window->entry < 0 || window->entry >= SDM_WINDOW_N_ENTRIES) {
        return sdm_refuse(error, SDM_ERROR_OUT_OF_RANGE, "entry %d is not below %d", window->entry,
                          SDM_WINDOW_N_ENTRIES);
    }
    if (size == 0 || start < SDM_WINDOW_FLOOR_BYTES || start > SDM_WINDOW_CEILING_BYTES ||
        size > SDM_WINDOW_CEILING_BYTES - start) {
        return sdm_refuse(error, SDM_ERROR_OUT_OF_RANGE,
                          "window of %" PRIu64 " bytes at %" PRIu64 " is not within %" PRIu64
                          " to %" PRIu64,
                          size, start, SDM_WINDOW_FLOOR_BYTES, SDM_WINDOW_CEILING_BYTES);
    }
    if (start < SDM_WINDOW_HOLE_END_BYTES && start + size > SDM_WINDOW_HOLE_START_BYTES) {
        return sdm_refuse(error, SDM_ERROR_OUT_OF_RANGE,
                          "window of %" PRIu64 " bytes at %" PRIu64
                          " covers the register file at %" PRIu64,
                          size, start, SDM_WINDOW_HOLE_START_BYTES);
    }
    if (start % unit_bytes != 0 || size % unit_bytes != 0) {
        return sdm_refuse(error, SDM_ERROR_NOT_ALIGNED,
                          "window of %" PRIu64 " bytes at %" PRIu64
                          " is not aligned to the unit of %" PRIu64,
                          size, start, unit_bytes);
    }
    return true;
}

bool sdm_window_level_may_step(enum sdm_window_level from, enum sdm_window_level to)
{
    return (int)from - (int)to == 1 || (int)to - (int)from == 1;
}

enum sdm_window_level sdm_window_level_next(enum sdm_window_level have, enum sdm_window_level want)
{
    if (have == want) {
        return have;
    }
    return (enum sdm_window_level)(have < want ? (int)have + 1 : (int)have - 1);
}
