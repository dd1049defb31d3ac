#define _DEFAULT_SOURCE

#include "progress.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "cli.h"

#define BAR_LEN       30
#define SHOW_INTERVAL 0.1 // chosen: seconds; smooth to the eye, cheap for the terminal

double progress_now(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now); // cannot fail for this clock
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

void progress_begin(struct progress *p, bool is_silent)
{
    *p = (struct progress){
        .is_silent = is_silent, .is_terminal = isatty(STDERR_FILENO), .total = -1};
    p->started = progress_now();
}

void progress_expect(struct progress *p, int64_t total)
{
    p->total = total > 0 ? total : -1;
    p->started = progress_now();
}

static void print_bar(int64_t done, int64_t total)
{
    int filled = (int)(done * BAR_LEN / total);
    fputc('[', stderr);
    for (int i = 0; i < BAR_LEN; i++) {
        fputc(i < filled ? '#' : '.', stderr);
    }
    fprintf(stderr, "] %3d%%", (int)(done * 100 / total));
}

static void print_line(struct progress *p, int64_t done, double seconds)
{
    char text[32];
    double rate = seconds > 0 ? (double)done / seconds : 0;
    fputc('\r', stderr);
    if (p->total > 0) {
        print_bar(done, p->total);
    }
    fprintf(stderr, " %10s", cli_size_text((uint64_t)done, text));
    fprintf(stderr, " %8s/s", cli_size_text((uint64_t)rate, text));
    if (p->total > 0 && rate > 0) {
        long left = (long)((double)(p->total - done) / rate + 0.5);
        fprintf(stderr, "  %ld:%02ld left ", left / 60, left % 60);
    }
    fputs("\033[K", stderr);
    p->has_bar = true;
}

void progress_show(struct progress *p, int64_t done)
{
    if (p->is_silent || done <= 0) {
        return;
    }
    double now = progress_now();
    if (p->is_terminal) {
        if (now - p->last_shown >= SHOW_INTERVAL || done == p->total) {
            p->last_shown = now;
            print_line(p, done, now - p->started);
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
    if (p->has_bar) {
        fputc('\n', stderr);
        p->has_bar = false;
    }
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
