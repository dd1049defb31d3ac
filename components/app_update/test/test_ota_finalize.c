// Staged updates: what is refused before a byte is written, and that a power cut at any operation only delays the copy.

#include "cut_chip.h"

#include <stdlib.h>
#include <string.h>

#include "esp_ota_ext.h"
#include "ota_private.h"
#include "partition_table.h"

#define SECTOR 4096u

static const esp_partition_info_t TABLE[] = {
    {.type = 1, .subtype = 0, .pos = {0xD000, 0x2000}, .label = "otadata"},
    {.type = 0, .subtype = 0, .pos = {0x10000, DEVICE_SLOT_SIZE}, .label = "factory"},
    {.type = 0, .subtype = 0x10, .pos = {0x20000, DEVICE_SLOT_SIZE}, .label = "ota_0"},
    {.type = 0, .subtype = 0x11, .pos = {0x30000, DEVICE_SLOT_SIZE}, .label = "ota_1"},
    {.type = 0, .subtype = 0x12, .pos = {0x40000, DEVICE_SLOT_SIZE}, .label = "ota_2"},
    {.type = 1, .subtype = 6, .pos = {0x50000, 0x8000}, .label = "storage"},
    {.type = 1, .subtype = 6, .pos = {0x60000, 0x10000}, .label = "stage"},
    {.type = 1, .subtype = 6, .pos = {0x70000, 0x4000}, .label = "locked", .flags = 2},
};

static void start(void)
{
    DEVICE_START(.running = "ota_0", .table = TABLE,
                 .table_count = sizeof(TABLE) / sizeof(TABLE[0]));
    cut_chip_install();
    device_put_image("ota_0", "old");
    device_put_image("ota_2", "rollback");
    device_put_record(0, 1, ESP_OTA_IMG_UNDEFINED);
}

// ----------------------------------------------------------------------- what is staged

enum content {
    CONTENT_DATA,
    CONTENT_APP,
    CONTENT_BOOTLOADER,
    CONTENT_TABLE,
};

static struct device_image make_content(enum content content, uint32_t len)
{
    struct device_image image;
    if (content == CONTENT_TABLE) {
        esp_partition_info_t table[sizeof(TABLE) / sizeof(TABLE[0])];
        memcpy(table, TABLE, sizeof(TABLE));
        memcpy(table[5].label, "renamed", 8);
        image = (struct device_image){.bytes = malloc(ESP_PARTITION_TABLE_MAX_LEN),
                                      .len = ESP_PARTITION_TABLE_MAX_LEN};
        assert_non_null(image.bytes);
        assert_int_equal(
            partition_table_encode(table, sizeof(TABLE) / sizeof(TABLE[0]), true, image.bytes),
            ESP_OK);
        return image;
    }
    image = DEVICE_IMAGE(.len = len, .version = "new", .seed = 9);
    if (content == CONTENT_BOOTLOADER) {
        memcpy(image.bytes + 24, "\x00\x00\x08\x40", 4); // loaded to RAM, so it may stand anywhere
    }
    if (content == CONTENT_DATA) {
        image.bytes[0] = 'd';
    }
    return image;
}

struct scenario {
    const char *name;
    const char *staging;
    const char *final;
    enum content content;
    uint32_t len;
    uint32_t external; // address; 0: final is in the table
    uint32_t external_size;
    bool has_window; // the table the device boots with
};

static const esp_partition_t *final_of(const struct scenario *scenario)
{
    if (scenario->external == 0) {
        return device_partition(scenario->final);
    }
    const esp_partition_t *found = esp_partition_find_first(
        ESP_PARTITION_TYPE_ANY, ESP_PARTITION_SUBTYPE_ANY, scenario->final);
    if (!found) {
        esp_partition_type_t type = scenario->content == CONTENT_TABLE
                                        ? ESP_PARTITION_TYPE_PARTITION_TABLE
                                        : ESP_PARTITION_TYPE_BOOTLOADER;
        assert_int_equal(esp_partition_register_external(NULL, scenario->external,
                                                         scenario->external_size, scenario->final,
                                                         type, 0, &found),
                         ESP_OK);
    }
    return found;
}

static esp_err_t update(const struct scenario *scenario, struct device_image image)
{
    esp_ota_handle_t handle;
    esp_err_t err =
        esp_ota_begin(device_partition(scenario->staging), OTA_WITH_SEQUENTIAL_WRITES, &handle);
    if (err != ESP_OK) {
        return err;
    }
    err = esp_ota_set_final_partition(handle, final_of(scenario), true);
    for (uint32_t at = 0; at < image.len && err == ESP_OK; at += 3000) {
        uint32_t left = image.len - at;
        err = esp_ota_write(handle, image.bytes + at, left < 3000 ? left : 3000);
    }
    if (err != ESP_OK) {
        assert_int_equal(esp_ota_abort(handle), ESP_OK);
        return err;
    }
    return esp_ota_end(handle);
}

// ----------------------------------------------------------------------- the sweep

static uint8_t s_snapshot[DEVICE_FLASH_SIZE];

static bool holds_new(const struct scenario *scenario, struct device_image image, uint32_t address,
                      uint32_t size)
{
    uint32_t end = (image.len + SECTOR - 1) / SECTOR * SECTOR;
    const uint8_t *bytes = device_bytes(address);
    uint32_t unit = final_of(scenario)->encrypted ? FLASH_CIPHER_BLOCK : 1;
    for (uint32_t i = (image.len + unit - 1) / unit * unit; i < end; i++) {
        if (bytes[i] != 0xFF) {
            return false;
        }
    }
    return device_holds(address, image.bytes, image.len) &&
           memcmp(bytes + end, s_snapshot + address + end, size - end) == 0;
}

static bool holds_old(uint32_t address, uint32_t size)
{
    return memcmp(device_bytes(address), s_snapshot + address, size) == 0;
}

static bool s_is_final_in_slot; // ota_2 is where the copy goes

static bool has_table(void)
{
    struct boot_slots slots;
    return boot_slots_load(esp_flash_default_chip, 0x8000, &slots) == ESP_OK;
}

static void assert_old_boots(void)
{
    assert_true(s_is_final_in_slot || holds_old(0x40000, DEVICE_SLOT_SIZE - 2 * SECTOR));
    assert_string_equal(device_boot(), "ota_0");
    assert_true(holds_old(0x20000, DEVICE_SLOT_SIZE));
    assert_true(holds_old(0xD000, 0x2000));
}

struct sweep {
    const struct scenario *scenario;
    struct device_image image;
    uint32_t address; // of the final partition
    uint32_t size;
    unsigned cuts;
    unsigned completions;
    unsigned windows;
    unsigned second_cuts;
};

static void plan(unsigned cut_at, enum cut_variant variant)
{
    cut_chip_power_on();
    g_cut.cut_at = cut_at;
    g_cut.variant = variant;
    g_cut.seed = 3;
}

/** What must hold whenever the power comes on. false: the window. */
static bool check_power_on(struct sweep *sweep, uint32_t cut_address)
{
    cut_chip_power_on();
    if (sweep->scenario->has_window && !has_table()) {
        assert_in_range(cut_address, 0x8000, 0x8FFF);
        sweep->windows++;
        return false;
    }
    assert_old_boots();
    return true;
}

static void assert_completed(struct sweep *sweep, esp_err_t err)
{
    bool is_new = holds_new(sweep->scenario, sweep->image, sweep->address, sweep->size);
    if (err == ESP_OK) {
        assert_true(is_new);
        sweep->completions++;
    } else {
        assert_int_equal(err, ESP_ERR_NOT_FOUND);
        assert_true(is_new || holds_old(sweep->address, sweep->size));
    }
    assert_int_equal(esp_ota_finish_pending_copy(), ESP_ERR_NOT_FOUND);
    assert_old_boots();
}

/** Cuts recovery as well, at every operation, from the flash that the first cut left. */
static void cut_recovery(struct sweep *sweep, enum cut_variant variant)
{
    uint8_t *left = malloc(DEVICE_FLASH_SIZE);
    assert_non_null(left);
    memcpy(left, device_bytes(0), DEVICE_FLASH_SIZE);
    for (unsigned cut_at = 1;; cut_at++) {
        memcpy(device_bytes(0), left, DEVICE_FLASH_SIZE);
        plan(cut_at, variant);
        esp_err_t err = esp_ota_finish_pending_copy();
        if (!g_cut.is_off) {
            break;
        }
        assert_int_equal(err, ESP_ERR_FLASH_OP_FAIL);
        sweep->second_cuts++;
        if (check_power_on(sweep, g_cut.address)) {
            assert_completed(sweep, esp_ota_finish_pending_copy());
            assert_true(holds_new(sweep->scenario, sweep->image, sweep->address, sweep->size));
        }
    }
    memcpy(device_bytes(0), left, DEVICE_FLASH_SIZE);
    cut_chip_power_on();
    free(left);
}

static bool survives(struct sweep *sweep, unsigned cut_at, enum cut_variant variant)
{
    memcpy(device_bytes(0), s_snapshot, DEVICE_FLASH_SIZE);
    plan(cut_at, variant);
    esp_err_t err = update(sweep->scenario, sweep->image);
    if (!g_cut.is_off) {
        assert_int_equal(err, ESP_OK);
        return false;
    }
    assert_int_equal(err, ESP_ERR_FLASH_OP_FAIL);
    sweep->cuts++;
    if (!check_power_on(sweep, g_cut.address)) {
        return true;
    }
    cut_recovery(sweep, variant);
    assert_completed(sweep, esp_ota_finish_pending_copy());
    assert_int_equal(update(sweep->scenario, sweep->image), ESP_OK);
    assert_true(holds_new(sweep->scenario, sweep->image, sweep->address, sweep->size));
    return true;
}

static void sweep(const struct scenario *scenario)
{
    start();
    struct sweep sweep = {.scenario = scenario,
                          .image = make_content(scenario->content, scenario->len)};
    const esp_partition_t *final = final_of(scenario);
    sweep.address = final->address;
    sweep.size = final->size;
    s_is_final_in_slot = final->address == 0x40000;
    if (!scenario->has_window) { // what was there before
        for (uint32_t i = 0; i < sweep.size; i++) {
            *device_bytes(sweep.address + i) = (uint8_t)(i * 7);
        }
    }
    memcpy(s_snapshot, device_bytes(0), DEVICE_FLASH_SIZE);
    int step = device_is_encrypted() ? 2 : 1; // there each costs ten times as much
    for (int variant = 0; variant < CUT_VARIANT_COUNT; variant += step) {
        unsigned cut_at = 1;
        while (survives(&sweep, cut_at, (enum cut_variant)variant)) {
            cut_at++;
        }
        assert_true(holds_new(scenario, sweep.image, sweep.address, sweep.size));
    }
    print_message("%s: %u cuts and %u in recovery, %u completions, %u in the window\n",
                  scenario->name, sweep.cuts, sweep.second_cuts, sweep.completions, sweep.windows);
    assert_true(sweep.completions > 0);
    assert_true(scenario->has_window == (sweep.windows > 0));
    free(sweep.image.bytes);
}

#define SWEEP(test, ...)                                                                           \
    static void test(void **state)                                                                 \
    {                                                                                              \
        (void)state;                                                                               \
        sweep(&(const struct scenario){.name = #test, __VA_ARGS__});                               \
    }

SWEEP(data_survives_cuts, .staging = "ota_1", .final = "storage", .content = CONTENT_DATA,
      .len = 9000)
SWEEP(a_factory_app_survives_cuts, .staging = "ota_1", .final = "factory", .content = CONTENT_APP,
      .len = 9000)
SWEEP(another_slot_survives_cuts, .staging = "ota_1", .final = "ota_2", .content = CONTENT_APP,
      .len = 9000)
SWEEP(an_app_staged_in_data_for_a_slot_survives_cuts, .staging = "stage", .final = "ota_1",
      .content = CONTENT_APP, .len = 9000)
SWEEP(a_bootloader_survives_cuts, .staging = "ota_1", .final = "boot",
      .content = CONTENT_BOOTLOADER, .len = 9000, .external = 0x1000, .external_size = 0x7000)
SWEEP(a_second_table_survives_cuts, .staging = "ota_1", .final = "table", .content = CONTENT_TABLE,
      .external = 0x78000, .external_size = 0x1000)
SWEEP(the_primary_table_has_a_window_of_one_sector, .staging = "ota_1", .final = "table",
      .content = CONTENT_TABLE, .external = 0x8000, .external_size = 0x1000, .has_window = true)
SWEEP(an_app_staged_in_data_survives_cuts, .staging = "stage", .final = "factory",
      .content = CONTENT_APP, .len = 9000)
SWEEP(an_app_that_fills_its_slot_survives_cuts, .staging = "ota_1", .final = "factory",
      .content = CONTENT_APP, .len = 0xF800)

// ----------------------------------------------------------------------- what is refused

static void the_final_partition_of_a_copy_is_checked_before_anything_is_written(void **state)
{
    (void)state;
    start();
    const esp_partition_t *covering;
    assert_int_equal(
        esp_partition_register_external(NULL, 0x74000, 0x1000, "other", 0x40, 0, &covering),
        ESP_OK);
    esp_ota_handle_t handle;
    assert_int_equal(esp_ota_begin(device_partition("ota_1"), OTA_WITH_SEQUENTIAL_WRITES, &handle),
                     ESP_OK);
    assert_int_equal(esp_ota_set_final_partition(handle, device_partition("locked"), true),
                     ESP_ERR_NOT_ALLOWED);
    assert_int_equal(esp_ota_set_final_partition(handle, device_partition("ota_0"), true),
                     ESP_ERR_OTA_PARTITION_CONFLICT);
    esp_ota_handle_t other;
    assert_int_equal(esp_ota_begin(device_partition("ota_2"), OTA_WITH_SEQUENTIAL_WRITES, &other),
                     ESP_OK);
    assert_int_equal(esp_ota_set_final_partition(handle, device_partition("ota_2"), true),
                     ESP_ERR_OTA_ALREADY_IN_PROGRESS);
    assert_int_equal(esp_ota_abort(other), ESP_OK);
    assert_int_equal(esp_ota_set_final_partition(handle, device_partition("ota_2"), true), ESP_OK);
    assert_int_equal(esp_ota_set_final_partition(handle, device_partition("ota_2"), true), ESP_OK);
    assert_int_equal(g_cut.operations, 0);
    assert_int_equal(esp_ota_abort(handle), ESP_OK);
}

static void more_than_the_final_partition_holds_is_refused_by_write(void **state)
{
    (void)state;
    start();
    static uint8_t data[0x8000];
    esp_ota_handle_t handle;
    assert_int_equal(esp_ota_begin(device_partition("ota_1"), OTA_WITH_SEQUENTIAL_WRITES, &handle),
                     ESP_OK);
    assert_int_equal(esp_ota_set_final_partition(handle, device_partition("storage"), true),
                     ESP_OK);
    assert_int_equal(esp_ota_write(handle, data, sizeof(data)), ESP_OK);
    cut_chip_forget();
    assert_int_equal(esp_ota_write(handle, data, 1), ESP_ERR_INVALID_SIZE);
    assert_int_equal(g_cut.operations, 0);
    assert_int_equal(esp_ota_end(handle), ESP_OK);
}

static void without_room_for_a_record_nothing_is_copied(void **state)
{
    (void)state;
    start();
    device_put_image("ota_2", "rollback");
    *device_bytes(0x4FFFF) = 0; // it has something up to its end
    memset(device_bytes(0x10000), 7, DEVICE_SLOT_SIZE);
    struct device_image image = make_content(CONTENT_APP, 0xF800);
    const struct scenario scenario = {.staging = "ota_1", .final = "factory"};
    assert_int_equal(update(&scenario, image), ESP_ERR_NOT_SUPPORTED);
    assert_int_equal(*device_bytes(0x10000), 7);
    *device_bytes(0x40000) = 0; // now there is nothing to lose in ota_2
    assert_int_equal(update(&scenario, image), ESP_OK);
    assert_true(device_holds(0x10000, image.bytes, image.len));
    free(image.bytes);
}

static void a_scattered_image_is_copied_up_to_its_last_byte(void **state)
{
    (void)state;
    start();
    struct device_image image = make_content(CONTENT_APP, 9000);
    esp_ota_handle_t handle;
    assert_int_equal(esp_ota_begin(device_partition("ota_1"), image.len, &handle), ESP_OK);
    assert_int_equal(esp_ota_set_final_partition(handle, device_partition("factory"), true),
                     ESP_OK);
    assert_int_equal(esp_ota_write_with_offset(handle, image.bytes + 4000, image.len - 4000, 4000),
                     ESP_OK);
    assert_int_equal(esp_ota_write_with_offset(handle, image.bytes, 4000, 0), ESP_OK);
    assert_int_equal(esp_ota_end(handle), ESP_OK);
    assert_true(device_holds(0x10000, image.bytes, image.len));
    free(image.bytes);
}

// ----------------------------------------------------------------------- after a cut

/** An update from ota_1 to factory that is cut in the middle of its copy. */
static struct device_image leave_pending(void)
{
    start();
    struct device_image image = make_content(CONTENT_APP, 20000);
    const struct scenario scenario = {.staging = "ota_1", .final = "factory"};
    assert_int_equal(update(&scenario, image), ESP_OK);
    unsigned all = g_cut.operations;
    memset(device_bytes(0x10000), 0, DEVICE_SLOT_SIZE);
    plan(all - 5, CUT_BITS);
    assert_int_equal(update(&scenario, image), ESP_ERR_FLASH_OP_FAIL);
    assert_in_range(g_cut.address, 0x10000, 0x1FFFF);
    cut_chip_power_on();
    return image;
}

static void begin_completes_what_is_pending_in_its_partition(void **state)
{
    (void)state;
    const char *const labels[] = {"ota_1", "stage"};
    for (int i = 0; i < 2; i++) {
        struct device_image image = leave_pending();
        esp_ota_handle_t handle;
        assert_int_equal(esp_ota_begin(device_partition(labels[i]), 0, &handle), ESP_OK);
        bool is_new = device_holds(0x10000, image.bytes, image.len);
        assert_int_equal(is_new, i == 0);
        assert_int_equal(esp_ota_finish_pending_copy(), i == 0 ? ESP_ERR_NOT_FOUND : ESP_OK);
        assert_int_equal(esp_ota_abort(handle), ESP_OK);
        free(image.bytes);
    }
}

static void begin_is_refused_while_the_copy_fails(void **state)
{
    (void)state;
    struct device_image image = leave_pending();
    esp_ota_handle_t handle = 5;
    plan(1, CUT_BEFORE);
    assert_int_equal(esp_ota_begin(device_partition("ota_1"), 0, &handle), ESP_ERR_FLASH_OP_FAIL);
    assert_int_equal(handle, 5);
    cut_chip_power_on();
    assert_int_equal(esp_ota_finish_pending_copy(), ESP_OK);
    assert_true(device_holds(0x10000, image.bytes, image.len));
    free(image.bytes);
}

static void staged_bytes_that_changed_are_not_copied(void **state)
{
    (void)state;
    struct device_image image = leave_pending();
    *device_bytes(0x30000 + 5000) ^= 1;
    uint64_t before = device_sum(0x10000, 0x20000);
    assert_int_equal(esp_ota_finish_pending_copy(), ESP_ERR_INVALID_CRC);
    assert_int_equal(esp_ota_finish_pending_copy(), ESP_ERR_NOT_FOUND);
    assert_true(device_sum(0x10000, 0x20000) == before);
    free(image.bytes);
}

static void the_running_partition_is_never_copied_over(void **state)
{
    (void)state;
    for (int is_same = 0; is_same < 2; is_same++) {
        struct device_image image = leave_pending();
        struct boot_handover handover = *boot_handover_get();
        handover.app_address = 0x10000;
        boot_handover_set(&handover);
        if (is_same) {
            device_put("factory", image.bytes, image.len);
        }
        uint64_t before = device_sum(0x10000, 0x20000);
        assert_int_equal(esp_ota_finish_pending_copy(),
                         is_same ? ESP_OK : ESP_ERR_OTA_PARTITION_CONFLICT);
        assert_int_equal(esp_ota_finish_pending_copy(), ESP_ERR_NOT_FOUND);
        assert_true(device_sum(0x10000, 0x20000) == before);
        free(image.bytes);
    }
}

static void a_copy_that_no_longer_fits_the_table_is_given_up(void **state)
{
    (void)state;
    struct device_image image = leave_pending();
    esp_partition_info_t table[sizeof(TABLE) / sizeof(TABLE[0])];
    uint8_t bytes[ESP_PARTITION_TABLE_MAX_LEN];
    memcpy(table, TABLE, sizeof(TABLE));
    table[1].pos.size /= 2; // factory is smaller now
    assert_int_equal(partition_table_encode(table, sizeof(TABLE) / sizeof(TABLE[0]), true, bytes),
                     ESP_OK);
    device_put_plain(0x8000, bytes, sizeof(bytes));
    cut_chip_power_on();
    uint64_t before = device_sum(0x10000, 0x20000);
    assert_int_equal(esp_ota_finish_pending_copy(), ESP_ERR_INVALID_STATE);
    assert_int_equal(esp_ota_finish_pending_copy(), ESP_ERR_NOT_FOUND);
    assert_true(device_sum(0x10000, 0x20000) == before);
    free(image.bytes);
}

static void a_session_on_the_staging_partition_holds_the_copy_back(void **state)
{
    (void)state;
    start();
    esp_ota_handle_t handle;
    assert_int_equal(esp_ota_begin(device_partition("stage"), OTA_WITH_SEQUENTIAL_WRITES, &handle),
                     ESP_OK);
    assert_int_equal(esp_ota_finish_pending_copy(), ESP_ERR_NOT_FOUND);
    assert_int_equal(esp_ota_abort(handle), ESP_OK);
}

static void a_pending_copy_keeps_the_journal_away(void **state)
{
    (void)state;
    struct device_image image = leave_pending();
    struct esp_ota_journal_identity identity = {0};
    struct esp_ota_journal journal;
    struct esp_ota_journal_progress progress;
    const esp_partition_t *staging = device_partition("ota_1");
    assert_int_equal(esp_ota_journal_begin(staging, 0, &identity, &journal), ESP_ERR_INVALID_STATE);
    assert_int_equal(esp_ota_journal_load(staging, &journal, &progress), ESP_ERR_NOT_FOUND);
    assert_int_equal(esp_ota_journal_clear(staging), ESP_OK);
    assert_int_equal(esp_ota_finish_pending_copy(), ESP_OK);
    assert_int_equal(esp_ota_journal_begin(staging, 0, &identity, &journal), ESP_OK);
    free(image.bytes);
}

static void the_journal_of_the_download_ends_with_the_copy(void **state)
{
    (void)state;
    start();
    struct device_image image = make_content(CONTENT_APP, 9000);
    struct esp_ota_journal_identity identity = {.total_len = 9000};
    struct esp_ota_journal_progress progress = {.image_offset = 4096};
    struct esp_ota_journal journal;
    const esp_partition_t *staging = device_partition("ota_1");
    assert_int_equal(esp_ota_journal_begin(staging, 0, &identity, &journal), ESP_OK);
    assert_int_equal(esp_ota_journal_add(&journal, &progress), ESP_OK);
    assert_int_equal(
        update(&(const struct scenario){.staging = "ota_1", .final = "factory"}, image), ESP_OK);
    assert_int_equal(esp_ota_journal_load(staging, &journal, &progress), ESP_ERR_NOT_FOUND);
    free(image.bytes);
}

static void the_final_slot_needs_no_second_verification(void **state)
{
    (void)state;
    start();
    struct device_image image = make_content(CONTENT_APP, 30000);
    assert_int_equal(update(&(const struct scenario){.staging = "ota_1", .final = "ota_2"}, image),
                     ESP_OK);
    atomic_store(&g_flash.is_unmapped, true);
    atomic_store(&g_flash.read_bytes, 0);
    assert_int_equal(esp_ota_set_boot_partition(device_partition("ota_2")), ESP_OK);
    assert_true(atomic_load(&g_flash.read_bytes) < 4096);
    assert_string_equal(device_boot(), "ota_2");
    free(image.bytes);
}

static void the_record_is_as_documented(void **state)
{
    (void)state;
    struct device_image image = leave_pending();
    uint8_t record[128];
    device_read(0x3E000, record, sizeof(record));
    if (memcmp(record, "OTAF", 4) != 0) {
        device_read(0x3F000, record, sizeof(record));
    }
    assert_memory_equal(record, "OTAF", 4);
    const uint32_t numbers[] = {image.len, 0x30000, 0x10000, 0x10000, 0x10000};
    assert_memory_equal(record + 4, "\x01\x00\x00\x00", 4);
    assert_memory_equal(record + 16, numbers, sizeof(numbers)); // both are little endian
    const uint8_t flags = device_is_encrypted() ? 1 : 0;
    const uint8_t places[] = {0x00, 0x11, flags, 0x00, 0x00, flags};
    assert_memory_equal(record + 36, places, sizeof(places));
    uint8_t digest[CRYPTO_SHA256_LEN];
    struct crypto_hash hash;
    esp_crypto.sha256_begin(&hash);
    esp_crypto.sha256_write(&hash, image.bytes, image.len);
    esp_crypto.sha256_end(&hash, digest);
    assert_memory_equal(record + 52, digest, sizeof(digest));
    assert_memory_equal(record + 84, "ota_1\0\0\0\0\0\0\0\0\0\0\0factory\0\0\0\0\0\0\0\0\0", 32);
    free(image.bytes);
}

// ----------------------------------------------------------------------- forged records

static const char ERASED[16] = "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF";

/** A slot full of bytes from the network that ends with a true record: copy me to factory. */
static uint8_t *forge(bool is_second_sector)
{
    struct device_image image = leave_pending();
    uint8_t *forged = malloc(DEVICE_SLOT_SIZE);
    assert_non_null(forged);
    device_read(0x30000, forged, DEVICE_SLOT_SIZE);
    for (uint32_t at = 0; at < DEVICE_SLOT_SIZE;
         at += 16) { // erased is 0xFF for who reads the record
        if (memcmp(device_bytes(0x30000 + at), ERASED, 16) == 0) {
            memcpy(forged + at, ERASED, 16);
        }
    }
    uint8_t *record = forged + DEVICE_SLOT_SIZE - 2 * SECTOR;
    if (memcmp(record, "OTAF", 4) != 0) {
        memcpy(record, record + SECTOR, SECTOR);
    }
    assert_memory_equal(record, "OTAF", 4);
    memset(record + SECTOR, 0x55, SECTOR);
    if (is_second_sector) {
        memcpy(record + SECTOR, record, SECTOR);
        memset(record, 0x55, SECTOR);
    }
    free(image.bytes);
    start();
    return forged;
}

static void a_record_that_an_image_brings_along_is_refused(void **state)
{
    (void)state;
    const uint32_t steps[] = {1, 7, 4096, DEVICE_SLOT_SIZE};
    for (int second = 0; second < 2; second++) {
        for (size_t i = 0; i < 4; i++) {
            uint8_t *forged = forge(second);
            esp_ota_handle_t handle;
            assert_int_equal(
                esp_ota_begin(device_partition("ota_1"), OTA_WITH_SEQUENTIAL_WRITES, &handle),
                ESP_OK);
            esp_err_t err = esp_ota_write(handle, forged, steps[i] == 1 ? 0xD000 : 1);
            for (uint32_t at = steps[i] == 1 ? 0xD000 : 1; at < DEVICE_SLOT_SIZE && err == ESP_OK;
                 at += steps[i]) {
                uint32_t left = DEVICE_SLOT_SIZE - at;
                err = esp_ota_write(handle, forged + at, left < steps[i] ? left : steps[i]);
            }
            assert_int_equal(err, ESP_ERR_OTA_VALIDATE_FAILED);
            assert_int_equal(esp_ota_abort(handle), ESP_OK);
            assert_int_equal(esp_ota_finish_pending_copy(), ESP_ERR_NOT_FOUND);
            free(forged);
        }
    }
}

static void a_record_that_comes_in_pieces_is_refused_with_the_last_one(void **state)
{
    (void)state;
    uint8_t *forged = forge(false);
    uint32_t tail = DEVICE_SLOT_SIZE - 2 * SECTOR;
    esp_ota_handle_t handle;
    assert_int_equal(esp_ota_begin(device_partition("ota_1"), 0, &handle), ESP_OK);
    assert_int_equal(esp_ota_write_with_offset(handle, forged, tail, 0), ESP_OK);
    uint32_t unit = device_is_encrypted() ? 16 : 4;
    uint32_t last = 288 - unit;
    assert_int_equal(
        esp_ota_write_with_offset(handle, forged + tail + unit, last - unit, tail + unit), ESP_OK);
    assert_int_equal(esp_ota_write_with_offset(handle, forged + tail + last, unit, tail + last),
                     ESP_ERR_OTA_VALIDATE_FAILED); // only the magic is missing
    assert_int_equal(esp_ota_finish_pending_copy(), ESP_ERR_NOT_FOUND);
    assert_int_equal(esp_ota_abort(handle), ESP_OK);
    free(forged);
}

static void no_cut_makes_a_record_of_almost_one(void **state)
{
    (void)state;
    DEVICE_WITHOUT_ENCRYPTION() // there even almost one is refused
    for (int variant = 0; variant < CUT_VARIANT_COUNT; variant++) {
        for (unsigned cut_at = 1, is_cut = 1; is_cut; cut_at++) {
            uint8_t *forged = forge(true);
            forged[DEVICE_SLOT_SIZE - SECTOR] &= (uint8_t)~1; // two bits that may not have
            forged[DEVICE_SLOT_SIZE - SECTOR + 4] = 0;        // fallen when the power goes
            esp_ota_handle_t handle;
            plan(cut_at, (enum cut_variant)variant);
            esp_err_t err =
                esp_ota_begin(device_partition("ota_1"), OTA_WITH_SEQUENTIAL_WRITES, &handle);
            if (err == ESP_OK) {
                err = esp_ota_write(handle, forged, DEVICE_SLOT_SIZE);
                assert_int_equal(esp_ota_abort(handle), ESP_OK);
            }
            is_cut = g_cut.is_off;
            assert_int_equal(err, is_cut ? ESP_ERR_FLASH_OP_FAIL : ESP_OK);
            cut_chip_power_on();
            assert_int_equal(esp_ota_finish_pending_copy(), ESP_ERR_NOT_FOUND);
            free(forged);
        }
    }
}

static void a_copy_brings_no_record_along(void **state)
{
    (void)state;
    uint8_t *forged = forge(true);
    forged[0] = 'd';
    esp_ota_handle_t handle;
    assert_int_equal(esp_ota_begin(device_partition("stage"), OTA_WITH_SEQUENTIAL_WRITES, &handle),
                     ESP_OK);
    assert_int_equal(esp_ota_write(handle, forged, DEVICE_SLOT_SIZE), ESP_OK);
    assert_int_equal(esp_ota_abort(handle), ESP_OK);
    assert_int_equal(
        ota_finalize_copy(device_partition("stage"), device_partition("ota_1"), DEVICE_SLOT_SIZE),
        ESP_ERR_OTA_VALIDATE_FAILED);
    assert_int_equal(esp_ota_finish_pending_copy(), ESP_ERR_NOT_FOUND);
    free(forged);
}

#define TEST(name) cmocka_unit_test_teardown(name, device_stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(data_survives_cuts),
        TEST(a_factory_app_survives_cuts),
        TEST(another_slot_survives_cuts),
        TEST(an_app_staged_in_data_for_a_slot_survives_cuts),
        TEST(a_bootloader_survives_cuts),
        TEST(a_second_table_survives_cuts),
        TEST(the_primary_table_has_a_window_of_one_sector),
        TEST(an_app_staged_in_data_survives_cuts),
        TEST(an_app_that_fills_its_slot_survives_cuts),
        TEST(the_final_partition_of_a_copy_is_checked_before_anything_is_written),
        TEST(more_than_the_final_partition_holds_is_refused_by_write),
        TEST(without_room_for_a_record_nothing_is_copied),
        TEST(a_scattered_image_is_copied_up_to_its_last_byte),
        TEST(begin_completes_what_is_pending_in_its_partition),
        TEST(begin_is_refused_while_the_copy_fails),
        TEST(staged_bytes_that_changed_are_not_copied),
        TEST(the_running_partition_is_never_copied_over),
        TEST(a_copy_that_no_longer_fits_the_table_is_given_up),
        TEST(a_session_on_the_staging_partition_holds_the_copy_back),
        TEST(a_pending_copy_keeps_the_journal_away),
        TEST(the_journal_of_the_download_ends_with_the_copy),
        TEST(the_final_slot_needs_no_second_verification),
        TEST(the_record_is_as_documented),
        TEST(a_record_that_an_image_brings_along_is_refused),
        TEST(a_record_that_comes_in_pieces_is_refused_with_the_last_one),
        TEST(no_cut_makes_a_record_of_almost_one),
        TEST(a_copy_brings_no_record_along),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
