#define _POSIX_C_SOURCE 200809L // strtok_r

// esp-ota rehearse: how long an update will take on a device, and what its flash goes through.

#include "commands.h"
#include "rehearse.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chip_traits.h"
#include "esp_image_format.h"

#define IMAGE_MAX      (16u * 1024 * 1024)
#define BUFFER_DEFAULT 4096 // chosen: what a device with little memory gives
#define BUFFER_MAX     (1024u * 1024)
#define HANDSHAKE_MS   1000 // chosen: about what TLS takes an ESP32 at 240 MHz
#define WINDOW_DEFAULT 5760 // fact: lwIP's TCP_WND as ESP-IDF sets it

enum {
    OPT_OLD = 256,
    OPT_NEW,
    OPT_PATCH,
    OPT_PART,
    OPT_LINK,
    OPT_BUFFER,
    OPT_SLOT,
    OPT_ERASE_EARLY,
    OPT_SETTLED,
    OPT_WORST,
    OPT_REPORT
};

static const struct option OPTIONS[] = {
    {"old", required_argument, NULL, OPT_OLD},
    {"new", required_argument, NULL, OPT_NEW},
    {"patch", required_argument, NULL, OPT_PATCH},
    {"part", required_argument, NULL, OPT_PART},
    {"link", required_argument, NULL, OPT_LINK},
    {"buffer", required_argument, NULL, OPT_BUFFER},
    {"slot", required_argument, NULL, OPT_SLOT},
    {"erase-early", required_argument, NULL, OPT_ERASE_EARLY},
    {"settled", no_argument, NULL, OPT_SETTLED},
    {"worst", no_argument, NULL, OPT_WORST},
    {"report", required_argument, NULL, OPT_REPORT},
    {"json", no_argument, NULL, CLI_OPTION_JSON},
    {0},
};

struct request {
    struct rehearse_plan plan;
    const char *old_path;
    const char *new_path;
    const char *patch_path;
    const char *report;
};

// ----------------------------------------------------------------------- the link

// "20ms", "1.2s"
static bool parse_time(const char *text, uint64_t *out_ns)
{
    char *end;
    double value = strtod(text, &end);
    double unit = strcmp(end, "s") == 0    ? 1e9
                  : strcmp(end, "ms") == 0 ? 1e6
                  : strcmp(end, "us") == 0 ? 1e3
                                           : 0;
    if (end == text || unit == 0 || !(value >= 0 && value * unit <= 3600e9)) {
        return false;
    }
    *out_ns = (uint64_t)(value * unit);
    return true;
}

// "500KB/s"; a KB has 1000 bytes, as everywhere where lines are sold.
static bool parse_rate(const char *text, uint64_t *out)
{
    static const struct {
        const char *unit;
        double factor;
    } UNITS[] = {{"B/s", 1},    {"KB/s", 1e3},   {"kB/s", 1e3},
                 {"MB/s", 1e6}, {"kbit/s", 125}, {"Mbit/s", 125e3}};
    char *end;
    double value = strtod(text, &end);
    for (size_t i = 0; end != text && i < sizeof(UNITS) / sizeof(UNITS[0]); i++) {
        if (strcmp(end, UNITS[i].unit) == 0 && value * UNITS[i].factor >= 1 &&
            value * UNITS[i].factor <= 1e10) {
            *out = (uint64_t)(value * UNITS[i].factor);
            return true;
        }
    }
    return false;
}

static bool parse_window(const char *text, uint32_t *out)
{
    uint64_t value;
    size_t len = strlen(text);
    char number[32];
    (void)snprintf(number, sizeof(number), "%s", text);
    if (len > 1 && len < sizeof(number) && number[len - 1] == 'B' && number[len - 2] >= '0' &&
        number[len - 2] <= '9') {
        number[len - 1] = '\0'; // "5760B"
    }
    if (!cli_parse_size(number, 64u * 1024 * 1024, &value) || value == 0) {
        return false;
    }
    *out = (uint32_t)value;
    return true;
}

static bool parse_loss(const char *text, uint32_t *out_ppm)
{
    char *end;
    double value = strtod(text, &end);
    if (end == text || strcmp(end, "%") != 0 || !(value >= 0 && value <= 50)) {
        return false;
    }
    *out_ppm = (uint32_t)(value * 1e4);
    return true;
}

static bool parse_link_word(struct sim_link_config *link, int index, const char *word)
{
    if (strncmp(word, "loss=", 5) == 0) {
        return parse_loss(word + 5, &link->loss_ppm);
    }
    if (strncmp(word, "handshake=", 10) == 0) {
        return parse_time(word + 10, &link->handshake_ns);
    }
    return index == 0   ? parse_rate(word, &link->bytes_per_s)
           : index == 1 ? parse_time(word, &link->round_trip_ns)
           : index == 2 ? parse_window(word, &link->window)
                        : false;
}

static bool parse_link(struct sim_link_config *link, const char *text)
{
    char copy[128];
    char *rest = NULL;
    int index = 0;
    if (strlen(text) >= sizeof(copy)) {
        return false;
    }
    (void)snprintf(copy, sizeof(copy), "%s", text);
    for (char *word = strtok_r(copy, ",", &rest); word; word = strtok_r(NULL, ",", &rest)) {
        if (!parse_link_word(link, index++, word)) {
            return false;
        }
    }
    return index > 0 && link->bytes_per_s > 0;
}

// ----------------------------------------------------------------------- command line

static bool parse_slot(const char *text, enum rehearse_slot *out)
{
    static const char *const NAMES[] = {"old", "blank", "erased", "other"};
    for (int i = 0; i < 4; i++) {
        if (strcmp(text, NAMES[i]) == 0) {
            *out = (enum rehearse_slot)i;
            return true;
        }
    }
    return false;
}

static int list_parts(const char *wrong)
{
    char names[256] = "";
    for (size_t i = 0; nor_part_at(i); i++) {
        size_t used = strlen(names);
        (void)snprintf(names + used, sizeof(names) - used, "%s%s", i ? ", " : "",
                       nor_part_at(i)->name);
    }
    return cli_usage("--part %s is not known; known are %s", wrong, names);
}

static int take_size(const char *name, uint64_t max, uint32_t *out)
{
    uint64_t value;
    if (!cli_parse_size(optarg, max, &value)) {
        return cli_usage("--%s %s is no size, or above %llu bytes", name, optarg,
                         (unsigned long long)max);
    }
    *out = (uint32_t)value;
    return CLI_DONE;
}

static int take_option(struct request *request, int option)
{
    struct rehearse_plan *plan = &request->plan;
    switch (option) {
    case OPT_OLD:
        request->old_path = optarg;
        return CLI_DONE;
    case OPT_NEW:
        request->new_path = optarg;
        return CLI_DONE;
    case OPT_PATCH:
        request->patch_path = optarg;
        return CLI_DONE;
    case OPT_PART:
        plan->part = nor_part_find(optarg);
        return plan->part ? CLI_DONE : list_parts(optarg);
    case OPT_LINK:
        return parse_link(&plan->link, optarg)
                   ? CLI_DONE
                   : cli_usage("--link %s: write RATE,ROUND-TRIP,WINDOW, e.g. 500KB/s,20ms,5760B; "
                               "loss=0.1%% and handshake=1s may follow",
                               optarg);
    case OPT_BUFFER:
        return take_size("buffer", BUFFER_MAX, &plan->buffer_size);
    case OPT_SLOT:
        return parse_slot(optarg, &plan->slot)
                   ? CLI_DONE
                   : cli_usage("--slot %s: write old, blank, erased or other", optarg);
    case OPT_ERASE_EARLY:
        return take_size("erase-early", 1024u * 1024, &plan->erase_early);
    case OPT_SETTLED:
        plan->is_settled = true;
        return CLI_DONE;
    case OPT_WORST:
        plan->is_worst_case = true;
        return CLI_DONE;
    default:
        request->report = optarg;
        return CLI_DONE;
    }
}

static bool read_image(const char *path, struct cli_bytes *out)
{
    if (!cli_read_file(path, IMAGE_MAX, out)) {
        return false;
    }
    if (out->len < sizeof(esp_image_header_t) || out->bytes[0] != ESP_IMAGE_HEADER_MAGIC) {
        cli_report_failure("%s is no ESP image", path);
        return false;
    }
    return true;
}

static bool read_patch(struct request *request)
{
    struct cli_bytes *patch = &request->plan.patch;
    if (!request->patch_path) {
        return true;
    }
    if (!cli_read_file(request->patch_path, IMAGE_MAX, patch)) {
        return false;
    }
    if (patch->len == 0) {
        cli_report_failure("%s is empty; make a patch with esp-ota delta create",
                           request->patch_path);
    }
    return patch->len > 0;
}

// The same device runs both.
static bool is_for_one_chip(const struct request *request)
{
    esp_image_header_t old_header;
    esp_image_header_t new_header;
    memcpy(&old_header, request->plan.old_image.bytes, sizeof(old_header));
    memcpy(&new_header, request->plan.new_image.bytes, sizeof(new_header));
    if (old_header.chip_id == new_header.chip_id) {
        return true;
    }
    cli_report_failure("%s is for %s and %s for %s; give two images for the same chip",
                       request->old_path, chip_name(old_header.chip_id), request->new_path,
                       chip_name(new_header.chip_id));
    return false;
}

// ----------------------------------------------------------------------- the command

static int compare(const struct request *request)
{
    struct rehearse_result ours = {0};
    struct rehearse_result theirs = {0};
    const struct rehearse_plan *plan = &request->plan;
    bool is_done = rehearse_ours(plan, &ours) && rehearse_esp_idf(plan, &theirs);
    if (is_done && request->report) {
        is_done = rehearse_write_report(request->report, plan, &ours, &theirs);
    }
    if (is_done && cli_is_json()) {
        rehearse_print_json(plan, &ours, &theirs);
    } else if (is_done) {
        rehearse_print(plan, &ours, &theirs);
    }
    rehearse_free(&ours);
    rehearse_free(&theirs);
    return is_done ? CLI_DONE : CLI_FAILED;
}

static int rehearse(int argc, char **argv)
{
    struct request request = {
        .plan = {.part = nor_part_find("W25Q32JV"),
                 .buffer_size = BUFFER_DEFAULT,
                 .link = {.bytes_per_s = 500000,
                          .round_trip_ns = 20 * 1000 * VIRTUAL_NS_PER_US,
                          .window = WINDOW_DEFAULT,
                          .handshake_ns = HANDSHAKE_MS * 1000 * VIRTUAL_NS_PER_US}}};
    int option;
    while ((option = cli_next_option(argc, argv, OPTIONS)) != CLI_END) {
        int code = option == CLI_WRONG ? CLI_USAGE : take_option(&request, option);
        if (code != CLI_DONE) {
            return code;
        }
    }
    if (!cli_check_arguments(argc, 0, 0)) {
        return CLI_USAGE;
    }
    if (!request.old_path || !request.new_path) {
        return cli_usage(
            "give the firmware that runs with --old and the one to install with --new");
    }
    cli_capture_log();
    int code = read_image(request.old_path, &request.plan.old_image) &&
                       read_image(request.new_path, &request.plan.new_image) &&
                       is_for_one_chip(&request) && read_patch(&request)
                   ? compare(&request)
                   : CLI_FAILED;
    free(request.plan.old_image.bytes);
    free(request.plan.new_image.bytes);
    free(request.plan.patch.bytes);
    return code;
}

const struct cli_command rehearse_command = {
    .name = "rehearse",
    .summary = "predict time, wear and memory of an update",
    .usage =
        "rehearse --old OLD.bin --new NEW.bin [--patch FILE] [--part NAME]\n"
        "                       [--link RATE,ROUND-TRIP,WINDOW] [--buffer SIZE]\n"
        "                       [--slot old|blank|erased|other] [--settled] [--erase-early SIZE]\n"
        "                       [--worst] [--report FILE.html] [--json]",
    .help =
        "Runs the update code against a flash chip and a network link in virtual time, and "
        "ESP-IDF's algorithm beside it.\n\n"
        "  --old FILE         the firmware that runs\n"
        "  --new FILE         the firmware to install\n"
        "  --patch FILE       download this patch (esp-ota delta create) instead of the new "
        "firmware; "
        "ESP-IDF's side\n"
        "                     still downloads all of it\n"
        "  --part NAME        the flash chip: W25Q32JV (default), W25Q64JV, W25Q128JV, GD25Q32, "
        "MX25L6406E, MX25UM25645G\n"
        "  --link R,T,W       rate, round trip, receive window, e.g. 500KB/s,20ms,5760B (default); "
        "may be followed by\n"
        "                     loss=0.1% and handshake=1s\n"
        "  --buffer SIZE      download buffer of the device (default 4096)\n"
        "  --slot WHAT        what the passive slot holds: the old firmware (default), nothing "
        "(blank), nothing since\n"
        "                     the application erased it in this life (erased), something else "
        "(other)\n"
        "  --settled          the application says that no power cut ever met a write to the slot: "
        "sectors that are blank\n"
        "                     or right are used as they are\n"
        "  --erase-early SIZE erase so much of the slot while connecting, before the image's "
        "header is seen\n"
        "  --worst            the longest times of the data sheet instead of the typical ones\n"
        "  --report FILE      an HTML page with both timelines\n"
        "  --json             the figures as JSON\n\n"
        "example: esp-ota rehearse --old v1.bin --new v2.bin --link 200KB/s,60ms,5760B,loss=0.5%\n",
    .run = rehearse,
};
