// Staged updates: a power cut at any operation, also of the recovery, only delays the copy.

#include <stdlib.h>
#include <string.h>

#include "esp_ota_ext.h"
#include "ota_private.h"
#include "staged_update.h"

#define SECTOR 4096u

static uint8_t s_snapshot[DEVICE_FLASH_SIZE];

static bool holds_new(const struct staged_scenario *scenario, struct device_image image,
                      uint32_t address, uint32_t size)
{
    uint32_t end = (image.len + SECTOR - 1) / SECTOR * SECTOR;
    const uint8_t *bytes = device_bytes(address);
    uint32_t unit = staged_final(scenario)->encrypted ? FLASH_CIPHER_BLOCK : 1;
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
    const struct staged_scenario *scenario;
    struct device_image image;
    uint32_t address; // of the final partition
    uint32_t size;
    unsigned cuts;
    unsigned completions;
    unsigned windows;
    unsigned second_cuts;
};

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
        staged_plan(cut_at, variant);
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
    staged_plan(cut_at, variant);
    esp_err_t err = staged_update(sweep->scenario, sweep->image);
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
    assert_int_equal(staged_update(sweep->scenario, sweep->image), ESP_OK);
    assert_true(holds_new(sweep->scenario, sweep->image, sweep->address, sweep->size));
    return true;
}

static void sweep(const struct staged_scenario *scenario)
{
    staged_start();
    struct sweep sweep = {.scenario = scenario,
                          .image = staged_content(scenario->content, scenario->len)};
    const esp_partition_t *final = staged_final(scenario);
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
        sweep(&(const struct staged_scenario){.name = #test, __VA_ARGS__});                        \
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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
