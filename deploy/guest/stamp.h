/* What the guest writes into every page that it fills, and what the host looks for.
 *
 * A page says whose it is (seed) and which frame of the guest's physical memory it is (pfn), so
 * that the host can tell a byte at the right place from the same byte at a wrong one.  Pure; shared
 * by the guest's init and the host's finder. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define SDM_PAGE_BYTES 4096u
#define SDM_PAGE_WORDS (SDM_PAGE_BYTES / sizeof(uint64_t))

/* The first three words of a stamped page are the stamp, the last one repeats the check word. */
static inline void sdm_stamp_write(volatile uint64_t *page, uint64_t seed, uint64_t pfn)
{
    page[0] = seed;
    page[1] = pfn;
    page[2] = ~pfn ^ seed;
    page[SDM_PAGE_WORDS - 1] = ~pfn ^ seed;
}

/* Whole, whatever frame it names. */
static inline bool sdm_stamp_whole(const volatile uint64_t *page, uint64_t seed)
{
    return page[0] == seed && page[2] == (~page[1] ^ seed) && page[SDM_PAGE_WORDS - 1] == page[2];
}

/* Whole, and naming frame 'pfn'. */
static inline bool sdm_stamp_right(const volatile uint64_t *page, uint64_t seed, uint64_t pfn)
{
    return sdm_stamp_whole(page, seed) && page[1] == pfn;
}
