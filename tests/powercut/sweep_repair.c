// otadata that was found wrong and is repaired from outside, and the bootloader's extensions.

#include "sweep.h"

#include <string.h>

#include "boot_explain.h"
#include "esp_ota_ext.h"

static struct powercut_world s_two;
static struct powercut_world s_two_factory;

// ----------------------------------------------------------------------- repairs

static esp_err_t explain(const struct powercut_scenario *scenario, struct boot_explanation *out,
                         struct boot_slots *slots, struct boot_request *request)
{
    esp_err_t err =
        boot_slots_load(esp_flash_default_chip, boot_handover_get()->table_offset, slots);
    *request = (struct boot_request){.chip = esp_flash_default_chip,
                                     .identity = boot_handover_get()->chip,
                                     .slots = slots,
                                     .rollback = scenario->rollback};
    return err == ESP_OK ? boot_explain(request, out) : err;
}

// Done when nothing is left to repair.
static esp_err_t repair(const struct powercut_scenario *scenario, uint32_t number,
                        struct powercut_life *life)
{
    static struct boot_explanation explanation; // large
    struct boot_slots slots;
    struct boot_request request;
    (void)number;
    esp_err_t err = explain(scenario, &explanation, &slots, &request);
    if (err == ESP_OK) {
        err = boot_repair(&request, &explanation);
    }
    if (err == ESP_OK) {
        err = explain(scenario, &explanation, &slots, &request);
    }
    life->has_goal = err == ESP_OK && explanation.step_count == 0;
    return err;
}

// Record 1 is torn.
static bool put_torn(const struct powercut_scenario *scenario, uint8_t *bytes)
{
    (void)scenario;
    bytes[SWEEP_OTADATA_AT + OTADATA_SECTOR_SIZE + offsetof(esp_ota_select_entry_t, crc)] ^= 1;
    return true;
}

static const struct powercut_extra REPAIR = {
    .act = repair, .has_wrong_otadata = true, .is_records_only = true};
static const struct powercut_extra REPAIR_TORN = {
    .put = put_torn, .act = repair, .has_wrong_otadata = true, .is_records_only = true};

// ----------------------------------------------------------------------- attempts and crash guard

static void guard(const struct powercut_scenario *scenario, struct boot_handover *handover,
                  struct boot_request *request, struct powercut_life *life)
{
    (void)scenario;
    (void)handover;
    (void)life;
    request->attempts = 3;
    request->crash_limit = 3;
}

static esp_err_t update_and_be_healthy(const struct powercut_scenario *scenario, uint32_t number,
                                       struct powercut_life *life)
{
    esp_err_t err = powercut_act(scenario, number, life);
    if (err == ESP_OK && life->has_goal) {
        err = esp_ota_mark_healthy();
        err = err == ESP_FAIL ? ESP_OK : err; // its record is lost, and nothing is counted
    }
    return err;
}

static const struct powercut_extra GUARD = {.power_on = guard, .act = update_and_be_healthy};

// ----------------------------------------------------------------------- scenarios

void sweep_make_repair(void)
{
    sweep_make_images(&s_two, SWEEP_SMALL_LEN);
    memcpy(s_two_factory.images, s_two.images, sizeof(s_two.images));
    s_two_factory.image_count = s_two.image_count;
    sweep_make_table(&s_two, 2, false, 0x10000, NULL);
    sweep_make_table(&s_two_factory, 2, true, 0x10000, NULL);
}

static const struct powercut_scenario SCENARIOS[] = {
    {.name = "repair_torn_record",
     .world = &s_two_factory,
     .factory = FACTORY,
     .slots = {OLD, OLDER},
     .seq = {1, 2},
     .states = {ESP_OTA_IMG_VALID, ESP_OTA_IMG_NEW},
     .goal = OLD,
     .allowed = NOW(OLD),
     .extra = &REPAIR_TORN},
    {.name = "repair_same_slot",
     .world = &s_two_factory,
     .rollback = true,
     .factory = FACTORY,
     .slots = {OLD, OLDER},
     .seq = {3, 1},
     .states = {ESP_OTA_IMG_VALID, ESP_OTA_IMG_VALID},
     .goal = OLD,
     .allowed = NOW(OLD),
     .extra = &REPAIR},
    {.name = "repair_all_refused",
     .world = &s_two,
     .rollback = true,
     .slots = {OLD, OLDER},
     .seq = {3, 2},
     .states = {ESP_OTA_IMG_INVALID, ESP_OTA_IMG_ABORTED},
     .goal = OLD,
     .allowed = NOW(OLD),
     .extra = &REPAIR},
    {.name = "repair_broken_choice",
     .world = &s_two_factory,
     .factory = FACTORY,
     .slots = {OLD},
     .seq = {1, 2},
     .states = {ESP_OTA_IMG_VALID, ESP_OTA_IMG_VALID},
     .goal = OLD,
     .allowed = NOW(OLD),
     .extra = &REPAIR},
    {.name = "repair_broken_choice_to_factory",
     .world = &s_two_factory,
     .factory = FACTORY,
     .seq = {3, 2},
     .states = {ESP_OTA_IMG_VALID, ESP_OTA_IMG_VALID},
     .goal = FACTORY,
     .allowed = NOW(FACTORY),
     .extra = &REPAIR},
    {.name = "attempts_and_crash_guard",
     .world = &s_two,
     .rollback = true,
     .slots = {OLD},
     .seq = {1},
     .states = {ESP_OTA_IMG_VALID},
     .goal = NEW,
     .allowed = NOW(OLD) | NOW(NEW),
     .extra = &GUARD},
};
const struct sweep_group SWEEP_REPAIR = {SCENARIOS, sizeof(SCENARIOS) / sizeof(SCENARIOS[0])};
