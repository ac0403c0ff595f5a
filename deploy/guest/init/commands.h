/* The commands that the guest takes on its serial line.
 *
 * Every command is answered by exactly one last line, "OK command key=value..." or "ERR command
 * reason"; lines before it (BLOCK, RANGE) belong to it.  MEMTOTAL lines may come at any time. */
#pragma once

/* Carries out one line; 'line' is taken apart. */
void commands_run(char *line);
