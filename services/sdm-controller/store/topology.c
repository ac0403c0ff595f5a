#include "sdm-controller/store/topology.h"

#include <stdlib.h>

#include "lib/base/error.h"
#include "lib/pg/copy.h"
#include "sdm-controller/store/statements.h"

static const struct sdm_pg_statement unit_statement = {
    .name = "topology_unit",
    .sql = "SELECT p.segment_unit_bytes::bigint FROM sdm.pod p",
};

static const struct sdm_pg_statement racks_statement = {
    .name = "topology_racks",
    .sql = "SELECT r.rack_no::integer, r.id::text, r.management::text FROM sdm.rack r"
           " ORDER BY r.rack_no",
};

static const struct sdm_pg_statement trays_statement = {
    .name = "topology_trays",
    .sql = "SELECT t.tray_no::integer, t.rack_no::integer, t.id::text FROM sdm.tray t"
           " ORDER BY t.tray_no",
};

static const struct sdm_pg_statement devices_statement = {
    .name = "topology_devices",
    .sql = "SELECT d.device_no::integer, d.kind::text, coalesce(d.tray_no, 0)::integer,"
           " coalesce(d.rack_no, 0)::integer, d.n_ports::integer, coalesce(d.module, 0)::integer,"
           " coalesce(d.capacity_bytes, 0)::bigint, coalesce(d.local_bytes, 0)::bigint,"
           " d.idle_mw::integer, d.active_mw::integer, d.wake_ms::integer, d.state::text,"
           " d.want_power::text, d.have_power::text, d.id::text, d.accelerator_kind::text,"
           " d.management::text FROM sdm.device d ORDER BY d.device_no",
};

static const struct sdm_pg_statement links_statement = {
    .name = "topology_links",
    .sql = "SELECT l.link_no::integer, l.bandwidth_mbps::integer FROM sdm.link l"
           " ORDER BY l.link_no",
};

/* A link's two ends are put together here: the server takes longer to join them. */
static const struct sdm_pg_statement ports_statement = {
    .name = "topology_ports",
    .sql = "SELECT p.link_no::integer, p.device_no::integer, p.port::integer,"
           " (p.side = 'a')::boolean FROM sdm.port p",
};

static const struct sdm_pg_statement insert_unit_statement = {
    .name = "topology_insert_unit",
    .sql = "INSERT INTO sdm.pod (segment_unit_bytes) VALUES ($1::bigint)",
    .n_params = 1,
};

static const struct sdm_pg_statement insert_racks_statement = {
    .name = "topology_insert_racks",
    .sql = "INSERT INTO sdm.rack (rack_no, id, management) OVERRIDING SYSTEM VALUE"
           " SELECT q.rack_no::integer, q.id, q.management"
           " FROM unnest($1::bigint[], $2::text[], $3::text[]) AS q (rack_no, id, management)",
    .n_params = 3,
};

static const struct sdm_pg_statement insert_trays_statement = {
    .name = "topology_insert_trays",
    .sql = "INSERT INTO sdm.tray (tray_no, rack_no, id) OVERRIDING SYSTEM VALUE"
           " SELECT q.tray_no::integer, q.rack_no::integer, q.id"
           " FROM unnest($1::bigint[], $2::bigint[], $3::text[]) AS q (tray_no, rack_no, id)",
    .n_params = 3,
};

static const struct sdm_pg_statement insert_devices_statement = {
    .name = "topology_insert_devices",
    .sql = "INSERT INTO sdm.device (device_no, kind, tray_no, rack_no, n_ports, module,"
           " capacity_bytes, local_bytes, idle_mw, active_mw, wake_ms, want_power, have_power, id,"
           " accelerator_kind, management) OVERRIDING SYSTEM VALUE"
           " SELECT q.device_no::integer, q.kind::sdm.device_kind, q.tray_no::integer,"
           " q.rack_no::integer, q.n_ports::integer, q.module::integer, q.capacity_bytes,"
           " q.local_bytes, q.idle_mw::integer, q.active_mw::integer, q.wake_ms::integer,"
           " q.power::sdm.power_state, q.power::sdm.power_state, q.id, q.accelerator_kind,"
           " q.management"
           " FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[],"
           " $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[],"
           " $12::text[], $13::text[], $14::text[], $15::text[]) AS q (device_no, kind, tray_no,"
           " rack_no, n_ports, module, capacity_bytes, local_bytes, idle_mw, active_mw, wake_ms,"
           " power, id, accelerator_kind, management)",
    .n_params = 15,
};

static const struct sdm_pg_statement insert_links_statement = {
    .name = "topology_insert_links",
    .sql = "INSERT INTO sdm.link (link_no, bandwidth_mbps) OVERRIDING SYSTEM VALUE"
           " SELECT q.link_no::integer, q.bandwidth_mbps::integer"
           " FROM unnest($1::bigint[], $2::bigint[]) AS q (link_no, bandwidth_mbps)",
    .n_params = 2,
};

static const struct sdm_pg_statement insert_ports_statement = {
    .name = "topology_insert_ports",
    .sql = "INSERT INTO sdm.port (device_no, port, link_no, side)"
           " SELECT q.device_no::integer, q.port::integer, q.link_no::integer, q.side::\"char\""
           " FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[])"
           " AS q (device_no, port, link_no, side)",
    .n_params = 4,
};

static bool read_unit(const struct sdm_pg_result *row, void *data, GError **error)
{
    struct sdm_stored_topology *topology = data;
    int64_t unit;

    if (!sdm_pg_get_int64(row, 0, 0, &unit, error)) {
        return false;
    }
    topology->segment_unit_bytes = (uint64_t)unit;
    return true;
}

static bool read_rack(const struct sdm_pg_result *row, void *data, GError **error)
{
    struct sdm_stored_topology *topology = data;
    struct sdm_rack rack = {0};

    if (!sdm_pg_get_int32(row, 0, 0, &rack.rack_no, error) ||
        !sdm_pg_copy_text(row, 0, 1, rack.id, sizeof rack.id, error) ||
        !sdm_pg_copy_text_or_empty(row, 0, 2, rack.management, sizeof rack.management, error)) {
        return false;
    }
    g_array_append_val(topology->racks, rack);
    return true;
}

static bool read_tray(const struct sdm_pg_result *row, void *data, GError **error)
{
    struct sdm_stored_topology *topology = data;
    struct sdm_tray tray = {0};

    if (!sdm_pg_get_int32(row, 0, 0, &tray.tray_no, error) ||
        !sdm_pg_get_int32(row, 0, 1, &tray.rack_no, error) ||
        !sdm_pg_copy_text(row, 0, 2, tray.id, sizeof tray.id, error)) {
        return false;
    }
    g_array_append_val(topology->trays, tray);
    return true;
}

static bool read_word(const struct sdm_pg_result *row, int column, const struct sdm_words *words,
                      int *value, GError **error)
{
    return sdm_pg_get_word(row, 0, column, words->words, words->n_words, value, error);
}

static bool read_device_numbers(const struct sdm_pg_result *row, struct sdm_device *device,
                                GError **error)
{
    int32_t module;
    int64_t capacity_bytes;
    int64_t local_bytes;

    if (!sdm_pg_get_int32(row, 0, 0, &device->device_no, error) ||
        !sdm_pg_get_int32(row, 0, 2, &device->tray_no, error) ||
        !sdm_pg_get_int32(row, 0, 3, &device->rack_no, error) ||
        !sdm_pg_get_int32(row, 0, 4, &device->n_ports, error) ||
        !sdm_pg_get_int32(row, 0, 5, &module, error) ||
        !sdm_pg_get_int64(row, 0, 6, &capacity_bytes, error) ||
        !sdm_pg_get_int64(row, 0, 7, &local_bytes, error) ||
        !sdm_pg_get_int32(row, 0, 8, &device->idle_mw, error) ||
        !sdm_pg_get_int32(row, 0, 9, &device->active_mw, error) ||
        !sdm_pg_get_int32(row, 0, 10, &device->wake_ms, error)) {
        return false;
    }
    device->module = (uint32_t)module;
    device->capacity_bytes = (uint64_t)capacity_bytes;
    device->local_bytes = (uint64_t)local_bytes;
    return true;
}

static bool read_device_words(const struct sdm_pg_result *row, struct sdm_device *device,
                              GError **error)
{
    const char *kind;
    int state;
    int want_power;
    int have_power;

    if (!sdm_pg_get_text(row, 0, 1, &kind, error) ||
        !read_word(row, 11, &sdm_brick_state_words, &state, error) ||
        !read_word(row, 12, &sdm_power_state_words, &want_power, error) ||
        !read_word(row, 13, &sdm_power_state_words, &have_power, error)) {
        return false;
    }
    if (!sdm_device_kind_from_name(kind, &device->kind)) {
        g_set_error(error, SDM_PG, SDM_PG_BAD_VALUE, "'%s' is no kind of device", kind);
        return false;
    }
    device->state = (enum sdm_brick_state)state;
    device->want_power = (enum sdm_power_state)want_power;
    device->have_power = (enum sdm_power_state)have_power;
    return true;
}

static bool read_device(const struct sdm_pg_result *row, void *data, GError **error)
{
    struct sdm_stored_topology *topology = data;
    struct sdm_device device = {0};

    if (!read_device_numbers(row, &device, error) || !read_device_words(row, &device, error) ||
        !sdm_pg_copy_text(row, 0, 14, device.id, sizeof device.id, error) ||
        !sdm_pg_copy_text_or_empty(row, 0, 15, device.accelerator_kind,
                                   sizeof device.accelerator_kind, error) ||
        !sdm_pg_copy_text_or_empty(row, 0, 16, device.management, sizeof device.management,
                                   error)) {
        return false;
    }
    g_array_append_val(topology->devices, device);
    return true;
}

static bool read_link(struct sdm_pg_copy_row *row, void *data, GError **error)
{
    struct sdm_stored_topology *topology = data;
    struct sdm_link link = {.link_no = sdm_pg_copy_int32(row)};

    (void)error;
    link.bandwidth_mbps = sdm_pg_copy_int32(row);
    g_array_append_val(topology->links, link);
    return sdm_pg_copy_ok(row);
}

static int compare_links(const void *a, const void *b)
{
    const struct sdm_link *left = a;
    const struct sdm_link *right = b;

    return (left->link_no > right->link_no) - (left->link_no < right->link_no);
}

/* Numbers are dense from 1 unless links are gone. */
static struct sdm_link *find_link(const struct sdm_stored_topology *topology, int32_t link_no)
{
    struct sdm_link *links = (struct sdm_link *)(void *)topology->links->data;
    struct sdm_link key = {.link_no = link_no};

    if (link_no >= 1 && (guint)link_no <= topology->links->len &&
        links[link_no - 1].link_no == link_no) {
        return &links[link_no - 1];
    }
    return bsearch(&key, links, topology->links->len, sizeof key, compare_links);
}

static bool read_port(struct sdm_pg_copy_row *row, void *data, GError **error)
{
    const struct sdm_stored_topology *topology = data;
    struct sdm_link *link = find_link(topology, sdm_pg_copy_int32(row));
    struct sdm_port_ref port = {.device_no = sdm_pg_copy_int32(row)};

    (void)error;
    port.port = sdm_pg_copy_int32(row);
    if (link != NULL) {
        *(sdm_pg_copy_bool(row) ? &link->a : &link->b) = port;
    }
    return sdm_pg_copy_ok(row);
}

static bool read_links(struct sdm_pg *pg, struct sdm_stored_topology *topology, GError **error)
{
    if (!sdm_pg_copy(pg, &links_statement, read_link, topology, error) ||
        !sdm_pg_copy(pg, &ports_statement, read_port, topology, error)) {
        return false;
    }
    for (guint i = 0; i < topology->links->len; i++) {
        const struct sdm_link *link = &g_array_index(topology->links, struct sdm_link, i);

        if (link->a.device_no == 0 || link->b.device_no == 0) {
            return sdm_fail(error, "link %d has one end in the database", link->link_no);
        }
    }
    return true;
}

bool sdm_topology_read(struct sdm_pg *pg, struct sdm_stored_topology *topology, GError **error)
{
    const struct {
        const struct sdm_pg_statement *statement;
        sdm_pg_row_fn *read;
    } streams[] = {
        {&unit_statement, read_unit},
        {&racks_statement, read_rack},
        {&trays_statement, read_tray},
        {&devices_statement, read_device},
    };
    g_auto(sdm_stored_topology) read = {
        .racks = g_array_new(FALSE, FALSE, sizeof(struct sdm_rack)),
        .trays = g_array_new(FALSE, FALSE, sizeof(struct sdm_tray)),
        .devices = g_array_new(FALSE, FALSE, sizeof(struct sdm_device)),
        .links = g_array_new(FALSE, FALSE, sizeof(struct sdm_link)),
    };

    for (size_t i = 0; i < G_N_ELEMENTS(streams); i++) {
        if (!sdm_pg_stream(pg, streams[i].statement, NULL, streams[i].read, &read, error)) {
            return false;
        }
    }
    if (!read_links(pg, &read, error)) {
        return false;
    }
    *topology = read;
    read = (struct sdm_stored_topology){0};
    return true;
}

void sdm_stored_topology_clear(struct sdm_stored_topology *topology)
{
    g_clear_pointer(&topology->racks, g_array_unref);
    g_clear_pointer(&topology->trays, g_array_unref);
    g_clear_pointer(&topology->devices, g_array_unref);
    g_clear_pointer(&topology->links, g_array_unref);
}

bool sdm_topology_insert_unit(struct sdm_tx *tx, uint64_t segment_unit_bytes, GError **error)
{
    g_auto(sdm_pg_args) args = {0};

    sdm_pg_arg_int64(&args, (int64_t)segment_unit_bytes);
    return sdm_tx_write(tx, &insert_unit_statement, &args, NULL, error);
}

static void add_columns(struct sdm_pg_args *args, struct sdm_pg_array **columns, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        columns[i] = sdm_pg_arg_array(args);
    }
}

bool sdm_topology_insert_racks(struct sdm_tx *tx, const struct sdm_rack *racks, size_t n,
                               GError **error)
{
    g_auto(sdm_pg_args) args = {0};
    struct sdm_pg_array *columns[3];

    add_columns(&args, columns, G_N_ELEMENTS(columns));
    for (size_t i = 0; i < n; i++) {
        sdm_pg_array_int64(columns[0], racks[i].rack_no);
        sdm_pg_array_text(columns[1], racks[i].id);
        sdm_pg_array_text_or_null(columns[2], racks[i].management);
    }
    return sdm_tx_write(tx, &insert_racks_statement, &args, NULL, error);
}

bool sdm_topology_insert_trays(struct sdm_tx *tx, const struct sdm_tray *trays, size_t n,
                               GError **error)
{
    g_auto(sdm_pg_args) args = {0};
    struct sdm_pg_array *columns[3];

    add_columns(&args, columns, G_N_ELEMENTS(columns));
    for (size_t i = 0; i < n; i++) {
        sdm_pg_array_int64(columns[0], trays[i].tray_no);
        sdm_pg_array_int64(columns[1], trays[i].rack_no);
        sdm_pg_array_text(columns[2], trays[i].id);
    }
    return sdm_tx_write(tx, &insert_trays_statement, &args, NULL, error);
}

static void add_number(struct sdm_pg_array *column, int64_t value, bool is_there)
{
    if (is_there) {
        sdm_pg_array_int64(column, value);
    } else {
        sdm_pg_array_null(column);
    }
}

static void add_device(struct sdm_pg_array **columns, const struct sdm_device *device)
{
    bool is_memory = device->kind == SDM_DEVICE_KIND_MEMORY;

    sdm_pg_array_int64(columns[0], device->device_no);
    sdm_pg_array_text(columns[1], sdm_device_kind_name(device->kind));
    add_number(columns[2], device->tray_no, device->tray_no != 0);
    add_number(columns[3], device->rack_no, device->rack_no != 0);
    sdm_pg_array_int64(columns[4], device->n_ports);
    add_number(columns[5], device->module, is_memory);
    add_number(columns[6], (int64_t)device->capacity_bytes, is_memory);
    add_number(columns[7], (int64_t)device->local_bytes, device->kind == SDM_DEVICE_KIND_COMPUTE);
    sdm_pg_array_int64(columns[8], device->idle_mw);
    sdm_pg_array_int64(columns[9], device->active_mw);
    sdm_pg_array_int64(columns[10], device->wake_ms);
    sdm_pg_array_text(columns[11], sdm_power_state_name(device->want_power));
    sdm_pg_array_text(columns[12], device->id);
    sdm_pg_array_text_or_null(columns[13], device->accelerator_kind);
    sdm_pg_array_text_or_null(columns[14], device->management);
}

bool sdm_topology_insert_devices(struct sdm_tx *tx, const struct sdm_device *devices, size_t n,
                                 GError **error)
{
    g_auto(sdm_pg_args) args = {0};
    struct sdm_pg_array *columns[15];

    add_columns(&args, columns, G_N_ELEMENTS(columns));
    for (size_t i = 0; i < n; i++) {
        add_device(columns, &devices[i]);
    }
    return sdm_tx_write(tx, &insert_devices_statement, &args, NULL, error);
}

static void add_port(struct sdm_pg_array **columns, const struct sdm_port_ref *port,
                     int32_t link_no, const char *side)
{
    sdm_pg_array_int64(columns[0], port->device_no);
    sdm_pg_array_int64(columns[1], port->port);
    sdm_pg_array_int64(columns[2], link_no);
    sdm_pg_array_text(columns[3], side);
}

bool sdm_topology_insert_links(struct sdm_tx *tx, const struct sdm_link *links, size_t n,
                               GError **error)
{
    g_auto(sdm_pg_args) link_args = {0};
    g_auto(sdm_pg_args) port_args = {0};
    struct sdm_pg_array *link_columns[2];
    struct sdm_pg_array *port_columns[4];

    add_columns(&link_args, link_columns, G_N_ELEMENTS(link_columns));
    add_columns(&port_args, port_columns, G_N_ELEMENTS(port_columns));
    for (size_t i = 0; i < n; i++) {
        sdm_pg_array_int64(link_columns[0], links[i].link_no);
        sdm_pg_array_int64(link_columns[1], links[i].bandwidth_mbps);
        add_port(port_columns, &links[i].a, links[i].link_no, "a");
        add_port(port_columns, &links[i].b, links[i].link_no, "b");
    }
    sdm_tx_queue(tx, &insert_links_statement, &link_args);
    return sdm_tx_write(tx, &insert_ports_statement, &port_args, NULL, error);
}

SDM_STORE_STATEMENTS(topology, &unit_statement, &racks_statement, &trays_statement,
                     &devices_statement, &links_statement, &ports_statement, &insert_unit_statement,
                     &insert_racks_statement, &insert_trays_statement, &insert_devices_statement,
                     &insert_links_statement, &insert_ports_statement)
