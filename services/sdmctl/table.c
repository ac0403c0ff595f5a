#include "sdmctl/table.h"

#include <stdio.h>

#include "sdmctl/quantity.h"

struct sdm_ctl_table {
    char **headers;
    size_t n_columns;
    GPtrArray *cells;
};

struct sdm_ctl_table *sdm_ctl_table_new(const char *headers)
{
    struct sdm_ctl_table *table = g_new0(struct sdm_ctl_table, 1);

    table->headers = g_strsplit(headers, "|", -1);
    table->n_columns = g_strv_length(table->headers);
    table->cells = g_ptr_array_new_with_free_func(g_free);
    return table;
}

void sdm_ctl_table_free(struct sdm_ctl_table *table)
{
    if (table != NULL) {
        g_strfreev(table->headers);
        g_ptr_array_unref(table->cells);
        g_free(table);
    }
}

void sdm_ctl_table_add(struct sdm_ctl_table *table, const char *text)
{
    g_ptr_array_add(table->cells, g_strdup(text == NULL || text[0] == '\0' ? "-" : text));
}

void sdm_ctl_table_add_format(struct sdm_ctl_table *table, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    g_ptr_array_add(table->cells, g_strdup_vprintf(format, arguments));
    va_end(arguments);
}

void sdm_ctl_table_add_size(struct sdm_ctl_table *table, guint64 size_bytes)
{
    char text[SDM_CTL_QUANTITY_SIZE];

    sdm_ctl_table_add(table, sdm_ctl_size_format(size_bytes, text));
}

static bool is_right(const char *header)
{
    return header[0] == '>';
}

static size_t column_width(const struct sdm_ctl_table *table, size_t column)
{
    const char *header = table->headers[column];
    size_t width = sdm_ctl_columns(header + is_right(header));

    for (size_t i = column; i < table->cells->len; i += table->n_columns) {
        width = MAX(width, sdm_ctl_columns(table->cells->pdata[i]));
    }
    return width;
}

static void append_cell(GString *out, const char *text, size_t width, bool right)
{
    size_t columns = sdm_ctl_columns(text);
    size_t padding = width > columns ? width - columns : 0;

    g_string_append_printf(out, "%*s%s%*s", right ? (int)padding : 0, "", text,
                           right ? 0 : (int)padding, "");
}

static void end_line(GString *out)
{
    while (out->len > 0 && out->str[out->len - 1] == ' ') {
        g_string_truncate(out, out->len - 1);
    }
    g_string_append_c(out, '\n');
}

char *sdm_ctl_table_format(const struct sdm_ctl_table *table, const struct sdm_ctl_screen *screen,
                           unsigned indent)
{
    g_autofree size_t *widths = g_new(size_t, table->n_columns);
    GString *out = g_string_new(NULL);

    if (table->cells->len == 0) {
        return g_string_free(out, FALSE);
    }
    g_string_append_printf(out, "%*s%s", (int)indent, "", sdm_ctl_colour(screen, SDM_CTL_BOLD));
    for (size_t i = 0; i < table->n_columns; i++) {
        const char *header = table->headers[i];

        widths[i] = column_width(table, i);
        g_string_append(out, i > 0 ? "  " : "");
        append_cell(out, header + is_right(header), widths[i], is_right(header));
    }
    if (!screen->is_coloured) {
        end_line(out);
    } else {
        g_string_append_printf(out, "%s\n", sdm_ctl_colour(screen, SDM_CTL_PLAIN));
    }
    for (size_t i = 0; i < table->cells->len; i++) {
        size_t column = i % table->n_columns;

        g_string_append_printf(out, "%*s", column == 0 ? (int)indent : 2, "");
        append_cell(out, table->cells->pdata[i], widths[column], is_right(table->headers[column]));
        if (column + 1 == table->n_columns) {
            end_line(out);
        }
    }
    return g_string_free(out, FALSE);
}

void sdm_ctl_table_print(const struct sdm_ctl_table *table, const struct sdm_ctl_screen *screen,
                         unsigned indent)
{
    g_autofree char *text = sdm_ctl_table_format(table, screen, indent);

    fputs(text, stdout);
}
