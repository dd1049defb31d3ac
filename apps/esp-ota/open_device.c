#include "open_device.h"

#include <stdio.h>
#include <string.h>

#include "chip_traits.h"
#include "image_file.h"

static const char *advise(esp_err_t err, const char *about_table)
{
    if (err == ESP_ERR_INVALID_SIZE) {
        return "a flash file is as long as the flash; if it was read from a device, read all of it";
    }
    return strstr(about_table, "record 0:")
               ? "a flash file begins at address 0 of the flash; its table stands at 0x8000 unless "
                 "--offset says otherwise"
               : "with this table no device boots: it has to be flashed again";
}

// The library knows the table, not the file.
static void report_open(const char *path, esp_err_t err)
{
    char sentence[512];
    (void)snprintf(sentence, sizeof(sentence), "%s", cli_logged("")); // cut when too long
    bool is_about_table = strncmp(sentence, "partition table", strlen("partition table")) == 0;
    if (!is_about_table) {
        cli_report_error(err, "%s cannot be opened", path);
        return;
    }
    cli_forget_log();
    cli_report_error(err, "%s: %s", path, sentence);
    cli_say("%s", advise(err, sentence));
}

struct device *open_device(const char *path, const struct device_options *options)
{
    struct device *device;
    struct device_options with_key = *options;
    if (options->chip && !chip_traits_by_name(options->chip)) {
        cli_report_usage("--chip: \"%s\" is no chip known here", options->chip);
        return NULL;
    }
    with_key.flash_key = cli_flash_key();
    esp_err_t err = device_open(path, &with_key, &device);
    if (err != ESP_OK) {
        report_open(path, err);
        return NULL;
    }
    return device;
}

static esp_partition_pos_t position_of(const struct device *device, int index)
{
    if (index == BOOT_INDEX_FACTORY) {
        return device->slots.factory;
    }
    if (index >= 0 && index < BOOT_SLOT_MAX) {
        return device->slots.ota[index];
    }
    return index == BOOT_INDEX_TEST ? device->slots.test : (esp_partition_pos_t){0, 0};
}

const char *boot_label(const struct device *device, int index, char out[17])
{
    esp_partition_pos_t pos = position_of(device, index);
    out[0] = 0;
    for (int i = 0; pos.size > 0 && i < (int)device->table_check.count; i++) {
        esp_partition_info_t entry = device_entry(device, i);
        if (entry.type == PART_TYPE_APP && entry.pos.offset == pos.offset) {
            cli_clean_text(entry.label, sizeof(entry.label), out);
        }
    }
    return out;
}

// ----------------------------------------------------------------------- records

static const char *slot_of_record(const struct device *device, const esp_ota_select_entry_t *record,
                                  char out[8])
{
    if (otadata_is_blank(record) || device->slots.ota_count == 0) {
        return "none";
    }
    return boot_index_name((int)otadata_slot(record->ota_seq, device->slots.ota_count), out);
}

/** Whether a record is erased flash; on an encrypted device that reads as noise, which is known by its address. */
static bool is_erased_record(const struct device *device, const esp_ota_select_entry_t *record,
                             int index)
{
    esp_ota_select_entry_t erased;
    struct flash_cipher *cipher = device->flash->cipher;
    uint32_t address = device->slots.otadata.offset + (uint32_t)index * OTADATA_SECTOR_SIZE;
    memset(&erased, 0xFF, sizeof(erased));
    if (cipher &&
        cipher->ops->decrypt(cipher, address, &erased, &erased, sizeof(erased)) != ESP_OK) {
        return false;
    }
    return record->ota_seq == OTADATA_SEQ_EMPTY || memcmp(record, &erased, sizeof(erased)) == 0;
}

json_t *records_to_json(const struct device *device,
                        const esp_ota_select_entry_t records[OTADATA_RECORD_COUNT])
{
    json_t *list = json_array();
    int active = otadata_active(records);
    for (int i = 0; i < OTADATA_RECORD_COUNT; i++) {
        const esp_ota_select_entry_t *record = &records[i];
        bool is_empty = is_erased_record(device, record, i);
        char slot[8];
        json_t *item = json_object();
        json_object_set_new(item, "empty", json_boolean(is_empty));
        if (!is_empty) {
            json_object_set_new(item, "seq", json_integer(record->ota_seq));
            json_object_set_new(item, "boots", json_string(slot_of_record(device, record, slot)));
            json_object_set_new(item, "state", json_string(otadata_state_name(record->ota_state)));
            json_object_set_new(item, "state_value", json_integer(record->ota_state));
            json_object_set_new(item, "crc_ok",
                                json_boolean(record->crc == otadata_crc(record->ota_seq)));
        }
        json_object_set_new(item, "active", json_boolean(i == active));
        json_array_append_new(list, item);
    }
    return list;
}

void records_print(const struct device *device,
                   const esp_ota_select_entry_t records[OTADATA_RECORD_COUNT])
{
    int active = otadata_active(records);
    for (int i = 0; i < OTADATA_RECORD_COUNT; i++) {
        const esp_ota_select_entry_t *record = &records[i];
        char slot[8];
        if (is_erased_record(device, record, i)) {
            printf("  record %d  empty\n", i);
            continue;
        }
        bool is_crc_right = record->crc == otadata_crc(record->ota_seq);
        printf("  record %d  sequence %u -> %s, %s, CRC %s%s\n", i, (unsigned)record->ota_seq,
               is_crc_right ? slot_of_record(device, record, slot) : "nothing",
               otadata_state_name(record->ota_state), is_crc_right ? "right" : "WRONG",
               i == active ? "  <- active" : "");
    }
}

// ----------------------------------------------------------------------- decisions

static json_t *tries_to_json(const struct boot_decision *decision)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < decision->try_count; i++) {
        char name[8];
        enum image_fault fault = decision->tries[i].fault;
        json_array_append_new(list,
                              json_pack("{s:s, s:s, s:s}", "partition",
                                        boot_index_name(decision->tries[i].index, name), "verdict",
                                        image_fault_name(fault), "text", image_fault_text(fault)));
    }
    return list;
}

static json_t *descriptor_text(const char *field, size_t size, bool is_there)
{
    return is_there ? cli_json_text(field, size) : json_null();
}

void decision_to_json(json_t *object, const struct device *device,
                      const struct boot_decision *decision)
{
    char name[8];
    char label[17];
    bool boots = decision->booted != BOOT_INDEX_NONE;
    const esp_app_desc_t *app = boots ? image_app_desc(&decision->image) : NULL;
    static const esp_app_desc_t NO_APP;
    const esp_app_desc_t *desc = app ? app : &NO_APP;
    json_object_set_new(object, "slot",
                        boots ? json_string(boot_index_name(decision->booted, name)) : json_null());
    json_object_set_new(object, "label",
                        boots ? json_string(boot_label(device, decision->booted, label))
                              : json_null());
    json_object_set_new(object, "reason", json_string(boot_reason_name(decision->reason)));
    json_object_set_new(object, "text", json_string(boot_reason_text(decision->reason)));
    json_object_set_new(object, "project",
                        descriptor_text(desc->project_name, sizeof(desc->project_name), app));
    json_object_set_new(object, "version",
                        descriptor_text(desc->version, sizeof(desc->version), app));
    if (boots) {
        json_object_set_new(object, "offset", json_integer(decision->partition.offset));
        json_object_set_new(object, "length", json_integer(decision->image.image_len));
    }
    json_object_set_new(object, "selected", json_string(boot_index_name(decision->selected, name)));
    json_object_set_new(object, "tries", tries_to_json(decision));
    json_object_set_new(object, "secure_version", json_integer(decision->secure_version));
    if (decision->has_otadata) {
        json_object_set_new(object, "before", records_to_json(device, decision->before));
        json_object_set_new(object, "after", records_to_json(device, decision->after));
    }
}

static void print_changes(const struct boot_decision *decision)
{
    for (int i = 0; decision->has_otadata && i < OTADATA_RECORD_COUNT; i++) {
        const esp_ota_select_entry_t *before = &decision->before[i];
        const esp_ota_select_entry_t *after = &decision->after[i];
        if (memcmp(before, after, sizeof(*before)) != 0) {
            bool is_first = before->ota_seq != after->ota_seq;
            printf("  otadata record %d: %s -> %s\n", i,
                   is_first ? "empty" : otadata_state_name(before->ota_state),
                   otadata_state_name(after->ota_state));
        }
    }
}

void decision_print(const struct device *device, const struct boot_decision *decision)
{
    char name[8];
    char app[80];
    (void)device;
    if (decision->booted == BOOT_INDEX_NONE) {
        printf("nothing boots: %s\n", boot_reason_text(decision->reason));
    } else {
        printf("%s boots: %s\n", boot_index_name(decision->booted, name),
               boot_reason_text(decision->reason));
        printf("  %s, %u bytes at 0x%x\n",
               image_report_name(&decision->image, app)[0] ? app : "an image without descriptor",
               (unsigned)decision->image.image_len, (unsigned)decision->partition.offset);
    }
    for (uint32_t i = 0; i < decision->try_count; i++) {
        if (decision->tries[i].fault != IMAGE_OK) {
            printf("  %s does not load: %s\n", boot_index_name(decision->tries[i].index, name),
                   image_fault_text(decision->tries[i].fault));
        }
    }
    print_changes(decision);
}
