/* Prepares every statement of the controller's store on the database that SDM_DATABASE names, which
 * has a fresh schema, and writes each as "name TAB sql" for store_contract.py. */

#include <stdio.h>
#include <stdlib.h>

#include "lib/pg/pg.h"
#include "sdm-controller/store/statements.h"

struct check {
    struct sdm_pg *pg;
    int n_failed;
};

static void check_statement(const struct sdm_pg_statement *statement, void *data)
{
    struct check *check = data;
    g_autoptr(GError) error = NULL;

    printf("%s\t%s\n", statement->name, statement->sql);
    if (!sdm_pg_check(check->pg, statement, &error)) {
        fprintf(stderr, "%s: %s\n", statement->name, error->message);
        check->n_failed++;
    }
}

int main(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(sdm_pg) pg = sdm_pg_open(g_getenv("SDM_DATABASE"), "store-check", &error);
    struct check check = {.pg = pg};

    if (pg == NULL) {
        fprintf(stderr, "%s\n", error->message);
        return EXIT_FAILURE;
    }
    sdm_store_statements_each(check_statement, &check);
    return check.n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
