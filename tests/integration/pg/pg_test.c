#include <criterion/criterion.h>

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/error.h"
#include "lib/pg/copy.h"
#include "lib/pg/tx.h"

/* Connections, batches, streams and transactions against a real server: SDM_DATABASE. */

static const struct sdm_pg_statement make_table = {
    "make_table",
    "CREATE TABLE IF NOT EXISTS item (id bigint CONSTRAINT item_key PRIMARY KEY, name text,"
    " flag boolean, CONSTRAINT item_positive CHECK (id > 0))",
    0,
};
static const struct sdm_pg_statement empty_table = {"empty_table", "DELETE FROM item", 0};
static const struct sdm_pg_statement insert = {
    "insert",
    "INSERT INTO item (id, name, flag) VALUES ($1::bigint, $2::text, $3::boolean)",
    3,
};
static const struct sdm_pg_statement insert_many = {
    "insert_many",
    "INSERT INTO item (id, name, flag)"
    " SELECT * FROM unnest($1::bigint[], $2::text[], $3::boolean[])",
    3,
};
static const struct sdm_pg_statement count = {"count", "SELECT count(*)::bigint FROM item", 0};
static const struct sdm_pg_statement all = {
    "all",
    "SELECT id::bigint, name::text, flag::boolean FROM item ORDER BY id",
    0,
};
static const struct sdm_pg_statement echo = {"echo", "SELECT $1::bigint", 1};
static const struct sdm_pg_statement series = {
    "series",
    "SELECT n::bigint FROM generate_series(1, $1::bigint) n",
    1,
};
static const struct sdm_pg_statement divide = {"divide",
                                               "SELECT 100 / (5 - n)"
                                               " FROM generate_series(1, $1::bigint) n",
                                               1};
static const struct sdm_pg_statement wrong = {"wrong", "SELECT nothing FROM nowhere", 0};
static const struct sdm_pg_statement backend = {"backend", "SELECT pg_backend_pid()::bigint", 0};
static const struct sdm_pg_statement terminate = {
    "terminate",
    "SELECT pg_terminate_backend($1::integer, 5000)",
    1,
};
static const struct sdm_pg_statement raise_state = {
    "raise_state",
    "SELECT pg_temp.raise_state($1::text)",
    1,
};

static struct sdm_pg *open_pg(void)
{
    g_autoptr(GError) error = NULL;
    struct sdm_pg *pg = sdm_pg_open(getenv("SDM_DATABASE"), "pg_test", &error);

    cr_assert_not_null(pg, "%s", error == NULL ? "" : error->message);
    return pg;
}

static struct sdm_pg *open_with_table(void)
{
    g_autoptr(GError) error = NULL;
    struct sdm_pg *pg = open_pg();

    cr_assert(sdm_pg_run(pg, &make_table, NULL, &error), "%s", error->message);
    cr_assert(sdm_pg_run(pg, &empty_table, NULL, &error), "%s", error->message);
    return pg;
}

static void item_args(struct sdm_pg_args *args, int64_t id)
{
    sdm_pg_arg_int64(args, id);
    sdm_pg_arg_text(args, "name");
    sdm_pg_arg_bool(args, true);
}

static bool run_insert(struct sdm_pg *pg, int64_t id, GError **error)
{
    g_auto(sdm_pg_args) args = {0};

    item_args(&args, id);
    return sdm_pg_run(pg, &insert, &args, error);
}

static void queue_insert(struct sdm_pg *pg, int64_t id)
{
    g_auto(sdm_pg_args) args = {0};

    item_args(&args, id);
    sdm_pg_queue(pg, &insert, &args);
}

static int64_t ask_number(struct sdm_pg *pg, const struct sdm_pg_statement *statement)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(sdm_pg_result) result = sdm_pg_exec(pg, statement, NULL, &error);
    int64_t number = -1;

    cr_assert_not_null(result, "%s", error == NULL ? "" : error->message);
    cr_assert(sdm_pg_get_int64(result, 0, 0, &number, &error));
    return number;
}

/* Ends the session of 'pg' from another one, as a takeover does. */
static void terminate_session(struct sdm_pg *pg)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(sdm_pg) other = open_pg();
    g_auto(sdm_pg_args) args = {0};

    sdm_pg_arg_int64(&args, ask_number(pg, &backend));
    cr_assert(sdm_pg_run(other, &terminate, &args, &error), "%s", error->message);
}

Test(pg, every_kind_of_argument_comes_back_as_it_went)
{
    static const char *const names[] = {"plain", "with \"quotes\", \\ and {braces}", NULL, "",
                                        "NULL"};
    static const int64_t ids[] = {1, 2, 3, INT64_MAX - 1, INT64_MAX};
    g_autoptr(GError) error = NULL;
    g_autoptr(sdm_pg) pg = open_with_table();
    g_auto(sdm_pg_args) args = {0};
    g_autoptr(sdm_pg_result) rows = NULL;
    struct sdm_pg_array *flags;

    sdm_pg_arg_int64_array(&args, ids, G_N_ELEMENTS(ids));
    sdm_pg_arg_text_array(&args, names, G_N_ELEMENTS(names));
    flags = sdm_pg_arg_array(&args);
    for (size_t i = 0; i < G_N_ELEMENTS(ids); i++) {
        sdm_pg_array_bool(flags, i % 2 == 0);
    }
    cr_assert(sdm_pg_run(pg, &insert_many, &args, &error), "%s", error->message);
    rows = sdm_pg_exec(pg, &all, NULL, &error);
    cr_assert_not_null(rows);
    cr_assert_eq(sdm_pg_result_n_rows(rows), (int)G_N_ELEMENTS(ids));
    for (int i = 0; i < sdm_pg_result_n_rows(rows); i++) {
        int64_t id = 0;
        bool flag = i % 2 != 0;
        const char *name = NULL;

        cr_assert(sdm_pg_get_int64(rows, i, 0, &id, &error) && id == ids[i], "row %d", i);
        cr_assert(sdm_pg_get_bool(rows, i, 2, &flag, &error) && flag == (i % 2 == 0), "row %d", i);
        cr_assert_eq(sdm_pg_get_is_null(rows, i, 1), names[i] == NULL, "row %d", i);
        if (names[i] != NULL) {
            cr_assert(sdm_pg_get_text(rows, i, 1, &name, &error), "row %d", i);
            cr_assert_str_eq(name, names[i], "row %d", i);
        }
    }
}

Test(pg, empty_arrays_insert_nothing)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(sdm_pg) pg = open_with_table();
    g_auto(sdm_pg_args) args = {0};
    g_autoptr(sdm_pg_result) result = NULL;

    for (int i = 0; i < 3; i++) {
        sdm_pg_arg_array(&args);
    }
    result = sdm_pg_exec(pg, &insert_many, &args, &error);
    cr_assert_not_null(result);
    cr_assert_eq(sdm_pg_result_n_affected(result), 0);
}

Test(pg, getters_refuse_what_is_none_of_their_type)
{
    static const struct sdm_pg_statement odd = {
        "odd", "SELECT NULL::bigint, 'x7'::text, 9223372036854775808::numeric, 2147483648::bigint",
        0};
    static const char *const words[] = {"live", "scrubbing"};
    g_autoptr(sdm_pg) pg = open_pg();
    g_autoptr(sdm_pg_result) rows = sdm_pg_exec(pg, &odd, NULL, NULL);
    int64_t number = 17;
    int32_t narrow = 17;
    bool flag = true;
    const char *text = "kept";
    char small[2] = "k";
    int word = 17;

    cr_assert_not_null(rows);
    for (int column = 0; column < 3; column++) {
        g_autoptr(GError) error = NULL;

        cr_assert_not(sdm_pg_get_int64(rows, 0, column, &number, &error), "column %d", column);
        cr_assert(g_error_matches(error, SDM_PG, SDM_PG_BAD_VALUE), "column %d", column);
        cr_assert_not(sdm_pg_get_bool(rows, 0, column, &flag, NULL), "column %d", column);
    }
    cr_assert_not(sdm_pg_get_int32(rows, 0, 3, &narrow, NULL));
    cr_assert_not(sdm_pg_get_text(rows, 0, 0, &text, NULL));
    cr_assert_not(sdm_pg_copy_text(rows, 0, 1, small, sizeof small, NULL));
    cr_assert_not(sdm_pg_get_word(rows, 0, 1, words, G_N_ELEMENTS(words), &word, NULL));
    cr_assert(number == 17 && narrow == 17 && flag && word == 17);
    cr_assert_str_eq(text, "kept");
    cr_assert_str_eq(small, "k");
    cr_assert(sdm_pg_get_int64_or(rows, 0, 0, -1, &number, NULL) && number == -1);
    cr_assert(sdm_pg_copy_text_or_empty(rows, 0, 0, small, sizeof small, NULL) && *small == '\0');
}

Test(pg, a_violated_constraint_is_named)
{
    static const struct {
        int64_t id;
        const char *sqlstate;
        const char *constraint;
    } rows[] = {{1, "23505", "item_key"}, {-1, "23514", "item_positive"}};
    g_autoptr(sdm_pg) pg = open_with_table();

    cr_assert(run_insert(pg, 1, NULL));
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;

        cr_assert_not(run_insert(pg, rows[i].id, &error));
        g_prefix_error(&error, "insert: ");
        cr_assert(g_error_matches(error, SDM_PG, SDM_PG_REFUSED));
        cr_assert_str_eq(sdm_pg_sqlstate(error), rows[i].sqlstate);
        cr_assert_str_eq(sdm_pg_constraint(error), rows[i].constraint);
        cr_assert_not(sdm_pg_is_retryable(error));
    }
    cr_assert(sdm_pg_is_connected(pg));
    cr_assert_eq(ask_number(pg, &count), 1);
}

Test(pg, sqlstates_give_the_verdict)
{
    static const struct sdm_pg_statement make_function = {
        "make_function",
        "CREATE FUNCTION pg_temp.raise_state(s text) RETURNS void LANGUAGE plpgsql AS"
        " $$BEGIN RAISE EXCEPTION 'on purpose' USING ERRCODE = s; END$$",
        0,
    };
    static const struct {
        const char *sqlstate;
        enum sdm_error_code verdict;
        bool retryable;
    } rows[] = {
        {"SD001", SDM_ERROR_STALE_EPOCH, false}, {"53300", SDM_ERROR_UNAVAILABLE, false},
        {"53100", SDM_ERROR_UNAVAILABLE, false}, {"57P01", SDM_ERROR_UNAVAILABLE, false},
        {"08006", SDM_ERROR_UNAVAILABLE, false}, {"25006", SDM_ERROR_UNAVAILABLE, false},
        {"40001", SDM_ERROR_INTERNAL, true},     {"40P01", SDM_ERROR_INTERNAL, true},
        {"23P01", SDM_ERROR_INTERNAL, false},    {"57014", SDM_ERROR_INTERNAL, false},
    };
    g_autoptr(sdm_pg) pg = open_pg();

    cr_assert(sdm_pg_run(pg, &make_function, NULL, NULL));
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        g_auto(sdm_pg_args) args = {0};

        sdm_pg_arg_text(&args, rows[i].sqlstate);
        cr_assert_not(sdm_pg_run(pg, &raise_state, &args, &error), "%s", rows[i].sqlstate);
        cr_assert_eq(sdm_error_verdict(error), rows[i].verdict, "%s", rows[i].sqlstate);
        cr_assert_eq(sdm_pg_is_retryable(error), rows[i].retryable, "%s", rows[i].sqlstate);
    }
    cr_assert(sdm_pg_is_connected(pg), "these were no losses");
}

Test(pg, a_batch_costs_one_round_trip)
{
    g_autoptr(sdm_pg) pg = open_with_table();
    uint64_t before = sdm_pg_n_round_trips(pg);

    for (int id = 1; id <= 1000; id++) {
        queue_insert(pg, id);
    }
    cr_assert_eq(sdm_pg_n_round_trips(pg), before);
    cr_assert(sdm_pg_flush(pg, NULL, NULL));
    cr_assert_eq(sdm_pg_n_round_trips(pg), before + 1);
    for (int id = 1; id <= 1000; id++) {
        g_autoptr(sdm_pg_result) result = sdm_pg_take(pg);

        cr_assert_not_null(result, "result %d", id);
        cr_assert_eq(sdm_pg_result_n_affected(result), 1);
    }
    cr_assert_null(sdm_pg_take(pg));
    cr_assert_eq(ask_number(pg, &count), 1000);
}

Test(pg, a_batch_is_all_or_none_and_names_its_failure)
{
    g_autoptr(sdm_pg) pg = open_with_table();
    g_autoptr(GError) error = NULL;
    size_t failed = 99;

    queue_insert(pg, 1);
    queue_insert(pg, 2);
    queue_insert(pg, 1);
    queue_insert(pg, 3);
    cr_assert_not(sdm_pg_flush(pg, &failed, &error));
    cr_assert_eq(failed, 2);
    cr_assert_str_eq(sdm_pg_constraint(error), "item_key");
    cr_assert_eq(ask_number(pg, &count), 0);
}

Test(pg, a_statement_that_cannot_be_prepared_fails_each_time)
{
    g_autoptr(sdm_pg) pg = open_with_table();

    for (int i = 0; i < 2; i++) {
        g_autoptr(GError) error = NULL;

        sdm_pg_queue(pg, &wrong, NULL);
        queue_insert(pg, 1);
        cr_assert_not(sdm_pg_flush(pg, NULL, &error));
        cr_assert_str_eq(sdm_pg_sqlstate(error), "42P01");
    }
    /* The insert was never prepared behind the failure, and is now. */
    cr_assert(run_insert(pg, 1, NULL));
}

Test(pg, exec_leaves_queued_results_to_be_taken)
{
    g_autoptr(sdm_pg) pg = open_with_table();
    g_autoptr(sdm_pg_result) counted = NULL;
    g_autoptr(sdm_pg_result) first = NULL;
    int64_t n = 0;

    queue_insert(pg, 1);
    counted = sdm_pg_exec(pg, &count, NULL, NULL);
    first = sdm_pg_take(pg);
    cr_assert(counted != NULL && sdm_pg_get_int64(counted, 0, 0, &n, NULL) && n == 1);
    cr_assert(first != NULL && sdm_pg_result_n_affected(first) == 1);
    cr_assert_null(sdm_pg_take(pg));
}

Test(pg, large_questions_and_large_answers_do_not_wait_for_each_other)
{
    g_autoptr(sdm_pg) pg = open_pg();
    g_autofree char *text = g_strnfill(200000, 'x');
    static const struct sdm_pg_statement back = {"back", "SELECT $1::text", 1};

    for (int i = 0; i < 100; i++) {
        g_auto(sdm_pg_args) args = {0};

        sdm_pg_arg_text(&args, text);
        sdm_pg_queue(pg, &back, &args);
    }
    cr_assert(sdm_pg_flush(pg, NULL, NULL));
    for (int i = 0; i < 100; i++) {
        g_autoptr(sdm_pg_result) result = sdm_pg_take(pg);
        const char *found = NULL;

        cr_assert(sdm_pg_get_text(result, 0, 0, &found, NULL));
        cr_assert_str_eq(found, text);
    }
}

struct adder {
    int64_t sum;
    int64_t stop_at;
};

static bool add_row(const struct sdm_pg_result *row, void *data, GError **error)
{
    struct adder *adder = data;
    int64_t number;

    if (!sdm_pg_get_int64(row, 0, 0, &number, error)) {
        return false;
    }
    adder->sum += number;
    return number != adder->stop_at || sdm_fail(error, "enough at %d", (int)number);
}

static bool stream(struct sdm_pg *pg, const struct sdm_pg_statement *statement, int64_t n,
                   struct adder *adder, GError **error)
{
    g_auto(sdm_pg_args) args = {0};

    sdm_pg_arg_int64(&args, n);
    return sdm_pg_stream(pg, statement, &args, add_row, adder, error);
}

Test(pg, a_stream_hands_over_every_row)
{
    g_autoptr(sdm_pg) pg = open_pg();
    g_autoptr(GError) error = NULL;
    struct adder adder = {0};

    cr_assert(stream(pg, &series, 50000, &adder, &error), "%s", error->message);
    cr_assert_eq(adder.sum, 50000LL * 50001 / 2);
    adder.sum = 0;
    cr_assert(stream(pg, &series, 0, &adder, &error));
    cr_assert_eq(adder.sum, 0);
}

Test(pg, a_stream_ends_with_the_first_error_and_leaves_the_connection_usable)
{
    g_autoptr(sdm_pg) pg = open_pg();
    g_autoptr(GError) ours = NULL;
    g_autoptr(GError) theirs = NULL;
    struct adder adder = {.stop_at = 3};

    cr_assert_not(stream(pg, &series, 10, &adder, &ours));
    cr_assert_str_eq(ours->message, "enough at 3");
    cr_assert_eq(adder.sum, 6);
    cr_assert_not(stream(pg, &divide, 10, &adder, &theirs));
    cr_assert_str_eq(sdm_pg_sqlstate(theirs), "22012");
    cr_assert_gt(ask_number(pg, &backend), 0);
}

Test(pg, a_lost_connection_is_unavailable_until_reconnect)
{
    g_autoptr(sdm_pg) pg = open_with_table();
    g_autoptr(GError) first = NULL;
    g_autoptr(GError) second = NULL;

    terminate_session(pg);
    cr_assert_not(run_insert(pg, 1, &first));
    cr_assert_eq(first->domain, SDM_UNAVAILABLE, "%s", first->message);
    cr_assert_not(sdm_pg_is_connected(pg));
    cr_assert_not(run_insert(pg, 1, &second));
    cr_assert_eq(second->domain, SDM_UNAVAILABLE);
    cr_assert(sdm_pg_reconnect(pg, NULL));
    cr_assert(run_insert(pg, 1, NULL), "statements are prepared again");
    cr_assert_eq(ask_number(pg, &count), 1);
}

Test(pg, a_silent_server_is_lost_after_the_timeout)
{
    g_autoptr(sdm_pg) pg = open_pg();
    g_autoptr(GError) error = NULL;
    g_auto(sdm_pg_args) args = {0};
    pid_t pid = (pid_t)ask_number(pg, &backend);

    sdm_pg_set_timeout_ms(pg, 200);
    sdm_pg_arg_int64(&args, 1);
    cr_assert_eq(kill(pid, SIGSTOP), 0);
    cr_assert_not(sdm_pg_run(pg, &echo, &args, &error));
    cr_assert_eq(kill(pid, SIGCONT), 0);
    cr_assert_eq(error->domain, SDM_UNAVAILABLE);
    cr_assert_not_null(strstr(error->message, "no answer within 200 ms"), "%s", error->message);
}

Test(pg, no_server_is_unavailable)
{
    g_autoptr(GError) error = NULL;

    cr_assert_null(sdm_pg_open("postgresql:///x?host=/nonexistent", "pg_test", &error));
    cr_assert_eq(error->domain, SDM_UNAVAILABLE);
    cr_assert_null(strchr(error->message, '\n'));
}

Test(pg, the_session_shows_its_name)
{
    static const struct sdm_pg_statement ask = {
        "ask",
        "SELECT count(*)::bigint FROM pg_stat_activity"
        " WHERE application_name = 'sdm-controller 7' AND pid = pg_backend_pid()",
        0,
    };
    g_autoptr(sdm_pg) pg = open_pg();

    cr_assert_eq(ask_number(pg, &ask), 0);
    cr_assert(sdm_pg_rename(pg, "sdm-controller 7", NULL));
    cr_assert_eq(ask_number(pg, &ask), 1);
    cr_assert(sdm_pg_reconnect(pg, NULL));
    cr_assert_eq(ask_number(pg, &ask), 1);
}

Test(pg, check_compares_parameters)
{
    static const struct sdm_pg_statement lies = {"lies", "SELECT $1::bigint, $2::text", 1};
    g_autoptr(sdm_pg) pg = open_pg();
    g_autoptr(GError) error = NULL;

    cr_assert(sdm_pg_check(pg, &echo, NULL));
    cr_assert_not(sdm_pg_check(pg, &lies, &error));
    cr_assert_not(sdm_pg_check(pg, &wrong, NULL));
    cr_assert_not_null(strstr(error->message, "has 2 parameters"), "%s", error->message);
}

/* --- COPY. */

static const struct sdm_pg_statement copied = {
    "copied",
    "SELECT n::integer, (n * 1000000000000)::bigint, (n % 2 = 0)::boolean,"
    " '00112233-4455-6677-8899-aabbccddeeff'::uuid FROM generate_series(-3, 50000) n",
    0,
};

struct copier {
    int64_t n_rows;
    int64_t sum;
    int64_t stop_at;
};

static bool take_copied(struct sdm_pg_copy_row *row, void *data, GError **error)
{
    static const uint8_t expected[16] = {0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,
                                         0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff};
    struct copier *copier = data;
    uint8_t uuid[16] = {0};
    int32_t n = sdm_pg_copy_int32(row);

    cr_assert_eq(sdm_pg_copy_int64(row), n * INT64_C(1000000000000));
    cr_assert_eq(sdm_pg_copy_bool(row), n % 2 == 0);
    sdm_pg_copy_uuid(row, uuid);
    cr_assert_arr_eq(uuid, expected, sizeof uuid);
    cr_assert(sdm_pg_copy_ok(row));
    copier->n_rows++;
    copier->sum += n;
    return n != copier->stop_at || sdm_fail(error, "enough at %d", n);
}

static bool take_int32(struct sdm_pg_copy_row *row, void *data, GError **error)
{
    (void)error;
    *(int32_t *)data = sdm_pg_copy_int32(row);
    return sdm_pg_copy_ok(row);
}

Test(pg, copy_hands_over_every_row)
{
    static const struct sdm_pg_statement none = {
        "copied_none",
        "SELECT 1::integer WHERE false",
        0,
    };
    g_autoptr(sdm_pg) pg = open_pg();
    g_autoptr(GError) error = NULL;
    struct copier copier = {.stop_at = -4};

    cr_assert(sdm_pg_copy(pg, &copied, take_copied, &copier, &error), "%s", error->message);
    cr_assert_eq(copier.n_rows, 50004);
    cr_assert_eq(copier.sum, 50000LL * 50001 / 2 - 6);
    cr_assert(sdm_pg_copy(pg, &none, take_copied, &copier, &error));
    cr_assert_eq(copier.n_rows, 50004);
    /* Statements and other copies go on as before, in the same session. */
    cr_assert_gt(ask_number(pg, &backend), 0);
    cr_assert(sdm_pg_copy(pg, &copied, take_copied, &copier, &error));
    cr_assert_eq(copier.n_rows, 2 * 50004);
}

Test(pg, copy_ends_with_the_first_error_and_leaves_the_connection_usable)
{
    static const struct sdm_pg_statement fails = {
        "copied_fails",
        "SELECT (100 / (5 - n))::integer FROM generate_series(1, 10) n",
        0,
    };
    g_autoptr(sdm_pg) pg = open_pg();
    g_autoptr(GError) ours = NULL;
    g_autoptr(GError) theirs = NULL;
    g_autoptr(GError) wrong_name = NULL;
    struct copier copier = {.stop_at = 3};
    int32_t last = 0;

    cr_assert_not(sdm_pg_copy(pg, &copied, take_copied, &copier, &ours));
    cr_assert_str_eq(ours->message, "enough at 3");
    cr_assert_eq(copier.n_rows, 7);
    cr_assert_not(sdm_pg_copy(pg, &wrong, take_copied, &copier, &wrong_name));
    cr_assert_str_eq(sdm_pg_sqlstate(wrong_name), "42P01");
    /* Four rows come before it does. */
    cr_assert_not(sdm_pg_copy(pg, &fails, take_int32, &last, &theirs));
    cr_assert_str_eq(sdm_pg_sqlstate(theirs), "22012");
    cr_assert_eq(last, 100);
    cr_assert_gt(ask_number(pg, &backend), 0);
}

/* Does not look whether it could be read. */
static bool take_two_blindly(struct sdm_pg_copy_row *row, void *data, GError **error)
{
    (void)error;
    *(int32_t *)data = sdm_pg_copy_int32(row);
    sdm_pg_copy_int32(row);
    return true;
}

Test(pg, copy_refuses_columns_that_are_not_as_read)
{
    static const struct {
        const char *label;
        struct sdm_pg_statement statement;
        sdm_pg_copy_fn *take;
    } cases[] = {
        {"NULL", {"copied_null", "SELECT NULL::integer", 0}, take_int32},
        {"wider", {"copied_wide", "SELECT 1::bigint", 0}, take_int32},
        {"narrower", {"copied_narrow", "SELECT true::boolean", 0}, take_int32},
        {"one too few", {"copied_few", "SELECT 1::integer", 0}, take_two_blindly},
    };
    g_autoptr(sdm_pg) pg = open_pg();

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        int32_t value = 0;

        cr_assert_not(sdm_pg_copy(pg, &cases[i].statement, cases[i].take, &value, &error), "%s",
                      cases[i].label);
        cr_assert(g_error_matches(error, SDM_PG, SDM_PG_BAD_VALUE), "%s: %s", cases[i].label,
                  error->message);
    }
    cr_assert_gt(ask_number(pg, &backend), 0);
}

Test(pg, copy_of_a_lost_connection_is_unavailable)
{
    g_autoptr(sdm_pg) pg = open_pg();
    g_autoptr(sdm_pg) other = open_pg();
    g_autoptr(GError) error = NULL;
    g_autoptr(GError) again = NULL;
    g_auto(sdm_pg_args) args = {0};
    struct copier copier = {.stop_at = -4};

    sdm_pg_arg_int64(&args, ask_number(pg, &backend));
    cr_assert(sdm_pg_run(other, &terminate, &args, NULL));
    cr_assert_not(sdm_pg_copy(pg, &copied, take_copied, &copier, &error));
    cr_assert_eq(error->domain, SDM_UNAVAILABLE, "%s", error->message);
    cr_assert_not(sdm_pg_copy(pg, &copied, take_copied, &copier, &again));
    cr_assert_eq(again->domain, SDM_UNAVAILABLE, "%s", again->message);
    cr_assert(sdm_pg_reconnect(pg, NULL));
    cr_assert(sdm_pg_copy(pg, &copied, take_copied, &copier, NULL));
}
