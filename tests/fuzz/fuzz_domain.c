/* Any text as the XML of a libvirt domain. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "sdm-agent/backend/domain_xml.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    g_autofree char *xml = g_strndup((const char *)bytes, size);
    struct sdm_xml_domain domain = {0};
    g_autoptr(GError) error = NULL;

    if (sdm_xml_domain_read(xml, &domain, &error)) {
        g_autofree char *folder = sdm_xml_domain_folder(&domain);

        g_assert(strchr(folder, '/') == NULL);
        g_assert(domain.dimms->len <= domain.n_slots_used);
    } else {
        g_assert(error != NULL && g_utf8_validate(error->message, -1, NULL));
    }
    sdm_xml_domain_clear(&domain);
    return 0;
}
