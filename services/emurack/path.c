#include "emurack/path.h"

/* Where a signal that enters a switch by a port leaves it again. */
static void leave_switch(const struct sdm_emu_device *device, unsigned port, GPtrArray *arrivals,
                         GHashTable *seen)
{
    for (unsigned i = 0; i < device->connections->len; i++) {
        const struct sdm_emu_connection *connection =
            &g_array_index(device->connections, struct sdm_emu_connection, i);
        unsigned out;

        if (connection->a != port && connection->b != port) {
            continue;
        }
        out = connection->a == port ? connection->b : connection->a;
        /* An uplink carries several connections, so a walk may meet a cable twice. */
        if (device->ports[out].device != NULL && g_hash_table_add(seen, &device->ports[out])) {
            g_ptr_array_add(arrivals, &device->ports[out]);
        }
    }
}

bool sdm_emu_path_exists(const struct sdm_emu_device *compute, unsigned port,
                         const struct sdm_emu_device *memory)
{
    g_autoptr(GPtrArray) arrivals = g_ptr_array_new();
    g_autoptr(GHashTable) seen = g_hash_table_new(NULL, NULL);

    if (port >= compute->n_ports || compute->dead || memory->dead || !compute->powered ||
        !memory->powered) {
        return false;
    }
    g_ptr_array_add(arrivals, &compute->ports[port]);
    while (arrivals->len > 0) {
        const struct sdm_emu_port *arrival =
            g_ptr_array_steal_index_fast(arrivals, arrivals->len - 1);

        if (arrival->device == memory) {
            return true;
        }
        if (arrival->device != NULL && sdm_emu_is_switch(arrival->device) &&
            !arrival->device->dead) {
            leave_switch(arrival->device, arrival->port, arrivals, seen);
        }
    }
    return false;
}
