/* Cleanup attributes for what GLib has none for. */
#pragma once

#include <unistd.h>

static inline void sdm_cleanup_close(int *fd)
{
    if (*fd >= 0) {
        close(*fd);
    }
}

/* Closes a file descriptor at the end of its scope; a negative one is left alone. */
#define SDM_AUTOCLOSE __attribute__((cleanup(sdm_cleanup_close)))
