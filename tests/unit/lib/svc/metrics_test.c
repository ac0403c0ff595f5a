#include <criterion/criterion.h>

#include <string.h>

#include "lib/svc/metrics.h"

static double read_half(void *user)
{
    return *(double *)user / 2;
}

Test(metrics, text_holds_every_kind)
{
    static const int64_t bounds[] = {1000, 20000};
    static const struct sdm_metrics_buckets buckets = {bounds, 2, 1e6};
    g_autoptr(sdm_metrics) metrics = sdm_metrics_new();
    struct sdm_counter *one = sdm_metrics_counter(metrics, "sdm_b_total", "b", "x", "1", NULL);
    struct sdm_counter *two =
        sdm_metrics_counter(metrics, "sdm_b_total", "b", "x", "q\"\\\n", "y", "", NULL);
    struct sdm_gauge *gauge = sdm_metrics_gauge(metrics, "sdm_a", "line\nand \\", NULL);
    struct sdm_histogram *histogram =
        sdm_metrics_histogram(metrics, "sdm_c_seconds", "c", &buckets, "l", "v", NULL);
    double number = 3;
    g_autofree char *text = NULL;

    sdm_metrics_add_function(metrics, SDM_METRICS_GAUGE, "sdm_d", "d", read_half, &number, NULL);
    sdm_counter_add(one, 2);
    sdm_counter_add(two, 18446744073709551615U);
    sdm_gauge_set(gauge, 5);
    sdm_gauge_add(gauge, -7);
    sdm_histogram_observe(histogram, 1000);
    sdm_histogram_observe(histogram, 1001);
    sdm_histogram_observe(histogram, 500000);
    text = sdm_metrics_render(metrics);
    cr_assert_str_eq(text, "# HELP sdm_a line\\nand \\\\\n"
                           "# TYPE sdm_a gauge\n"
                           "sdm_a -2\n"
                           "# HELP sdm_b_total b\n"
                           "# TYPE sdm_b_total counter\n"
                           "sdm_b_total{x=\"1\"} 2\n"
                           "sdm_b_total{x=\"q\\\"\\\\\\n\",y=\"\"} 18446744073709551615\n"
                           "# HELP sdm_c_seconds c\n"
                           "# TYPE sdm_c_seconds histogram\n"
                           "sdm_c_seconds_bucket{l=\"v\",le=\"0.001\"} 1\n"
                           "sdm_c_seconds_bucket{l=\"v\",le=\"0.02\"} 2\n"
                           "sdm_c_seconds_bucket{l=\"v\",le=\"+Inf\"} 3\n"
                           "sdm_c_seconds_sum{l=\"v\"} 0.502001\n"
                           "sdm_c_seconds_count{l=\"v\"} 3\n"
                           "# HELP sdm_d d\n"
                           "# TYPE sdm_d gauge\n"
                           "sdm_d 1.5\n");
}

Test(metrics, the_same_labels_are_the_same_series)
{
    g_autoptr(sdm_metrics) metrics = sdm_metrics_new();
    struct sdm_counter *first = sdm_metrics_counter(metrics, "sdm_x_total", "x", "l", "1", NULL);
    struct sdm_counter *other = sdm_metrics_counter(metrics, "sdm_x_total", "x", "l", "2", NULL);
    struct sdm_counter *again = sdm_metrics_counter(metrics, "sdm_x_total", "x", "l", "1", NULL);

    cr_assert_eq(first, again);
    cr_assert_neq(first, other);
}

Test(metrics, functions_go_with_their_user)
{
    g_autoptr(sdm_metrics) metrics = sdm_metrics_new();
    g_autofree char *text = NULL;
    double kept = 8;
    double gone = 6;

    sdm_metrics_add_function(metrics, SDM_METRICS_GAUGE, "sdm_e", "e", read_half, &gone, "of",
                             "gone", NULL);
    sdm_metrics_add_function(metrics, SDM_METRICS_GAUGE, "sdm_e", "e", read_half, &kept, "of",
                             "kept", NULL);
    sdm_metrics_remove_user(metrics, &gone);
    text = sdm_metrics_render(metrics);
    cr_assert_str_eq(text, "# HELP sdm_e e\n# TYPE sdm_e gauge\nsdm_e{of=\"kept\"} 4\n");
}
