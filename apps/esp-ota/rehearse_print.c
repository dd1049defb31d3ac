// What came of a rehearsal, in words and as JSON.

#include "rehearse.h"

#include <inttypes.h>
#include <stdio.h>

// fact: feature lists of W25Q128JV and GD25Q32C promise as many at least; Macronix calls them typical
#define RATED_ERASES 100000

static double seconds(uint64_t ns)
{
    return (double)ns / 1e9;
}

// ----------------------------------------------------------------------- JSON

static json_t *wear_to_json(const struct rehearse_result *result)
{
    json_t *root = json_object();
    for (int i = 0; i < REHEARSE_REGION_COUNT; i++) {
        json_t *region = json_object();
        json_object_set_new(region, "sectors", json_integer(result->wear[i].sectors));
        json_object_set_new(region, "most_erases", json_integer(result->wear[i].most));
        json_object_set_new(root, REHEARSE_REGION_NAMES[i], region);
    }
    return root;
}

static json_t *result_to_json(const struct rehearse_result *result)
{
    json_t *root = json_object();
    json_object_set_new(root, "seconds", json_real(seconds(result->total_ns)));
    for (int i = 0; i < REHEARSE_ACTIVITY_COUNT; i++) {
        char name[32];
        (void)snprintf(name, sizeof(name), "%s_seconds", REHEARSE_ACTIVITY_NAMES[i]);
        json_object_set_new(root, name, json_real(seconds(result->spent_ns[i])));
    }
    json_object_set_new(root, "bookkeeping_seconds", json_real(seconds(result->bookkeeping_ns)));
    json_object_set_new(root, "network_bytes", json_integer((json_int_t)result->network_bytes));
    json_object_set_new(root, "erased_bytes", json_integer((json_int_t)result->erased_bytes));
    json_object_set_new(root, "programmed_bytes",
                        json_integer((json_int_t)result->programmed_bytes));
    json_object_set_new(root, "read_bytes", json_integer((json_int_t)result->read_bytes));
    json_object_set_new(root, "read_after_download_bytes",
                        json_integer((json_int_t)result->read_after_bytes));
    json_object_set_new(root, "erases", json_integer(result->erase_count));
    json_object_set_new(root, "wear", wear_to_json(result));
    json_object_set_new(root, "peak_heap_bytes",
                        result->peak_heap ? json_integer((json_int_t)result->peak_heap)
                                          : json_null());
    return root;
}

static json_t *advice_to_json(const struct rehearse_plan *plan, const struct rehearse_result *ours,
                              const struct rehearse_result *theirs)
{
    char advice[REHEARSE_ADVICE_MAX][REHEARSE_ADVICE_LEN];
    json_t *list = json_array();
    int count = rehearse_advise(plan, ours, theirs, advice);
    for (int i = 0; i < count; i++) {
        json_array_append_new(list, json_string(advice[i]));
    }
    return list;
}

void rehearse_print_json(const struct rehearse_plan *plan, const struct rehearse_result *ours,
                         const struct rehearse_result *theirs)
{
    json_t *root = json_object();
    json_object_set_new(root, "part", json_string(plan->part->name));
    json_object_set_new(root, "part_source", json_string(plan->part->source));
    json_object_set_new(root, "times", json_string(plan->is_worst_case ? "worst" : "typical"));
    json_object_set_new(root, "bytes", json_integer((json_int_t)plan->new_image.len));
    json_object_set_new(root, "bound_seconds", json_real(seconds(rehearse_bound_ns(plan))));
    json_object_set_new(root, "handshake_seconds", json_real(seconds(plan->link.handshake_ns)));
    json_object_set_new(root, "ours", result_to_json(ours));
    json_object_set_new(root, "esp_idf", result_to_json(theirs));
    json_object_set_new(root, "advice", advice_to_json(plan, ours, theirs));
    cli_print_json(root);
}

// ----------------------------------------------------------------------- advice

static bool is_slower(const struct rehearse_result *ours, const struct rehearse_result *theirs)
{
    return ours->total_ns > theirs->total_ns;
}

// Waiting that is not the handshake, as a share of the whole, in percent.
static unsigned waiting_percent(const struct rehearse_plan *plan,
                                const struct rehearse_result *result)
{
    uint64_t waited = result->spent_ns[REHEARSE_WAITING];
    uint64_t handshake = plan->link.handshake_ns < waited ? plan->link.handshake_ns : waited;
    return result->total_ns ? (unsigned)((waited - handshake) * 100 / result->total_ns) : 0;
}

static uint64_t erase_64k_ns(const struct rehearse_plan *plan)
{
    const struct nor_duration *erase = &plan->part->erase_64k;
    return (plan->is_worst_case ? erase->worst_us : erase->typical_us) * VIRTUAL_NS_PER_US;
}

static bool advise_window(const struct rehearse_plan *plan, const struct rehearse_result *ours,
                          char buf[REHEARSE_ADVICE_LEN])
{
    const struct sim_link_config *link = &plan->link;
    uint64_t rate = rehearse_window_rate(link);
    if (rate >= link->bytes_per_s || waiting_percent(plan, ours) < 10) {
        return false;
    }
    (void)snprintf(buf, REHEARSE_ADVICE_LEN,
                   "The receive window is the limit: %u bytes in each round trip of %.0f ms are "
                   "%.0f KB/s of the line's %.0f KB/s. A window of %.0f bytes carries all of it.",
                   (unsigned)link->window, seconds(link->round_trip_ns) * 1e3, (double)rate / 1e3,
                   (double)link->bytes_per_s / 1e3,
                   (double)link->bytes_per_s * seconds(link->round_trip_ns));
    return true;
}

static bool advise_line(const struct rehearse_plan *plan, const struct rehearse_result *ours,
                        char buf[REHEARSE_ADVICE_LEN])
{
    if (rehearse_window_rate(&plan->link) < plan->link.bytes_per_s ||
        waiting_percent(plan, ours) < 50 || plan->patch.len) {
        return false;
    }
    (void)snprintf(buf, REHEARSE_ADVICE_LEN,
                   "The line is the limit: the chip waits %u %% of the time. Download less: a "
                   "patch (esp-ota delta create, --patch) or a compressed file.",
                   waiting_percent(plan, ours));
    return true;
}

static bool advise_slower(const struct rehearse_plan *plan, const struct rehearse_result *ours,
                          const struct rehearse_result *theirs, char buf[REHEARSE_ADVICE_LEN])
{
    if (!is_slower(ours, theirs)) {
        return false;
    }
    (void)snprintf(buf, REHEARSE_ADVICE_LEN,
                   "ESP-IDF's algorithm is faster here: the line stands still while 64 KiB are "
                   "erased (%.0f ms), as the window is full. A window of about %.0f KB, or "
                   "--erase-early, would change that.",
                   seconds(erase_64k_ns(plan)) * 1e3,
                   seconds(erase_64k_ns(plan)) * (double)plan->link.bytes_per_s / 1e3);
    return true;
}

static bool advise_early(const struct rehearse_plan *plan, const struct rehearse_result *ours,
                         char buf[REHEARSE_ADVICE_LEN])
{
    if (plan->erase_early || plan->link.handshake_ns < erase_64k_ns(plan) ||
        ours->spent_ns[REHEARSE_ERASING] < ours->total_ns / 4) {
        return false;
    }
    uint64_t blocks = plan->link.handshake_ns / erase_64k_ns(plan);
    uint64_t image_blocks = (plan->new_image.len + 65535) / 65536;
    (void)snprintf(buf, REHEARSE_ADVICE_LEN,
                   "Erasing takes %.0f %% of the time; the handshake (%.1f s) could hide a part "
                   "of it: --erase-early %" PRIu64 "KB.",
                   100.0 * seconds(ours->spent_ns[REHEARSE_ERASING]) / seconds(ours->total_ns),
                   seconds(plan->link.handshake_ns),
                   64 * (blocks < image_blocks ? blocks : image_blocks));
    return true;
}

int rehearse_advise(const struct rehearse_plan *plan, const struct rehearse_result *ours,
                    const struct rehearse_result *theirs,
                    char buf[REHEARSE_ADVICE_MAX][REHEARSE_ADVICE_LEN])
{
    int count = 0;
    count += advise_window(plan, ours, buf[count]);
    count += advise_line(plan, ours, buf[count]);
    count += advise_slower(plan, ours, theirs, buf[count]);
    count += advise_early(plan, ours, buf[count]);
    return count;
}

// ----------------------------------------------------------------------- words

static void print_row(const char *name, uint64_t ours_ns, uint64_t theirs_ns, const char *remark)
{
    printf("  %-14s %9.2f s %12.2f s   %s\n", name, seconds(ours_ns), seconds(theirs_ns), remark);
}

static void print_sizes(const char *name, uint64_t ours, uint64_t theirs)
{
    char a[32];
    char b[32];
    printf("  %-14s %11s %14s\n", name, cli_size_text(ours, a), cli_size_text(theirs, b));
}

static void print_region(const char *name, const struct rehearse_wear *ours,
                         const struct rehearse_wear *theirs)
{
    char a[32];
    char b[32];
    (void)snprintf(a, sizeof(a), "%u (%ux)", (unsigned)ours->sectors, (unsigned)ours->most);
    (void)snprintf(b, sizeof(b), "%u (%ux)", (unsigned)theirs->sectors, (unsigned)theirs->most);
    printf("  %-14s %11s %14s\n", name, a, b);
}

static void print_wear(const struct rehearse_result *ours, const struct rehearse_result *theirs)
{
    static const char *const NAMES[REHEARSE_REGION_COUNT] = {"image", "journal", "boot record"};
    uint32_t most = 0;
    printf("\n  wear: sectors that are erased (and how often the one erased most often)\n");
    for (int i = 0; i < REHEARSE_REGION_COUNT; i++) {
        print_region(NAMES[i], &ours->wear[i], &theirs->wear[i]);
        most = ours->wear[i].most > most ? ours->wear[i].most : most;
    }
    if (most) {
        printf("  A sector is rated for %d erases: that is %u such updates into this slot.\n",
               RATED_ERASES, (unsigned)(RATED_ERASES / most));
    }
}

static void print_heading(const struct rehearse_plan *plan, const struct rehearse_result *ours,
                          const struct rehearse_result *theirs)
{
    char image[32];
    char patch[32];
    printf("%.1f seconds, and %.1f with ESP-IDF's algorithm\n", seconds(ours->total_ns),
           seconds(theirs->total_ns));
    printf("%s", cli_size_text(plan->new_image.len, image));
    if (plan->patch.len) {
        printf(" by a patch of %s", cli_size_text(plan->patch.len, patch));
    }
    printf(" over %.0f KB/s, %.0f ms round trip, window %u bytes, into a %s (%s times)\n\n",
           (double)plan->link.bytes_per_s / 1e3, seconds(plan->link.round_trip_ns) * 1e3,
           (unsigned)plan->link.window, plan->part->name,
           plan->is_worst_case ? "worst" : "typical");
}

void rehearse_print(const struct rehearse_plan *plan, const struct rehearse_result *ours,
                    const struct rehearse_result *theirs)
{
    static const char *const NAMES[] = {"network busy", "waiting", "erasing", "programming",
                                        "reading"};
    static const char *const REMARKS[] = {"while the chip works or waits; not part of the sum",
                                          "for the network, the handshake too", "", "", ""};
    char size[32];
    char advice[REHEARSE_ADVICE_MAX][REHEARSE_ADVICE_LEN];
    print_heading(plan, ours, theirs);
    printf("  %-14s %11s %14s\n", "", "this stack", "ESP-IDF's");
    print_row("total", ours->total_ns, theirs->total_ns, "the sum of these four:");
    for (int i = REHEARSE_WAITING; i < REHEARSE_ACTIVITY_COUNT; i++) {
        print_row(NAMES[i], ours->spent_ns[i], theirs->spent_ns[i], REMARKS[i]);
    }
    print_row(NAMES[REHEARSE_NETWORK], ours->spent_ns[REHEARSE_NETWORK],
              theirs->spent_ns[REHEARSE_NETWORK], REMARKS[REHEARSE_NETWORK]);
    print_sizes("downloaded", ours->network_bytes, theirs->network_bytes);
    print_sizes("erased", ours->erased_bytes, theirs->erased_bytes);
    print_sizes("programmed", ours->programmed_bytes, theirs->programmed_bytes);
    print_sizes("read", ours->read_bytes, theirs->read_bytes);
    printf("  %-14s %11u %14u\n", "erases", (unsigned)ours->erase_count,
           (unsigned)theirs->erase_count);
    printf("  %-14s %11s %14s   without TLS and stacks\n", "peak heap",
           ours->peak_heap ? cli_size_text(ours->peak_heap, size) : "not known", "not known");
    print_wear(ours, theirs);
    printf("\nThe part needs %.2f s for this image at least, erased in units of 64 KiB. Arithmetic "
           "(TLS, hashes%s) is not modelled,\nbut for the %.2f s of the handshake.\n",
           seconds(rehearse_bound_ns(plan)), plan->patch.len ? ", applying the patch" : "",
           seconds(plan->link.handshake_ns));
    int count = rehearse_advise(plan, ours, theirs, advice);
    for (int i = 0; i < count; i++) {
        printf("%s- %s\n", i == 0 ? "\n" : "", advice[i]);
    }
}
