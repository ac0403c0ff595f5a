#include <criterion/criterion.h>

#include <string.h>

#include "lib/base/error.h"
#include "sdm-agent/backend/domain_xml.h"

static const char live[] =
    "<domain type='qemu' id='3'>\n"
    "  <name>a-name-of-more-than-twenty-characters</name>\n"
    "  <uuid>43d36f48-f460-41a9-bb4f-d3e99aaf2389</uuid>\n"
    "  <metadata><x:name xmlns:x='urn:x'>other</x:name><memory>1</memory></metadata>\n"
    "  <maxMemory slots='16' unit='KiB'>8388608</maxMemory>\n"
    "  <memory unit='KiB'>786432</memory>\n"
    "  <currentMemory unit='MiB'>700</currentMemory>\n"
    "  <devices>\n"
    "    <emulator>/usr/bin/qemu</emulator>\n"
    "    <memballoon model='virtio'><stats period='5'/><alias name='balloon0'/></memballoon>\n"
    "    <memory model='dimm' access='shared'>\n"
    "      <target><size unit='KiB'>524288</size><node>0</node></target>\n"
    "      <alias name='ua-sdm-11111111-1111-4111-8111-111111111111'/>\n"
    "      <address type='dimm' slot='0' base='0x100000000'/>\n"
    "    </memory>\n"
    "    <memory model='nvdimm'><source><path>/dev/pmem</path></source>\n"
    "      <target><size unit='KiB'>1024</size></target><alias name='nvdimm0'/></memory>\n"
    "    <memory model='virtio-mem'><target><size unit='KiB'>2048</size></target></memory>\n"
    "    <memory model='dimm'><source><path>/segments/2</path></source>\n"
    "      <target><size unit='GiB'>1</size></target></memory>\n"
    "  </devices>\n"
    "</domain>\n";

Test(domain_xml, reads_a_live_domain)
{
    struct sdm_xml_domain domain = {0};
    g_autoptr(GError) error = NULL;
    g_autofree char *folder = NULL;
    const struct sdm_xml_dimm *dimms;

    cr_assert(sdm_xml_domain_read(live, &domain, &error), "%s", error ? error->message : "");
    cr_expect_eq(domain.id, 3);
    cr_expect_str_eq(domain.uuid, "43d36f48-f460-41a9-bb4f-d3e99aaf2389");
    cr_expect_eq(domain.n_slots, 16);
    cr_expect_eq(domain.n_slots_used, 3);
    cr_expect_eq(domain.max_memory_bytes, UINT64_C(8) << 30);
    cr_expect_eq(domain.memory_bytes, UINT64_C(768) << 20);
    cr_expect_eq(domain.current_memory_bytes, UINT64_C(700) << 20);
    cr_expect(domain.has_balloon);
    cr_expect_eq(domain.stats_period_s, 5);
    cr_assert_eq(domain.dimms->len, 2);
    dimms = &g_array_index(domain.dimms, struct sdm_xml_dimm, 0);
    cr_expect_str_eq(dimms[0].alias, "ua-sdm-11111111-1111-4111-8111-111111111111");
    cr_expect_eq(dimms[0].size_bytes, UINT64_C(512) << 20);
    cr_expect_str_eq(dimms[0].path, "");
    cr_expect_str_eq(dimms[1].alias, "");
    cr_expect_eq(dimms[1].size_bytes, UINT64_C(1) << 30);
    cr_expect_str_eq(dimms[1].path, "/segments/2");
    folder = sdm_xml_domain_folder(&domain);
    cr_expect_str_eq(folder, "3-a-name-of-more-than-");
    sdm_xml_domain_clear(&domain);
}

Test(domain_xml, reads_one_with_little_in_it)
{
    struct sdm_xml_domain domain = {0};

    cr_assert(sdm_xml_domain_read("<domain><name>n</name>"
                                  "<uuid>43d36f48-f460-41a9-bb4f-d3e99aaf2389</uuid>"
                                  "<devices><memballoon model='none'/></devices></domain>",
                                  &domain, NULL));
    cr_expect_eq(domain.id, -1);
    cr_expect_not(domain.has_balloon);
    cr_expect_eq(domain.n_slots, 0);
    cr_expect_eq(domain.dimms->len, 0);
    sdm_xml_domain_clear(&domain);
}

Test(domain_xml, refuses_what_is_no_domain)
{
    static const char *const texts[] = {
        "",
        "no XML",
        "<domain>",
        "<domain></domain>",
        "<domain><name>n</name><uuid>not-one</uuid></domain>",
        "<domain><name>n</name><uuid>43d36f48-f460-41a9-bb4f-d3e99aaf2389</uuid>"
        "<memory unit='parsec'>3</memory></domain>",
        "<domain><name>n</name><uuid>43d36f48-f460-41a9-bb4f-d3e99aaf2389</uuid>"
        "<memory unit='TiB'>99999999999999</memory></domain>",
        "<domain><name>n</name><uuid>43d36f48-f460-41a9-bb4f-d3e99aaf2389</uuid>"
        "<memory>much</memory></domain>"};

    for (unsigned i = 0; i < G_N_ELEMENTS(texts); i++) {
        struct sdm_xml_domain domain = {0};
        g_autoptr(GError) error = NULL;

        cr_expect_not(sdm_xml_domain_read(texts[i], &domain, &error), "'%s'", texts[i]);
        cr_expect(g_error_matches(error, SDM_FAILED, 0) || error->domain == SDM_FAILED, "'%s'",
                  texts[i]);
    }
}

Test(domain_xml, writes_a_dimm_that_it_reads)
{
    g_autofree char *dimm = sdm_xml_dimm_write("ua-sdm-x", UINT64_C(512) << 20);
    g_autofree char *text =
        g_strdup_printf("<domain><name>n</name><uuid>43d36f48-f460-41a9-bb4f-d3e99aaf2389</uuid>"
                        "<devices>%s</devices></domain>",
                        dimm);
    struct sdm_xml_domain domain = {0};
    const struct sdm_xml_dimm *read;

    cr_assert(sdm_xml_domain_read(text, &domain, NULL));
    cr_assert_eq(domain.dimms->len, 1);
    read = &g_array_index(domain.dimms, struct sdm_xml_dimm, 0);
    cr_expect_str_eq(read->alias, "ua-sdm-x");
    cr_expect_eq(read->size_bytes, UINT64_C(512) << 20);
    sdm_xml_domain_clear(&domain);
}
