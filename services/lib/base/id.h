/* Identifiers: UUIDs of reservations, segments, windows and plans; names of bricks and devices. */
#pragma once

#include <stdbool.h>

/* A UUID in its 36 characters and the terminating zero. */
#define SDM_UUID_SIZE 37
/* Names nothing. */
#define SDM_UUID_NIL "00000000-0000-0000-0000-000000000000"
/* The longest id of a rack, tray, brick or switch, with the terminating zero. */
#define SDM_ID_SIZE 64
/* The longest project name, with the terminating zero. */
#define SDM_PROJECT_SIZE 65

/* Writes a UUID of version 7 in lower case: it begins with the time, so that what is made together
 * stands together in an index; 62 bits are random. */
void sdm_uuid_new(char uuid[SDM_UUID_SIZE]);

/* True for 36 characters of lower-case hexadecimal digits and dashes in UUID form. */
bool sdm_uuid_is_valid(const char *uuid);

/* True for 1 to 63 characters of a-z, 0-9, '.', '_' and '-' that begin with a letter or digit. */
bool sdm_id_is_valid(const char *id);
