// Two updates over the same modelled link into the same modelled chip: ours runs the real update code, ESP-IDF's the algorithm.

#include "rehearse.h"
#include "update.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "boot_handover.h"
#include "crypto_ops.h"
#include "esp_delta_stage.h"
#include "esp_flash_partitions.h"
#include "esp_https_ota.h"
#include "esp_image_format.h"
#include "nor_flash.h"
#include "nor_timed.h"
#include "ota_stage_registry.h"
#include "otadata.h"
#include "partition_table.h"

#define TABLE_AT     0x8000u
#define OTADATA_AT   0xD000u
#define SLOT_AT      0x10000u
#define BLOCK        65536u
#define IDF_BUFFER   1024u // fact: esp_https_ota.c, DEFAULT_OTA_BUF_SIZE
#define JOURNAL_ROOM 8192u // the last two sectors of a slot

const char *const REHEARSE_ACTIVITY_NAMES[REHEARSE_ACTIVITY_COUNT] = {"network", "waiting", "erase",
                                                                      "program", "verify"};
const char *const REHEARSE_REGION_NAMES[REHEARSE_REGION_COUNT] = {"image", "journal",
                                                                  "boot_record"};

// One rehearsal under way.
struct stage_set {
    const struct rehearse_plan *plan;
    struct rehearse_result *result;
    struct virtual_clock clock;
    esp_flash_t *memory;
    esp_flash_t *chip;
    struct sim_link *link;
    uint32_t slot_size;
    uint64_t heap_before;
};

// ----------------------------------------------------------------------- what happens

static void add_event(struct rehearse_result *result, enum rehearse_activity activity,
                      uint64_t start_ns, uint64_t end_ns)
{
    struct rehearse_event *last =
        result->last_event[activity] ? &result->events[result->last_event[activity] - 1] : NULL;
    if (last && last->end_ns == start_ns) {
        last->end_ns = end_ns;
        return;
    }
    if (!result->events || result->event_count == result->event_capacity) {
        size_t capacity = result->event_capacity ? result->event_capacity * 2 : 1024;
        struct rehearse_event *more = realloc(result->events, capacity * sizeof(*more));
        if (!more) {
            return; // the picture ends here; the sums go on
        }
        result->events = more;
        result->event_capacity = capacity;
    }
    result->events[result->event_count++] = (struct rehearse_event){activity, start_ns, end_ns};
    result->last_event[activity] = result->event_count;
}

static uint64_t heap_in_use(void)
{
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

// The events are the rehearsal's, not the device's. An allocator that does not tell (a sanitizer's) says 0 for ever.
static void note_heap(struct stage_set *set)
{
    uint64_t now = heap_in_use();
    uint64_t before =
        set->heap_before + set->result->event_capacity * sizeof(struct rehearse_event);
    if (now > before && now - before > set->result->peak_heap) {
        set->result->peak_heap = now - before;
    }
}

static uint32_t slot_address(const struct stage_set *set)
{
    return SLOT_AT + set->slot_size;
}

static enum rehearse_region region_of(const struct stage_set *set, uint32_t address)
{
    uint32_t slot = slot_address(set);
    return address < slot                                   ? REHEARSE_BOOT_RECORD
           : address < slot + set->slot_size - JOURNAL_ROOM ? REHEARSE_IMAGE
                                                            : REHEARSE_JOURNAL;
}

// What a patch builds on is read from the slot that runs: work for the image.
static bool is_for_image(const struct stage_set *set, uint32_t address)
{
    return address >= SLOT_AT && region_of(set, address) != REHEARSE_JOURNAL;
}

static void note_operation(void *context, enum nor_activity activity, uint64_t start_ns,
                           uint64_t end_ns, uint32_t address, uint32_t len)
{
    static const enum rehearse_activity ACTIVITIES[NOR_ACTIVITY_COUNT] = {
        [NOR_READING] = REHEARSE_READING,
        [NOR_PROGRAMMING] = REHEARSE_PROGRAMMING,
        [NOR_ERASING] = REHEARSE_ERASING};
    struct stage_set *set = context;
    add_event(set->result, ACTIVITIES[activity], start_ns, end_ns);
    if (!is_for_image(set, address)) {
        set->result->bookkeeping_ns += end_ns - start_ns;
    } else if (activity == NOR_READING && sim_link_is_drained(set->link)) {
        set->result->read_after_bytes += len;
    }
    set->result->erased_bytes += activity == NOR_ERASING ? len : 0;
    set->result->programmed_bytes += activity == NOR_PROGRAMMING ? len : 0;
    set->result->read_bytes += activity == NOR_READING ? len : 0;
    set->result->erase_count += activity == NOR_ERASING;
    note_heap(set);
}

static void note_network(void *context, enum sim_link_activity activity, uint64_t start_ns,
                         uint64_t end_ns)
{
    struct stage_set *set = context;
    add_event(set->result, activity == SIM_LINK_WAITING ? REHEARSE_WAITING : REHEARSE_NETWORK,
              start_ns, end_ns);
    note_heap(set);
}

// ----------------------------------------------------------------------- the device

static uint32_t round_up(uint64_t value, uint32_t unit)
{
    return (uint32_t)((value + unit - 1) / unit * unit);
}

static uint8_t *cells(const struct stage_set *set, uint32_t address)
{
    return (uint8_t *)set->memory->ops->map(set->memory, address,
                                            0); // in memory, before any time passes
}

static bool put_device(const struct stage_set *set)
{
    const struct rehearse_plan *plan = set->plan;
    const esp_partition_info_t entries[] = {
        {.magic = ESP_PARTITION_MAGIC,
         .type = 1,
         .subtype = 0,
         .pos = {OTADATA_AT, 0x2000},
         .label = "otadata"},
        {.magic = ESP_PARTITION_MAGIC,
         .type = 0,
         .subtype = 0x10,
         .pos = {SLOT_AT, set->slot_size},
         .label = "ota_0"},
        {.magic = ESP_PARTITION_MAGIC,
         .type = 0,
         .subtype = 0x11,
         .pos = {SLOT_AT + set->slot_size, set->slot_size},
         .label = "ota_1"},
    };
    if (partition_table_encode(entries, 3, true, cells(set, TABLE_AT)) != ESP_OK) {
        return false;
    }
    memcpy(cells(set, SLOT_AT), plan->old_image.bytes, plan->old_image.len);
    uint8_t *passive = cells(set, SLOT_AT + set->slot_size);
    if (plan->slot == REHEARSE_SLOT_OLD) {
        memcpy(passive, plan->old_image.bytes, plan->old_image.len);
    } else if (plan->slot == REHEARSE_SLOT_OTHER) {
        for (size_t i = 0; i < plan->new_image.len; i++) {
            passive[i] = (uint8_t)~plan->new_image.bytes[i];
        }
    }
    return true;
}

static bool open_set(struct stage_set *set, const struct rehearse_plan *plan,
                     const struct cli_bytes *download, struct rehearse_result *result)
{
    size_t largest =
        plan->old_image.len > plan->new_image.len ? plan->old_image.len : plan->new_image.len;
    *set = (struct stage_set){.plan = plan, .result = result};
    memset(result, 0, sizeof(*result));
    set->slot_size = round_up((uint64_t)largest + JOURNAL_ROOM, BLOCK);
    uint64_t needed = SLOT_AT + 2 * (uint64_t)set->slot_size;
    if (needed > plan->part->size) {
        cli_report_failure(
            "two slots for %zu bytes do not fit into a %s of %u bytes; choose a larger --part",
            largest, plan->part->name, (unsigned)plan->part->size);
        return false;
    }
    struct nor_timed_config timed = {.part = plan->part,
                                     .is_worst_case = plan->is_worst_case,
                                     .clock = &set->clock,
                                     .observer = note_operation,
                                     .observer_context = set};
    set->link = sim_link_create(&plan->link, &set->clock, download->bytes, (uint32_t)download->len);
    result->network_bytes = download->len;
    bool is_open = set->link &&
                   nor_flash_open_in_memory(plan->part->size, &set->memory) == ESP_OK &&
                   put_device(set);
    timed.chip = set->memory;
    is_open = is_open && nor_timed_open(&timed, &set->chip) == ESP_OK;
    if (!is_open) {
        cli_report_failure("no memory for a chip of %u bytes", (unsigned)plan->part->size);
        return false;
    }
    sim_link_observe(set->link, note_network, set);
    return true;
}

static void finish_result(struct stage_set *set)
{
    struct rehearse_result *result = set->result;
    result->total_ns = set->clock.now_ns;
    result->spent_ns[REHEARSE_NETWORK] = sim_link_spent_ns(set->link, SIM_LINK_CARRYING);
    result->spent_ns[REHEARSE_WAITING] = sim_link_spent_ns(set->link, SIM_LINK_WAITING);
    result->spent_ns[REHEARSE_ERASING] = nor_timed_spent_ns(set->chip, NOR_ERASING);
    result->spent_ns[REHEARSE_PROGRAMMING] = nor_timed_spent_ns(set->chip, NOR_PROGRAMMING);
    result->spent_ns[REHEARSE_READING] = nor_timed_spent_ns(set->chip, NOR_READING);
    for (uint32_t at = 0; at < set->plan->part->size; at += FLASH_SECTOR_SIZE) {
        struct rehearse_wear *wear = &result->wear[region_of(set, at)];
        uint32_t count = nor_timed_erase_count(set->chip, at);
        wear->sectors += count > 0;
        wear->most = count > wear->most ? count : wear->most;
    }
}

static void close_set(struct stage_set *set)
{
    nor_timed_close(set->chip);
    nor_flash_close(set->memory);
    sim_link_destroy(set->link);
}

// ----------------------------------------------------------------------- ours

static void start_device(const struct stage_set *set)
{
    esp_image_header_t header;
    struct boot_handover handover = BOOT_HANDOVER_DEFAULT();
    memcpy(&header, set->plan->new_image.bytes, sizeof(header));
    handover.chip.chip_id = header.chip_id;
    handover.chip.chip_rev = header.min_chip_rev_full;
    handover.app_address = SLOT_AT;
    boot_handover_set(&handover);
    esp_flash_default_chip = set->chip;
    if (set->plan->slot == REHEARSE_SLOT_ERASED) { // before the rehearsal begins
        set->chip->erased_from = SLOT_AT + set->slot_size;
        set->chip->erased_to = SLOT_AT + 2 * set->slot_size;
    }
}

static bool holds_new_image(const struct stage_set *set)
{
    const struct cli_bytes *wanted = &set->plan->new_image;
    return memcmp(cells(set, slot_address(set)), wanted->bytes, wanted->len) == 0;
}

static bool is_done(const struct stage_set *set, esp_err_t err)
{
    if (err != ESP_OK) {
        cli_report_error(err, "the update is refused");
    } else if (!holds_new_image(set)) {
        cli_report_failure("the patch does not make the image of --new; make it again from --old "
                           "and --new with esp-ota delta create");
        return false;
    }
    return err == ESP_OK;
}

bool rehearse_ours(const struct rehearse_plan *plan, struct rehearse_result *result)
{
    struct stage_set set;
    if (!open_set(&set, plan, rehearse_download(plan), result)) {
        close_set(&set);
        return false;
    }
    start_device(&set);
    esp_http_client_config_t http = {.url = "https://rehearsal.invalid/new.bin",
                                     .cert_pem = "the modelled link has no TLS",
                                     .buffer_size = (int)plan->buffer_size,
                                     .transport = sim_link_transport(set.link)};
    esp_https_ota_ext_t ext = {.max_retries = -1,
                               .erase_before_header = plan->erase_early,
                               .slot_is_settled = plan->is_settled};
    esp_https_ota_config_t config = {.http_config = &http, .ota_resumption = true, .ext = &ext};
    set.heap_before = heap_in_use();
    struct update update = {.memory = (uint32_t)esp_delta_class_memory(ESP_DELTA_64K)};
    update_delta_enable(&update);
    esp_err_t err = esp_https_ota_run(&config);
    ota_stage_register(OTA_STAGE_DELTA, NULL, NULL);
    finish_result(&set);
    bool is_right = is_done(&set, err);
    close_set(&set);
    return is_right;
}

// ----------------------------------------------------------------------- ESP-IDF's

static esp_err_t write_like_esp_idf(struct stage_set *set, const uint8_t *data, uint32_t offset,
                                    uint32_t len)
{
    uint32_t slot = slot_address(set);
    uint32_t first = round_up(offset, FLASH_SECTOR_SIZE);
    uint32_t end = round_up((uint64_t)offset + len, FLASH_SECTOR_SIZE);
    esp_err_t err =
        end > first ? esp_flash_erase_region(set->chip, slot + first, end - first) : ESP_OK;
    return err == ESP_OK ? esp_flash_write(set->chip, data, slot + offset, len) : err;
}

static esp_err_t read_whole_image(struct stage_set *set)
{
    uint8_t chunk[FLASH_SECTOR_SIZE];
    esp_err_t err = ESP_OK;
    uint32_t image_len = (uint32_t)set->plan->new_image.len;
    for (uint32_t at = 0; at < image_len && err == ESP_OK; at += sizeof(chunk)) {
        uint32_t part = image_len - at < sizeof(chunk) ? image_len - at : sizeof(chunk);
        err = esp_flash_read(set->chip, chunk, slot_address(set) + at, part);
    }
    return err;
}

static esp_err_t write_record(struct stage_set *set)
{
    esp_ota_select_entry_t record;
    memset(&record, 0xFF, sizeof(record));
    record.ota_seq = 2;
    record.crc = otadata_crc(record.ota_seq);
    esp_err_t err =
        esp_flash_erase_region(set->chip, OTADATA_AT + FLASH_SECTOR_SIZE, FLASH_SECTOR_SIZE);
    return err == ESP_OK
               ? esp_flash_write(set->chip, &record, OTADATA_AT + FLASH_SECTOR_SIZE, sizeof(record))
               : err;
}

bool rehearse_esp_idf(const struct rehearse_plan *plan, struct rehearse_result *result)
{
    struct stage_set set;
    uint8_t buffer[IDF_BUFFER];
    if (!open_set(&set, plan, &plan->new_image, result)) {
        close_set(&set);
        return false;
    }
    sim_link_connect(set.link);
    esp_err_t err = ESP_OK;
    uint32_t position = 0;
    uint32_t got;
    while (err == ESP_OK && (got = sim_link_read(set.link, buffer, sizeof(buffer))) > 0) {
        err = write_like_esp_idf(&set, buffer, position, got);
        position += got;
    }
    for (int pass = 0; pass < 2 && err == ESP_OK;
         pass++) { // fact: esp_ota_end and esp_ota_set_boot_partition verify, each
        err = read_whole_image(&set);
    }
    if (err == ESP_OK) {
        err = write_record(&set);
    }
    finish_result(&set);
    set.result->peak_heap = 0;
    close_set(&set);
    if (err != ESP_OK) {
        cli_report_error(err, "the model of ESP-IDF's update failed");
    }
    return err == ESP_OK;
}

// ----------------------------------------------------------------------- bound

const struct cli_bytes *rehearse_download(const struct rehearse_plan *plan)
{
    return plan->patch.len ? &plan->patch : &plan->new_image;
}

uint64_t rehearse_window_rate(const struct sim_link_config *link)
{
    return link->round_trip_ns ? link->window * VIRTUAL_NS_PER_S / link->round_trip_ns : UINT64_MAX;
}

uint64_t rehearse_bound_ns(const struct rehearse_plan *plan)
{
    const struct nor_part *part = plan->part;
    uint64_t blocks = (plan->new_image.len + BLOCK - 1) / BLOCK;
    uint64_t pages = (plan->new_image.len + 255) / 256;
    uint64_t erase = plan->is_worst_case ? part->erase_64k.worst_us : part->erase_64k.typical_us;
    uint64_t program =
        plan->is_worst_case ? part->program_page.worst_us : part->program_page.typical_us;
    return (blocks * erase + pages * program) * VIRTUAL_NS_PER_US;
}

void rehearse_free(struct rehearse_result *result)
{
    free(result->events);
    result->events = NULL;
}
