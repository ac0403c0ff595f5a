#include "commands.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/reboot.h>

#include "blocks.h"
#include "fill.h"
#include "procfs.h"

#define MAX_WORDS 4

static bool parse_number(const char *text, unsigned long long *value)
{
    char *end;

    if (text == NULL || *text == '\0') {
        return false;
    }
    errno = 0;
    *value = strtoull(text, &end, 0);
    return errno == 0 && *end == '\0';
}

static void run_fill(char **words)
{
    struct fill_report report;
    const char *why = "usage: fill MIB|hotplug SEED";
    double started = procfs_boottime();
    unsigned long long mib;
    unsigned long long seed;
    bool ok = false;

    if (parse_number(words[2], &seed)) {
        if (strcmp(words[1], "hotplug") == 0) {
            ok = fill_hotplug(seed, &report, &why);
        } else if (parse_number(words[1], &mib)) {
            ok = fill_mib((unsigned long)mib, seed, &report, &why);
        }
    }
    if (!ok) {
        printf("ERR fill %s\n", why);
        return;
    }
    unsigned n_ranges = fill_print_ranges();
    printf("OK fill pages=%llu hot=%llu missing=%llu ranges=%u ms=%.0f\n",
           (unsigned long long)report.n_pages, (unsigned long long)report.n_hot,
           (unsigned long long)report.n_missing, n_ranges, (procfs_boottime() - started) * 1e3);
}

static void run_verify(char **words)
{
    struct verify_report report;
    unsigned long long seed;

    if (!parse_number(words[1], &seed)) {
        printf("ERR verify usage: verify SEED\n");
        return;
    }
    fill_verify(seed, &report);
    printf("OK verify pages=%llu bad=%llu moved=%llu\n", (unsigned long long)report.n_pages,
           (unsigned long long)report.n_bad, (unsigned long long)report.n_moved);
}

static void run_free(char **words)
{
    (void)words;
    printf("OK free pages=%llu\n", (unsigned long long)fill_free());
}

static void run_hold(char **words)
{
    unsigned n_held = fill_hold();

    (void)words;
    if (n_held == 0) {
        printf("ERR hold no page of hot-plugged memory can be had\n");
    } else {
        printf("OK hold pages=%u\n", n_held);
    }
}

static void run_release(char **words)
{
    (void)words;
    printf("OK release pages=%u\n", fill_release());
}

static void run_blocks(char **words)
{
    (void)words;
    printf("OK blocks n=%u\n", blocks_print());
}

static void run_meminfo(char **words)
{
    struct zone_pages movable = {0, 0, 0, 0};

    (void)words;
    procfs_zone("Movable", &movable);
    printf("OK meminfo total_kib=%ld free_kib=%ld available_kib=%ld movable_kib=%ld "
           "movable_free_kib=%ld\n",
           procfs_meminfo_kib("MemTotal:"), procfs_meminfo_kib("MemFree:"),
           procfs_meminfo_kib("MemAvailable:"), movable.n_managed * 4,
           (movable.n_free + movable.n_percpu) * 4);
}

static void run_poweroff(char **words)
{
    (void)words;
    printf("OK poweroff\n");
    fflush(stdout);
    reboot(RB_POWER_OFF);
}

static const struct command {
    const char *name;
    void (*run)(char **words);
} commands[] = {
    {"fill", run_fill},       {"verify", run_verify},     {"free", run_free},
    {"hold", run_hold},       {"release", run_release},   {"blocks", run_blocks},
    {"meminfo", run_meminfo}, {"poweroff", run_poweroff},
};

void commands_run(char *line)
{
    char *words[MAX_WORDS] = {NULL};
    char *rest = line;
    size_t n_words = 0;

    while (n_words < MAX_WORDS - 1) {
        char *word = strsep(&rest, " \t");
        if (word == NULL) {
            break;
        }
        if (*word != '\0') {
            words[n_words++] = word;
        }
    }
    if (n_words == 0) {
        return;
    }
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (strcmp(words[0], commands[i].name) == 0) {
            commands[i].run(words);
            return;
        }
    }
    printf("ERR %s unknown command\n", words[0]);
}
