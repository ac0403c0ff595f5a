#include "emurack/switch.h"

#include "emurack/cuts.h"
#include "emurack/rmc.h"
#include "lib/base/error.h"

static struct sdm_emu_connection order(unsigned a, unsigned b)
{
    return (struct sdm_emu_connection){MIN(a, b), MAX(a, b)};
}

static const struct sdm_emu_connection *connection_at(const struct sdm_emu_device *device,
                                                      unsigned index)
{
    return &g_array_index(device->connections, struct sdm_emu_connection, index);
}

static bool check_ports(const struct sdm_emu_device *device, unsigned a, unsigned b, GError **error)
{
    if (a >= device->n_ports || b >= device->n_ports) {
        return sdm_refuse(error, SDM_ERROR_OUT_OF_RANGE, "switch '%s' has ports 0 to %u, not %u",
                          device->id, device->n_ports - 1, MAX(a, b));
    }
    if (a == b) {
        return sdm_refuse(error, SDM_ERROR_INVALID_VALUE, "port %u of '%s' with itself", a,
                          device->id);
    }
    return true;
}

/* Where the pair stands, or would stand, in the sorted list. */
static bool find(const struct sdm_emu_device *device, struct sdm_emu_connection wanted,
                 unsigned *index)
{
    for (*index = 0; *index < device->connections->len; (*index)++) {
        const struct sdm_emu_connection *found = connection_at(device, *index);

        if (found->a == wanted.a && found->b == wanted.b) {
            return true;
        }
        if (found->a > wanted.a || (found->a == wanted.a && found->b > wanted.b)) {
            return false;
        }
    }
    return false;
}

static bool is_connected(const struct sdm_emu_device *device, unsigned port)
{
    for (unsigned i = 0; i < device->connections->len; i++) {
        if (connection_at(device, i)->a == port || connection_at(device, i)->b == port) {
            return true;
        }
    }
    return false;
}

static bool carries_several(const struct sdm_emu_device *device, unsigned port)
{
    const struct sdm_emu_device *other = device->ports[port].device;

    return device->kind == SDM_EMU_ELECTRICAL && other != NULL && sdm_emu_is_switch(other);
}

static bool check_free(const struct sdm_emu_device *device, unsigned port, GError **error)
{
    if (is_connected(device, port) && !carries_several(device, port)) {
        return sdm_refuse(error, SDM_ERROR_IN_USE, "port %u of %s switch '%s' is connected", port,
                          sdm_emu_kind_name(device->kind), device->id);
    }
    return true;
}

bool sdm_emu_switch_connect(struct sdm_emu_device *device, unsigned a, unsigned b, GError **error)
{
    struct sdm_emu_connection wanted = order(a, b);
    unsigned index;

    if (!check_ports(device, a, b, error)) {
        return false;
    }
    if (find(device, wanted, &index)) {
        return true;
    }
    if (!check_free(device, a, error) || !check_free(device, b, error)) {
        return false;
    }
    g_array_insert_val(device->connections, index, wanted);
    return true;
}

bool sdm_emu_switch_disconnect(struct sdm_emu *emu, struct sdm_emu_device *device, unsigned a,
                               unsigned b, GError **error)
{
    g_autoptr(GArray) before = NULL;
    unsigned index;

    if (!check_ports(device, a, b, error)) {
        return false;
    }
    if (!find(device, order(a, b), &index)) {
        return true;
    }
    before = sdm_emu_rmc_reachable(emu);
    g_array_remove_index(device->connections, index);
    sdm_emu_cuts_note(emu, before, device, a, b);
    return true;
}

void sdm_emu_switch_list(const struct sdm_emu_device *device, GString *text)
{
    g_string_append_printf(text, " %u", device->connections->len);
    for (unsigned i = 0; i < device->connections->len; i++) {
        g_string_append_printf(text, " %u-%u", connection_at(device, i)->a,
                               connection_at(device, i)->b);
    }
}

bool sdm_emu_switch_reaches(const struct sdm_emu_device *brick, unsigned port)
{
    const struct sdm_emu_port *end = &brick->ports[port];

    return end->device != NULL && sdm_emu_is_switch(end->device) &&
           is_connected(end->device, end->port);
}
