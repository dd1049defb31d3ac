#include "scenario.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "boot_explain.h"
#include "esp_ota_ops.h"
#include "image_encode.h"
#include "partition_table.h"
#include "signature_policy.h"
#include "signer.h"

#define TRUST_AT   0x9000u
#define OTADATA_AT 0xD000u
#define FACTORY_AT 0x10000u
#define SLOT_AT    0x20000u
#define SLOT_SIZE  0x10000u
#define IMAGE_LEN  (16u * 1024) // and a sector of signatures
#define PIECE      1500u        // not a divisor of a sector

const char *const PLANT_NAMES[PLANT_COUNT] = {"none", "early_record", "in_place",
                                              "blind_bootloader", "store_in_place"};
const char *const IMAGE_NAMES[IMAGE_COUNT] = {"none", "factory", "older", "old", "new"};

#define NOW(image) (1u << IMAGE_##image)

const struct scenario SCENARIOS[] = {
    {.name = "factory_to_ota_0",
     .target = 0,
     .allowed = NOW(FACTORY) | NOW(NEW),
     .goal = IMAGE_NEW},
    {.name = "factory_to_ota_0_rollback",
     .rollback = true,
     .target = 0,
     .allowed = NOW(FACTORY) | NOW(NEW),
     .goal = IMAGE_NEW},
    {.name = "ota_0_to_ota_1",
     .slots = {IMAGE_OLD},
     .seq = {1},
     .states = {ESP_OTA_IMG_UNDEFINED},
     .target = 1,
     .allowed = NOW(OLD) | NOW(NEW),
     .goal = IMAGE_NEW},
    {.name = "ota_0_to_ota_1_rollback",
     .rollback = true,
     .slots = {IMAGE_OLD},
     .seq = {1},
     .states = {ESP_OTA_IMG_VALID},
     .target = 1,
     .allowed = NOW(OLD) | NOW(NEW),
     .goal = IMAGE_NEW},
    {.name = "ota_1_to_ota_0_over_older",
     .slots = {IMAGE_OLDER, IMAGE_OLD},
     .seq = {1, 2},
     .states = {ESP_OTA_IMG_UNDEFINED, ESP_OTA_IMG_UNDEFINED},
     .target = 0,
     .allowed = NOW(OLD) | NOW(NEW),
     .goal = IMAGE_NEW},
    {.name = "ota_1_to_ota_0_over_older_rollback",
     .rollback = true,
     .slots = {IMAGE_OLDER, IMAGE_OLD},
     .seq = {1, 2},
     .states = {ESP_OTA_IMG_VALID, ESP_OTA_IMG_VALID},
     .target = 0,
     .allowed = NOW(OLD) | NOW(NEW),
     .goal = IMAGE_NEW},
    {.name = "ota_1_to_ota_0_bulk_rollback",
     .rollback = true,
     .in_bulk = true,
     .slots = {IMAGE_OLDER, IMAGE_OLD},
     .seq = {1, 2},
     .states = {ESP_OTA_IMG_VALID, ESP_OTA_IMG_VALID},
     .target = 0,
     .allowed = NOW(OLD) | NOW(NEW),
     .goal = IMAGE_NEW},
    {.name = "first_boot_without_factory",
     .rollback = true,
     .without_factory = true,
     .slots = {IMAGE_OLD},
     .target = 1,
     .allowed = NOW(OLD) | NOW(NEW),
     .goal = IMAGE_NEW},
    {.name = "mark_invalid",
     .wish = WISH_MARK_INVALID,
     .rollback = true,
     .slots = {IMAGE_OLD, IMAGE_NEW},
     .seq = {1, 2},
     .states = {ESP_OTA_IMG_VALID, ESP_OTA_IMG_NEW},
     .target = -1,
     .allowed = NOW(OLD) | NOW(NEW),
     .goal = IMAGE_OLD},
    {.name = "choose_factory_from_record_0",
     .wish = WISH_FACTORY,
     .slots = {IMAGE_OLD, IMAGE_OLDER},
     .seq = {3, 2},
     .states = {ESP_OTA_IMG_UNDEFINED, ESP_OTA_IMG_UNDEFINED},
     .target = -1,
     .allowed = NOW(OLD) | NOW(FACTORY),
     .goal = IMAGE_FACTORY},
    {.name = "choose_factory_from_record_1",
     .wish = WISH_FACTORY,
     .slots = {IMAGE_OLDER, IMAGE_OLD},
     .seq = {1, 2},
     .states = {ESP_OTA_IMG_UNDEFINED, ESP_OTA_IMG_UNDEFINED},
     .target = -1,
     .allowed = NOW(OLD) | NOW(FACTORY),
     .goal = IMAGE_FACTORY},
    {.name = "erase_last",
     .wish = WISH_ERASE_LAST,
     .rollback = true,
     .slots = {IMAGE_OLDER, IMAGE_NEW},
     .seq = {1, 2},
     .states = {ESP_OTA_IMG_VALID, ESP_OTA_IMG_VALID},
     .target = 0,
     .allowed = NOW(NEW),
     .goal = IMAGE_NEW},
    {.name = "rotate_keys",
     .rollback = true,
     .without_factory = true,
     .rotates = true,
     .slots = {IMAGE_OLD},
     .seq = {1},
     .states = {ESP_OTA_IMG_VALID},
     .target = 1,
     .allowed = NOW(OLD) | NOW(NEW),
     .goal = IMAGE_NEW},
    {.name = "attempts_and_crash_guard",
     .rollback = true,
     .extensions = 3,
     .slots = {IMAGE_OLD},
     .seq = {1},
     .states = {ESP_OTA_IMG_VALID},
     .target = 1,
     .allowed = NOW(OLD) | NOW(NEW),
     .goal = IMAGE_NEW},
    {.name = "repair_torn_record",
     .wish = WISH_REPAIR,
     .slots = {IMAGE_OLD, IMAGE_OLDER},
     .seq = {1, 2},
     .states = {ESP_OTA_IMG_VALID, ESP_OTA_IMG_NEW},
     .torn = 1u << 1,
     .target = -1,
     .allowed = NOW(OLD),
     .goal = IMAGE_OLD},
    {.name = "repair_same_slot",
     .wish = WISH_REPAIR,
     .rollback = true,
     .slots = {IMAGE_OLD, IMAGE_OLDER},
     .seq = {3, 1},
     .states = {ESP_OTA_IMG_VALID, ESP_OTA_IMG_VALID},
     .target = -1,
     .allowed = NOW(OLD),
     .goal = IMAGE_OLD},
    {.name = "repair_all_refused",
     .wish = WISH_REPAIR,
     .rollback = true,
     .without_factory = true,
     .slots = {IMAGE_OLD, IMAGE_OLDER},
     .seq = {3, 2},
     .states = {ESP_OTA_IMG_INVALID, ESP_OTA_IMG_ABORTED},
     .target = -1,
     .allowed = NOW(OLD),
     .goal = IMAGE_OLD},
    {.name = "repair_broken_choice",
     .wish = WISH_REPAIR,
     .slots = {IMAGE_OLD, IMAGE_NONE},
     .seq = {1, 2},
     .states = {ESP_OTA_IMG_VALID, ESP_OTA_IMG_VALID},
     .target = -1,
     .allowed = NOW(OLD),
     .goal = IMAGE_OLD},
    {.name = "repair_broken_choice_to_factory",
     .wish = WISH_REPAIR,
     .slots = {IMAGE_NONE, IMAGE_NONE},
     .seq = {3, 2},
     .states = {ESP_OTA_IMG_VALID, ESP_OTA_IMG_VALID},
     .target = -1,
     .allowed = NOW(FACTORY),
     .goal = IMAGE_FACTORY},
};
const unsigned SCENARIO_COUNT = sizeof(SCENARIOS) / sizeof(SCENARIOS[0]);

static uint8_t s_images[IMAGE_COUNT][IMAGE_LEN + 64 + 2 * SIGNATURE_SECTOR_LEN];
static uint32_t s_image_lens[IMAGE_COUNT]; // with the signature
static struct signer *s_keys[2];           // A and B

// ----------------------------------------------------------------------- devices

// All images carry a signature; only a device that rotates keys looks at it.
static uint32_t sign(enum image image)
{
    uint32_t len = s_image_lens[image];
    return image == IMAGE_NEW ? signer_append(s_keys + 1, 1, s_images[image], len)
                              : signer_append(s_keys, 2, s_images[image], len);
}

void scenario_make_images(void)
{
    s_keys[0] = signer_create(SIGNATURE_P256);
    s_keys[1] = signer_create(SIGNATURE_P256);
    for (int i = IMAGE_FACTORY; i < IMAGE_COUNT; i++) {
        struct image_encode_spec spec = {.chip_id = ESP_CHIP_ID_ESP32,
                                         .project = "powercut",
                                         .version = IMAGE_NAMES[i],
                                         .payload_len = IMAGE_LEN - 1024 + 16u * (unsigned)i};
        for (uint32_t at = 0; at < spec.payload_len; at++) {
            s_images[i][IMAGE_ENCODE_PAYLOAD_OFFSET + at] =
                (uint8_t)((at * 2654435761u + (unsigned)i * 97) >> 13);
        }
        s_image_lens[i] = image_encode_len(&spec);
        if (s_image_lens[i] > IMAGE_LEN + 64 || image_encode(&spec, s_images[i]) != ESP_OK) {
            abort();
        }
        s_image_lens[i] = sign((enum image)i);
    }
}

static void put_table(const struct scenario *scenario)
{
    const esp_partition_info_t entries[] = {
        {.type = 1, .subtype = 0, .pos = {OTADATA_AT, 0x2000}, .label = "otadata"},
        {.type = 0, .subtype = 0x10, .pos = {SLOT_AT, SLOT_SIZE}, .label = "ota_0"},
        {.type = 0, .subtype = 0x11, .pos = {SLOT_AT + SLOT_SIZE, SLOT_SIZE}, .label = "ota_1"},
        {.type = 1, .subtype = 6, .pos = {0x40000, 0x10000}, .label = "storage"},
        {.type = 0, .subtype = 0, .pos = {FACTORY_AT, SLOT_SIZE}, .label = "factory"},
    };
    uint32_t count = sizeof(entries) / sizeof(entries[0]) - scenario->without_factory;
    if (partition_table_encode(entries, count, true, cut_flash_bytes() + 0x8000) != ESP_OK) {
        abort();
    }
}

static void put_trust(void)
{
    struct trust_record record = {.sequence = 1, .flags = TRUST_STORE_FLAG_ROTATE};
    for (int i = 0; i < 2; i++) {
        signer_key_digest(s_keys[i], record.trusted[record.trusted_count++]);
    }
    trust_record_encode(&record, cut_flash_bytes() + TRUST_AT);
}

static void put_record(int index, uint32_t seq, uint32_t state, bool is_torn)
{
    esp_ota_select_entry_t record;
    memset(&record, 0xFF, sizeof(record));
    record.ota_seq = seq;
    record.ota_state = state;
    record.crc = otadata_crc(seq) ^ (is_torn ? 1 : 0);
    memcpy(cut_flash_bytes() + OTADATA_AT + (uint32_t)index * OTADATA_SECTOR_SIZE, &record,
           sizeof(record));
}

static void encrypt_range(uint32_t address, uint32_t len)
{
    struct flash_cipher *cipher = esp_flash_default_chip->cipher;
    uint8_t *bytes = cut_flash_bytes() + address;
    if (cipher && cipher->ops->encrypt(cipher, address, bytes, bytes, len) != ESP_OK) {
        abort();
    }
}

static void encrypt_trust(void)
{
    encrypt_range(TRUST_AT, TRUST_STORE_SECTOR_LEN);
}

// As flashing an encrypted device does: table, otadata, trust store and images. What is erased stays erased.
static void encrypt_all(const struct scenario *scenario)
{
    encrypt_range(0x8000, ESP_PARTITION_TABLE_MAX_LEN);
    encrypt_range(OTADATA_AT, 2 * OTADATA_SECTOR_SIZE);
    if (scenario->rotates) {
        encrypt_trust();
    }
    if (!scenario->without_factory) {
        encrypt_range(FACTORY_AT, s_image_lens[IMAGE_FACTORY]);
    }
    for (uint32_t i = 0; i < 2; i++) {
        uint32_t len = s_image_lens[scenario->slots[i]];
        if (len > 0) {
            encrypt_range(SLOT_AT + i * SLOT_SIZE, len);
        }
    }
}

void scenario_put(const struct scenario *scenario)
{
    uint8_t *bytes = cut_flash_bytes();
    memset(bytes, 0xFF, CUT_FLASH_SIZE);
    memset(bytes + 0x40000, 0x5A, 0x10000);
    put_table(scenario);
    if (!scenario->without_factory) {
        memcpy(bytes + FACTORY_AT, s_images[IMAGE_FACTORY], s_image_lens[IMAGE_FACTORY]);
    }
    if (scenario->rotates) {
        put_trust();
    }
    for (int i = 0; i < 2; i++) {
        uint8_t *slot = bytes + SLOT_AT + (uint32_t)i * SLOT_SIZE;
        memcpy(slot, s_images[scenario->slots[i]], s_image_lens[scenario->slots[i]]);
        if (scenario->seq[i]) {
            put_record(i, scenario->seq[i], scenario->states[i], scenario->torn >> i & 1);
        }
    }
    encrypt_all(scenario);
}

bool scenario_may_change(const struct scenario *scenario, uint32_t address)
{
    uint32_t target = SLOT_AT + (uint32_t)scenario->target * SLOT_SIZE;
    return (address >= OTADATA_AT && address < OTADATA_AT + 0x2000) ||
           (scenario->rotates && address >= TRUST_AT && address < TRUST_AT + TRUST_STORE_LEN) ||
           (scenario->target >= 0 && address >= target && address < target + SLOT_SIZE);
}

// ----------------------------------------------------------------------- boot

static enum image image_at(uint32_t address)
{
    uint8_t found[sizeof(s_images[0])];
    if (flash_plain_read(NULL, found, address, sizeof(found)) != ESP_OK) {
        return IMAGE_NONE;
    }
    for (int i = IMAGE_FACTORY; i < IMAGE_COUNT; i++) {
        if (memcmp(found, s_images[i], s_image_lens[i]) == 0) {
            return (enum image)i;
        }
    }
    return IMAGE_NONE;
}

#define FAIL(report, ...) (void)snprintf((report)->failure, sizeof((report)->failure), __VA_ARGS__)

/** Whether the store trusts B, and A or not: the old keys or the new ones. */
static bool trusts(int key)
{
    struct trust_record record;
    uint8_t digest[SIGNATURE_KEY_DIGEST_LEN];
    signer_key_digest(s_keys[key], digest);
    return trust_store_read(NULL, TRUST_AT, &record) == ESP_OK &&
           trust_record_trusts(&record, digest);
}

static void boot(const struct scenario *scenario, enum plant plant, struct life_report *report)
{
    struct boot_handover handover = BOOT_HANDOVER_DEFAULT();
    handover.rollback = scenario->rollback;
    boot_handover_set(&handover);
    if (scenario->rotates) {
        handover.signatures = (struct signature_settings){
            .scheme = SIGNATURE_P256, .on_update = true, .on_boot = true};
        handover.trust_address = TRUST_AT;
        boot_handover_set(&handover);
    }
    struct boot_slots slots;
    struct boot_decision decision;
    struct signature_policy policy;
    esp_err_t err = boot_slots_load(esp_flash_default_chip, handover.table_offset, &slots);
    if (err != ESP_OK) {
        FAIL(report, "the partition table cannot be read: %s", esp_err_to_name(err));
        return;
    }
    if (signature_policy_load(SIGNATURE_AT_BOOT, &policy) != ESP_OK ||
        (scenario->rotates && !trusts(1))) {
        FAIL(report, "the trust store is lost");
        return;
    }
    struct boot_request request = {.chip = esp_flash_default_chip,
                                   .signature = &policy,
                                   .identity = handover.chip,
                                   .slots = &slots,
                                   .rollback = scenario->rollback,
                                   .attempts = scenario->extensions,
                                   .crash_limit = scenario->extensions};
    err = boot_select(&request, &decision);
    if (err != ESP_OK) {
        FAIL(report, "the bootloader stops: %s", esp_err_to_name(err));
        return;
    }
    if (plant == PLANT_BLIND_BOOTLOADER && decision.selected >= 0) {
        decision.partition = slots.ota[decision.selected];
        decision.booted = decision.selected;
    }
    if (decision.booted == BOOT_INDEX_NONE) {
        FAIL(report, "BRICK: nothing boots");
        return;
    }
    report->booted = image_at(decision.partition.offset);
    if (!(scenario->allowed & 1u << report->booted)) {
        FAIL(report, "%s boots from slot %d", IMAGE_NAMES[report->booted], decision.booted);
    } else if (scenario->wish != WISH_REPAIR && decision.selected >= 0 &&
               decision.selected != decision.booted) {
        FAIL(report, "otadata names slot %d, whose image is not whole", decision.selected);
    }
    handover.app_address = decision.partition.offset;
    boot_handover_set(&handover);
}

// ----------------------------------------------------------------------- applications

static esp_err_t write_image(const struct scenario *scenario, enum plant plant,
                             const esp_partition_t *target)
{
    const uint8_t *bytes = s_images[IMAGE_NEW];
    uint32_t len = s_image_lens[IMAGE_NEW];
    esp_ota_handle_t handle;
    esp_err_t err =
        esp_ota_begin(target, scenario->in_bulk ? len : OTA_WITH_SEQUENTIAL_WRITES, &handle);
    for (uint32_t at = 0; at < len && err == ESP_OK; at += PIECE) {
        if (at > len / 2 && at <= len / 2 + PIECE &&
            (plant == PLANT_EARLY_RECORD || plant == PLANT_BLIND_BOOTLOADER)) {
            err = esp_ota_set_boot_partition_skip_validate(target);
        }
        if (err == ESP_OK) {
            err = esp_ota_write(handle, bytes + at, len - at < PIECE ? len - at : PIECE);
        }
    }
    return err == ESP_OK ? esp_ota_end(handle) : err;
}

static esp_err_t write_in_place(void)
{
    const esp_partition_t *running = esp_ota_get_running_partition();
    esp_err_t err = esp_partition_erase_range(running, 0, IMAGE_LEN);
    return err == ESP_OK
               ? esp_partition_write(running, 0, s_images[IMAGE_NEW], s_image_lens[IMAGE_NEW])
               : err;
}

static esp_err_t update(const struct scenario *scenario, enum plant plant)
{
    if (plant == PLANT_IN_PLACE) {
        return write_in_place();
    }
    const esp_partition_t *target = esp_ota_get_next_update_partition(NULL);
    esp_err_t err = write_image(scenario, plant, target);
    return err == ESP_OK ? esp_ota_set_boot_partition(target) : err;
}

// The record may have been lost: an application whose slot has none has nothing to confirm and is chosen again.
static esp_err_t confirm(void)
{
    const esp_partition_t *running = esp_ota_get_running_partition();
    esp_ota_img_states_t state;
    esp_err_t err = esp_ota_get_state_partition(running, &state);
    if (err == ESP_OK && state != ESP_OTA_IMG_VALID) {
        err = esp_ota_mark_app_valid_cancel_rollback();
    }
    return err;
}

static esp_err_t choose_factory(void)
{
    return esp_ota_set_boot_partition(
        esp_partition_find_first(ESP_PARTITION_TYPE_APP, ESP_PARTITION_SUBTYPE_APP_FACTORY, NULL));
}

static esp_err_t refuse_itself(void)
{
    return esp_ota_mark_app_invalid_rollback();
}

// ESP_FAIL: there is no last application any more, as nothing is left of its record.
static esp_err_t erase_last(void)
{
    esp_err_t err = esp_ota_erase_last_boot_app_partition();
    return err == ESP_FAIL ? ESP_OK : err;
}

// As an application does that confirms itself at every start.
static esp_err_t rotate(enum plant plant)
{
    if (plant == PLANT_STORE_IN_PLACE && trusts(0)) {
        esp_err_t err = esp_flash_erase_region(NULL, TRUST_AT, TRUST_STORE_LEN);
        if (err != ESP_OK) {
            return err;
        }
        put_trust();
        encrypt_trust();
    }
    return esp_ota_mark_app_valid_cancel_rollback();
}

static esp_err_t explain(const struct scenario *scenario, struct boot_explanation *out,
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
static esp_err_t repair(const struct scenario *scenario, bool *is_done)
{
    static struct boot_explanation explanation; // large
    struct boot_slots slots;
    struct boot_request request;
    esp_err_t err = explain(scenario, &explanation, &slots, &request);
    if (err == ESP_OK) {
        err = boot_repair(&request, &explanation);
    }
    if (err == ESP_OK) {
        err = explain(scenario, &explanation, &slots, &request);
    }
    *is_done = *is_done && err == ESP_OK && explanation.step_count == 0;
    return err;
}

static esp_err_t act(const struct scenario *scenario, enum plant plant, enum image running,
                     bool *is_done)
{
    bool has_goal = running == scenario->goal;
    *is_done = has_goal;
    if (scenario->rotates && has_goal) {
        esp_err_t err = rotate(plant);
        *is_done = !trusts(0);
        return err;
    }
    switch (scenario->wish) {
    case WISH_UPDATE:
        return !has_goal ? update(scenario, plant) : scenario->rollback ? confirm() : ESP_OK;
    case WISH_MARK_INVALID:
        return has_goal ? ESP_OK : refuse_itself();
    case WISH_FACTORY:
        return has_goal ? ESP_OK : choose_factory();
    case WISH_ERASE_LAST:
        return erase_last();
    case WISH_REPAIR:
        return repair(scenario, is_done);
    }
    return ESP_FAIL;
}

void scenario_live(const struct scenario *scenario, enum plant plant, struct life_report *report)
{
    report->failure[0] = '\0';
    report->booted = IMAGE_NONE;
    report->has_reached_goal = false;
    boot(scenario, plant, report);
    if (report->failure[0]) {
        return;
    }
    bool is_done = false;
    esp_err_t err = act(scenario, plant, report->booted, &is_done);
    if (err != ESP_OK) {
        FAIL(report, "the application (%s) fails with %s", IMAGE_NAMES[report->booted],
             esp_err_to_name(err));
    }
    report->has_reached_goal = is_done;
}
