/* Fills guest memory with stamped pages (see stamp.h), and says in which frames they lie.
 *
 * At most one fill exists at a time.  Single-threaded. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct fill_report {
    uint64_t n_pages;   /* stamped */
    uint64_t n_hot;     /* of them in hot-plugged memory */
    uint64_t n_missing; /* free pages of hot-plugged memory that the kernel did not give;
                           fill_hotplug() only */
};

/* Replaces the fill by 'mib' MiB from wherever the kernel takes them.  On failure returns false
 * with a reason in 'why' (static text) and holds nothing. */
bool fill_mib(unsigned long mib, uint64_t seed, struct fill_report *report, const char **why);

/* Replaces the fill by every free page of hot-plugged memory, and no others. */
bool fill_hotplug(uint64_t seed, struct fill_report *report, const char **why);

/* Prints "RANGE first-pfn n-pages boot|hotplug" for each run of stamped frames, at most 200 lines;
 * returns the number of runs. */
unsigned fill_print_ranges(void);

struct verify_report {
    uint64_t n_pages;
    uint64_t n_bad;   /* stamp damaged, or another seed's */
    uint64_t n_moved; /* whole, but the kernel has moved the page to another frame since */
};

/* Reads every stamp back. */
void fill_verify(uint64_t seed, struct verify_report *report);

/* Gives the memory back; returns how many pages. */
uint64_t fill_free(void);

/* Pins one page in each hot-plugged memory block that the fill touches (or, with no fill, in one
 * block), so that the kernel cannot take these blocks out.  Returns the number of pinned pages. */
unsigned fill_hold(void);
unsigned fill_release(void);
