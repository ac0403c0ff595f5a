/* The heads of the audit log outside of the database: a file that is only added to, a line of JSON
 * (event.audit_head/1) a block.  Whoever can rewrite the database cannot thereby rewrite this.
 *
 * Thread rule: one thread's. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

#include "wire/event.h"

struct sdm_audit_file;
typedef struct sdm_audit_file sdm_audit_file;

/* Opens the file, makes it if need be (mode 0640), and reads what it ends with; a last line that a
 * crash has left unfinished is cut off.  NULL with INVALID_VALUE for a file that holds something
 * else, or what the system said. */
struct sdm_audit_file *sdm_audit_file_open(const char *path, GError **error);
void sdm_audit_file_close(struct sdm_audit_file *file);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(sdm_audit_file, sdm_audit_file_close)

/* The last block that it has; 'block' 0 when it has none. */
const struct sdm_event_audit_head *sdm_audit_file_last(const struct sdm_audit_file *file);

/* Adds a line; it is on the disk when this returns true. */
bool sdm_audit_file_add(struct sdm_audit_file *file, const struct sdm_event_audit_head *head,
                        GError **error);
