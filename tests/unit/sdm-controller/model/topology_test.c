#include "sdm-controller/model/topology.h"

#include <criterion/criterion.h>
#include <string.h>

#include "lib/base/error.h"

/* A rack with a tray: compute brick, two memory bricks, accelerator, switch; linked. */
struct sample {
    struct sdm_rack racks[2];
    struct sdm_tray trays[2];
    struct sdm_device devices[5];
    struct sdm_link links[3];
    uint64_t ends[5];
    struct sdm_topology_spec spec;
};

enum { COMPUTE, MEMORY, MEMORY_2, ACCELERATOR, SWITCH };

static void set_device(struct sample *sample, int i, enum sdm_device_kind kind, const char *id)
{
    struct sdm_device *device = &sample->devices[i];

    device->device_no = i + 1;
    device->kind = kind;
    device->tray_no = 1;
    device->n_ports = 4;
    device->module = (uint32_t)i;
    device->capacity_bytes = kind == SDM_DEVICE_KIND_MEMORY ? 8 * 4096 : 0;
    g_strlcpy(device->id, id, sizeof device->id);
}

static void init(struct sample *sample)
{
    memset(sample, 0, sizeof *sample);
    sample->racks[0] = (struct sdm_rack){.rack_no = 1, .id = "r1"};
    sample->racks[1] = (struct sdm_rack){.rack_no = 2, .id = "r2"};
    sample->trays[0] = (struct sdm_tray){.tray_no = 1, .rack_no = 1, .id = "t1"};
    sample->trays[1] = (struct sdm_tray){.tray_no = 2, .rack_no = 2, .id = "t2"};
    set_device(sample, COMPUTE, SDM_DEVICE_KIND_COMPUTE, "c1");
    set_device(sample, MEMORY, SDM_DEVICE_KIND_MEMORY, "m1");
    set_device(sample, MEMORY_2, SDM_DEVICE_KIND_MEMORY, "m2");
    set_device(sample, ACCELERATOR, SDM_DEVICE_KIND_ACCELERATOR, "a1");
    g_strlcpy(sample->devices[ACCELERATOR].accelerator_kind, "fpga",
              sizeof sample->devices[ACCELERATOR].accelerator_kind);
    set_device(sample, SWITCH, SDM_DEVICE_KIND_ELECTRICAL, "s1");
    for (int i = 0; i < 3; i++) {
        sample->links[i] = (struct sdm_link){i + 1, {i + 1, 0}, {SWITCH + 1, i}, 1000};
    }
    sample->spec =
        (struct sdm_topology_spec){sample->racks, 2, sample->trays, 2,           sample->devices, 5,
                                   sample->links, 3, 4096,          sample->ends};
}

static void rack_twice(struct sample *s)
{
    g_strlcpy(s->racks[1].id, "r1", sizeof s->racks[1].id);
}

static void rack_number_twice(struct sample *s)
{
    s->racks[1].rack_no = 1;
}

static void rack_number_zero(struct sample *s)
{
    s->racks[0].rack_no = 0;
}

static void rack_without_id(struct sample *s)
{
    s->racks[0].id[0] = '\0';
}

static void tray_twice(struct sample *s)
{
    g_strlcpy(s->trays[1].id, "t1", sizeof s->trays[1].id);
}

static void tray_number_twice(struct sample *s)
{
    s->trays[1].tray_no = 1;
}

static void tray_of_unknown_rack(struct sample *s)
{
    s->trays[1].rack_no = 9;
}

static void device_twice(struct sample *s)
{
    g_strlcpy(s->devices[MEMORY].id, "c1", sizeof s->devices[MEMORY].id);
}

static void device_number_twice(struct sample *s)
{
    s->devices[MEMORY].device_no = 1;
}

static void device_number_too_high(struct sample *s)
{
    s->devices[MEMORY].device_no = SDM_DEVICE_NO_MAX + 1;
}

static void device_in_unknown_tray(struct sample *s)
{
    s->devices[COMPUTE].tray_no = 7;
}

static void brick_without_tray(struct sample *s)
{
    s->devices[COMPUTE].tray_no = 0;
    s->devices[COMPUTE].rack_no = 1;
}

static void switch_in_unknown_rack(struct sample *s)
{
    s->devices[SWITCH].tray_no = 0;
    s->devices[SWITCH].rack_no = 7;
}

static void device_in_another_rack_than_its_tray(struct sample *s)
{
    s->devices[COMPUTE].rack_no = 2;
}

static void without_ports(struct sample *s)
{
    s->devices[COMPUTE].n_ports = 0;
}

static void memory_without_capacity(struct sample *s)
{
    s->devices[MEMORY].capacity_bytes = 0;
}

static void capacity_off_the_unit(struct sample *s)
{
    s->devices[MEMORY].capacity_bytes = 4096 + 1;
}

static void capacity_below_a_segment(struct sample *s)
{
    s->ends[MEMORY] = 9 * 4096;
}

static void module_twice(struct sample *s)
{
    s->devices[MEMORY_2].module = s->devices[MEMORY].module;
}

static void module_too_high(struct sample *s)
{
    s->devices[MEMORY].module = 0x1000000;
}

static void accelerator_without_kind(struct sample *s)
{
    s->devices[ACCELERATOR].accelerator_kind[0] = '\0';
}

static void link_to_nowhere(struct sample *s)
{
    s->links[0].b.device_no = 99;
}

static void link_from_nowhere(struct sample *s)
{
    s->links[0].a.device_no = 0;
}

static void both_ends_nowhere(struct sample *s)
{
    s->links[0].a.device_no = 98;
    s->links[0].b.device_no = 99;
}

static void port_out_of_range(struct sample *s)
{
    s->links[0].b.port = 4;
}

static void port_negative(struct sample *s)
{
    s->links[0].a.port = -1;
}

static void port_linked_twice(struct sample *s)
{
    s->links[1].b.port = 0;
}

static void link_to_itself(struct sample *s)
{
    s->links[0].b = (struct sdm_port_ref){1, 1};
}

static void link_without_bandwidth(struct sample *s)
{
    s->links[0].bandwidth_mbps = 0;
}

static void unit_too_small(struct sample *s)
{
    s->spec.segment_unit_bytes = 2048;
}

static void unit_no_power_of_two(struct sample *s)
{
    s->spec.segment_unit_bytes = 3 * 4096;
}

Test(topology_check, names_what_does_not_fit)
{
    static const struct {
        const char *label;
        void (*spoil)(struct sample *sample);
        const char *culprit;
    } cases[] = {
        {"rack twice", rack_twice, "two racks have the id 'r1'"},
        {"rack number twice", rack_number_twice, "'r2'"},
        {"rack number zero", rack_number_zero, "'r1' has number 0"},
        {"rack without id", rack_without_id, "id ''"},
        {"tray twice", tray_twice, "two trays have the id 't1'"},
        {"tray number twice", tray_number_twice, "'t2'"},
        {"tray of unknown rack", tray_of_unknown_rack, "'t2' is in rack 9"},
        {"device twice", device_twice, "two devices have the id 'c1'"},
        {"device number twice", device_number_twice, "'m1' has number 1"},
        {"device number too high", device_number_too_high, "'m1' has number 16777216"},
        {"unknown tray", device_in_unknown_tray, "'c1' is in tray 7"},
        {"no tray", brick_without_tray, "'c1' is in no tray"},
        {"unknown rack", switch_in_unknown_rack, "'s1' is in rack 7"},
        {"another rack", device_in_another_rack_than_its_tray, "'c1' is in rack 2"},
        {"no ports", without_ports, "'c1' has 0 ports"},
        {"no capacity", memory_without_capacity, "'m1' has a capacity of 0"},
        {"off the unit", capacity_off_the_unit, "'m1' has a capacity of 4097"},
        {"below a segment", capacity_below_a_segment, "a segment that ends at 36864"},
        {"module twice", module_twice, "'m1' and 'm2' have the module 1"},
        {"module too high", module_too_high, "'m1' has module 16777216"},
        {"no kind", accelerator_without_kind, "'a1' has no accelerator kind"},
        {"link to nowhere", link_to_nowhere, "port 0 of 'c1' leads to device 99"},
        {"link from nowhere", link_from_nowhere, "port 0 of 's1' leads to device 0"},
        {"both ends nowhere", both_ends_nowhere, "of '?' leads to device 98"},
        {"port out of range", port_out_of_range, "port 4 of 's1'"},
        {"port negative", port_negative, "port -1 of 'c1'"},
        {"port linked twice", port_linked_twice, "port 0 of 's1' is linked twice"},
        {"link to itself", link_to_itself, "one device, 'c1'"},
        {"no bandwidth", link_without_bandwidth, "port 0 of 'c1' has no bandwidth"},
        {"unit too small", unit_too_small, "2048"},
        {"unit no power", unit_no_power_of_two, "12288"},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        struct sample sample;

        init(&sample);
        cases[i].spoil(&sample);
        cr_assert_not(sdm_topology_check(&sample.spec, &error), "%s", cases[i].label);
        cr_assert(g_error_matches(error, SDM_ERROR, SDM_ERROR_INVALID_TOPOLOGY), "%s",
                  cases[i].label);
        cr_assert_not_null(strstr(error->message, cases[i].culprit), "%s: %s", cases[i].label,
                           error->message);
    }
}

Test(topology_check, lets_pass_what_fits)
{
    g_autoptr(GError) error = NULL;
    struct sdm_topology_spec empty = {0};
    struct sample sample;

    init(&sample);
    cr_assert(sdm_topology_check(&sample.spec, &error), "%s", error ? error->message : "");
    sample.ends[MEMORY] = 8 * 4096;
    cr_assert(sdm_topology_check(&sample.spec, NULL));
    sample.spec.segments_end_bytes = NULL;
    sample.devices[SWITCH].tray_no = 0;
    cr_assert(sdm_topology_check(&sample.spec, NULL));
    cr_assert(sdm_topology_check(&empty, NULL));
}
