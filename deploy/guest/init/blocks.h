/* The guest kernel's memory blocks: which came with boot and which were plugged in later. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Remembers what is there now as boot memory.  Call once, before anything is plugged in. */
void blocks_remember_boot(void);

/* Is the frame part of a block that came after boot? */
bool blocks_is_hotplugged(uint64_t pfn);

/* Prints "BLOCK index state zones boot|hotplug" for each block and returns how many there are. */
unsigned blocks_print(void);

/* One past the highest frame of any block. */
uint64_t blocks_end_pfn(void);

/* A socket that becomes readable when a block changes, or -1. */
int blocks_watch(void);

/* Empties that socket. */
void blocks_watch_drain(int fd);
