// Choosing, refusing and giving up where the record that changes is the other one than in the common scenarios, where sequence
// numbers go up by more than one, and on a medium that loses what was not synced.

#include "sweep.h"

#include "esp_ota_ext.h"
#include "esp_ota_ops.h"

#define CRASH_LIMIT 3u

static struct powercut_world s_two;
static struct powercut_world s_two_factory;
static struct powercut_world s_three;
static struct powercut_world s_sixteen;

// Chooses the slot that holds the goal, which need not be the next one; then confirms it.
static esp_err_t choose_goal(const struct powercut_scenario *scenario, uint32_t number,
                             struct powercut_life *life)
{
    (void)number;
    unsigned slot = 0;
    while (scenario->slots[slot] != scenario->goal) {
        slot++;
    }
    const esp_partition_t *goal = esp_partition_find_first(
        ESP_PARTITION_TYPE_APP, (esp_partition_subtype_t)(ESP_PARTITION_SUBTYPE_APP_OTA_MIN + slot),
        NULL);
    life->has_goal = life->booted == scenario->goal;
    esp_err_t err = !life->has_goal      ? esp_ota_set_boot_partition(goal)
                    : scenario->rollback ? esp_ota_mark_app_valid_cancel_rollback()
                                         : ESP_OK;
    // fact: ESP-IDF's answer when no record may be followed, as after a decayed record beside a refused one
    err = err == ESP_FAIL ? esp_ota_set_boot_partition(goal) : err;
    life->promised = err == ESP_OK ? scenario->goal : 0;
    return err;
}

static const struct powercut_extra CHOOSE = {.act = choose_goal, .is_records_only = true};

static void limit_crashes(const struct powercut_scenario *scenario, struct boot_handover *handover,
                          struct boot_request *request, struct powercut_life *life)
{
    (void)scenario;
    (void)handover;
    (void)life;
    request->crash_limit = CRASH_LIMIT;
}

// The new image never says that it is healthy, until the bootloader gives it up.
static esp_err_t crash_often(const struct powercut_scenario *scenario, uint32_t number,
                             struct powercut_life *life)
{
    (void)number;
    if (life->booted != scenario->goal) {
        return ESP_OK;
    }
    esp_err_t err = esp_ota_mark_healthy();
    life->has_goal = esp_ota_get_last_invalid_partition() != NULL;
    if (!life->has_goal && (err == ESP_OK || err == ESP_FAIL)) { // ESP_FAIL: it has no record
        err =
            powercut_update(&scenario->world->images[scenario->served], POWERCUT_SEQUENTIAL, NULL);
    }
    life->promised = life->has_goal ? scenario->goal : scenario->served;
    return err == ESP_FAIL ? ESP_OK : err;
}

// Nothing else could boot, so it goes on for ever.
static esp_err_t crash_alone(const struct powercut_scenario *scenario, uint32_t number,
                             struct powercut_life *life)
{
    (void)scenario;
    life->has_goal = number > 2 * CRASH_LIMIT;
    return ESP_OK;
}

static const struct powercut_extra CRASH_OFTEN = {.power_on = limit_crashes, .act = crash_often};
static const struct powercut_extra CRASH_ALONE = {
    .power_on = limit_crashes, .act = crash_alone, .is_records_only = true};

#define VALID     ESP_OTA_IMG_VALID
#define UNDEFINED ESP_OTA_IMG_UNDEFINED

static const struct powercut_scenario SCENARIOS[] = {
    // From slot 1 to slot 0 of three: two numbers up.
    {.name = "choose_back",
     .world = &s_three,
     .extra = &CHOOSE,
     .rollback = true,
     .slots = {OLDER, OLD, NEW},
     .seq = {1, 2},
     .states = {VALID, VALID},
     .goal = OLDER,
     .allowed = NOW(OLD) | NOW(OLDER)},
    {.name = "choose_ahead",
     .world = &s_three,
     .extra = &CHOOSE,
     .slots = {OLD, OLDER, NEW},
     .seq = {4, 2},
     .states = {UNDEFINED, UNDEFINED},
     .goal = NEW,
     .allowed = NOW(OLD) | NOW(NEW)},
    // Fifteen numbers up.
    {.name = "choose_back_of_sixteen",
     .world = &s_sixteen,
     .extra = &CHOOSE,
     .rollback = true,
     .slots = {[2] = OLDER, [3] = OLD, [15] = NEW},
     .seq = {20, 19},
     .states = {VALID, VALID},
     .goal = OLDER,
     .allowed = NOW(OLD) | NOW(OLDER)},
    {.name = "choose_cache",
     .world = &s_three,
     .extra = &CHOOSE,
     .rollback = true,
     .has_cache = true,
     .slots = {OLDER, OLD},
     .seq = {1, 2},
     .states = {VALID, VALID},
     .goal = OLDER,
     .allowed = NOW(OLD) | NOW(OLDER)},
    {.name = "choose_factory_cache",
     .world = &s_two_factory,
     .wish = POWERCUT_FACTORY,
     .has_cache = true,
     .factory = FACTORY,
     .slots = {OLDER, OLD},
     .seq = {1, 2},
     .states = {UNDEFINED, UNDEFINED},
     .goal = FACTORY,
     .allowed = NOW(OLD) | NOW(OLDER) | NOW(FACTORY)},
    {.name = "mark_invalid_record_0",
     .world = &s_two,
     .wish = POWERCUT_MARK_INVALID,
     .rollback = true,
     .slots = {NEW, OLD},
     .seq = {3, 2},
     .states = {ESP_OTA_IMG_NEW, VALID},
     .goal = OLD,
     .allowed = NOW(OLD) | NOW(NEW)},
    {.name = "mark_invalid_cache",
     .world = &s_two,
     .wish = POWERCUT_MARK_INVALID,
     .rollback = true,
     .has_cache = true,
     .slots = {OLD, NEW},
     .seq = {1, 2},
     .states = {VALID, ESP_OTA_IMG_NEW},
     .goal = OLD,
     .allowed = NOW(OLD) | NOW(NEW)},
    {.name = "crash_loop_record_1",
     .world = &s_two,
     .wish = POWERCUT_CRASH_LOOP,
     .rollback = true,
     .slots = {OLD},
     .seq = {1},
     .states = {VALID},
     .goal = OLD,
     .served = NEW,
     .allowed = NOW(OLD) | NOW(NEW)},
    {.name = "crash_guard",
     .world = &s_two,
     .extra = &CRASH_OFTEN,
     .slots = {OLD, OLDER},
     .seq = {1},
     .states = {UNDEFINED},
     .goal = OLD,
     .served = NEW,
     .allowed = NOW(OLD) | NOW(NEW)},
    {.name = "crash_alone",
     .world = &s_two,
     .extra = &CRASH_ALONE,
     .slots = {OLD},
     .seq = {1},
     .states = {VALID},
     .goal = OLD,
     .allowed = NOW(OLD)},
    {.name = "stage_data_cache",
     .world = &s_two,
     .wish = POWERCUT_STAGE,
     .has_cache = true,
     .slots = {OLD, OLDER},
     .seq = {1},
     .states = {VALID},
     .goal = OLD,
     .served = NEW,
     .allowed = NOW(OLD)},
};
const struct sweep_group SWEEP_RECORDS = {SCENARIOS, sizeof(SCENARIOS) / sizeof(SCENARIOS[0])};

void sweep_make_records(void)
{
    sweep_make_images(&s_two, SWEEP_SMALL_LEN);
    sweep_make_images(&s_two_factory, SWEEP_SMALL_LEN);
    sweep_make_images(&s_three, SWEEP_SMALL_LEN);
    sweep_make_images(&s_sixteen, SWEEP_SMALL_LEN);
    sweep_make_table(&s_two, 2, false, 0x10000, NULL);
    sweep_make_table(&s_two_factory, 2, true, 0x10000, NULL);
    sweep_make_table(&s_three, 3, false, 0x10000, NULL);
    sweep_make_table(&s_sixteen, 16, false, 0x10000, NULL);
}
