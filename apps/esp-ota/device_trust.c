// esp-ota trust: whom a device believes: what its firmware checks, and its trust store.

#include "trust_store.h"

#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "open_device.h"
#include "trust_words.h"

enum {
    OPT_FLASH = 256,
    OPT_CHIP,
    OPT_SIGNED,
    OPT_SCHEME,
    OPT_V1_KEY,
    OPT_SIGNED_DATA,
    OPT_ROTATE,
    OPT_THRESHOLD,
    OPT_SAME_PROJECT,
    OPT_NO_DOWNGRADE,
    OPT_MIN_SIZE,
    OPT_MAX_SIZE,
};

static const struct option SET_OPTIONS[] = {
    {"flash", required_argument, NULL, OPT_FLASH},
    {"chip", required_argument, NULL, OPT_CHIP},
    {"signed", required_argument, NULL, OPT_SIGNED},
    {"scheme", required_argument, NULL, OPT_SCHEME},
    {"v1-key", required_argument, NULL, OPT_V1_KEY},
    {"signed-data", required_argument, NULL, OPT_SIGNED_DATA},
    {"rotate", required_argument, NULL, OPT_ROTATE},
    {"threshold", required_argument, NULL, OPT_THRESHOLD},
    {"same-project", required_argument, NULL, OPT_SAME_PROJECT},
    {"no-downgrade", required_argument, NULL, OPT_NO_DOWNGRADE},
    {"min-size", required_argument, NULL, OPT_MIN_SIZE},
    {"max-size", required_argument, NULL, OPT_MAX_SIZE},
    {"json", no_argument, NULL, CLI_OPTION_JSON},
    {0},
};

static const struct option OPTIONS[] = {
    {"flash", required_argument, NULL, OPT_FLASH},
    {"chip", required_argument, NULL, OPT_CHIP},
    {"json", no_argument, NULL, CLI_OPTION_JSON},
    {0},
};

/** What is asked for; a member counts if its flag of is_given is set. */
struct request {
    const char *flash;
    const char *chip;
    const char *mode;
    const char *scheme;
    const char *v1_key;
    const char *signed_data;
    uint32_t flags;       // TRUST_STORE_FLAG_* that are to be on
    uint32_t given_flags; // ... that are named at all
    uint64_t threshold;
    uint64_t min_len;
    uint64_t max_len;
    bool has_threshold;
    bool has_min;
    bool has_max;
};

// ----------------------------------------------------------------------- the store

static int find_store(const struct device *device, const char *flash)
{
    if (device->trust_address != BOOT_TRUST_ADDRESS_NONE) {
        return CLI_DONE;
    }
    return cli_fail("%s has no trust store: its partition table needs a data partition \"%s\" of "
                    "at least 8 KiB, such as \"%s, data, undefined, , 0x2000,\"",
                    flash, TRUST_STORE_LABEL, TRUST_STORE_LABEL);
}

static int read_store(const struct device *device, const char *flash, struct trust_record *record)
{
    int code = find_store(device, flash);
    if (code != CLI_DONE) {
        return code;
    }
    esp_err_t err = trust_store_read(device->flash, device->trust_address, record);
    return err == ESP_OK ? CLI_DONE
                         : cli_fail_with(err, "%s: the trust store is not readable", flash);
}

static int write_store(const struct device *device, const char *flash, struct trust_record *record)
{
    esp_err_t err = trust_store_write(device->flash, device->trust_address, record);
    return err == ESP_OK ? CLI_DONE
                         : cli_fail_with(err, "%s: the trust store cannot be written", flash);
}

/** Opens the device with what runs on it, since that is who is trusted without a store. */
static struct device *open_running(const char *flash, const char *chip, bool read_only)
{
    struct device_options options = {
        .chip = chip, .read_only = read_only, .is_chip_optional = true};
    struct device *device = open_device(flash, &options);
    if (device && device->chip.chip_id != ESP_CHIP_ID_INVALID &&
        device_start_application(device, NULL) != ESP_OK) {
        cli_warn("%s: what runs is not known", flash);
    }
    return device;
}

// ----------------------------------------------------------------------- show

static int take_plain(int argc, char **argv, struct request *request)
{
    int option;
    while ((option = cli_next_option(argc, argv, OPTIONS)) != CLI_END) {
        if (option == CLI_WRONG) {
            return CLI_USAGE;
        }
        *(option == OPT_FLASH ? &request->flash : &request->chip) = optarg;
    }
    return request->flash ? CLI_DONE : cli_usage("--flash FLASH is needed");
}

static int run_show(int argc, char **argv)
{
    struct request request = {0};
    int code = take_plain(argc, argv, &request);
    if (code != CLI_DONE) {
        return code;
    }
    if (!cli_check_arguments(argc, 0, 0)) {
        return CLI_USAGE;
    }
    struct device *device = open_running(request.flash, request.chip, true);
    if (!device) {
        return CLI_FAILED;
    }
    code = trust_words_report(device, request.flash);
    device_close(device);
    return code;
}

const struct cli_command trust_show_command = {
    .name = "trust show",
    .summary = "whom a device believes, on update and at boot",
    .usage = "trust show --flash FLASH [--json]",
    .help = "Shows which signatures the device's firmware checks (FLASH.sdkconfig), the keys that "
            "follow from that, and\n"
            "its trust store.\n\n"
            "  --flash FLASH  the device's flash file\n"
            "  --chip C       its chip, if neither FLASH.efuse nor an image tells\n"
            "  --json         signed, scheme, signed_data, update, boot, store\n\n"
            "example:  esp-ota trust show --flash dev.bin\n",
    .run = run_show,
};

// ----------------------------------------------------------------------- set

static int take_flag(const char *name, uint32_t flag, struct request *request)
{
    bool is_on;
    if (!cli_parse_switch(optarg, &is_on)) {
        return cli_usage("--%s is on or off, not \"%s\"", name, optarg);
    }
    request->given_flags |= flag;
    request->flags = is_on ? request->flags | flag : request->flags & ~flag;
    return CLI_DONE;
}

static int take_rotation(struct request *request)
{
    bool is_announced = strcmp(optarg, "announced") == 0;
    bool is_on = is_announced;
    if (!is_announced && !cli_parse_switch(optarg, &is_on)) {
        return cli_usage("--rotate is on, off or announced, not \"%s\"", optarg);
    }
    uint32_t both = TRUST_STORE_FLAG_ROTATE | TRUST_STORE_FLAG_ANNOUNCED;
    request->given_flags |= both;
    request->flags = (request->flags & ~both) | (is_announced ? both
                                                 : is_on      ? TRUST_STORE_FLAG_ROTATE
                                                              : 0u);
    return CLI_DONE;
}

static int take_size(const char *name, uint64_t *size, bool *has_size)
{
    *has_size = cli_parse_size(optarg, UINT32_MAX, size);
    return *has_size ? CLI_DONE
                     : cli_usage("--%s wants a number of bytes, not \"%s\"", name, optarg);
}

static int take_threshold(struct request *request)
{
    request->has_threshold = cli_parse_number(optarg, SIGNATURE_BLOCK_MAX, &request->threshold) &&
                             request->threshold > 0;
    return request->has_threshold
               ? CLI_DONE
               : cli_usage("--threshold wants 1 to 3, not \"%s\": an image has up to three "
                           "signatures",
                           optarg);
}

static int take_text(int option, struct request *request)
{
    struct signature_settings ignored;
    bool is_on;
    if (option == OPT_SIGNED) {
        request->mode = optarg;
        return trust_words_take_mode(optarg, &ignored)
                   ? CLI_DONE
                   : cli_usage("--signed is none, update, boot or secure-boot, not \"%s\"", optarg);
    }
    if (option == OPT_SCHEME) {
        request->scheme = optarg;
        enum signature_scheme scheme = signature_scheme_by_name(optarg);
        return scheme != SIGNATURE_SCHEME_COUNT && scheme != SIGNATURE_NONE
                   ? CLI_DONE
                   : cli_usage("--scheme is v1, rsa3072, ecdsa192, ecdsa256 or ecdsa384, not "
                               "\"%s\"",
                               optarg);
    }
    if (option == OPT_SIGNED_DATA) {
        request->signed_data = optarg;
        return cli_parse_switch(optarg, &is_on)
                   ? CLI_DONE
                   : cli_usage("--signed-data is on or off, not \"%s\"", optarg);
    }
    *(option == OPT_FLASH  ? &request->flash
      : option == OPT_CHIP ? &request->chip
                           : &request->v1_key) = optarg;
    return CLI_DONE;
}

static int take_set_option(int option, struct request *request)
{
    switch (option) {
    case CLI_WRONG:
        return CLI_USAGE;
    case OPT_ROTATE:
        return take_rotation(request);
    case OPT_SAME_PROJECT:
        return take_flag("same-project", TRUST_STORE_FLAG_PROJECT, request);
    case OPT_NO_DOWNGRADE:
        return take_flag("no-downgrade", TRUST_STORE_FLAG_VERSION, request);
    case OPT_THRESHOLD:
        return take_threshold(request);
    case OPT_MIN_SIZE:
        return take_size("min-size", &request->min_len, &request->has_min);
    case OPT_MAX_SIZE:
        return take_size("max-size", &request->max_len, &request->has_max);
    default:
        return take_text(option, request);
    }
}

static bool changes_store(const struct request *request)
{
    return request->given_flags || request->has_threshold || request->has_min || request->has_max;
}

static bool changes_settings(const struct request *request)
{
    return request->mode || request->scheme || request->v1_key || request->signed_data;
}

static int change_store(const struct device *device, const struct request *request)
{
    struct trust_record record;
    int code = read_store(device, request->flash, &record);
    if (code != CLI_DONE) {
        return code;
    }
    record.flags = (record.flags & ~request->given_flags) | request->flags;
    record.threshold = request->has_threshold ? (uint8_t)request->threshold : record.threshold;
    record.min_len = request->has_min ? (uint32_t)request->min_len : record.min_len;
    record.max_len = request->has_max ? (uint32_t)request->max_len : record.max_len;
    if (record.max_len > 0 && record.min_len > record.max_len) {
        return cli_fail("no image is both of at least %u and at most %u bytes",
                        (unsigned)record.min_len, (unsigned)record.max_len);
    }
    return write_store(device, request->flash, &record);
}

static int change_settings(const struct device *device, const struct request *request)
{
    struct signature_settings settings = device->signatures;
    if (request->scheme) {
        settings.scheme = signature_scheme_by_name(request->scheme);
    }
    if (request->mode) {
        (void)trust_words_take_mode(request->mode, &settings); // it is one of them
    }
    if (request->signed_data) {
        (void)cli_parse_switch(request->signed_data, &settings.on_data); // likewise
    }
    bool checks =
        settings.on_update || settings.on_boot || settings.secure_boot || settings.on_data;
    if (checks && settings.scheme == SIGNATURE_NONE) {
        return cli_fail("signatures of which scheme? Give --scheme");
    }
    if (settings.scheme == SIGNATURE_V1 && device->signatures.scheme != SIGNATURE_V1 &&
        !request->v1_key) {
        return cli_fail("v1 needs the public key that is compiled in: give --v1-key FILE (64 "
                        "bytes, X and Y)");
    }
    if (settings.on_boot && settings.scheme != SIGNATURE_V1 &&
        device->trust_address == BOOT_TRUST_ADDRESS_NONE) {
        return cli_fail("without hardware Secure Boot a bootloader has no v2 key: it needs a "
                        "trust store, which %s has not, or scheme v1",
                        request->flash);
    }
    return trust_words_save(request->flash, &settings, request->v1_key) ? CLI_DONE : CLI_FAILED;
}

static int set_trust(const struct request *request)
{
    struct device *device = open_running(request->flash, request->chip, false);
    if (!device) {
        return CLI_FAILED;
    }
    int code = changes_settings(request) ? change_settings(device, request) : CLI_DONE;
    if (code == CLI_DONE && changes_store(request)) {
        code = change_store(device, request);
    }
    device_close(device);
    if (code != CLI_DONE) {
        return code;
    }
    device = open_running(request->flash, request->chip, true); // as every later command sees it
    if (!device) {
        return CLI_FAILED;
    }
    code = trust_words_report(device, request->flash);
    device_close(device);
    return code;
}

static int run_set(int argc, char **argv)
{
    struct request request = {0};
    int option;
    while ((option = cli_next_option(argc, argv, SET_OPTIONS)) != CLI_END) {
        int code = take_set_option(option, &request);
        if (code != CLI_DONE) {
            return code;
        }
    }
    if (!cli_check_arguments(argc, 0, 0)) {
        return CLI_USAGE;
    }
    if (!request.flash) {
        return cli_usage("--flash FLASH is needed");
    }
    if (!changes_store(&request) && !changes_settings(&request)) {
        return cli_usage("nothing to set");
    }
    return set_trust(&request);
}

const struct cli_command trust_set_command = {
    .name = "trust set",
    .summary = "which signatures a device checks, and its policy",
    .usage = "trust set --flash FLASH OPTIONS",
    .help =
        "What the firmware was built to check; every command on FLASH sees it (FLASH.sdkconfig):\n"
        "  --signed MODE        none, update, boot (update and boot) or secure-boot\n"
        "  --scheme S           v1, rsa3072, ecdsa192, ecdsa256 or ecdsa384\n"
        "  --v1-key FILE        v1: the public key compiled in, 64 bytes (X, Y)\n"
        "  --signed-data on|off data partitions of subtype undefined are signed too\n\n"
        "What the trust store asks for beyond ESP-IDF (partition \"ota_trust\"):\n"
        "  --threshold K        so many different trusted keys must have signed\n"
        "  --rotate on|off|announced  the keys that signed a confirmed image become the trusted "
        "ones; announced: a\n"
        "                       new key only if its digest stands in the first 4096 bytes, which "
        "are signed\n"
        "  --same-project on|off  an update has the project name of what runs\n"
        "  --no-downgrade on|off  its version and secure version are not below\n"
        "  --min-size N, --max-size N  bytes of an image; 0: any\n\n"
        "  --flash FLASH        the device's flash file\n"
        "  --chip C             its chip, if neither FLASH.efuse nor an image tells\n"
        "  --json               as trust show\n\n"
        "example:  esp-ota trust set --flash dev.bin --signed update --scheme rsa3072\n",
    .run = run_set,
};

// ----------------------------------------------------------------------- add and revoke

static int add_key(struct trust_record *record, const char *word)
{
    uint8_t digest[SIGNATURE_KEY_DIGEST_LEN];
    if (!trust_words_digest(word, digest)) {
        return CLI_FAILED;
    }
    esp_err_t err = trust_record_add(record, digest);
    if (err == ESP_ERR_INVALID_STATE) {
        return cli_fail("%s is revoked on this device; a revoked key is never trusted again", word);
    }
    return err == ESP_OK ? CLI_DONE
                         : cli_fail("the store holds %u trusted keys, which is all it can; revoke "
                                    "one first",
                                    (unsigned)TRUST_KEY_MAX);
}

static int revoke_key(struct trust_record *record, const char *word)
{
    uint8_t digest[SIGNATURE_KEY_DIGEST_LEN];
    if (!trust_words_digest(word, digest)) {
        return CLI_FAILED;
    }
    trust_record_revoke(record, digest);
    return CLI_DONE;
}

static int change_keys(int argc, char **argv, int (*change)(struct trust_record *, const char *))
{
    struct request request = {0};
    struct trust_record record;
    int code = take_plain(argc, argv, &request);
    if (code != CLI_DONE) {
        return code;
    }
    if (!cli_check_arguments(argc, 1, (int)TRUST_KEY_MAX)) {
        return CLI_USAGE;
    }
    struct device *device = open_running(request.flash, request.chip, false);
    if (!device) {
        return CLI_FAILED;
    }
    code = read_store(device, request.flash, &record);
    for (int i = optind; i < argc && code == CLI_DONE; i++) {
        code = change(&record, argv[i]);
    }
    if (code == CLI_DONE) {
        code = write_store(device, request.flash, &record);
    }
    if (code == CLI_DONE) {
        code = trust_words_report(device, request.flash);
    }
    device_close(device);
    return code;
}

static int run_add(int argc, char **argv)
{
    return change_keys(argc, argv, add_key);
}

static int run_revoke(int argc, char **argv)
{
    return change_keys(argc, argv, revoke_key);
}

const struct cli_command trust_add_command = {
    .name = "trust add",
    .summary = "trust further keys",
    .usage = "trust add --flash FLASH KEY...",
    .help = "Adds keys to the trust store. KEY is a digest: 64 hexadecimal digits, or a file with "
            "32 bytes.\n\n"
            "  --flash FLASH  the device's flash file\n"
            "  --chip C       its chip, if neither FLASH.efuse nor an image tells\n"
            "  --json         as trust show\n\n"
            "example:  esp-ota trust add --flash dev.bin key_digest.bin\n",
    .run = run_add,
};

const struct cli_command trust_revoke_command = {
    .name = "trust revoke",
    .summary = "trust keys never again",
    .usage = "trust revoke --flash FLASH KEY...",
    .help = "Removes keys from the trusted ones of the trust store and remembers them as revoked. "
            "KEY is a digest: 64\n"
            "hexadecimal digits, or a file with 32 bytes. With Secure Boot a key revoked here is "
            "refused too, although\n"
            "its eFuse slot is not burnt.\n\n"
            "  --flash FLASH  the device's flash file\n"
            "  --chip C       its chip, if neither FLASH.efuse nor an image tells\n"
            "  --json         as trust show\n\n"
            "example:  esp-ota trust revoke --flash dev.bin key_digest.bin\n",
    .run = run_revoke,
};
