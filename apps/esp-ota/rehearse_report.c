#define _POSIX_C_SOURCE 200809L // open_memstream

// The page with both timelines: one file, no scripts, readable without a network.

#include "rehearse.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PICTURE_WIDTH 960.0
#define ROW_HEIGHT    26
#define LABEL_WIDTH   90
#define NARROWEST     0.4 // pixels: what is narrower is drawn together with its neighbours

static const char *const COLOURS[REHEARSE_ACTIVITY_COUNT] = {"#d68910", "#9aa5b1", "#c0392b",
                                                             "#2471a3", "#1e8449"};
static const char *const CAPTIONS[REHEARSE_ACTIVITY_COUNT] = {
    "the network carries something (not part of the sum)", "waiting for the network", "erasing",
    "programming", "reading back"};

static double seconds(uint64_t ns)
{
    return (double)ns / 1e9;
}

static void draw_bar(FILE *out, enum rehearse_activity activity, double from, double to)
{
    fprintf(out, "<rect x=\"%.2f\" y=\"%d\" width=\"%.2f\" height=\"%d\" fill=\"%s\"/>\n",
            LABEL_WIDTH + from, (int)activity * ROW_HEIGHT + 4,
            to - from < NARROWEST ? NARROWEST : to - from, ROW_HEIGHT - 8, COLOURS[activity]);
}

// Events of one kind that lie closer together than can be seen become one bar, as wide as what they cover.
static void draw_row(FILE *out, const struct rehearse_result *result,
                     enum rehearse_activity activity, double scale)
{
    double from = -1;
    double to = -1;
    for (size_t i = 0; i < result->event_count; i++) {
        const struct rehearse_event *event = &result->events[i];
        if (event->activity != activity) {
            continue;
        }
        double start = seconds(event->start_ns) * scale;
        if (from >= 0 && start - to > NARROWEST) {
            draw_bar(out, activity, from, to);
            from = -1;
        }
        from = from < 0 ? start : from;
        to = seconds(event->end_ns) * scale;
    }
    if (from >= 0) {
        draw_bar(out, activity, from, to);
    }
}

static void draw_axis(FILE *out, double whole_s, double scale)
{
    double step = 0.1;
    while (whole_s / step > 12) {
        step *= whole_s / step > 24 ? 5 : 2;
    }
    int y = REHEARSE_ACTIVITY_COUNT * ROW_HEIGHT;
    for (int i = 0; i * step <= whole_s; i++) {
        double x = LABEL_WIDTH + i * step * scale;
        fprintf(out,
                "<line x1=\"%.1f\" y1=\"0\" x2=\"%.1f\" y2=\"%d\" stroke=\"#ddd\"/><text "
                "x=\"%.1f\" y=\"%d\">%g s</text>\n",
                x, x, y, x + 2, y + 14, i * step);
    }
}

// Where the part would be ready if it never waited and did nothing but erase and program after the handshake.
static void draw_bound(FILE *out, double bound_s, double scale)
{
    double x = LABEL_WIDTH + bound_s * scale;
    int y = REHEARSE_ACTIVITY_COUNT * ROW_HEIGHT;
    fprintf(out,
            "<line x1=\"%.1f\" y1=\"0\" x2=\"%.1f\" y2=\"%d\" stroke=\"#222\" "
            "stroke-dasharray=\"4 3\"/>\n",
            x, x, y);
}

static void draw_timeline(FILE *out, const char *title, const struct rehearse_result *result,
                          double whole_s, double bound_s)
{
    double scale = PICTURE_WIDTH / whole_s;
    fprintf(
        out,
        "<h2>%s: %.2f s</h2>\n<svg viewBox=\"0 0 %.0f %d\" role=\"img\" aria-label=\"timeline\">\n",
        title, seconds(result->total_ns), PICTURE_WIDTH + LABEL_WIDTH + 40,
        REHEARSE_ACTIVITY_COUNT * ROW_HEIGHT + 20);
    draw_axis(out, whole_s, scale);
    for (int i = 0; i < REHEARSE_ACTIVITY_COUNT; i++) {
        fprintf(out, "<text x=\"0\" y=\"%d\">%s</text>\n", i * ROW_HEIGHT + 18,
                REHEARSE_ACTIVITY_NAMES[i]);
        draw_row(out, result, (enum rehearse_activity)i, scale);
    }
    draw_bound(out, bound_s, scale);
    fputs("</svg>\n", out);
}

static void write_row(FILE *out, const char *name, double ours, double theirs, const char *unit)
{
    fprintf(out, "<tr><td>%s</td><td>%.2f%s</td><td>%.2f%s</td></tr>\n", name, ours, unit, theirs,
            unit);
}

static void write_wear(FILE *out, const struct rehearse_result *ours,
                       const struct rehearse_result *theirs)
{
    static const char *const WHERE[REHEARSE_REGION_COUNT] = {"image", "journal", "boot record"};
    for (int i = 0; i < REHEARSE_REGION_COUNT; i++) {
        fprintf(out,
                "<tr><td>most erases of one sector, %s</td><td>%u (of %u sectors)</td><td>%u (of "
                "%u sectors)</td></tr>\n",
                WHERE[i], (unsigned)ours->wear[i].most, (unsigned)ours->wear[i].sectors,
                (unsigned)theirs->wear[i].most, (unsigned)theirs->wear[i].sectors);
    }
}

static void write_table(FILE *out, const struct rehearse_result *ours,
                        const struct rehearse_result *theirs)
{
    fputs("<table><tr><th></th><th>this stack</th><th>ESP-IDF's algorithm</th></tr>\n", out);
    write_row(out, "total", seconds(ours->total_ns), seconds(theirs->total_ns), " s");
    for (int i = 0; i < REHEARSE_ACTIVITY_COUNT; i++) {
        write_row(out, CAPTIONS[i], seconds(ours->spent_ns[i]), seconds(theirs->spent_ns[i]), " s");
    }
    write_row(out, "downloaded", (double)ours->network_bytes / 1024,
              (double)theirs->network_bytes / 1024, " KiB");
    write_row(out, "erased", (double)ours->erased_bytes / 1024, (double)theirs->erased_bytes / 1024,
              " KiB");
    write_row(out, "programmed", (double)ours->programmed_bytes / 1024,
              (double)theirs->programmed_bytes / 1024, " KiB");
    write_row(out, "read from flash", (double)ours->read_bytes / 1024,
              (double)theirs->read_bytes / 1024, " KiB");
    fprintf(out, "<tr><td>erase operations</td><td>%u</td><td>%u</td></tr>\n",
            (unsigned)ours->erase_count, (unsigned)theirs->erase_count);
    write_wear(out, ours, theirs);
    fprintf(out, "<tr><td>peak heap, without TLS</td><td>");
    if (ours->peak_heap) {
        fprintf(out, "%.1f KiB", (double)ours->peak_heap / 1024);
    }
    fputs("</td><td>not known</td></tr>\n</table>\n", out);
}

static void write_advice(FILE *out, const struct rehearse_plan *plan,
                         const struct rehearse_result *ours, const struct rehearse_result *theirs)
{
    char advice[REHEARSE_ADVICE_MAX][REHEARSE_ADVICE_LEN];
    int count = rehearse_advise(plan, ours, theirs, advice);
    for (int i = 0; i < count; i++) {
        fprintf(out, "<p>%s</p>\n", advice[i]);
    }
}

static void write_page(FILE *out, const struct rehearse_plan *plan,
                       const struct rehearse_result *ours, const struct rehearse_result *theirs)
{
    double bound_s = seconds(rehearse_bound_ns(plan) + plan->link.handshake_ns);
    double whole_s = seconds(ours->total_ns > theirs->total_ns ? ours->total_ns : theirs->total_ns);
    fputs("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Rehearsal of an "
          "update</title>\n"
          "<style>body{font:15px/1.5 sans-serif;max-width:70em;margin:2em auto;padding:0 "
          "1em;color:#222}"
          "table{border-collapse:collapse}td,th{padding:.2em 1em;border-bottom:1px solid "
          "#ddd;text-align:right}"
          "td:first-child{text-align:left}svg{width:100%;font-size:11px}</style></head><body>\n",
          out);
    fprintf(out, "<h1>This update takes %.1f seconds, with ESP-IDF's algorithm %.1f</h1>\n",
            seconds(ours->total_ns), seconds(theirs->total_ns));
    fprintf(out, "<p>%zu bytes", plan->new_image.len);
    if (plan->patch.len) {
        fprintf(out, " by a patch of %zu bytes", plan->patch.len);
    }
    fprintf(out,
            " over %.0f KB/s with %.0f ms round trip and a receive window of %u bytes, into a %s "
            "(%s times; source: %s). The part itself needs %.2f s at least. Arithmetic is not "
            "modelled, but for %.2f s of the handshake.</p>\n",
            (double)plan->link.bytes_per_s / 1e3, seconds(plan->link.round_trip_ns) * 1e3,
            (unsigned)plan->link.window, plan->part->name,
            plan->is_worst_case ? "worst-case" : "typical", plan->part->source,
            seconds(rehearse_bound_ns(plan)), seconds(plan->link.handshake_ns));
    write_table(out, ours, theirs);
    write_advice(out, plan, ours, theirs);
    draw_timeline(out, "This stack", ours, whole_s, bound_s);
    draw_timeline(out, "ESP-IDF's algorithm", theirs, whole_s, bound_s);
    fputs("<p>One thread does everything, so at each moment one row below the network's is busy. "
          "The network carries bytes meanwhile, until the receive window is full. The dashed line: "
          "the part does nothing but erase in units of 64 KiB and program whole pages from the end "
          "of the "
          "handshake on.</p>\n</body></html>\n",
          out);
}

bool rehearse_write_report(const char *path, const struct rehearse_plan *plan,
                           const struct rehearse_result *ours, const struct rehearse_result *theirs)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    if (!out) {
        cli_report_failure("%s: no memory for the report", path);
        return false;
    }
    write_page(out, plan, ours, theirs);
    bool is_written = fclose(out) == 0 && cli_write_file(path, text, len);
    free(text);
    return is_written;
}
