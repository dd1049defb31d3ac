#define _DEFAULT_SOURCE

#include "progress.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "cli.h"

#define BAR_LEN       30
#define LINE_LEN      128 // chosen: more than all figures at their longest
#define FIGURES_LEN   40  // chosen: all figures as long as they usually get
#define COLUMNS_USUAL 80  // chosen: of a terminal that does not tell
#define SHOW_INTERVAL 0.1 // chosen: seconds; smooth to the eye, cheap for the terminal
#define RATE_INTERVAL 0.5 // chosen: seconds; before, what the network held ready looks like a rate

double progress_now(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now); // cannot fail for this clock
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

// A bar needs a terminal that can go back to the start of a line and erase the rest of it.
static bool can_draw(void)
{
    const char *terminal = getenv("TERM");
    return isatty(STDERR_FILENO) && terminal && *terminal && strcmp(terminal, "dumb") != 0;
}

void progress_begin(struct progress *p, bool is_silent)
{
    *p = (struct progress){.is_silent = is_silent, .is_terminal = can_draw(), .total = -1};
    p->started = progress_now();
}

void progress_expect(struct progress *p, int64_t total, int64_t done)
{
    p->total = total > 0 ? total : -1;
    p->done_before = done > 0 ? done : 0;
    p->last_step = total > 0 ? (int)(p->done_before * 10 / total) : 0;
    p->started = progress_now();
}

// Adds a figure, or leaves it out when the line would be longer than room.
__attribute__((format(printf, 3, 4))) static void append(char line[LINE_LEN], size_t room,
                                                         const char *format, ...)
{
    size_t len = strlen(line);
    size_t limit = room + 1 < LINE_LEN ? room + 1 : LINE_LEN;
    va_list args;
    va_start(args, format);
    int wanted = len < limit ? vsnprintf(line + len, limit - len, format, args) : 0;
    va_end(args);
    if (wanted < 0 || len + (size_t)wanted >= limit) {
        line[len] = 0;
    }
}

static void list_figures(const struct progress *p, int64_t done, char line[LINE_LEN], size_t room)
{
    char size[32];
    double seconds = progress_now() - p->started;
    line[0] = 0;
    if (p->total > 0) {
        append(line, room, "%3d%%", (int)(done * 100 / p->total));
    }
    append(line, room, " %10s", cli_size_text((uint64_t)done, size));
    if (seconds < RATE_INTERVAL || done <= p->done_before) {
        return;
    }
    double rate = (double)(done - p->done_before) / seconds;
    append(line, room, " %8s/s", cli_size_text((uint64_t)rate, size));
    if (p->total > 0) {
        long left = (long)((double)(p->total - done) / rate + 0.5);
        append(line, room, "  %ld:%02ld left", left / 60, left % 60);
    }
}

static void print_bar(int64_t done, int64_t total)
{
    int filled = (int)(done * BAR_LEN / total);
    fputc('[', stderr);
    for (int i = 0; i < BAR_LEN; i++) {
        fputc(i < filled ? '#' : '.', stderr);
    }
    fputs("] ", stderr);
}

static size_t count_columns(void)
{
    struct winsize window;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_col > 0 ? window.ws_col
                                                                               : COLUMNS_USUAL;
}

// A line longer than the terminal is wide would be drawn below itself again and again: the bar goes first, then figures.
static void print_line(const struct progress *p, int64_t done)
{
    char line[LINE_LEN];
    size_t room = count_columns() - 1; // in the last column some terminals begin a new line
    list_figures(p, done, line, room);
    fputc('\r', stderr);
    if (p->total > 0 && BAR_LEN + 3 + FIGURES_LEN <= room) {
        print_bar(done, p->total);
    }
    fprintf(stderr, "%s\033[K", line);
    cli_note_open_line(true);
}

void progress_show(struct progress *p, int64_t done)
{
    if (p->is_silent || done <= 0) {
        return;
    }
    if (done < p->done_before) { // another file, from its start
        progress_expect(p, p->total, 0);
    }
    double now = progress_now();
    if (p->is_terminal) {
        if (now - p->last_shown >= SHOW_INTERVAL || done == p->total) {
            p->last_shown = now;
            print_line(p, done);
        }
        return;
    }
    int step = p->total > 0 ? (int)(done * 10 / p->total) : 0;
    if (step > p->last_step) {
        p->last_step = step;
        fprintf(stderr, "%d%%\n", step * 10);
    }
}

void progress_end(struct progress *p)
{
    (void)p; // only one bar can be open
    cli_end_line();
}

void progress_say(struct progress *p, const char *format, ...)
{
    if (p->is_silent) {
        return;
    }
    progress_end(p);
    va_list args;
    va_start(args, format);
    (void)vfprintf(stderr, format, args); // nothing can be done about a closed standard error
    va_end(args);
    fputc('\n', stderr);
}
