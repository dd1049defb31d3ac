// Rows about otadata: one boot, or one call of a running application, on a simulated device.
//
// The device is built from the row: a partition table with so many slots, images that verify or do not, and the given
// otadata. Flash operations are observed at the chip, so the row proves what reaches flash and in which order.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "boot_select.h"
#include "esp_efuse.h"
#include "efuse_ops.h"
#include "esp_log.h"
#include "esp_ota_ops.h"
#include "vector.h"
#include "vector_device.h"

#define EVENT_MAX 64

/** Something that happened, in order: a flash operation or a burnt version. */
struct event {
    enum { EVENT_ERASE, EVENT_WRITE, EVENT_BURN } what;
    uint32_t address;
    uint32_t len; // EVENT_BURN: the version
};

struct device {
    esp_flash_t *chip;
    bool rollback;
    bool anti_rollback;
    struct vector_device_spec spec;
    uint32_t secure_version; // eFuse bits burnt
    struct event events[EVENT_MAX];
    size_t event_count;
    long stop_after; // flash operations after which otadata is remembered; -1: never
    uint8_t remembered[VECTOR_OTADATA_LEN];
};

static struct device s_device; // the eFuse seam has one instance a process

// ---- The world ---------------------------------------------------------------------------------------

static bool is_before(const struct event *first, const struct event *second)
{
    return first->address + first->len == second->address;
}

// One range that is erased in several units, from either end, or one record of which the CRC is programmed last, is one
// operation of the manifest.
static bool goes_on(const struct event *event)
{
    const struct device *device = &s_device;
    const struct event *last =
        device->event_count ? &device->events[device->event_count - 1] : NULL;
    return last && event->what != EVENT_BURN && event->what == last->what &&
           (is_before(last, event) || (event->what == EVENT_ERASE && is_before(event, last)));
}

static void note_event(const struct event *event)
{
    struct device *device = &s_device;
    if (goes_on(event)) {
        struct event *last = &device->events[device->event_count - 1];
        last->address = event->address < last->address ? event->address : last->address;
        last->len += event->len;
    } else if (device->event_count < EVENT_MAX) {
        device->events[device->event_count++] = *event;
    }
}

static void observe(void *context, enum nor_flash_op op, uint32_t address, uint32_t len)
{
    (void)context;
    if (op == NOR_FLASH_SYNC) {
        return;
    }
    struct event event = {op == NOR_FLASH_ERASE ? EVENT_ERASE : EVENT_WRITE, address, len};
    if (s_device.stop_after == (long)s_device.event_count && !goes_on(&event)) {
        ESP_IGNORE_ERROR(esp_flash_read(s_device.chip, s_device.remembered, VECTOR_OTADATA_ADDRESS,
                                        VECTOR_OTADATA_LEN)); // a RAM chip
        s_device.stop_after = -1;
    }
    note_event(&event);
}

static esp_err_t burn(void *context, uint32_t version)
{
    (void)context;
    s_device.secure_version = version;
    note_event(&(struct event){EVENT_BURN, 0, version});
    return ESP_OK;
}

// The eFuse seam as a running application sees it: one field, the secure version.

static uint32_t version_bit_count(const struct efuse *efuse, enum efuse_field field)
{
    (void)efuse;
    return field == EFUSE_SECURE_VERSION ? 32 : 0;
}

static esp_err_t read_version_bits(struct efuse *efuse, enum efuse_field field, uint8_t *bits)
{
    (void)efuse;
    (void)field;
    memset(bits, 0, 4);
    for (uint32_t i = 0; i < s_device.secure_version; i++) {
        bits[i / 8] |= (uint8_t)(1u << i % 8);
    }
    return ESP_OK;
}

static esp_err_t burn_version_bits(struct efuse *efuse, enum efuse_field field, const uint8_t *bits)
{
    (void)efuse;
    (void)field;
    uint32_t version = 0;
    for (uint32_t i = 0; i < 32; i++) {
        bool is_burnt = i < s_device.secure_version || (bits[i / 8] >> i % 8 & 1);
        version += is_burnt ? 1 : 0;
    }
    return burn(NULL, version);
}

static const struct efuse_ops VERSION_OPS = {
    .bit_count = version_bit_count, .read = read_version_bits, .burn = burn_version_bits};
static struct efuse s_efuse = {.ops = &VERSION_OPS};

static void read_secure_versions(const struct vector_row *row, uint32_t versions[VECTOR_SLOT_MAX])
{
    char list[128];
    if (!vector_param(row, "secver", list, sizeof(list))) {
        return;
    }
    char *at = list;
    for (uint32_t i = 0; i < VECTOR_SLOT_MAX && *at; i++) {
        versions[i] = (uint32_t)strtoul(at, &at, 0);
        at += *at == ',';
    }
}

static bool build_device(const struct vector_row *row, const uint8_t *otadata, char *why)
{
    char mode[32] = "";
    (void)vector_param(row, "mode", mode, sizeof(mode));
    memset(&s_device, 0, sizeof(s_device));
    s_device.anti_rollback = strcmp(mode, "antirollback") == 0;
    s_device.rollback = strcmp(mode, "norollback") != 0;
    s_device.secure_version = (uint32_t)vector_param_number(row, "efuse_secver", 0);
    s_device.stop_after = -1;
    s_device.spec = (struct vector_device_spec){
        .chip_id = ESP_CHIP_ID_ESP32,
        .slot_count = (uint32_t)vector_param_number(row, "slots", 2),
        .has_factory = vector_param_number(row, "factory", 1) != 0,
        .has_test = vector_param_number(row, "test", 0) != 0,
        .bootable_slots = (uint32_t)vector_param_number(row, "bootable_slots", UINT32_MAX),
        .is_factory_bootable = vector_param_number(row, "factory_ok", 1) != 0,
        .is_test_bootable = vector_param_number(row, "test_ok", 1) != 0,
        .otadata = otadata,
    };
    read_secure_versions(row, s_device.spec.secure_version);
    if (s_device.spec.slot_count > VECTOR_SLOT_MAX) {
        (void)snprintf(why, VECTOR_WHY_LEN, "no device with more than %d slots", VECTOR_SLOT_MAX);
        return false;
    }
    s_device.chip = vector_device_build(&s_device.spec);
    nor_flash_observe(s_device.chip, observe, NULL);
    return true;
}

static void drop_device(void)
{
    esp_partition_unload_all();
    nor_flash_close(s_device.chip);
    s_device.chip = NULL;
}

// ---- The answer in the words of the manifest -----------------------------------------------------------

struct answer {
    char text[VECTOR_WHY_LEN];
    size_t len;
    unsigned op_count;
};

__attribute__((format(printf, 2, 3))) static void say(struct answer *answer, const char *format,
                                                      ...)
{
    va_list args;
    va_start(args, format);
    if (answer->len > 0 && answer->len + 1 < sizeof(answer->text)) {
        answer->text[answer->len++] = ' ';
    }
    int len =
        vsnprintf(answer->text + answer->len, sizeof(answer->text) - answer->len, format, args);
    va_end(args);
    answer->len += len > 0 ? (size_t)len : 0;
    if (answer->len >= sizeof(answer->text)) {
        answer->len = sizeof(answer->text) - 1;
    }
}

static void say_event(struct answer *answer, const struct event *event)
{
    if (event->what == EVENT_BURN) {
        say(answer, "efuse=%u", (unsigned)event->len);
        return;
    }
    answer->op_count++;
    const char *verb = event->what == EVENT_ERASE ? "erase" : "write";
    for (uint32_t i = 0; i < s_device.spec.slot_count; i++) {
        if (event->address == vector_device_slot_address(&s_device.spec, i)) {
            say(answer, "op%u=%s_app 0x%x %u", answer->op_count, verb, (unsigned)i,
                (unsigned)event->len);
            return;
        }
    }
    say(answer, "op%u=%s 0x%x %u", answer->op_count, verb,
        (unsigned)(event->address - VECTOR_OTADATA_ADDRESS), (unsigned)event->len);
}

static void say_events(struct answer *answer, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        say_event(answer, &s_device.events[i]);
    }
}

static size_t first_event_of_last_record(void)
{
    for (size_t i = s_device.event_count; i > 0; i--) {
        if (s_device.events[i - 1].what == EVENT_ERASE) {
            return i - 1;
        }
    }
    return 0;
}

static void say_boot(struct answer *answer, const struct boot_decision *decision)
{
    size_t split =
        decision->has_created_record ? first_event_of_last_record() : s_device.event_count;
    say_events(answer, 0, split);
    say(answer, "selected=%d", decision->selected);
    for (uint32_t i = 0; i < decision->try_count; i++) {
        say(answer, "try=%d", decision->tries[i].index);
    }
    say_events(answer, split, s_device.event_count);
    if (decision->booted == BOOT_INDEX_NONE) {
        say(answer, "boot=none");
    } else {
        say(answer, "boot=%d", decision->booted);
    }
}

// ---- Actions -------------------------------------------------------------------------------------------

static bool run_boot(struct answer *answer, char *why)
{
    struct boot_slots slots;
    struct boot_decision decision;
    if (boot_slots_load(s_device.chip, VECTOR_TABLE_ADDRESS, &slots) != ESP_OK) {
        (void)snprintf(why, VECTOR_WHY_LEN, "the table was refused");
        return false;
    }
    struct boot_request request = {.chip = s_device.chip,
                                   .identity = {.chip_id = ESP_CHIP_ID_ESP32},
                                   .slots = &slots,
                                   .rollback = s_device.rollback,
                                   .anti_rollback = s_device.anti_rollback,
                                   .secure_version = s_device.secure_version,
                                   .burn_secure_version = burn};
    if (boot_select(&request, &decision) != ESP_OK) {
        (void)snprintf(why, VECTOR_WHY_LEN, "the decision failed");
        return false;
    }
    say_boot(answer, &decision);
    return true;
}

static void start_application(const struct vector_row *row)
{
    char running[16] = "ota_0";
    (void)vector_param(row, "running", running, sizeof(running));
    struct boot_handover handover = BOOT_HANDOVER_DEFAULT();
    handover.rollback = s_device.rollback;
    handover.anti_rollback = s_device.anti_rollback;
    uint32_t slot = (uint32_t)strtoul(running + strlen("ota_"), NULL, 10);
    handover.app_address = strcmp(running, "factory") == 0
                               ? VECTOR_APP_ADDRESS
                               : vector_device_slot_address(&s_device.spec, slot);
    esp_flash_default_chip = s_device.chip;
    efuse_default = &s_efuse;
    boot_handover_set(&handover);
}

static const esp_partition_t *partition_named(const struct vector_row *row)
{
    char text[16] = "";
    (void)vector_param(row, "slot", text, sizeof(text));
    long slot = strtol(text, NULL, 0);
    return esp_partition_find_first(
        ESP_PARTITION_TYPE_APP,
        slot < 0 ? ESP_PARTITION_SUBTYPE_APP_FACTORY : ESP_PARTITION_SUBTYPE_OTA((int)slot), NULL);
}

static bool run_call(const struct vector_row *row, const char *action, struct answer *answer)
{
    esp_ota_img_states_t state = ESP_OTA_IMG_NEW; // what the reference prints when there is none
    esp_err_t err;
    bool is_query = strcmp(action, "state") == 0;
    start_application(row);
    if (strcmp(action, "set") == 0) {
        err = esp_ota_set_boot_partition(partition_named(row));
    } else if (strcmp(action, "valid") == 0) {
        err = esp_ota_mark_app_valid_cancel_rollback();
    } else if (strcmp(action, "invalid") == 0) {
        err = esp_ota_mark_app_invalid_rollback();
    } else if (strcmp(action, "invslot") == 0) {
        err = esp_ota_invalidate_inactive_ota_data_slot();
    } else if (strcmp(action, "eraselast") == 0) {
        err = esp_ota_erase_last_boot_app_partition();
    } else if (is_query) {
        err = esp_ota_get_state_partition(partition_named(row), &state);
    } else {
        return false;
    }
    say_events(answer, 0, s_device.event_count);
    if (is_query) {
        say(answer, "state=0x%x", (unsigned)state);
    }
    say(answer, "ret=0x%x", (unsigned)err);
    return true;
}

/** Compares otadata on flash with the file named after "after=", taking the word off the expectation. */
static bool check_after(const struct vector_row *row, const uint8_t *before, char *expected,
                        char *why)
{
    char *after = strstr(expected, " after=");
    if (!after) {
        return true;
    }
    uint8_t now[VECTOR_OTADATA_LEN];
    *after = '\0';
    after += strlen(" after=");
    ESP_IGNORE_ERROR(esp_flash_read(s_device.chip, now, VECTOR_OTADATA_ADDRESS,
                                    VECTOR_OTADATA_LEN)); // a RAM chip
    if (strcmp(after, "unchanged") == 0) {
        return vector_compare(now, sizeof(now), before, sizeof(now), why);
    }
    struct vector_bytes file;
    if (!vector_load(row, after, &file, why)) {
        return false;
    }
    bool is_same = vector_compare(now, sizeof(now), file.data, file.len, why);
    free(file.data);
    return is_same;
}

/** "set ... stopped_after_ops=N then boot": the otadata that a cut leaves, then what boots from it. */
static bool run_cut_then_boot(const struct vector_row *row, struct answer *answer, char *why)
{
    struct vector_bytes file;
    struct answer ignored = {0};
    char text[32] = "";
    (void)vector_param(row, "stopped_after_ops", text, sizeof(text));
    s_device.stop_after = strtol(text, NULL, 10);
    if (!run_call(row, "set", &ignored) || !vector_load(row, row->path, &file, why)) {
        return false;
    }
    if (s_device.stop_after >= 0) { // the cut comes behind the last operation
        ESP_IGNORE_ERROR(esp_flash_read(s_device.chip, s_device.remembered, VECTOR_OTADATA_ADDRESS,
                                        VECTOR_OTADATA_LEN)); // a RAM chip
    }
    bool is_right =
        vector_compare(s_device.remembered, VECTOR_OTADATA_LEN, file.data, file.len, why);
    drop_device();
    is_right = is_right && build_device(row, file.data, why) && run_boot(answer, why);
    free(file.data);
    return is_right;
}

static bool run_action(const struct vector_row *row, struct answer *answer, char *why)
{
    char action[32] = "";
    char stopped[32];
    (void)vector_param(row, "action", action, sizeof(action));
    if (vector_param(row, "stopped_after_ops", stopped, sizeof(stopped))) {
        return run_cut_then_boot(row, answer, why);
    }
    if (strcmp(action, "boot") == 0) {
        return run_boot(answer, why);
    }
    if (!run_call(row, action, answer)) {
        (void)snprintf(why, VECTOR_WHY_LEN, "action %s not understood", action);
        return false;
    }
    return true;
}

/**
 * differs: a record that stays what it is need not be erased: it is programmed once more, and no cut can lose it. Takes the
 * erase off the expectation of such a row if there was none.
 */
static void allow_no_erase(const struct answer *answer, char *expected)
{
    static const char next[] = " op2=";
    char *second = strstr(expected, next);
    bool may_differ =
        strncmp(expected, "op1=erase ", 10) == 0 && second && !strstr(answer->text, "erase");
    if (may_differ) {
        second += strlen(next);
        memmove(expected + strlen("op1="), second, strlen(second) + 1);
    }
}

bool check_otadata_step(const struct vector_row *row, char *why)
{
    char in[256] = "";
    struct vector_bytes otadata;
    struct answer answer = {0};
    (void)vector_param(row, "in", in, sizeof(in));
    if (!vector_load(row, in, &otadata, why)) {
        return false;
    }
    if (otadata.len != VECTOR_OTADATA_LEN || !build_device(row, otadata.data, why)) {
        free(otadata.data);
        return false;
    }
    esp_log_level_set("*", ESP_LOG_NONE); // refusals are what many rows are about
    char expected[VECTOR_WHY_LEN];
    (void)snprintf(expected, sizeof(expected), "%s", row->expect);
    bool is_right = run_action(row, &answer, why) && check_after(row, otadata.data, expected, why);
    if (is_right && strstr(row->expect, " after=unchanged")) {
        allow_no_erase(&answer, expected);
    }
    if (is_right && strcmp(answer.text, expected) != 0) {
        (void)snprintf(why, VECTOR_WHY_LEN, "%s", answer.text);
        is_right = false;
    }
    drop_device();
    free(otadata.data);
    return is_right;
}
