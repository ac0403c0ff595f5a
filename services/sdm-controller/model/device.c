#include "sdm-controller/model/device.h"

#include <string.h>

#include <glib.h>

static const char *const kind_names[] = {
    [SDM_DEVICE_KIND_COMPUTE] = "compute",         [SDM_DEVICE_KIND_MEMORY] = "memory",
    [SDM_DEVICE_KIND_ACCELERATOR] = "accelerator", [SDM_DEVICE_KIND_ELECTRICAL] = "electrical",
    [SDM_DEVICE_KIND_OPTICAL] = "optical",
};

G_STATIC_ASSERT(G_N_ELEMENTS(kind_names) == SDM_N_DEVICE_KIND);

const char *sdm_device_kind_name(enum sdm_device_kind kind)
{
    g_assert((size_t)kind < G_N_ELEMENTS(kind_names));
    return kind_names[kind];
}

bool sdm_device_kind_from_name(const char *name, enum sdm_device_kind *kind)
{
    for (size_t i = 0; i < G_N_ELEMENTS(kind_names); i++) {
        if (strcmp(kind_names[i], name) == 0) {
            *kind = (enum sdm_device_kind)i;
            return true;
        }
    }
    return false;
}

enum sdm_latency_class sdm_device_distance(const struct sdm_device *a, const struct sdm_device *b)
{
    if (a->tray_no == b->tray_no) {
        return SDM_LATENCY_CLASS_TRAY;
    }
    return a->rack_no == b->rack_no ? SDM_LATENCY_CLASS_RACK : SDM_LATENCY_CLASS_INTER_RACK;
}
