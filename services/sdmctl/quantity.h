/* Sizes and durations as people write them: "1GiB", "512MiB", "90s", "2h".
 *
 * Pure.  Thread rule: any thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

/* Room for any text of the formatters. */
#define SDM_CTL_QUANTITY_SIZE 40

/* A number, with a fraction if it comes out in whole bytes, and a unit: B, KiB, MiB, GiB, TiB, PiB;
 * K to P mean the same; no unit is bytes.  Refuses INVALID_VALUE for anything else (also for kB or
 * GB, which are no powers of 1024), OUT_OF_RANGE above 2^60. */
bool sdm_ctl_size_parse(const char *text, uint64_t *size_bytes, GError **error);

/* A whole number and a unit: ms, s, m or min, h, d; no unit is seconds; several one after the other
 * add up ("1h30m").  Refuses INVALID_VALUE, OUT_OF_RANGE above 10 years. */
bool sdm_ctl_duration_parse(const char *text, uint64_t *duration_ms, GError **error);

/* "1.5GiB": exact when it is whole in some unit or has at most two digits behind the point, else
 * rounded to one digit with '~' before it.  Returns 'out'. */
const char *sdm_ctl_size_format(uint64_t size_bytes, char out[SDM_CTL_QUANTITY_SIZE]);

/* The same but always exact, so that it can be given back as an option. */
const char *sdm_ctl_size_format_exact(uint64_t size_bytes, char out[SDM_CTL_QUANTITY_SIZE]);

/* "2h", "1min 30s", "800ms". */
const char *sdm_ctl_duration_format(uint64_t duration_ms, char out[SDM_CTL_QUANTITY_SIZE]);

/* Milliwatts as "12.5W". */
const char *sdm_ctl_power_format(uint64_t power_mw, char out[SDM_CTL_QUANTITY_SIZE]);

/* Mbit/s as "10Gbit/s". */
const char *sdm_ctl_bandwidth_format(uint64_t bandwidth_mbps, char out[SDM_CTL_QUANTITY_SIZE]);
