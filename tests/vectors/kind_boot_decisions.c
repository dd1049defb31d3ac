// Boot decisions observed on real bootloaders: one JSON file for each chip and setting, one record a boot.

#include <dirent.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "boot_explain.h"
#include "chip_traits.h"
#include "esp_log.h"
#include "vector.h"
#include "vector_device.h"

#define IMAGE_PAYLOAD 0x60000 // larger than any offset at which the records damage an image

struct file_facts {
    const char *name; // of the JSON file
    const struct chip_traits *chip;
    bool rollback;
};

/** The state that a word begins with: "pend" and "pending" are the same. */
static bool read_state(const char *word, uint32_t *state)
{
    static const struct {
        const char *word;
        uint32_t state;
    } STATES[] = {{"new", ESP_OTA_IMG_NEW},         {"pend", ESP_OTA_IMG_PENDING_VERIFY},
                  {"valid", ESP_OTA_IMG_VALID},     {"invalid", ESP_OTA_IMG_INVALID},
                  {"aborted", ESP_OTA_IMG_ABORTED}, {"undef", ESP_OTA_IMG_UNDEFINED}};
    for (size_t i = 0; i < sizeof(STATES) / sizeof(STATES[0]); i++) {
        if (strncmp(STATES[i].word, word, strlen(STATES[i].word)) == 0) {
            *state = STATES[i].state;
            return true;
        }
    }
    return false;
}

/** Whether a record is left out: "-" or nothing. */
static bool is_left_out(const char *text)
{
    text += strspn(text, " -");
    return *text == '\0' || *text == ',';
}

/** Writes the records that text names. @return false: text was not understood */
static bool put_records(uint8_t *otadata, const char *text, const char *bad_crc)
{
    memset(otadata, 0xFF, VECTOR_OTADATA_LEN);
    for (int i = 0; i < OTADATA_RECORD_COUNT && text; i++) {
        char word[16] = "";
        unsigned seq;
        if (!is_left_out(text)) {
            esp_ota_select_entry_t record;
            memset(&record, 0xFF, sizeof(record));
            if (sscanf(text, "%u:%15[a-z]", &seq, word) != 2 ||
                !read_state(word, &record.ota_state)) {
                return false;
            }
            record.ota_seq = seq;
            record.crc = otadata_crc(seq) ^ (strchr(bad_crc, '0' + i) ? 1 : 0);
            memcpy(otadata + (size_t)i * OTADATA_SECTOR_SIZE, &record, sizeof(record));
        }
        text = strchr(text, ',');
        text = text ? text + 1 : NULL;
    }
    return text == NULL;
}

static void print_records(char *out, size_t capacity, const esp_ota_select_entry_t *records)
{
    size_t at = 0;
    for (int i = 0; i < OTADATA_RECORD_COUNT; i++) {
        const esp_ota_select_entry_t *record = &records[i];
        bool is_empty = record->ota_seq == OTADATA_SEQ_EMPTY;
        char seq[16];
        (void)snprintf(seq, sizeof(seq), "%u", (unsigned)record->ota_seq);
        at += (size_t)snprintf(out + at, capacity - at, "%s%s:%s%s", i ? " , " : "",
                               is_empty ? "-" : seq, otadata_state_name(record->ota_state),
                               !is_empty && otadata_is_blank(record) ? ":BADCRC" : "");
    }
}

/** Changes one bit of a slot's image: "slot:offset". */
static void damage_image(esp_flash_t *chip, const struct vector_device_spec *spec,
                         const char *where)
{
    unsigned slot = 0;
    unsigned offset = 0;
    uint8_t sector[FLASH_SECTOR_SIZE];
    if (sscanf(where, "%u:%x", &slot, &offset) != 2) {
        return;
    }
    uint32_t address = vector_device_slot_address(spec, slot) + offset;
    uint32_t start = address - address % FLASH_SECTOR_SIZE;
    esp_err_t err = esp_flash_read(chip, sector, start, sizeof(sector));
    sector[address - start] ^= 1;
    if (err == ESP_OK) {
        err = esp_flash_erase_region(chip, start, sizeof(sector));
    }
    if (err != ESP_OK || esp_flash_write(chip, sector, start, sizeof(sector)) != ESP_OK) {
        abort(); // our own mistake
    }
}

/**
 * Whether an explanation agrees with the boots that follow: the first was decided already, the others are done here.
 */
static bool is_as_explained(const struct boot_request *request,
                            const struct boot_explanation *explanation,
                            const struct boot_decision *first)
{
    struct boot_decision decision = *first;
    for (int i = 0; i < BOOT_EXPLAIN_BOOTS; i++) {
        const struct boot_decision *told = &explanation->boots[i];
        if (i > 0 && boot_select(request, &decision) != ESP_OK) {
            return false;
        }
        if (told->booted != decision.booted || told->reason != decision.reason ||
            memcmp(told->after, decision.after, sizeof(told->after)) != 0) {
            return false;
        }
    }
    return true;
}

/** What a case says of the partition that boots; an empty list: nothing does. NULL: the case has no such list. */
static const char *expected_boot_of(const json_t *record)
{
    const json_t *boots = json_object_get(record, "boots");
    if (!json_is_array(boots)) {
        return NULL;
    }
    return json_array_size(boots) == 0 ? "none" : json_string_value(json_array_get(boots, 0));
}

/**
 * Whether the records are as expected after the first boot or, where nothing boots, after one of the resets that follow:
 * such a device resets for ever, and is looked at some time. The text of the first one is left in after.
 */
static bool is_after(const struct boot_explanation *told, const char *expected, char *after,
                     size_t capacity)
{
    char later[128];
    print_records(after, capacity, told->boots[0].after);
    bool is_same = strcmp(after, expected) == 0;
    for (int i = 1; i < BOOT_EXPLAIN_BOOTS && told->boots[0].booted == BOOT_INDEX_NONE; i++) {
        print_records(later, sizeof(later), told->boots[i].after);
        is_same = is_same || strcmp(later, expected) == 0;
    }
    return is_same;
}

/** Boots once. @return whether flash holds the records of the decision and the boots from here on are as explained */
static bool boot_as_explained(const struct boot_request *request,
                              struct boot_explanation *explanation)
{
    struct boot_decision decision;
    esp_ota_select_entry_t records[OTADATA_RECORD_COUNT];
    return boot_explain(request, explanation) == ESP_OK &&
           boot_select(request, &decision) == ESP_OK &&
           otadata_read(request->chip, VECTOR_OTADATA_ADDRESS, records) == ESP_OK &&
           memcmp(records, decision.after, sizeof(records)) == 0 &&
           is_as_explained(request, explanation, &decision);
}

static bool check_case(const struct file_facts *facts, const json_t *record, char *why)
{
    const char *expected_boot = expected_boot_of(record);
    const char *expected_after = json_string_value(json_object_get(record, "after"));
    const char *text = json_string_value(json_object_get(record, "otadata"));
    const char *bad_crc = json_string_value(json_object_get(record, "bad_crc"));
    uint8_t otadata[VECTOR_OTADATA_LEN];
    if (!text || !put_records(otadata, text, bad_crc ? bad_crc : "")) {
        (void)snprintf(why, VECTOR_WHY_LEN, "records that are not understood");
        return false;
    }
    struct vector_device_spec spec = {.chip_id = facts->chip->id,
                                      .slot_count = 2,
                                      .bootable_slots = 3,
                                      .payload_len = IMAGE_PAYLOAD,
                                      .otadata = otadata};
    esp_flash_t *chip = vector_device_build(&spec);
    size_t i;
    json_t *where;
    json_array_foreach(json_object_get(record, "corrupt_slots"), i, where)
    {
        damage_image(chip, &spec, json_string_value(where));
    }
    struct boot_slots slots;
    struct boot_request request = {.chip = chip,
                                   .identity = {.chip_id = facts->chip->id},
                                   .slots = &slots,
                                   .rollback = facts->rollback};
    static struct boot_explanation explanation; // large
    bool is_explained = boot_slots_load(chip, VECTOR_TABLE_ADDRESS, &slots) == ESP_OK &&
                        boot_as_explained(&request, &explanation);
    nor_flash_close(chip);
    if (!is_explained || !expected_boot || !expected_after) {
        (void)snprintf(why, VECTOR_WHY_LEN, "%s",
                       is_explained ? "a case without boots or after"
                                    : "an error, or the explanation disagrees");
        return false;
    }
    char name[8];
    char after[128];
    (void)boot_index_name(explanation.boots[0].booted, name);
    bool is_same_after = is_after(&explanation, expected_after, after, sizeof(after));
    (void)snprintf(why, VECTOR_WHY_LEN, "boots %s, after %s", name, after);
    return is_same_after && strcmp(name, expected_boot) == 0;
}

static void run_file(const struct file_facts *facts, const json_t *records,
                     struct vector_tally *tally)
{
    size_t i;
    json_t *record;
    json_array_foreach((json_t *)records, i, record)
    {
        char why[VECTOR_WHY_LEN];
        if (check_case(facts, record, why)) {
            tally->passed++;
        } else {
            char *text = json_dumps(record, JSON_COMPACT);
            printf("WRONG boot_decisions/%s case %zu: %s\n  got: %s\n", facts->name, i, text, why);
            free(text);
            tally->failed++;
        }
    }
}

/** "esp32c3_rollback_on.json": chip and setting are in the name. */
static bool read_name(const char *name, struct file_facts *facts)
{
    char chip[32];
    char setting[8];
    if (sscanf(name, "%31[a-z0-9]_rollback_%7[a-z].json", chip, setting) != 2) {
        return false;
    }
    facts->name = name;
    facts->chip = chip_traits_by_name(chip);
    facts->rollback = strcmp(setting, "on") == 0;
    return facts->chip != NULL;
}

void run_boot_decisions(const char *path, struct vector_tally *tally)
{
    esp_log_level_set("*", ESP_LOG_NONE);
    DIR *folder = opendir(path);
    const struct dirent *entry;
    while (folder && (entry = readdir(folder)) != NULL) {
        char file[1024];
        struct file_facts facts;
        size_t len = strlen(entry->d_name);
        if (len < 5 || strcmp(entry->d_name + len - 5, ".json") != 0) {
            continue;
        }
        (void)snprintf(file, sizeof(file), "%s/%s", path, entry->d_name);
        json_t *records = json_load_file(file, 0, NULL);
        if (!read_name(entry->d_name, &facts) || !json_is_array(records)) {
            printf("WRONG boot_decisions/%s: not CHIP_rollback_on|off.json with a list\n",
                   entry->d_name);
            tally->failed++;
        } else {
            run_file(&facts, records, tally);
        }
        json_decref(records);
    }
    if (folder) {
        (void)closedir(folder);
    }
}
