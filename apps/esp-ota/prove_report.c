// The report of esp-ota prove: one page without anything outside it, the verdict first.
#define _GNU_SOURCE // open_memstream

#include "prove.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OLD     1
#define NEW     2
#define WIDTH   960.0
#define BUCKETS 160u

static const char STYLE[] =
    "body{font:16px/1.5 system-ui,sans-serif;max-width:1000px;margin:2em auto;padding:0 "
    "1em;color:#1b2733}"
    "h1{font-size:1.6em;margin:0}h2{margin-top:2.2em;font-size:1.2em}h3{font-size:1em;margin:1.6em "
    "0 .3em}"
    ".verdict{padding:1.2em "
    "1.5em;border-radius:8px;color:#fff}.good{background:#1a7f4b}.bad{background:#b3261e}"
    ".verdict p{margin:.4em 0 0}table{border-collapse:collapse;width:100%;font-size:.92em}"
    "th,td{text-align:left;padding:.35em .6em;border-bottom:1px solid "
    "#d5dce3}td.n,th.n{text-align:right}"
    "code{font-size:.85em;overflow-wrap:anywhere}svg{width:100%;height:auto;background:#f7f9fb;"
    "border-radius:6px}"
    "svg text{font:12px system-ui,sans-serif;fill:#1b2733}.note{color:#51606f;font-size:.92em}"
    ".key span{display:inline-block;width:.8em;height:.8em;margin:0 .3em 0 1em;border-radius:2px}";

static void put_text(FILE *to, const char *text)
{
    for (; *text; text++) {
        switch (*text) {
        case '<':
            fputs("&lt;", to);
            break;
        case '>':
            fputs("&gt;", to);
            break;
        case '&':
            fputs("&amp;", to);
            break;
        case '"':
            fputs("&quot;", to);
            break;
        default:
            fputc(*text, to);
        }
    }
}

static void put_verdict(FILE *to, const struct powercut_totals *sum)
{
    bool is_good = sum->failures == 0;
    fprintf(to, "<div class=\"verdict %s\"><h1>%s</h1><p>", is_good ? "good" : "bad",
            is_good           ? "No power cut bricked this update."
            : sum->bricks > 0 ? "This update can brick a device."
                              : "This update does not survive every power cut.");
    if (is_good) {
        fprintf(to,
                "The power was cut %llu times. Every time the device started again with the old "
                "firmware or the new one, complete and verified, and finished the update by itself "
                "after at most %u power-ons.",
                (unsigned long long)sum->cuts, sum->worst_recovery);
    } else {
        fprintf(
            to,
            "%llu of %llu cases failed; in %llu of them nothing booted any more. Do not release "
            "before the failures below are understood.",
            (unsigned long long)sum->failures, (unsigned long long)sum->cases,
            (unsigned long long)sum->bricks);
    }
    fputs("</p></div>\n", to);
}

static void put_firmware(FILE *to, const struct prove *prove)
{
    const char *const roles[] = {"old", "new"};
    const char *const paths[] = {prove->old_path, prove->new_path};
    const char *const names[] = {prove->old_name, prove->new_name};
    const char *const digests[] = {prove->old_digest, prove->new_digest};
    fputs("<h2>What was tested</h2><table><tr><th></th><th>firmware</th><th>file</th>"
          "<th class=\"n\">bytes</th><th>SHA-256 of the file</th></tr>\n",
          to);
    for (int i = 0; i < 2; i++) {
        fprintf(to, "<tr><td>%s</td><td>", roles[i]);
        put_text(to, names[i]);
        fputs("</td><td>", to);
        put_text(to, paths[i]);
        fprintf(to, "</td><td class=\"n\">%u</td><td><code>%s</code></td></tr>\n",
                prove->world.images[i + 1].len, digests[i]);
    }
    fputs("</table>\n", to);
}

static void put_scenarios(FILE *to, const struct prove *prove)
{
    fputs("<table><tr><th>scenario</th><th class=\"n\">flash operations</th><th class=\"n\">power "
          "cuts</th><th class=\"n\">old boots next</th><th class=\"n\">new boots next</th>"
          "<th class=\"n\">worst power-ons</th><th class=\"n\">bricks</th><th "
          "class=\"n\">failures</th></tr>\n",
          to);
    for (uint32_t i = 0; i < prove->part_count; i++) {
        const struct powercut_totals *t = &prove->parts[i].totals;
        fprintf(to,
                "<tr><td>%s</td><td class=\"n\">%llu</td><td class=\"n\">%llu</td><td "
                "class=\"n\">%llu</td>"
                "<td class=\"n\">%llu</td><td class=\"n\">%u</td><td class=\"n\">%llu</td><td "
                "class=\"n\">%llu</td></tr>\n",
                prove->parts[i].title, (unsigned long long)t->operations,
                (unsigned long long)t->cuts, (unsigned long long)t->booted[OLD],
                (unsigned long long)t->booted[NEW], t->worst_recovery,
                (unsigned long long)t->bricks, (unsigned long long)t->failures);
    }
    fputs("</table>\n", to);
}

static void put_failures(FILE *to, const struct prove *prove)
{
    char cuts[256];
    for (uint32_t i = 0; i < prove->part_count; i++) {
        const struct powercut_totals *t = &prove->parts[i].totals;
        if (!t->has_failure) {
            continue;
        }
        fputs("<h3>First failure: ", to);
        put_text(to, prove->parts[i].title);
        fputs("</h3><p>", to);
        put_text(to, t->failure.text);
        fputs("</p><p>Step by step: <code>", to);
        put_text(to, prove->command);
        fprintf(to, " --replay %s:%s</code></p>\n", prove->parts[i].scenario.name,
                powercut_cuts_text(&t->failed, cuts, sizeof(cuts)));
    }
}

// ----------------------------------------------------------------------- pictures

static double x_of(const struct prove_part *part, uint32_t operation)
{
    return 90 + (WIDTH - 100) * operation / (part->operation_count ? part->operation_count : 1);
}

// Partitions that the update touches, one band each; addresses within a band to scale.
struct band {
    const esp_partition_info_t *entry;
    double top;
    double height;
};

static uint32_t collect_bands(const struct prove_part *part, struct band bands[20])
{
    const struct powercut_world *world = part->scenario.world;
    uint32_t count = 0;
    double top = 8;
    for (uint32_t i = 0; i < world->table_count && count < 20; i++) {
        const esp_partition_info_t *entry = &world->table[i];
        bool is_touched = false;
        for (uint32_t o = 0; o < part->operation_count; o++) {
            uint32_t at = part->operations[o].address;
            is_touched =
                is_touched || (at >= entry->pos.offset && at - entry->pos.offset < entry->pos.size);
        }
        if (is_touched) {
            double height = entry->type == 0 ? 150 : 36;
            bands[count++] = (struct band){entry, top, height};
            top += height + 8;
        }
    }
    return count;
}

static const struct band *band_of(const struct band *bands, uint32_t count, uint32_t address)
{
    for (uint32_t i = 0; i < count; i++) {
        const esp_partition_pos_t *pos = &bands[i].entry->pos;
        if (address >= pos->offset && address - pos->offset < pos->size) {
            return &bands[i];
        }
    }
    return NULL;
}

static void put_flash_map(FILE *to, const struct prove_part *part)
{
    struct band bands[20];
    uint32_t count = collect_bands(part, bands);
    double height = count ? bands[count - 1].top + bands[count - 1].height + 26 : 40;
    fprintf(
        to,
        "<svg viewBox=\"0 0 %.0f %.0f\" role=\"img\" aria-label=\"flash map over the update\">\n",
        WIDTH, height);
    for (uint32_t i = 0; i < count; i++) {
        fprintf(to,
                "<rect x=\"90\" y=\"%.1f\" width=\"%.0f\" height=\"%.1f\" fill=\"#e8edf2\"/><text "
                "x=\"6\" y=\"%.1f\">%.16s</text>\n",
                bands[i].top, WIDTH - 100, bands[i].height, bands[i].top + 16,
                (const char *)bands[i].entry->label);
    }
    for (uint32_t o = 0; o < part->operation_count; o++) {
        const struct prove_operation *op = &part->operations[o];
        const struct band *band = band_of(bands, count, op->address);
        if (!band) {
            continue;
        }
        double scale = band->height / band->entry->pos.size;
        double width = (WIDTH - 100) / part->operation_count;
        double tall = op->len * scale;
        fprintf(to, "<rect x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\" fill=\"%s\"/>\n",
                x_of(part, o), band->top + (op->address - band->entry->pos.offset) * scale,
                width < 1.5 ? 1.5 : width, tall < 2 ? 2 : tall,
                op->is_erase ? "#e08a00" : "#2f6fbf");
    }
    fprintf(to,
            "<text x=\"90\" y=\"%.1f\">first flash operation</text><text x=\"%.0f\" y=\"%.1f\" "
            "text-anchor=\"end\">last (%u)</text></svg>\n",
            height - 8, WIDTH - 10, height - 8, part->operation_count);
}

struct bucket {
    uint32_t old;
    uint32_t new;
    uint32_t failed;
};

// One bucket an operation, as long as they are not too thin to be seen.
static uint32_t bucket_count(const struct prove_part *part)
{
    return part->operation_count < 1         ? 1
           : part->operation_count < BUCKETS ? part->operation_count
                                             : BUCKETS;
}

static uint32_t fill_buckets(const struct prove_part *part, struct bucket buckets[BUCKETS])
{
    uint32_t most = 1;
    uint32_t count = bucket_count(part);
    uint32_t operations = part->operation_count ? part->operation_count : 1;
    memset(buckets, 0, BUCKETS * sizeof(*buckets));
    for (uint32_t i = 0; i < part->record_count; i++) {
        const struct powercut_record *record = &part->records[i];
        uint32_t at = (uint32_t)((uint64_t)(record->cut.after - 1) * count / operations);
        struct bucket *bucket = &buckets[at < count ? at : count - 1];
        bucket->failed += record->is_failure;
        bucket->old += !record->is_failure && record->first_boot == OLD;
        bucket->new += !record->is_failure && record->first_boot == NEW;
        uint32_t sum = bucket->failed + bucket->old + bucket->new;
        most = sum > most ? sum : most;
    }
    return most;
}

static void put_bar(FILE *to, double x, double width, double *bottom, double height,
                    const char *colour)
{
    if (height > 0) {
        *bottom -= height;
        fprintf(to, "<rect x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\" fill=\"%s\"/>\n", x,
                *bottom, width, height, colour);
    }
}

static void put_cuts(FILE *to, const struct prove_part *part)
{
    static struct bucket buckets[BUCKETS];
    uint32_t most = fill_buckets(part, buckets);
    uint32_t count = bucket_count(part);
    double width = (WIDTH - 100) / count;
    fprintf(
        to,
        "<svg viewBox=\"0 0 %.0f 190\" role=\"img\" aria-label=\"where the cuts landed and what "
        "booted next\">\n<text x=\"6\" y=\"24\">%u cuts</text><text x=\"6\" y=\"160\">0</text>\n",
        WIDTH, most);
    for (uint32_t i = 0; i < count; i++) {
        double bottom = 160;
        double scale = 145.0 / most;
        double x = 90 + i * width;
        put_bar(to, x, width * 0.92, &bottom, buckets[i].old * scale, "#7a8fa6");
        put_bar(to, x, width * 0.92, &bottom, buckets[i].new *scale, "#1a7f4b");
        put_bar(to, x, width * 0.92, &bottom, buckets[i].failed * scale, "#d1001f");
    }
    fprintf(to,
            "<text x=\"90\" y=\"180\">cut in the first operation</text><text x=\"%.0f\" y=\"180\" "
            "text-anchor=\"end\">in the last</text></svg>\n",
            WIDTH - 10);
}

static void put_node(FILE *to, double x, double y, const char *colour, const char *title,
                     unsigned long long count, const char *unit)
{
    fprintf(to,
            "<rect x=\"%.0f\" y=\"%.0f\" width=\"200\" height=\"52\" rx=\"8\" fill=\"#fff\" "
            "stroke=\"%s\" stroke-width=\"2\"/>"
            "<text x=\"%.0f\" y=\"%.0f\" text-anchor=\"middle\">%s</text>"
            "<text x=\"%.0f\" y=\"%.0f\" text-anchor=\"middle\">%llu %s</text>\n",
            x, y, colour, x + 100, y + 22, title, x + 100, y + 40, count, unit);
}

static void put_arrow(FILE *to, double x1, double y1, double x2, double y2)
{
    fprintf(to,
            "<line x1=\"%.0f\" y1=\"%.0f\" x2=\"%.0f\" y2=\"%.0f\" stroke=\"#51606f\" "
            "stroke-width=\"1.5\" marker-end=\"url(#a)\"/>\n",
            x1, y1, x2, y2);
}

static void put_states(FILE *to, const struct powercut_totals *sum)
{
    unsigned long long known = sum->booted[OLD] + sum->booted[NEW];
    fprintf(
        to,
        "<svg viewBox=\"0 0 %.0f 240\" role=\"img\" aria-label=\"state graph\"><defs><marker "
        "id=\"a\" viewBox=\"0 0 10 10\" refX=\"9\" refY=\"5\" markerWidth=\"7\" markerHeight=\"7\" "
        "orient=\"auto\"><path d=\"M0 0L10 5L0 10z\" fill=\"#51606f\"/></marker></defs>\n",
        WIDTH);
    put_arrow(to, 230, 112, 340, 40);
    put_arrow(to, 230, 118, 340, 118);
    put_arrow(to, 230, 124, 340, 196);
    put_arrow(to, 544, 40, 676, 106);
    put_arrow(to, 544, 118, 676, 118);
    put_node(to, 28, 92, "#51606f", "the power is cut", known + sum->bricks, "cases");
    put_node(to, 342, 12, "#7a8fa6", "the old firmware boots", sum->booted[OLD], "cases");
    put_node(to, 342, 92, "#1a7f4b", "the new firmware boots", sum->booted[NEW], "cases");
    put_node(to, 342, 172, "#d1001f", "nothing boots", sum->bricks, "cases");
    put_node(to, 680, 92, sum->failures ? "#d1001f" : "#1a7f4b", "the update is complete",
             known + sum->bricks > sum->failures ? known + sum->bricks - sum->failures : 0,
             "cases");
    fputs("</svg>\n", to);
}

static void put_pictures(FILE *to, const struct prove *prove, const struct powercut_totals *sum)
{
    fputs("<h2>What happens after a cut</h2>\n", to);
    put_states(to, sum);
    fputs("<p class=\"note\">A case is one update with one or more power cuts, until it is "
          "complete. Drawn "
          "is what boots after the first cut; every later power-on was checked in the same "
          "way.</p>\n",
          to);
    for (uint32_t i = 0; i < prove->part_count; i++) {
        fprintf(to,
                "<h2>%s</h2>\n<h3>Flash map over the update</h3><p class=\"key note\"><span "
                "style=\"background:#e08a00\"></span>erased<span "
                "style=\"background:#2f6fbf\"></span>programmed</p>\n",
                prove->parts[i].title);
        put_flash_map(to, &prove->parts[i]);
        fputs("<h3>Where each cut landed, and what booted next</h3><p class=\"key note\"><span "
              "style=\"background:#7a8fa6\"></span>old firmware<span "
              "style=\"background:#1a7f4b\"></span>new firmware<span "
              "style=\"background:#d1001f\"></span>failure</p>\n",
              to);
        put_cuts(to, &prove->parts[i]);
    }
}

static void put_limits(FILE *to, const struct prove *prove, const struct powercut_totals *sum)
{
    fputs(
        "<h2>How it was tested</h2><p>The power is cut before, inside and after flash operations. "
        "Inside, some of the bits have changed: ",
        to);
    for (int i = 0; i < NOR_TEAR_COUNT; i++) {
        fprintf(to, "%s %llu%s", NOR_TEAR_NAMES[i], (unsigned long long)sum->tears[i],
                i + 1 < NOR_TEAR_COUNT ? ", " : ". ");
    }
    fprintf(
        to,
        "Some then read differently at each read (met %llu times), some look right and decay "
        "later (%llu times). Besides single cuts there are second cuts during recovery, and random "
        "rows of up to eight.</p>\n",
        (unsigned long long)sum->fired[NOR_FAULT_UNSTABLE_READ],
        (unsigned long long)sum->fired[NOR_FAULT_DECAY]);
    if (sum->stride > 1) {
        fprintf(to,
                "<p><b>Not every operation was cut:</b> one of %u, and each that touches boot "
                "records or journal. Run with <code>--long</code> to cut every one.</p>\n",
                sum->stride);
    }
    fprintf(
        to,
        "<p class=\"note\">This is about flash and this project's update code, bootloader decision "
        "included. It does not run the firmware itself: whether the new version works, and "
        "confirms "
        "itself only when it does, is not shown here. Signatures and flash encryption were off. "
        "%llu power-ons in %.0f s%s.</p>\n",
        (unsigned long long)sum->lives, prove->seconds, prove->is_long ? ", --long" : "");
}

bool prove_write_report(const struct prove *prove, const char *path)
{
    char *text = NULL;
    size_t len = 0;
    FILE *to = open_memstream(&text, &len);
    if (!to) {
        cli_report_failure("there is not enough memory for the report");
        return false;
    }
    struct powercut_totals sum = prove_sum(prove);
    fputs("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta "
          "name=\"viewport\" content=\"width=device-width\"><title>Power-cut proof: ",
          to);
    put_text(to, prove->new_name);
    fprintf(to, "</title><style>%s</style></head><body>\n", STYLE);
    put_verdict(to, &sum);
    put_failures(to, prove);
    put_firmware(to, prove);
    put_scenarios(to, prove);
    put_pictures(to, prove, &sum);
    put_limits(to, prove, &sum);
    fputs("</body></html>\n", to);
    bool is_whole = fclose(to) == 0;
    bool is_written = is_whole && cli_write_file(path, text, len);
    if (!is_whole) {
        cli_report_failure("there is not enough memory for the report");
    }
    free(text);
    return is_written;
}
