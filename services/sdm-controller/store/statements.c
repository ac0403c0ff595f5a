#include "sdm-controller/store/statements.h"

/* Every file of the store that ends with SDM_STORE_STATEMENTS(); tests/contract finds one that is
 * missing here. */
#define FILES(X)                                                                                   \
    X(adoption)                                                                                    \
    X(audit)                                                                                       \
    X(audit_block)                                                                                 \
    X(circuit)                                                                                     \
    X(circuit_load)                                                                                \
    X(device)                                                                                      \
    X(fence)                                                                                       \
    X(health)                                                                                      \
    X(leader)                                                                                      \
    X(lock)                                                                                        \
    X(outbox)                                                                                      \
    X(project)                                                                                     \
    X(quarantine)                                                                                  \
    X(quota)                                                                                       \
    X(reservation)                                                                                 \
    X(rows)                                                                                        \
    X(segment)                                                                                     \
    X(shared)                                                                                      \
    X(snapshot)                                                                                    \
    X(standby)                                                                                     \
    X(stored_reply)                                                                                \
    X(timing)                                                                                      \
    X(todo)                                                                                        \
    X(topology)                                                                                    \
    X(tx)                                                                                          \
    X(usage)                                                                                       \
    X(vm)                                                                                          \
    X(vm_load)                                                                                     \
    X(window)

#define X(file) extern const struct sdm_pg_statement *const sdm_store_##file##_statements[];
FILES(X)
#undef X

static const struct sdm_pg_statement *const *const lists[] = {
#define X(file) sdm_store_##file##_statements,
    FILES(X)
#undef X
};

void sdm_store_statements_each(void (*visit)(const struct sdm_pg_statement *statement, void *data),
                               void *data)
{
    for (size_t i = 0; i < G_N_ELEMENTS(lists); i++) {
        for (size_t k = 0; lists[i][k] != NULL; k++) {
            visit(lists[i][k], data);
        }
    }
}
