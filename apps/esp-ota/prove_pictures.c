// The pictures in the report of esp-ota prove: what happens after a cut, the flash over the update, and where the cuts landed.
// Colours are classes of the page's style, so that they suit a dark screen and paper; see prove_report.c.

#include <stdio.h>
#include <string.h>

#include "prove.h"

#define WIDTH     960.0
#define LEFT      110.0
#define RIGHT     (WIDTH - 12)
#define SPAN      (RIGHT - LEFT)
#define BUCKETS   160u
#define SLOT_TALL 130.0
#define DATA_TALL 40.0
#define BAND_MAX  20u
#define CUTS_TALL 120.0

static uint32_t operations_of(const struct prove_part *part)
{
    return part->operation_count ? part->operation_count : 1;
}

static double x_of(const struct prove_part *part, uint32_t operation)
{
    return LEFT + SPAN * operation / operations_of(part);
}

// Numbers of operations below both pictures, so that they can be compared.
static void put_axis(FILE *to, const struct prove_part *part, double y, const char *caption)
{
    uint32_t step = 1;
    while (operations_of(part) / step > 10) {
        step *= step % 3 == 2 ? 5 : 2; // 1, 2, 10, 20, 100, ...
    }
    for (uint32_t n = step; n <= operations_of(part); n += step) {
        double x = x_of(part, n - 1) + SPAN / operations_of(part) / 2;
        fprintf(to,
                "<line class=\"axis\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/><text "
                "x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">%u</text>\n",
                x, y, x, y + 4, x, y + 17, (unsigned)n);
    }
    fprintf(to, "<text class=\"dim\" x=\"%.1f\" y=\"%.1f\">%s</text>\n", LEFT, y + 34, caption);
}

// ----------------------------------------------------------------------- flash map

// A partition that the update touches; addresses within a band are to scale.
struct band {
    const esp_partition_info_t *entry;
    double top;
    double height;
};

static bool is_touched(const struct prove_part *part, const esp_partition_info_t *entry)
{
    for (uint32_t o = 0; o < part->operation_count; o++) {
        uint32_t at = part->operations[o].address;
        if (at >= entry->pos.offset && at - entry->pos.offset < entry->pos.size) {
            return true;
        }
    }
    return false;
}

static uint32_t collect_bands(const struct prove_part *part, struct band bands[BAND_MAX])
{
    const struct powercut_world *world = part->scenario.world;
    uint32_t count = 0;
    double top = 8;
    for (uint32_t i = 0; i < world->table_count && count < BAND_MAX; i++) {
        const esp_partition_info_t *entry = &world->table[i];
        if (is_touched(part, entry)) {
            double height = entry->type == 0 ? SLOT_TALL : DATA_TALL;
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

static void put_band(FILE *to, const struct band *band)
{
    char size[32];
    char label[17];
    fprintf(to,
            "<rect class=\"band\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/><text "
            "class=\"name\" x=\"4\" y=\"%.1f\">",
            LEFT, band->top, SPAN, band->height, band->top + 16);
    prove_put_text(to, cli_clean_text(band->entry->label, sizeof(band->entry->label), label));
    fprintf(to, "</text><text class=\"dim\" x=\"4\" y=\"%.1f\">%s</text>\n", band->top + 32,
            cli_size_text(band->entry->pos.size, size));
}

static void put_operation(FILE *to, const struct prove_part *part, uint32_t number,
                          const struct band *band)
{
    const struct prove_operation *operation = &part->operations[number];
    double scale = band->height / band->entry->pos.size;
    double width = SPAN / operations_of(part);
    double tall = operation->len * scale;
    double top = band->top + (operation->address - band->entry->pos.offset) * scale;
    tall = tall < 3 ? 3 : tall;
    top = top + tall > band->top + band->height ? band->top + band->height - tall : top;
    fprintf(to, "<rect class=\"%s\" x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\"/>\n",
            operation->is_erase ? "erase" : "program", x_of(part, number), top,
            width < 1.5 ? 1.5 : width, tall);
}

void prove_put_flash_map(FILE *to, const struct prove_part *part)
{
    struct band bands[BAND_MAX];
    uint32_t count = collect_bands(part, bands);
    double height = count ? bands[count - 1].top + bands[count - 1].height + 8 : 40;
    fprintf(to,
            "<svg viewBox=\"0 0 %.0f %.0f\" role=\"img\" aria-label=\"flash map over the "
            "update\">\n",
            WIDTH, height + 40);
    for (uint32_t i = 0; i < count; i++) {
        put_band(to, &bands[i]);
    }
    for (uint32_t o = 0; o < part->operation_count; o++) {
        const struct band *band = band_of(bands, count, part->operations[o].address);
        if (band) {
            put_operation(to, part, o, band);
        }
    }
    put_axis(to, part, height, "flash operations, in their order");
    fputs("</svg>\n", to);
}

// ----------------------------------------------------------------------- cuts

struct bucket {
    uint32_t old;
    uint32_t new;
    uint32_t failed;
};

// One bucket an operation, as long as they are not too thin to be seen.
static uint32_t bucket_count(const struct prove_part *part)
{
    return operations_of(part) < BUCKETS ? operations_of(part) : BUCKETS;
}

static uint32_t fill_buckets(const struct prove_part *part, struct bucket buckets[BUCKETS])
{
    uint32_t most = 1;
    uint32_t count = bucket_count(part);
    memset(buckets, 0, BUCKETS * sizeof(*buckets));
    for (uint32_t i = 0; i < part->record_count; i++) {
        const struct powercut_record *record = &part->records[i];
        uint32_t at = (uint32_t)((uint64_t)(record->cut.after - 1) * count / operations_of(part));
        struct bucket *bucket = &buckets[at < count ? at : count - 1];
        bool is_old = record->first_boot == PROVE_OLD && part->scenario.slots[0] == PROVE_OLD;
        is_old = is_old || (record->first_boot == PROVE_OLD && part->scenario.factory);
        bucket->failed += record->is_failure;
        bucket->old += !record->is_failure && is_old;
        bucket->new += !record->is_failure && !is_old;
        uint32_t sum = bucket->failed + bucket->old + bucket->new;
        most = sum > most ? sum : most;
    }
    return most;
}

static void put_bar(FILE *to, double x, double width, double *bottom, double height,
                    const char *class)
{
    if (height > 0) {
        *bottom -= height;
        fprintf(to, "<rect class=\"%s\" x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\"/>\n",
                class, x, *bottom, width, height);
    }
}

void prove_put_cuts(FILE *to, const struct prove_part *part)
{
    static struct bucket buckets[BUCKETS];
    uint32_t most = fill_buckets(part, buckets);
    uint32_t count = bucket_count(part);
    double width = SPAN / count;
    double floor = CUTS_TALL + 10;
    double scale = CUTS_TALL / most;
    fprintf(to,
            "<svg viewBox=\"0 0 %.0f %.0f\" role=\"img\" aria-label=\"where the cuts landed and "
            "what booted next\">\n<text x=\"%.0f\" y=\"20\" text-anchor=\"end\">%u</text><text "
            "x=\"%.0f\" y=\"%.0f\" text-anchor=\"end\">0</text><text class=\"dim\" x=\"4\" "
            "y=\"%.0f\">cuts</text><line class=\"axis\" x1=\"%.0f\" y1=\"%.0f\" x2=\"%.0f\" "
            "y2=\"%.0f\"/>\n",
            WIDTH, floor + 40, LEFT - 6, (unsigned)most, LEFT - 6, floor, floor / 2, LEFT, floor,
            RIGHT, floor);
    for (uint32_t i = 0; i < count; i++) {
        double bottom = floor;
        double x = LEFT + i * width;
        double bar = width > 3 ? width - 1 : width * 0.92;
        put_bar(to, x, bar, &bottom, buckets[i].old * scale, "old");
        put_bar(to, x, bar, &bottom, buckets[i].new *scale, "new");
        put_bar(to, x, bar, &bottom, buckets[i].failed * scale, "failed");
    }
    put_axis(to, part, floor, "the operation in which the (first) cut came");
    fputs("</svg>\n", to);
}

// ----------------------------------------------------------------------- states

static void put_node(FILE *to, double x, double y, const char *class, const char *title,
                     unsigned long long count)
{
    fprintf(to,
            "<rect class=\"node %s\" x=\"%.0f\" y=\"%.0f\" width=\"224\" height=\"52\" rx=\"8\"/>"
            "<text class=\"name\" x=\"%.0f\" y=\"%.0f\" text-anchor=\"middle\">%s</text><text "
            "x=\"%.0f\" y=\"%.0f\" text-anchor=\"middle\">%llu times</text>\n",
            class, x, y, x + 112, y + 22, title, x + 112, y + 41, count);
}

static void put_arrow(FILE *to, double x1, double y1, double x2, double y2, const char *class)
{
    fprintf(to,
            "<line class=\"arrow %s\" x1=\"%.0f\" y1=\"%.0f\" x2=\"%.0f\" y2=\"%.0f\" "
            "marker-end=\"url(#a)\"/>\n",
            class, x1, y1, x2, y2);
}

void prove_put_states(FILE *to, const struct prove *prove)
{
    struct powercut_totals sum = prove_sum(prove);
    unsigned long long new = sum.booted[PROVE_NEW] + sum.booted[PROVE_AGAIN];
    unsigned long long all = sum.booted[PROVE_OLD] + new + sum.bricks;
    const char *never = sum.bricks ? "" : "never";
    fprintf(to,
            "<svg viewBox=\"0 0 %.0f 236\" role=\"img\" aria-label=\"state graph\"><defs><marker "
            "id=\"a\" viewBox=\"0 0 10 10\" refX=\"9\" refY=\"5\" markerWidth=\"7\" "
            "markerHeight=\"7\" orient=\"auto\"><path class=\"tip\" d=\"M0 0L10 5L0 "
            "10z\"/></marker></defs>\n",
            WIDTH);
    put_arrow(to, 234, 108, 360, 46, "");
    put_arrow(to, 234, 118, 360, 118, "");
    put_arrow(to, 234, 128, 360, 196, never);
    put_arrow(to, 592, 38, 718, 108, "");
    put_arrow(to, 592, 118, 718, 118, "");
    put_node(to, 8, 92, "", "the power is cut", all);
    put_node(to, 364, 12, "is-old", "the old firmware starts", sum.booted[PROVE_OLD]);
    put_node(to, 364, 92, "is-new", "the new firmware starts", new);
    put_node(to, 364, 172, sum.bricks ? "is-failed" : "never", "nothing starts (a brick)",
             sum.bricks);
    put_node(to, 724, 92, sum.failures ? "is-failed" : "is-new", "all ends as it should",
             all > sum.failures ? all - sum.failures : 0);
    fputs("</svg>\n", to);
}
