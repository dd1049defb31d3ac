// bootsim: the bootloader standing alone. One power-on of a flash file, told as the serial port of a board would tell it.
//
//     bootsim FLASH [--chip C] [--rollback on|off] [--anti-rollback on|off] [--flash-key FILE]
//
// Exit codes: 0 an application starts, 1 none does or the flash cannot be used, 2 wrong usage.

#include <stdio.h>
#include <string.h>

#include "chip_traits.h"
#include "device.h"
#include "esp_log.h"

static const char *TAG = "bootsim";

static int usage(FILE *to)
{
    fputs(
        "usage: bootsim FLASH [--chip C] [--rollback on|off] [--anti-rollback on|off] [--flash-key "
        "FILE]\n\n"
        "Powers the device in FLASH on, once: decides as ESP-IDF's bootloader does, writes what "
        "it writes.\n\n"
        "example:  bootsim dev.bin --rollback on\n",
        to);
    return to == stdout ? 0 : 2;
}

// The log of a bootloader is its output, not a message beside it.
__attribute__((format(printf, 1, 0))) static int print_to_stdout(const char *format, va_list args)
{
    return vprintf(format, args);
}

static void tell_slots(const struct boot_slots *slots)
{
    char name[8];
    for (int i = BOOT_INDEX_TEST; i < BOOT_SLOT_MAX; i++) {
        esp_partition_pos_t pos = i == BOOT_INDEX_FACTORY ? slots->factory
                                  : i == BOOT_INDEX_TEST  ? slots->test
                                                          : slots->ota[i];
        if (pos.size > 0) {
            ESP_LOGI(TAG, "slot %-8s 0x%08" PRIx32 " +0x%" PRIx32, boot_index_name(i, name),
                     pos.offset, pos.size);
        }
    }
}

static void tell_records(const struct boot_decision *decision)
{
    for (int i = 0; decision->has_otadata && i < OTADATA_RECORD_COUNT; i++) {
        const esp_ota_select_entry_t *before = &decision->before[i];
        const esp_ota_select_entry_t *after = &decision->after[i];
        if (before->ota_seq == OTADATA_SEQ_EMPTY && after->ota_seq == OTADATA_SEQ_EMPTY) {
            ESP_LOGI(TAG, "otadata[%d] empty", i);
            continue;
        }
        bool is_good = before->crc == otadata_crc(before->ota_seq);
        ESP_LOGI(TAG, "otadata[%d] seq 0x%08" PRIx32 " %s, crc %s%s%s", i, before->ota_seq,
                 otadata_state_name(before->ota_state), is_good ? "ok" : "bad",
                 before->ota_state != after->ota_state ? " -> " : "",
                 before->ota_state != after->ota_state ? otadata_state_name(after->ota_state) : "");
    }
}

static void tell_tries(const struct boot_decision *decision)
{
    char name[8];
    for (uint32_t i = 0; i < decision->try_count; i++) {
        if (decision->tries[i].fault != IMAGE_OK) {
            ESP_LOGE(TAG, "%s does not load: %s", boot_index_name(decision->tries[i].index, name),
                     image_fault_text(decision->tries[i].fault));
        }
    }
}

static void tell_start(const struct boot_decision *decision)
{
    char name[8];
    const esp_app_desc_t *app = image_app_desc(&decision->image);
    for (uint32_t i = 0; i < decision->image.segment_count; i++) {
        const struct image_segment *segment = &decision->image.segments[i];
        ESP_LOGI(TAG, "segment %" PRIu32 ": vaddr %08" PRIx32 " size %05" PRIx32 "h (%6" PRIu32 ")",
                 i, segment->load_addr, segment->data_len, segment->data_len);
    }
    ESP_LOGI(TAG, "%s: %s", boot_index_name(decision->booted, name),
             boot_reason_text(decision->reason));
    if (app) {
        ESP_LOGI(TAG, "starting %.32s %.32s at 0x%" PRIx32, app->project_name, app->version,
                 decision->partition.offset);
    }
}

static int power_on(const char *path, const struct device_options *options)
{
    struct device *device;
    struct boot_decision decision;
    if (device_open(path, options, &device) != ESP_OK) {
        return 1; // the log says why
    }
    bool rollback = options->rollback || device->anti_rollback;
    ESP_LOGI(TAG, "%s v%d.%d, flash 0x%" PRIx32 ", rollback %s", chip_name(device->chip.chip_id),
             device->chip.chip_rev / 100, device->chip.chip_rev % 100, device->flash_size,
             rollback ? "on" : "off");
    if (device->encryption) {
        ESP_LOGI(TAG, "flash encryption on, %s", device->encryption);
    }
    tell_slots(&device->slots);
    esp_err_t err = device_boot(device, rollback, false, &decision);
    tell_records(&decision);
    tell_tries(&decision);
    bool starts = err == ESP_OK && decision.booted != BOOT_INDEX_NONE;
    if (starts) {
        tell_start(&decision);
    } else {
        ESP_LOGE(TAG, "%s", err == ESP_OK ? "nothing to start" : esp_err_to_name(err));
    }
    device_close(device);
    return starts ? 0 : 1;
}

static bool take_switch(const char *name, const char *value, struct device_options *options)
{
    bool *out = strcmp(name, "--rollback") == 0        ? &options->rollback
                : strcmp(name, "--anti-rollback") == 0 ? &options->anti_rollback
                                                       : NULL;
    bool is_on = strcmp(value, "on") == 0;
    if (!out || (!is_on && strcmp(value, "off") != 0)) {
        return false;
    }
    *out = is_on;
    return true;
}

int main(int argc, char **argv)
{
    const char *path = NULL;
    struct device_options options = {0};
    for (int i = 1; i < argc; i++) {
        bool has_value = i + 1 < argc;
        if (strcmp(argv[i], "--help") == 0) {
            return usage(stdout);
        }
        if (strcmp(argv[i], "--chip") == 0 && has_value) {
            options.chip = argv[++i];
        } else if (has_value && take_switch(argv[i], argv[i + 1], &options)) {
            i++;
        } else if (strcmp(argv[i], "--flash-key") == 0 && has_value) {
            options.flash_key = argv[++i];
        } else if (argv[i][0] != '-' && !path) {
            path = argv[i];
        } else {
            fprintf(stderr, "bootsim: cannot use \"%s\"\n", argv[i]);
            return usage(stderr);
        }
    }
    if (!path) {
        return usage(stderr);
    }
    (void)esp_log_set_vprintf(print_to_stdout); // the sink before is the default
    return power_on(path, &options);
}
