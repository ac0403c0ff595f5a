/* Reads what the agent needs from a live domain's XML, and writes a DIMM's.
 *
 * Pure; any thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

#include "lib/base/id.h"

struct sdm_xml_dimm {
    char alias[128]; /* "" for none */
    uint64_t size_bytes;
    char path[512]; /* "" where the XML names no file */
};

struct sdm_xml_domain {
    int id; /* -1 for a domain that does not run */
    char name[256];
    char uuid[SDM_UUID_SIZE];
    unsigned n_slots;
    uint64_t max_memory_bytes;
    uint64_t memory_bytes;         /* at boot and by memory devices */
    uint64_t current_memory_bytes; /* of that what the balloon leaves */
    unsigned stats_period_s;       /* of the balloon; 0 for none */
    bool has_balloon;
    GArray *dimms;         /* of struct sdm_xml_dimm, in the order they were plugged */
    unsigned n_slots_used; /* DIMMs and NVDIMMs */
};

/* 'domain' is zeroed or cleared before; afterwards sdm_xml_domain_clear() it.  False with
 * SDM_FAILED set when the text is not XML of a domain, or a size makes no sense. */
bool sdm_xml_domain_read(const char *xml, struct sdm_xml_domain *domain, GError **error);
void sdm_xml_domain_clear(struct sdm_xml_domain *domain);

/* The domain's name as libvirt makes folder names of it: "ID-" and the first 20 characters; the
 * caller frees it. */
char *sdm_xml_domain_folder(const struct sdm_xml_domain *domain);

/* A DIMM in guest node 0 whose file libvirt finds by 'alias'; the caller frees it. */
char *sdm_xml_dimm_write(const char *alias, uint64_t size_bytes);
