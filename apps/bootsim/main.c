// bootsim: the bootloader standing alone. One power-on of a flash file, told as the serial port of a board would tell it.
//
//     bootsim FLASH [--chip C] [--rollback on|off] [--anti-rollback on|off] [--attempts N] [--crash-limit N]
//             [--flash-key FILE]
//
// Exit codes: 0 an application starts, 1 none does or the flash cannot be used, 2 wrong usage.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "boot_report.h"
#include "chip_traits.h"
#include "device.h"
#include "esp_log.h"

static const char *TAG = "bootsim";

#define COUNT_MAX 1000 // as esp-ota boot takes

static int usage(FILE *to)
{
    fputs("usage: bootsim FLASH [--chip C] [--rollback on|off] [--anti-rollback on|off]\n"
          "               [--attempts N] [--crash-limit N] [--flash-key FILE]\n\n"
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

static void log_line(void *context, char level, const char *text)
{
    (void)context; // there is one log
    if (level == 'E') {
        ESP_LOGE(TAG, "%s", text);
    } else {
        ESP_LOGI(TAG, "%s", text);
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
    boot_report_slots(device, log_line, NULL);
    esp_err_t err = device_boot(device, rollback, false, &decision);
    bool starts = err == ESP_OK && decision.booted != BOOT_INDEX_NONE;
    if (err == ESP_OK) {
        boot_report_decision(&decision, log_line, NULL);
    }
    if (!starts) {
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

// Extensions of our bootloader, as in esp-ota boot.
static bool take_count(const char *name, const char *value, struct device_options *options)
{
    uint32_t *out = strcmp(name, "--attempts") == 0      ? &options->attempts
                    : strcmp(name, "--crash-limit") == 0 ? &options->crash_limit
                                                         : NULL;
    char *end;
    unsigned long count = strtoul(value, &end, 10);
    if (!out || end == value || *end || value[0] == '-' || count > COUNT_MAX) {
        return false;
    }
    *out = (uint32_t)count;
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
        } else if (strcmp(argv[i], "--flash-key") == 0 && has_value) {
            options.flash_key = argv[++i];
        } else if (has_value && (take_switch(argv[i], argv[i + 1], &options) ||
                                 take_count(argv[i], argv[i + 1], &options))) {
            i++;
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
