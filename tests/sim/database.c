#include "sim/database.h"

#include <string.h>

static uint32_t *serial_at(const void *table, size_t row_size, size_t i)
{
    return (uint32_t *)(void *)((char *)(uintptr_t)table + i * row_size);
}

uint32_t sim_insert(struct sim_database *database, void *table, size_t row_size, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t *serial = serial_at(table, row_size, i);

        if (*serial == 0) {
            memset(serial, 0, row_size);
            database->counter++;
            *serial = database->counter << SIM_SLOT_BITS | (uint32_t)i;
            return *serial;
        }
    }
    return 0;
}

unsigned sim_room(const void *table, size_t row_size, size_t n)
{
    unsigned room = 0;

    for (size_t i = 0; i < n; i++) {
        room += *serial_at(table, row_size, i) == 0;
    }
    return room;
}

struct sim_circuit *sim_find_circuit(struct sim_database *database, int32_t compute_no,
                                     int32_t brick_no)
{
    for (unsigned i = 0; i < SIM_MAX_CIRCUITS; i++) {
        struct sim_circuit *circuit = &database->circuits[i];

        if (circuit->serial != 0 && circuit->path.compute_no == compute_no &&
            circuit->path.brick_no == brick_no) {
            return circuit;
        }
    }
    return NULL;
}

bool sim_circuit_has_routes(const struct sim_database *database, unsigned slot)
{
    for (unsigned i = 0; i < SIM_MAX_SEGMENTS; i++) {
        if (database->segments[i].serial != 0 &&
            (database->segments[i].circuits >> slot & 1) != 0) {
            return true;
        }
    }
    return false;
}

void sim_uuid(uint32_t serial, char uuid[SDM_UUID_SIZE])
{
    static const char digits[] = "0123456789abcdef";

    memcpy(uuid, SDM_UUID_NIL, SDM_UUID_SIZE);
    for (int i = 0; i < 8; i++) {
        uuid[35 - i] = digits[serial >> (4 * i) & 15];
    }
}

uint32_t sim_serial(const char *uuid)
{
    uint32_t serial = 0;

    for (int i = 28; i < 36; i++) {
        char c = uuid[i];

        serial = serial << 4 | (uint32_t)(c <= '9' ? c - '0' : c - 'a' + 10);
    }
    return serial;
}
