/* Tables for people: columns as wide as what stands in them, a header in capitals.
 *
 * Thread rule: a table belongs to one thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <glib.h>

#include "sdmctl/screen.h"

struct sdm_ctl_table;
typedef struct sdm_ctl_table sdm_ctl_table;

/* 'headers' are the columns' names joined by '|'; one that begins with '>' is set to the right. */
struct sdm_ctl_table *sdm_ctl_table_new(const char *headers);
void sdm_ctl_table_free(struct sdm_ctl_table *table);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(sdm_ctl_table, sdm_ctl_table_free)

/* Appends a cell, row after row; NULL and "" show as "-". */
void sdm_ctl_table_add(struct sdm_ctl_table *table, const char *text);
void sdm_ctl_table_add_format(struct sdm_ctl_table *table, const char *format, ...)
    G_GNUC_PRINTF(2, 3);
/* A size as sdm_ctl_size_format() writes it. */
void sdm_ctl_table_add_size(struct sdm_ctl_table *table, guint64 size_bytes);

/* The table's text, each line after 'indent' spaces, without trailing spaces; "" without rows.  The
 * last row must be complete.  The caller frees it. */
char *sdm_ctl_table_format(const struct sdm_ctl_table *table, const struct sdm_ctl_screen *screen,
                           unsigned indent);
/* Prints it. */
void sdm_ctl_table_print(const struct sdm_ctl_table *table, const struct sdm_ctl_screen *screen,
                         unsigned indent);
