/* A cable between two ports. */
#pragma once

#include <stdint.h>

struct sdm_port_ref {
    int32_t device_no;
    int32_t port;
};

struct sdm_link {
    int32_t link_no;
    struct sdm_port_ref a;
    struct sdm_port_ref b;
    int32_t bandwidth_mbps;
};
