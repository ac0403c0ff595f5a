/* What the terminal can show, and drawing signs and colours that fit it.
 *
 * Thread rule: values. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <glib.h>

struct sdm_ctl_screen {
    bool is_tty;     /* the standard output */
    bool is_unicode; /* box drawing signs and arrows may be written */
    bool is_coloured;
    size_t width; /* columns */
};

enum sdm_ctl_sign {
    SDM_CTL_SIGN_HORIZONTAL,
    SDM_CTL_SIGN_VERTICAL,
    SDM_CTL_SIGN_TOP_LEFT,
    SDM_CTL_SIGN_TOP_RIGHT,
    SDM_CTL_SIGN_BOTTOM_LEFT,
    SDM_CTL_SIGN_BOTTOM_RIGHT,
    SDM_CTL_SIGN_BRANCH,
    SDM_CTL_SIGN_LAST_BRANCH,
    SDM_CTL_SIGN_STEM,
    SDM_CTL_SIGN_ARROW,
    SDM_CTL_SIGN_FULL,
    SDM_CTL_SIGN_SCRUBBING,
    SDM_CTL_SIGN_QUARANTINED,
    SDM_CTL_SIGN_FREE,
};

enum sdm_ctl_colour {
    SDM_CTL_PLAIN,
    SDM_CTL_BOLD,
    SDM_CTL_DIM,
    SDM_CTL_RED,
    SDM_CTL_GREEN,
    SDM_CTL_YELLOW,
    SDM_CTL_BLUE,
};

/* Reads the locale (setlocale() has been called), the terminal and its environment.  'colour' is
 * "auto", "always" or "never". */
struct sdm_ctl_screen sdm_ctl_screen_detect(bool want_ascii, const char *colour);

/* One column wide, or four for branches and stems. */
const char *sdm_ctl_sign(const struct sdm_ctl_screen *screen, enum sdm_ctl_sign sign);

/* Switches to a colour, and back with SDM_CTL_PLAIN; "" without colours. */
const char *sdm_ctl_colour(const struct sdm_ctl_screen *screen, enum sdm_ctl_colour colour);

/* Columns that 'text' takes: letters, not bytes; escape sequences take none. */
size_t sdm_ctl_columns(const char *text);

/* Appends 'text', cut to 'width' columns or padded with spaces. */
void sdm_ctl_append_fitted(GString *out, const char *text, size_t width);
