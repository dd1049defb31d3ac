// Copies that are staged in a data partition, so that their record stands in a slot that has nothing to do with them; and an
// application that begins the next update without completing the copy first.

#include "sweep.h"

#include <string.h>

#include "esp_ota_ext.h"
#include "esp_ota_ops.h"

#define SPARE_AT  0x9000u
#define SPARE_LEN 0x4000u
#define DATA_LEN  14001u // neither whole sectors nor whole blocks
#define OLD_BYTE  0x5A   // what a data partition holds before

static struct powercut_world s_two;

static esp_err_t write_data(const esp_partition_t *storage, const esp_partition_t *spare,
                            const uint8_t *data)
{
    esp_ota_handle_t handle;
    esp_err_t err = esp_ota_begin(storage, OTA_WITH_SEQUENTIAL_WRITES, &handle);
    if (err != ESP_OK) {
        return err;
    }
    err = esp_ota_set_final_partition(handle, spare, true);
    if (err == ESP_OK) {
        err = esp_ota_write(handle, data, DATA_LEN);
    }
    return err == ESP_OK ? esp_ota_end(handle) : err;
}

static bool holds_old_bytes(uint32_t address)
{
    static uint8_t s_old[DATA_LEN];
    memset(s_old, OLD_BYTE, sizeof(s_old));
    return powercut_holds(address, s_old, sizeof(s_old), true);
}

static esp_err_t stage(const struct powercut_scenario *scenario, struct powercut_life *life,
                       bool is_lazy)
{
    const uint8_t *data = scenario->world->images[NEW].bytes;
    const esp_partition_t *storage =
        esp_partition_find_first(ESP_PARTITION_TYPE_DATA, ESP_PARTITION_SUBTYPE_ANY, "storage");
    const esp_partition_t *spare =
        esp_partition_find_first(ESP_PARTITION_TYPE_DATA, ESP_PARTITION_SUBTYPE_ANY, "spare");
    life->promised = scenario->goal;
    esp_err_t err = is_lazy ? ESP_ERR_NOT_FOUND : esp_ota_finish_pending_copy();
    if (err != ESP_OK && err != ESP_ERR_NOT_FOUND) {
        return err;
    }
    bool is_done = powercut_holds(spare->address, data, DATA_LEN, true);
    if (!is_done && !is_lazy && !holds_old_bytes(spare->address)) {
        POWERCUT_FAIL(life, "spare holds a mixture, and no copy is pending");
        return ESP_OK;
    }
    if (!is_done) {
        err = write_data(storage, spare, data);
        is_done = powercut_holds(spare->address, data, DATA_LEN, true);
        if (err == ESP_OK && !is_done) {
            POWERCUT_FAIL(life, "the update of spare says that it is done, and is not");
        }
    } else {
        err = ESP_OK;
    }
    life->has_goal = is_done && err == ESP_OK;
    if (life->has_goal && !is_lazy && esp_ota_finish_pending_copy() == ESP_OK) {
        POWERCUT_FAIL(life, "a copy that is done is still pending");
    }
    return err;
}

static esp_err_t stage_first(const struct powercut_scenario *scenario, uint32_t number,
                             struct powercut_life *life)
{
    (void)number;
    return stage(scenario, life, false);
}

static esp_err_t stage_lazily(const struct powercut_scenario *scenario, uint32_t number,
                              struct powercut_life *life)
{
    (void)number;
    return stage(scenario, life, true);
}

// ----------------------------------------------------------------------- scenarios

#define COPIES(function)                                                                           \
    .world = &s_two,                                                                               \
    .extra = &(const struct powercut_extra){.act = (function),                                     \
                                            .changes = {{SPARE_AT, SPARE_AT + SPARE_LEN, false},   \
                                                        {0x30000, 0x40000, false}},                \
                                            .keeps_otadata = true},                                \
    .goal = OLD, .allowed = NOW(OLD)

static const struct powercut_scenario SCENARIOS[] = {
    {.name = "stage_elsewhere", COPIES(stage_first), .slots = {OLD}, .seq = {1}, .states = {2}},
    {.name = "stage_elsewhere_cache",
     COPIES(stage_first),
     .has_cache = true,
     .slots = {OLD},
     .seq = {1},
     .states = {2}},
    {.name = "stage_elsewhere_from_1",
     COPIES(stage_first),
     .slots = {OLDER, OLD},
     .seq = {1, 2},
     .states = {2, 2}},
    {.name = "stage_lazily", COPIES(stage_lazily), .slots = {OLD}, .seq = {1}, .states = {2}},
};
const struct sweep_group SWEEP_COPY = {SCENARIOS, sizeof(SCENARIOS) / sizeof(SCENARIOS[0])};

void sweep_make_copy(void)
{
    static const esp_partition_info_t SPARE = {
        .type = 1, .subtype = 0x40, .pos = {SPARE_AT, SPARE_LEN}, .label = "spare"};
    sweep_make_images(&s_two, SWEEP_SMALL_LEN);
    sweep_make_table(&s_two, 2, false, 0x10000, &SPARE);
}
