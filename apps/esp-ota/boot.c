// esp-ota boot: one power-on of a device.

#include "commands.h"

#include <stdio.h>
#include <string.h>

#include "open_device.h"

enum {
    OPT_FLASH = 256,
    OPT_CHIP,
    OPT_ROLLBACK,
    OPT_ANTI_ROLLBACK,
    OPT_EXPLAIN,
    OPT_ATTEMPTS,
    OPT_CRASH_LIMIT
};

static const struct option OPTIONS[] = {
    {"flash", required_argument, NULL, OPT_FLASH},
    {"chip", required_argument, NULL, OPT_CHIP},
    {"flash-key", required_argument, NULL, CLI_OPTION_FLASH_KEY},
    {"rollback", required_argument, NULL, OPT_ROLLBACK},
    {"anti-rollback", required_argument, NULL, OPT_ANTI_ROLLBACK},
    {"attempts", required_argument, NULL, OPT_ATTEMPTS},
    {"crash-limit", required_argument, NULL, OPT_CRASH_LIMIT},
    {"explain", no_argument, NULL, OPT_EXPLAIN},
    {"json", no_argument, NULL, CLI_OPTION_JSON},
    {0},
};

static bool is_unconfirmed(const struct boot_decision *decision)
{
    int active = decision->has_otadata ? otadata_active(decision->after) : OTADATA_NONE;
    return active != OTADATA_NONE &&
           decision->after[active].ota_state == ESP_OTA_IMG_PENDING_VERIFY;
}

static int report(const struct device *device, const char *path, bool rollback,
                  const struct boot_decision *decision)
{
    if (cli_is_json()) {
        json_t *root = json_object();
        decision_to_json(root, device, decision);
        json_object_set_new(root, "rollback", json_boolean(rollback));
        cli_print_json(root);
    } else {
        decision_print(device, decision);
    }
    if (decision->booted == BOOT_INDEX_NONE) {
        return cli_fail("%s: nothing to boot: no partition holds a valid image", path);
    }
    if (rollback && is_unconfirmed(decision) && !cli_is_json()) {
        cli_say("not confirmed: the next boot with rollback gives this image up, unless it is kept "
                "with\n"
                "  esp-ota otadata confirm %s",
                path);
    }
    return CLI_DONE;
}

static int power_on(const char *path, const struct device_options *options)
{
    struct boot_decision decision;
    struct device *device = open_device(path, options);
    if (!device) {
        return CLI_FAILED;
    }
    bool rollback = options->rollback || device->anti_rollback;
    esp_err_t err = device_boot(device, rollback, false, &decision);
    int code = err == ESP_OK ? report(device, path, rollback, &decision)
                             : cli_fail_with(err, "%s: the boot ended early", path);
    device_close(device);
    return code;
}

static int run(int argc, char **argv)
{
    const char *flash = NULL;
    struct device_options options = {0};
    bool explains = false;
    int option;
    while ((option = cli_next_option(argc, argv, OPTIONS)) != CLI_END) {
        if (option == CLI_WRONG) {
            return CLI_USAGE;
        }
        if (option == OPT_FLASH) {
            flash = optarg;
        } else if (option == OPT_CHIP) {
            options.chip = optarg;
        } else if (option == OPT_ANTI_ROLLBACK) {
            if (!cli_parse_switch(optarg, &options.anti_rollback)) {
                return cli_usage("--anti-rollback is on or off, not \"%s\"", optarg);
            }
        } else if (option == OPT_EXPLAIN) {
            explains = true;
        } else if (option == OPT_ATTEMPTS) {
            if (!cli_parse_count("--attempts", optarg, &options.attempts)) {
                return CLI_USAGE;
            }
        } else if (option == OPT_CRASH_LIMIT) {
            if (!cli_parse_count("--crash-limit", optarg, &options.crash_limit)) {
                return CLI_USAGE;
            }
        } else if (!cli_parse_switch(optarg, &options.rollback)) {
            return cli_usage("--rollback is on or off, not \"%s\"", optarg);
        }
    }
    if (!flash) {
        return cli_usage("--flash FLASH is needed");
    }
    if (!cli_check_arguments(argc, 0, 0)) {
        return CLI_USAGE;
    }
    return explains ? explain_device(flash, &options) : power_on(flash, &options);
}

const struct cli_command boot_command = {
    .name = "boot",
    .summary = "power a device on once: what boots, why, and what the bootloader writes",
    .usage = "boot --flash FLASH [--rollback on|off] [--anti-rollback on|off] [--attempts N] "
             "[--crash-limit N] [--explain] "
             "[--chip C] [--json]",
    .help =
        "Decides as ESP-IDF's bootloader does, verifies the image and writes to otadata what it "
        "writes.\n"
        "Each call is one power-on: with rollback, the second one gives up an image that was not "
        "confirmed.\n"
        "Exit code 1: nothing boots.\n\n"
        "  --flash FLASH      the device's flash file\n"
        "  --rollback on|off  whether the bootloader was built with rollback; off if not given\n"
        "  --anti-rollback on|off  whether it also compares secure versions with FLASH.efuse and "
        "burns that of a\n"
        "                     confirmed image; off if neither given nor in FLASH.sdkconfig; on "
        "implies --rollback on\n"
        "  --attempts N       extension: start an unconfirmed image N times before it is given up\n"
        "  --crash-limit N    extension: give up an image that started N times without reporting "
        "itself healthy\n"
        "  --explain          do not boot: say what this power-on and the next resets would do, "
        "and "
        "why, as\n"
        "                     esp-ota explain does\n"
        "  --chip C           its chip, if neither FLASH.efuse nor an image tells\n"
        "  --flash-key FILE   key of the flash encryption, if it is not in FLASH.key\n"
        "  --json             slot, reason, project, version, tries, otadata before and after\n\n"
        "example:  esp-ota boot --flash dev.bin --rollback on\n",
    .run = run,
};
