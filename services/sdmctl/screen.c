#include "sdmctl/screen.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define WIDTH_DEFAULT 80
#define WIDTH_MIN     40
#define WIDTH_MAX     160

static size_t detect_width(void)
{
    const char *columns = g_getenv("COLUMNS");
    struct winsize size;
    size_t width = WIDTH_DEFAULT;

    if (columns != NULL && columns[0] != '\0') {
        width = (size_t)g_ascii_strtoull(columns, NULL, 10);
    } else if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
        width = size.ws_col;
    }
    return CLAMP(width, WIDTH_MIN, WIDTH_MAX);
}

struct sdm_ctl_screen sdm_ctl_screen_detect(bool want_ascii, const char *colour)
{
    bool is_tty = isatty(STDOUT_FILENO) == 1;
    bool is_dumb = g_strcmp0(g_getenv("TERM"), "dumb") == 0 || g_getenv("NO_COLOR") != NULL;
    bool wants_colour =
        g_strcmp0(colour, "always") == 0 || (is_tty && !is_dumb && g_strcmp0(colour, "never") != 0);

    return (struct sdm_ctl_screen){.is_tty = is_tty,
                                   .is_unicode = !want_ascii && g_get_charset(NULL),
                                   .is_coloured = wants_colour,
                                   .width = detect_width()};
}

const char *sdm_ctl_sign(const struct sdm_ctl_screen *screen, enum sdm_ctl_sign sign)
{
    static const struct {
        const char *unicode;
        const char *ascii;
    } signs[] = {
        [SDM_CTL_SIGN_HORIZONTAL] = {"─", "-"},   [SDM_CTL_SIGN_VERTICAL] = {"│", "|"},
        [SDM_CTL_SIGN_TOP_LEFT] = {"┌", "+"},     [SDM_CTL_SIGN_TOP_RIGHT] = {"┐", "+"},
        [SDM_CTL_SIGN_BOTTOM_LEFT] = {"└", "+"},  [SDM_CTL_SIGN_BOTTOM_RIGHT] = {"┘", "+"},
        [SDM_CTL_SIGN_BRANCH] = {"├── ", "|-- "}, [SDM_CTL_SIGN_LAST_BRANCH] = {"└── ", "`-- "},
        [SDM_CTL_SIGN_STEM] = {"│   ", "|   "},   [SDM_CTL_SIGN_ARROW] = {"→", ">"},
        [SDM_CTL_SIGN_FULL] = {"█", "#"},         [SDM_CTL_SIGN_SCRUBBING] = {"▒", "~"},
        [SDM_CTL_SIGN_QUARANTINED] = {"▚", "!"},  [SDM_CTL_SIGN_FREE] = {"░", "."},
    };

    return screen->is_unicode ? signs[sign].unicode : signs[sign].ascii;
}

const char *sdm_ctl_colour(const struct sdm_ctl_screen *screen, enum sdm_ctl_colour colour)
{
    static const char *const codes[] = {
        [SDM_CTL_PLAIN] = "\033[0m", [SDM_CTL_BOLD] = "\033[1m",   [SDM_CTL_DIM] = "\033[2m",
        [SDM_CTL_RED] = "\033[31m",  [SDM_CTL_GREEN] = "\033[32m", [SDM_CTL_YELLOW] = "\033[33m",
        [SDM_CTL_BLUE] = "\033[34m",
    };

    return screen->is_coloured ? codes[colour] : "";
}

/* Past an escape sequence "\033[...m", or 'text' when none begins there. */
static const char *skip_escape(const char *text)
{
    const char *end;

    if (text[0] != '\033') {
        return text;
    }
    end = strchr(text, 'm');
    return end != NULL ? end + 1 : text + strlen(text);
}

size_t sdm_ctl_columns(const char *text)
{
    size_t columns = 0;

    while (*text != '\0') {
        const char *next = skip_escape(text);

        if (next != text) {
            text = next;
            continue;
        }
        /* Bytes that continue a letter take no column. */
        columns += ((unsigned char)*text & 0xc0) != 0x80;
        text++;
    }
    return columns;
}

void sdm_ctl_append_fitted(GString *out, const char *text, size_t width)
{
    size_t columns = 0;

    while (*text != '\0') {
        const char *next = skip_escape(text);

        if (next == text) {
            if (columns == width) {
                next = text + 1;
                while (((unsigned char)*next & 0xc0) == 0x80) {
                    next++;
                }
                /* What is behind the edge is left out, colours are kept. */
                text = next;
                continue;
            }
            next = text + 1;
            while (((unsigned char)*next & 0xc0) == 0x80) {
                next++;
            }
            columns++;
        }
        g_string_append_len(out, text, next - text);
        text = next;
    }
    for (; columns < width; columns++) {
        g_string_append_c(out, ' ');
    }
}
