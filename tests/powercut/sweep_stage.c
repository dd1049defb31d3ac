// Staged updates of what is no OTA slot: a factory application, a bootloader with and without a second one behind it, the
// primary partition table, another slot. What was begun is completed at start-up; from then on the final partition holds the
// old bytes or the new ones, whole. Nothing else may change but the staging slot.

#include "sweep.h"

#include <stdlib.h>
#include <string.h>

#include "esp_ota_ext.h"
#include "partition_table.h"

#define BOOTLOADER_AT   0x1000u
#define BOOTLOADER_SIZE 0x7000u
#define BOOTLOADER_LEN  (9u * 1024) // three sectors
#define TABLE_AT        0x8000u
#define FACTORY_AT      0x10000u
#define SLOT_SIZE       0x10000u
#define RECOVERY_AT     0x50000u // behind factory, two slots and storage

static struct powercut_world s_world;
static struct powercut_image s_old_bootloader;
static struct powercut_image s_new_bootloader;
static uint8_t s_old_table[ESP_PARTITION_TABLE_MAX_LEN];
static uint8_t s_new_table[ESP_PARTITION_TABLE_MAX_LEN];

// Where a scenario's update goes, and what stands there before and after.
struct target {
    const char *label;
    esp_partition_type_t type; // of a partition that is not in the table
    uint32_t address;
    uint32_t size;
    struct powercut_image before;
    struct powercut_image after;
};

static struct target s_factory;
static struct target s_bootloader;
static struct target s_table;

static struct powercut_image make_bootloader(unsigned number)
{
    struct powercut_image image = {.name = "bootloader"};
    uint8_t *bytes = sweep_make_image(number, BOOTLOADER_LEN, ESP_CHIP_ID_ESP32, 0, 0, &image.len);
    memcpy(bytes + 24, "\x00\x00\x08\x40", 4); // loaded to RAM, so it may stand anywhere
    image.bytes = bytes;
    return image;
}

static void make_tables(void)
{
    esp_partition_info_t table[8];
    memcpy(table, s_world.table, s_world.table_count * sizeof(*table));
    memcpy(table[s_world.table_count - 1].label, "renamed", 8);
    if (partition_table_encode(s_world.table, s_world.table_count, true, s_old_table) != ESP_OK ||
        partition_table_encode(table, s_world.table_count, true, s_new_table) != ESP_OK) {
        abort();
    }
}

void sweep_make_stage(void)
{
    sweep_make_images(&s_world, SWEEP_SMALL_LEN);
    sweep_make_table(&s_world, 2, true, SLOT_SIZE, NULL);
    s_world.flash_size = RECOVERY_AT + 0x10000;
    s_old_bootloader = make_bootloader(OLD);
    s_new_bootloader = make_bootloader(NEW);
    make_tables();
    s_factory = (struct target){.label = "factory",
                                .address = FACTORY_AT,
                                .before = s_world.images[FACTORY],
                                .after = s_world.images[NEW]};
    s_bootloader = (struct target){.label = "boot",
                                   .type = ESP_PARTITION_TYPE_BOOTLOADER,
                                   .address = BOOTLOADER_AT,
                                   .size = BOOTLOADER_SIZE,
                                   .before = s_old_bootloader,
                                   .after = s_new_bootloader};
    s_table =
        (struct target){.label = "table",
                        .type = ESP_PARTITION_TYPE_PARTITION_TABLE,
                        .address = TABLE_AT,
                        .size = FLASH_SECTOR_SIZE,
                        .before = {.name = "old", .bytes = s_old_table, .len = sizeof(s_old_table)},
                        .after = {.name = "new", .bytes = s_new_table, .len = sizeof(s_new_table)}};
}

// ----------------------------------------------------------------------- the device

static bool put_bootloader(const struct powercut_scenario *scenario, uint8_t *bytes)
{
    (void)scenario;
    memcpy(bytes + BOOTLOADER_AT, s_old_bootloader.bytes, s_old_bootloader.len);
    return true;
}

static bool put_two_bootloaders(const struct powercut_scenario *scenario, uint8_t *bytes)
{
    memcpy(bytes + RECOVERY_AT, s_old_bootloader.bytes, s_old_bootloader.len);
    return put_bootloader(scenario, bytes);
}

static bool is_there(uint32_t address, const struct powercut_image *image)
{
    return powercut_holds(address, image->bytes, image->len, false);
}

// As the chip's ROM does: the primary bootloader, or else the one that the eFuses name.
static void start_rom(const struct powercut_scenario *scenario, struct boot_handover *handover,
                      struct boot_request *request, struct powercut_life *life)
{
    (void)scenario;
    (void)handover;
    (void)request;
    if (!is_there(BOOTLOADER_AT, &s_old_bootloader) &&
        !is_there(BOOTLOADER_AT, &s_new_bootloader) && !is_there(RECOVERY_AT, &s_old_bootloader)) {
        POWERCUT_FAIL(life, "BRICK: no bootloader is whole");
    }
}

static esp_err_t find_final(const struct target *target, const esp_partition_t **out)
{
    if (target->size > 0) {
        return esp_partition_register_external(NULL, target->address, target->size, target->label,
                                               target->type, 0, out);
    }
    *out =
        esp_partition_find_first(ESP_PARTITION_TYPE_ANY, ESP_PARTITION_SUBTYPE_ANY, target->label);
    return *out ? ESP_OK : ESP_ERR_NOT_FOUND;
}

static esp_err_t stage(const struct powercut_scenario *scenario, const struct target *target,
                       struct powercut_life *life)
{
    const esp_partition_t *final = NULL;
    esp_err_t err = esp_ota_finish_pending_copy();
    if (err != ESP_OK && err != ESP_ERR_NOT_FOUND) {
        return err;
    }
    if (is_there(target->address, &target->after)) {
        life->has_goal = true;
        return ESP_OK;
    }
    if (!is_there(target->address, &target->before)) {
        POWERCUT_FAIL(life, "%s holds a mixture, and no copy is pending", target->label);
        return ESP_OK;
    }
    err = find_final(target, &final);
    return err == ESP_OK ? powercut_update(&target->after, scenario->way, final) : err;
}

#define STAGE(name, target)                                                                        \
    static esp_err_t name(const struct powercut_scenario *scenario, uint32_t number,               \
                          struct powercut_life *life)                                              \
    {                                                                                              \
        (void)number;                                                                              \
        return stage(scenario, &(target), life);                                                   \
    }

STAGE(stage_factory, s_factory)
STAGE(stage_bootloader, s_bootloader)
STAGE(stage_table, s_table)

// ----------------------------------------------------------------------- scenarios

static const struct powercut_extra FACTORY_APP = {
    .act = stage_factory,
    .changes = {{FACTORY_AT, FACTORY_AT + SLOT_SIZE, false}},
    .keeps_otadata = true};
static const struct powercut_extra BOOTLOADER = {
    .put = put_bootloader,
    .power_on = start_rom,
    .act = stage_bootloader,
    .changes = {{BOOTLOADER_AT, BOOTLOADER_AT + 3 * FLASH_SECTOR_SIZE, true}},
    .keeps_otadata = true};
static const struct powercut_extra BOOTLOADER_AND_RECOVERY = {
    .put = put_two_bootloaders,
    .power_on = start_rom,
    .act = stage_bootloader,
    .changes = {{BOOTLOADER_AT, BOOTLOADER_AT + 3 * FLASH_SECTOR_SIZE, true}},
    .keeps_otadata = true};
static const struct powercut_extra TABLE = {
    .act = stage_table,
    .changes = {{TABLE_AT, TABLE_AT + FLASH_SECTOR_SIZE, true}},
    .keeps_otadata = true};

// ota_0 runs, ota_1 is where the update is staged.
#define STAGED                                                                                     \
    .world = &s_world, .factory = FACTORY, .slots = {OLD, OLDER}, .seq = {1},                      \
    .states = {ESP_OTA_IMG_VALID}, .goal = OLD, .allowed = NOW(OLD)

static const struct powercut_scenario SCENARIOS[] = {
    {.name = "stage_factory", STAGED, .extra = &FACTORY_APP},
    {.name = "stage_bootloader",
     STAGED,
     .window_from = BOOTLOADER_AT,
     .window_to = BOOTLOADER_AT + 3 * FLASH_SECTOR_SIZE,
     .extra = &BOOTLOADER},
    {.name = "stage_bootloader_recovery", STAGED, .extra = &BOOTLOADER_AND_RECOVERY},
    {.name = "stage_table",
     STAGED,
     .window_from = TABLE_AT,
     .window_to = TABLE_AT + FLASH_SECTOR_SIZE,
     .extra = &TABLE},
};
const struct sweep_group SWEEP_STAGE = {SCENARIOS, sizeof(SCENARIOS) / sizeof(SCENARIOS[0])};
