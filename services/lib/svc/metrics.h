/* Counters, gauges and histograms, and their text for Prometheus.
 *
 * A metric is a name, a help text and series that differ in their labels.  Names follow
 * Prometheus: "sdm_<part>_<what>_<unit>", seconds and bytes, counters end in "_total".  Registering
 * the same name and labels again gives the same series.
 *
 * Thread rule: any thread; adding and observing take no lock.  Functions of
 * sdm_metrics_add_function() run on the thread that renders. */
#pragma once

#include <stdint.h>

#include <glib.h>

struct sdm_metrics;
typedef struct sdm_metrics sdm_metrics;
struct sdm_counter;
struct sdm_gauge;
struct sdm_histogram;

struct sdm_metrics *sdm_metrics_new(void);
/* Frees every series with it. */
void sdm_metrics_free(struct sdm_metrics *metrics);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(sdm_metrics, sdm_metrics_free)

/* Registers a series.  What follows 'help' (or 'scale') are pairs of label name and value, ended by
 * NULL; all texts are copied.  The series belongs to 'metrics'. */
struct sdm_counter *sdm_metrics_counter(struct sdm_metrics *metrics, const char *name,
                                        const char *help, ...) G_GNUC_NULL_TERMINATED;
struct sdm_gauge *sdm_metrics_gauge(struct sdm_metrics *metrics, const char *name, const char *help,
                                    ...) G_GNUC_NULL_TERMINATED;

/* Upper bounds of a histogram's buckets in whole numbers, growing; the text holds them, and the
 * sum, divided by 'scale'. */
struct sdm_metrics_buckets {
    const int64_t *bounds;
    size_t n_bounds; /* at most 32 */
    double scale;
};

/* 50 us to 30 s, observed in microseconds and shown in seconds. */
extern const struct sdm_metrics_buckets sdm_metrics_latency;
/* 1 to 4096 in powers of two, observed and shown as they are. */
extern const struct sdm_metrics_buckets sdm_metrics_batch;

struct sdm_histogram *sdm_metrics_histogram(struct sdm_metrics *metrics, const char *name,
                                            const char *help,
                                            const struct sdm_metrics_buckets *buckets,
                                            ...) G_GNUC_NULL_TERMINATED;

enum sdm_metrics_kind { SDM_METRICS_COUNTER, SDM_METRICS_GAUGE };

/* A series whose value is asked for when it is rendered; 'user' outlives 'metrics', or
 * sdm_metrics_remove_user() is called first. */
void sdm_metrics_add_function(struct sdm_metrics *metrics, enum sdm_metrics_kind kind,
                              const char *name, const char *help, double (*read)(void *user),
                              void *user, ...) G_GNUC_NULL_TERMINATED;
void sdm_metrics_remove_user(struct sdm_metrics *metrics, const void *user);

void sdm_counter_add(struct sdm_counter *counter, uint64_t n);
uint64_t sdm_counter_get(const struct sdm_counter *counter);
void sdm_gauge_set(struct sdm_gauge *gauge, int64_t value);
void sdm_gauge_add(struct sdm_gauge *gauge, int64_t difference);
int64_t sdm_gauge_get(const struct sdm_gauge *gauge);
void sdm_histogram_observe(struct sdm_histogram *histogram, int64_t value);

/* The text exposition, format 0.0.4; the caller frees it.  Names come in alphabetical order, the
 * series of one in the order they were registered. */
char *sdm_metrics_render(struct sdm_metrics *metrics);
