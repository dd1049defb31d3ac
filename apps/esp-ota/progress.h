/** What a download looks like while it runs: a bar on a terminal that can draw one, a line a step elsewhere. On standard error. */
#pragma once

#include "esp_err.h"

struct progress {
    bool is_silent;
    bool is_terminal;
    int64_t total; // bytes; -1: unknown
    double started;
    double last_shown;
    int64_t done_before; // bytes that were there when the clock of the rate started
    int last_step;       // tenths that were announced
};

/** Begins; with is_silent nothing is shown, and only the time is taken. */
void progress_begin(struct progress *p, bool is_silent);

/** Tells how many bytes there will be, -1: unknown, and how many an earlier update brought. Restarts the clock of the rate. */
void progress_expect(struct progress *p, int64_t total, int64_t done);

/** Shows that done bytes are there. */
void progress_show(struct progress *p, int64_t done);

/** Ends the bar, so that the next message stands on its own line. */
void progress_end(struct progress *p);

/** Prints a step, not in silence. */
void progress_say(struct progress *p, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/** Seconds of a clock that never goes back. */
double progress_now(void);
