#include "lib/svc/metrics.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#define MAX_BOUNDS 32

enum series_kind { SERIES_COUNTER, SERIES_GAUGE, SERIES_HISTOGRAM, SERIES_FUNCTION };

struct sdm_counter {
    _Atomic uint64_t value;
};

struct sdm_gauge {
    _Atomic int64_t value;
};

struct sdm_histogram {
    struct sdm_metrics_buckets buckets;
    _Atomic int64_t sum;
    /* Of each bucket alone, the last for what is beyond all bounds; added up when rendered. */
    _Atomic uint64_t counts[MAX_BOUNDS + 1];
};

struct series {
    char *labels; /* 'a="b",c="d"', or "" */
    enum series_kind kind;
    union {
        struct sdm_counter counter;
        struct sdm_gauge gauge;
        struct sdm_histogram histogram;
        struct {
            double (*read)(void *user);
            void *user;
        } function;
    } as;
};

struct family {
    char *name;
    char *help;
    const char *type;
    GPtrArray *series;
};

struct sdm_metrics {
    pthread_mutex_t mutex; /* guards the tree and its arrays, not the values */
    GTree *families;       /* by name */
};

static const int64_t latency_bounds[] = {
    50,    100,    250,    500,    1000,    2500,    5000,    10000,    25000,
    50000, 100000, 250000, 500000, 1000000, 2500000, 5000000, 10000000, 30000000,
};
static const int64_t batch_bounds[] = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096};

const struct sdm_metrics_buckets sdm_metrics_latency = {latency_bounds,
                                                        G_N_ELEMENTS(latency_bounds), 1e6};
const struct sdm_metrics_buckets sdm_metrics_batch = {batch_bounds, G_N_ELEMENTS(batch_bounds), 1};

static void series_free(void *data)
{
    struct series *series = data;

    g_free(series->labels);
    g_free(series);
}

static void family_free(void *data)
{
    struct family *family = data;

    g_free(family->name);
    g_free(family->help);
    g_ptr_array_unref(family->series);
    g_free(family);
}

static int compare_names(const void *a, const void *b, void *data)
{
    (void)data;
    return strcmp(a, b);
}

struct sdm_metrics *sdm_metrics_new(void)
{
    struct sdm_metrics *metrics = g_new0(struct sdm_metrics, 1);

    pthread_mutex_init(&metrics->mutex, NULL);
    metrics->families = g_tree_new_full(compare_names, NULL, NULL, family_free);
    return metrics;
}

void sdm_metrics_free(struct sdm_metrics *metrics)
{
    if (metrics == NULL) {
        return;
    }
    g_tree_unref(metrics->families);
    pthread_mutex_destroy(&metrics->mutex);
    g_free(metrics);
}

/* In a label's value, '\', '"' and line ends are escaped; in a help text all but '"'. */
static void append_escaped(GString *out, const char *text, bool in_label)
{
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '\n') {
            g_string_append(out, "\\n");
        } else if (*c == '\\' || (*c == '"' && in_label)) {
            g_string_append_c(out, '\\');
            g_string_append_c(out, *c);
        } else {
            g_string_append_c(out, *c);
        }
    }
}

static char *join_labels(va_list args)
{
    GString *out = g_string_new(NULL);
    const char *name;

    while ((name = va_arg(args, const char *)) != NULL) {
        const char *value = va_arg(args, const char *);

        g_string_append_printf(out, "%s%s=\"", out->len > 0 ? "," : "", name);
        append_escaped(out, value, true);
        g_string_append_c(out, '"');
    }
    return g_string_free(out, FALSE);
}

static struct family *find_family(struct sdm_metrics *metrics, const char *name, const char *help,
                                  const char *type)
{
    struct family *family = g_tree_lookup(metrics->families, name);

    if (family == NULL) {
        family = g_new0(struct family, 1);
        family->name = g_strdup(name);
        family->help = g_strdup(help);
        family->type = type;
        family->series = g_ptr_array_new_with_free_func(series_free);
        g_tree_insert(metrics->families, family->name, family);
    }
    g_assert(strcmp(family->type, type) == 0);
    return family;
}

static struct series *find_series(struct family *family, const char *labels)
{
    for (guint i = 0; i < family->series->len; i++) {
        struct series *series = family->series->pdata[i];

        if (strcmp(series->labels, labels) == 0) {
            return series;
        }
    }
    return NULL;
}

/* 'fresh', whose value is set, becomes a series unless there is one of its labels. */
static struct series *add_series(struct sdm_metrics *metrics, const char *name, const char *help,
                                 const char *type, const struct series *fresh, va_list args)
{
    g_autofree char *labels = join_labels(args);
    struct family *family;
    struct series *series;

    pthread_mutex_lock(&metrics->mutex);
    family = find_family(metrics, name, help, type);
    series = find_series(family, labels);
    if (series == NULL) {
        series = g_new(struct series, 1);
        memcpy(series, fresh, sizeof *series);
        series->labels = g_steal_pointer(&labels);
        g_ptr_array_add(family->series, series);
    }
    pthread_mutex_unlock(&metrics->mutex);
    return series;
}

struct sdm_counter *sdm_metrics_counter(struct sdm_metrics *metrics, const char *name,
                                        const char *help, ...)
{
    const struct series fresh = {.kind = SERIES_COUNTER};
    struct series *series;
    va_list args;

    va_start(args, help);
    series = add_series(metrics, name, help, "counter", &fresh, args);
    va_end(args);
    return &series->as.counter;
}

struct sdm_gauge *sdm_metrics_gauge(struct sdm_metrics *metrics, const char *name, const char *help,
                                    ...)
{
    const struct series fresh = {.kind = SERIES_GAUGE};
    struct series *series;
    va_list args;

    va_start(args, help);
    series = add_series(metrics, name, help, "gauge", &fresh, args);
    va_end(args);
    return &series->as.gauge;
}

struct sdm_histogram *sdm_metrics_histogram(struct sdm_metrics *metrics, const char *name,
                                            const char *help,
                                            const struct sdm_metrics_buckets *buckets, ...)
{
    const struct series fresh = {.kind = SERIES_HISTOGRAM, .as.histogram.buckets = *buckets};
    struct series *series;
    va_list args;

    g_assert(buckets->n_bounds <= MAX_BOUNDS);
    va_start(args, buckets);
    series = add_series(metrics, name, help, "histogram", &fresh, args);
    va_end(args);
    return &series->as.histogram;
}

void sdm_metrics_add_function(struct sdm_metrics *metrics, enum sdm_metrics_kind kind,
                              const char *name, const char *help, double (*read)(void *user),
                              void *user, ...)
{
    const struct series fresh = {.kind = SERIES_FUNCTION, .as.function = {read, user}};
    va_list args;

    va_start(args, user);
    add_series(metrics, name, help, kind == SDM_METRICS_COUNTER ? "counter" : "gauge", &fresh,
               args);
    va_end(args);
}

static gboolean remove_user_of_family(gpointer key, gpointer value, gpointer user)
{
    struct family *family = value;

    (void)key;
    for (guint i = family->series->len; i > 0; i--) {
        const struct series *series = family->series->pdata[i - 1];

        if (series->kind == SERIES_FUNCTION && series->as.function.user == user) {
            g_ptr_array_remove_index(family->series, i - 1);
        }
    }
    return FALSE;
}

void sdm_metrics_remove_user(struct sdm_metrics *metrics, const void *user)
{
    pthread_mutex_lock(&metrics->mutex);
    g_tree_foreach(metrics->families, remove_user_of_family, (gpointer)user);
    pthread_mutex_unlock(&metrics->mutex);
}

void sdm_counter_add(struct sdm_counter *counter, uint64_t n)
{
    atomic_fetch_add_explicit(&counter->value, n, memory_order_relaxed);
}

uint64_t sdm_counter_get(const struct sdm_counter *counter)
{
    return atomic_load_explicit(&counter->value, memory_order_relaxed);
}

void sdm_gauge_set(struct sdm_gauge *gauge, int64_t value)
{
    atomic_store_explicit(&gauge->value, value, memory_order_relaxed);
}

void sdm_gauge_add(struct sdm_gauge *gauge, int64_t difference)
{
    atomic_fetch_add_explicit(&gauge->value, difference, memory_order_relaxed);
}

int64_t sdm_gauge_get(const struct sdm_gauge *gauge)
{
    return atomic_load_explicit(&gauge->value, memory_order_relaxed);
}

void sdm_histogram_observe(struct sdm_histogram *histogram, int64_t value)
{
    size_t i = 0;

    while (i < histogram->buckets.n_bounds && value > histogram->buckets.bounds[i]) {
        i++;
    }
    atomic_fetch_add_explicit(&histogram->counts[i], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&histogram->sum, value, memory_order_relaxed);
}

static void append_double(GString *out, double value)
{
    char text[G_ASCII_DTOSTR_BUF_SIZE];

    g_string_append(out, g_ascii_formatd(text, sizeof text, "%.12g", value));
}

/* 'name{labels} '; 'suffix' and 'bound' are of histograms, "" and NULL otherwise. */
static void append_name(GString *out, const char *name, const char *suffix, const char *labels,
                        const char *bound)
{
    g_string_append_printf(out, "%s%s", name, suffix);
    if (labels[0] != '\0' || bound != NULL) {
        g_string_append_printf(out, "{%s%s", labels, labels[0] != '\0' && bound != NULL ? "," : "");
        if (bound != NULL) {
            g_string_append_printf(out, "le=\"%s\"", bound);
        }
        g_string_append_c(out, '}');
    }
    g_string_append_c(out, ' ');
}

static void render_histogram(GString *out, const char *name, const char *labels,
                             const struct sdm_histogram *histogram)
{
    const struct sdm_metrics_buckets *buckets = &histogram->buckets;
    uint64_t total = 0;

    for (size_t i = 0; i <= buckets->n_bounds; i++) {
        g_autoptr(GString) bound = g_string_new(NULL);

        if (i < buckets->n_bounds) {
            append_double(bound, (double)buckets->bounds[i] / buckets->scale);
        } else {
            g_string_append(bound, "+Inf");
        }
        total += atomic_load_explicit(&histogram->counts[i], memory_order_relaxed);
        append_name(out, name, "_bucket", labels, bound->str);
        g_string_append_printf(out, "%" G_GUINT64_FORMAT "\n", total);
    }
    append_name(out, name, "_sum", labels, NULL);
    append_double(out, (double)atomic_load_explicit(&histogram->sum, memory_order_relaxed) /
                           buckets->scale);
    g_string_append_c(out, '\n');
    append_name(out, name, "_count", labels, NULL);
    g_string_append_printf(out, "%" G_GUINT64_FORMAT "\n", total);
}

static void render_series(GString *out, const char *name, const struct series *series)
{
    if (series->kind == SERIES_HISTOGRAM) {
        render_histogram(out, name, series->labels, &series->as.histogram);
        return;
    }
    append_name(out, name, "", series->labels, NULL);
    if (series->kind == SERIES_COUNTER) {
        g_string_append_printf(out, "%" G_GUINT64_FORMAT, sdm_counter_get(&series->as.counter));
    } else if (series->kind == SERIES_GAUGE) {
        g_string_append_printf(out, "%" G_GINT64_FORMAT, sdm_gauge_get(&series->as.gauge));
    } else {
        append_double(out, series->as.function.read(series->as.function.user));
    }
    g_string_append_c(out, '\n');
}

static gboolean render_family(gpointer key, gpointer value, gpointer data)
{
    const struct family *family = value;
    GString *out = data;

    (void)key;
    if (family->series->len == 0) {
        return FALSE;
    }
    g_string_append_printf(out, "# HELP %s ", family->name);
    append_escaped(out, family->help, false);
    g_string_append_printf(out, "\n# TYPE %s %s\n", family->name, family->type);
    for (guint i = 0; i < family->series->len; i++) {
        render_series(out, family->name, family->series->pdata[i]);
    }
    return FALSE;
}

char *sdm_metrics_render(struct sdm_metrics *metrics)
{
    GString *out = g_string_new(NULL);

    pthread_mutex_lock(&metrics->mutex);
    g_tree_foreach(metrics->families, render_family, out);
    pthread_mutex_unlock(&metrics->mutex);
    return g_string_free(out, FALSE);
}
