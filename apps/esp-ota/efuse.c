// esp-ota efuse: bits that can be set once and never cleared. What cannot be undone is shown first and done only with --yes.

#define _DEFAULT_SOURCE

#include "commands.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "chip_traits.h"
#include "efuse_keys.h"
#include "efuse_ops.h"
#include "esp_ota_ext.h"
#include "esp_efuse.h"
#include "open_device.h"
#include "sim_efuse.h"
#include "trust.h"

enum { OPT_YES = 256, OPT_SLOT, OPT_FORCE, OPT_KEEP_UNUSED };

static const struct option OPTIONS[] = {
    {"yes", no_argument, NULL, OPT_YES},
    {"slot", required_argument, NULL, OPT_SLOT},
    {"force", no_argument, NULL, OPT_FORCE},
    {"keep-unused", no_argument, NULL, OPT_KEEP_UNUSED},
    {"json", no_argument, NULL, CLI_OPTION_JSON},
    {0},
};

#define SLOT_ANY UINT32_MAX

struct request {
    const char *flash;
    const char *word;
    uint32_t slot;
    bool is_sure;
    bool is_forced;
    bool keeps_unused;
    struct chip_identity chip;
};

static int parse(int argc, char **argv, int argument_count, struct request *out)
{
    int option;
    uint64_t slot = 0;
    *out = (struct request){.slot = SLOT_ANY};
    while ((option = cli_next_option(argc, argv, OPTIONS)) != CLI_END) {
        if (option == CLI_WRONG) {
            return CLI_USAGE;
        }
        if (option == OPT_SLOT) {
            if (!cli_parse_number(optarg, EFUSE_KEY_SLOT_MAX - 1, &slot)) {
                return cli_usage("--slot is 0, 1 or 2, not \"%s\"", optarg);
            }
            out->slot = (uint32_t)slot;
        }
        out->is_sure |= option == OPT_YES;
        out->is_forced |= option == OPT_FORCE;
        out->keeps_unused |= option == OPT_KEEP_UNUSED;
    }
    if (!cli_check_arguments(argc, argument_count, argument_count)) {
        return CLI_USAGE;
    }
    out->flash = argv[optind];
    out->word = argument_count > 1 ? argv[optind + 1] : NULL;
    return CLI_DONE;
}

static bool open_efuses(struct request *r)
{
    char path[PATH_MAX];
    int len = snprintf(path, sizeof(path), "%s.efuse", r->flash);
    if (len < 0 || (size_t)len >= sizeof(path)) {
        cli_report_failure("%s: the name is too long", r->flash);
        return false;
    }
    esp_err_t err = sim_efuse_open(path, &r->chip, &efuse_default);
    if (err != ESP_OK) {
        cli_report_error(err, "%s cannot be opened", path);
    }
    return err == ESP_OK;
}

static void close_efuses(void)
{
    sim_efuse_close(efuse_default);
    efuse_default = NULL;
}

static int refuse_unsure(void)
{
    return cli_fail("nothing was burnt; this can never be undone: add --yes if it is meant");
}

// Runs one command on open eFuses.
static int with_efuses(int argc, char **argv, int argument_count, int (*act)(struct request *r))
{
    struct request request;
    int code = parse(argc, argv, argument_count, &request);
    if (code != CLI_DONE) {
        return code;
    }
    if (!open_efuses(&request)) {
        return CLI_FAILED;
    }
    code = act(&request);
    close_efuses();
    return code;
}

// ----------------------------------------------------------------------- show

static uint32_t width_of(enum efuse_field field)
{
    return efuse_default->ops->bit_count(efuse_default, field);
}

static const char *slot_text(const struct efuse_key_slot *slot)
{
    if (slot->is_begun) {
        return slot->is_revoked ? "revoked, a digest was begun" : "a digest was begun and cut off";
    }
    if (!slot->is_present) {
        return slot->is_revoked ? "revoked, empty" : "empty";
    }
    return slot->is_revoked ? "revoked" : "trusted";
}

static json_t *slots_to_json(const struct efuse_key_slot *slots, uint32_t count)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < count; i++) {
        char hex[65];
        json_array_append_new(list,
                              json_pack("{s:i, s:b, s:b, s:b, s:s?}", "slot", (int)i, "present",
                                        slots[i].is_present, "revoked", slots[i].is_revoked,
                                        "begun", slots[i].is_begun, "digest",
                                        slots[i].is_present || slots[i].is_begun
                                            ? trust_hex(slots[i].digest, slots[i].digest_len, hex)
                                            : NULL));
    }
    return list;
}

static void print_slots(const struct efuse_key_slot *slots, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        char hex[65];
        printf("  key %u           %s%s%s\n", (unsigned)i, slot_text(&slots[i]),
               slots[i].is_present ? " " : "",
               slots[i].is_present ? trust_hex(slots[i].digest, slots[i].digest_len, hex) : "");
    }
}

static void print_all(const struct request *r, const struct efuse_key_slot *slots, uint32_t count,
                      bool is_secure_boot)
{
    char rev[16];
    printf("%s.efuse: %s %s, eFuse block revision %u.%u\n", r->flash, chip_name(r->chip.chip_id),
           cli_revision_text(r->chip.chip_rev, rev), r->chip.blk_rev / 100u,
           r->chip.blk_rev % 100u);
    printf("  secure version  %u of %u\n", (unsigned)esp_efuse_read_secure_version(),
           (unsigned)width_of(EFUSE_SECURE_VERSION));
    printf("  secure boot     %s\n", is_secure_boot ? "on" : "off");
    print_slots(slots, count);
    if (r->chip.ignore_max_chip_rev || r->chip.ignore_max_blk_rev) {
        printf("  ignored         %s%s%s\n",
               r->chip.ignore_max_chip_rev ? "maximum chip revision" : "",
               r->chip.ignore_max_chip_rev && r->chip.ignore_max_blk_rev ? ", " : "",
               r->chip.ignore_max_blk_rev ? "maximum block revision" : "");
    }
}

static int show(struct request *r)
{
    struct efuse_key_slot slots[EFUSE_KEY_SLOT_MAX];
    uint32_t count = efuse_key_slot_count();
    bool is_secure_boot = false;
    esp_err_t err = efuse_secure_boot_read(&is_secure_boot);
    for (uint32_t i = 0; i < count && err == ESP_OK; i++) {
        err = efuse_key_read(i, &slots[i]);
    }
    if (err != ESP_OK) {
        return cli_fail_with(err, "%s.efuse cannot be read", r->flash);
    }
    if (!cli_is_json()) {
        print_all(r, slots, count, is_secure_boot);
        return CLI_DONE;
    }
    cli_print_json(
        json_pack("{s:s, s:i, s:i, s:I, s:I, s:b, s:b, s:o}", "chip", chip_name(r->chip.chip_id),
                  "chip_rev", r->chip.chip_rev, "block_rev", r->chip.blk_rev, "secure_version",
                  (json_int_t)esp_efuse_read_secure_version(), "secure_version_max",
                  (json_int_t)width_of(EFUSE_SECURE_VERSION), "secure_boot", is_secure_boot,
                  "can_revoke", efuse_key_can_revoke(), "keys", slots_to_json(slots, count)));
    return CLI_DONE;
}

static int run_show(int argc, char **argv)
{
    return with_efuses(argc, argv, 1, show);
}

const struct cli_command efuse_show_command = {
    .name = "efuse show",
    .summary = "what a device's eFuses say: chip, secure version, trusted keys",
    .usage = "efuse show FLASH [--json]",
    .help = "Shows FLASH.efuse: what the chip is, its secure version and how far it can count, "
            "Secure Boot, and the\n"
            "key slots.\n\n"
            "  --json  chip, chip_rev, block_rev, secure_version, secure_version_max, "
            "secure_boot, can_revoke, keys\n\n"
            "example:  esp-ota efuse show dev.bin\n",
    .run = run_show,
};

// ----------------------------------------------------------------------- burn-digest

// The slot that holds the digest already, or a part of it; else the first that is empty.
static uint32_t find_slot(const struct trusted_key *key)
{
    uint32_t empty = SLOT_ANY;
    for (uint32_t i = 0; i < efuse_key_slot_count(); i++) {
        struct efuse_key_slot slot;
        if (efuse_key_read(i, &slot) != ESP_OK) {
            return SLOT_ANY;
        }
        bool is_same = memcmp(slot.digest, key->digest, slot.digest_len) == 0;
        if (slot.is_present && is_same) {
            return i;
        }
        if (!slot.is_present && !slot.is_revoked && !slot.is_begun && empty == SLOT_ANY) {
            empty = i;
        }
    }
    return empty;
}

static bool check_scheme(const struct request *r, const struct trusted_key *key)
{
    char problem[160];
    const struct chip_traits *chip = chip_traits_by_id(r->chip.chip_id);
    if (key->is_raw_v1) {
        cli_report_failure("a v1 key is built into firmware; eFuses hold digests of v2 keys");
        return false;
    }
    const char *reason =
        key->scheme == SIGNATURE_NONE ? NULL : sign_file_scheme_problem(chip, key->scheme, problem);
    if (reason && !r->is_forced) {
        cli_report_failure("%s: %s (--force burns its digest all the same)", r->word, reason);
        return false;
    }
    if (key->digest_len == 16 && r->chip.chip_id != ESP_CHIP_ID_ESP32C2) {
        cli_report_failure("%s keeps digests of 32 bytes, 64 digits; this one has 16",
                           chip_name(r->chip.chip_id));
        return false;
    }
    return true;
}

static int burn_digest(struct request *r)
{
    static const struct sign_secret ASK;
    struct trusted_key key;
    char hex[65];
    if (!trust_read_key(r->word, &ASK, &key) || !check_scheme(r, &key)) {
        return CLI_FAILED;
    }
    uint32_t slot = r->slot != SLOT_ANY ? r->slot : find_slot(&key);
    if (slot == SLOT_ANY) {
        return cli_fail("%s.efuse has no free key slot", r->flash);
    }
    if (slot >= efuse_key_slot_count()) {
        return cli_fail("%s has %u key slot(s)", chip_name(r->chip.chip_id),
                        (unsigned)efuse_key_slot_count());
    }
    bool is_short = r->chip.chip_id == ESP_CHIP_ID_ESP32C2;
    cli_say("%s.efuse: key slot %u trusts %s, for ever", r->flash, (unsigned)slot,
            trust_hex(key.digest, is_short ? 16 : 32, hex));
    if (!r->is_sure) {
        return refuse_unsure();
    }
    esp_err_t err = efuse_key_write(slot, key.digest);
    return err == ESP_OK ? show(r)
                         : cli_fail_with(err, "%s.efuse: key slot %u cannot be written", r->flash,
                                         (unsigned)slot);
}

static int run_burn_digest(int argc, char **argv)
{
    return with_efuses(argc, argv, 2, burn_digest);
}

const struct cli_command efuse_burn_digest_command = {
    .name = "efuse burn-digest",
    .summary = "let a device trust a key, for ever",
    .usage = "efuse burn-digest FLASH KEY|DIGEST [--slot N] [--yes] [--json]",
    .help =
        "Burns the digest of a key into a key slot: KEY is a PEM file (private or public), DIGEST "
        "64 digits or a\n"
        "file of 32 bytes. ESP32 has one slot, ESP32-C2 one that keeps 16 bytes, other chips "
        "three. "
        "Without --yes\n"
        "it only says what it would do. After a power cut the same command completes the slot.\n\n"
        "  --slot N  0, 1 or 2; the first empty one if not given\n"
        "  --yes     do it; it can never be undone\n"
        "  --force   also a key of a scheme that the chip cannot verify\n"
        "  --json    as efuse show, afterwards\n\n"
        "example:  esp-ota efuse burn-digest dev.bin release_pub.pem --yes\n",
    .run = run_burn_digest,
};

// ----------------------------------------------------------------------- revoke

static uint32_t count_trusted(uint32_t without)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < efuse_key_slot_count(); i++) {
        struct efuse_key_slot slot;
        count += i != without && efuse_key_read(i, &slot) == ESP_OK && slot.is_present &&
                 !slot.is_revoked;
    }
    return count;
}

/** Whether what runs and its bootloader boot without the key of a slot; with the device open, so the eFuses are not. */
static bool check_rest_boots(const struct request *r, uint32_t slot)
{
    struct device_options options = {.read_only = true};
    struct device *device = open_device(r->flash, &options);
    if (!device) {
        cli_say("so what runs cannot be verified without key slot %u; --force revokes it all the "
                "same",
                (unsigned)slot);
        return false;
    }
    esp_err_t err = device_start_application(device, NULL);
    if (err == ESP_OK && esp_ota_get_running_partition()) { // else there is nothing to lose
        err = esp_ota_check_revocation((esp_ota_secure_boot_public_key_index_t)slot);
    }
    device_close(device);
    if (err != ESP_OK) {
        cli_report_error(err, "%s: what runs cannot be verified without key slot %u", r->flash,
                         (unsigned)slot);
        cli_say("key slot %u is not revoked; first let the device run, and confirm, an image that "
                "is signed with another trusted\n"
                "key too (--force revokes it all the same, and the device may never boot again)",
                (unsigned)slot);
    }
    return err == ESP_OK;
}

static bool check_device(struct request *r, uint32_t slot)
{
    close_efuses();
    bool is_good = check_rest_boots(r, slot);
    return open_efuses(r) && is_good;
}

static int revoke(struct request *r)
{
    uint64_t slot = 0;
    bool is_secure_boot = true;
    if (!cli_parse_number(r->word, EFUSE_KEY_SLOT_MAX - 1, &slot)) {
        return cli_usage("SLOT is 0, 1 or 2, not \"%s\"", r->word);
    }
    if (!efuse_key_can_revoke()) {
        return cli_fail("%s cannot revoke keys", chip_name(r->chip.chip_id));
    }
    esp_err_t err = efuse_secure_boot_read(&is_secure_boot);
    if (err != ESP_OK) {
        return cli_fail_with(err, "%s.efuse cannot be read", r->flash);
    }
    if (is_secure_boot && count_trusted((uint32_t)slot) == 0 && !r->is_forced) {
        return cli_fail("with Secure Boot on and key slot %u revoked no key would be left, and "
                        "nothing would ever boot; --force does it all the same",
                        (unsigned)slot);
    }
    if (is_secure_boot && !r->is_forced && !check_device(r, (uint32_t)slot)) {
        return CLI_FAILED;
    }
    cli_say("%s.efuse: key slot %u is not trusted any more, for ever; images signed only with it "
            "do not boot",
            r->flash, (unsigned)slot);
    if (!r->is_sure) {
        return refuse_unsure();
    }
    err = efuse_key_revoke((uint32_t)slot);
    return err == ESP_OK ? show(r) : cli_fail_with(err, "%s.efuse cannot be written", r->flash);
}

static int run_revoke(int argc, char **argv)
{
    return with_efuses(argc, argv, 2, revoke);
}

const struct cli_command efuse_revoke_command = {
    .name = "efuse revoke",
    .summary = "let a device no longer trust a key, for ever",
    .usage = "efuse revoke FLASH SLOT [--yes] [--json]",
    .help =
        "Revokes key slot 0, 1 or 2. ESP32 and ESP32-C2 cannot. Without --yes it only says what "
        "it would do. On a\n"
        "device with Secure Boot a key stays as long as the confirmed image, or the bootloader, "
        "needs it.\n\n"
        "  --yes    do it; it can never be undone\n"
        "  --force  also a key that is still needed: the device will never boot again\n"
        "  --json   as efuse show, afterwards\n\n"
        "example:  esp-ota efuse revoke dev.bin 0 --yes\n",
    .run = run_revoke,
};

// ----------------------------------------------------------------------- secure-version

static int raise_version(struct request *r)
{
    uint64_t version = 0;
    uint32_t now = esp_efuse_read_secure_version();
    if (!cli_parse_number(r->word, UINT32_MAX, &version)) {
        return cli_usage("VERSION is a number, not \"%s\"", r->word);
    }
    if (version < now) {
        return cli_fail("the secure version is %u and can never become smaller", (unsigned)now);
    }
    if (version > width_of(EFUSE_SECURE_VERSION)) {
        return cli_fail("%s counts to %u", chip_name(r->chip.chip_id),
                        (unsigned)width_of(EFUSE_SECURE_VERSION));
    }
    cli_say("%s.efuse: the secure version goes from %u to %u, for ever; with anti-rollback images "
            "below that do not boot",
            r->flash, (unsigned)now, (unsigned)version);
    if (!r->is_sure) {
        return refuse_unsure();
    }
    esp_err_t err = esp_efuse_update_secure_version((uint32_t)version);
    return err == ESP_OK ? show(r) : cli_fail_with(err, "%s.efuse cannot be written", r->flash);
}

static int run_secure_version(int argc, char **argv)
{
    return with_efuses(argc, argv, 2, raise_version);
}

const struct cli_command efuse_secure_version_command = {
    .name = "efuse secure-version",
    .summary = "raise the smallest secure version that may boot, for ever",
    .usage = "efuse secure-version FLASH VERSION [--yes] [--json]",
    .help =
        "Burns version bits, as a confirmed image does under anti-rollback. ESP32 counts to 32, "
        "ESP32-C2 to 4,\n"
        "ESP32-C5 to 9, other chips to 16. Without --yes it only says what it would do.\n\n"
        "  --yes   do it; it can never be undone\n"
        "  --json  as efuse show, afterwards\n\n"
        "example:  esp-ota efuse secure-version dev.bin 3 --yes\n",
    .run = run_secure_version,
};

// ----------------------------------------------------------------------- enable-secure-boot

// fact: unused slots are normally revoked when Secure Boot is switched on, so that nobody else fills them
static esp_err_t revoke_unused(const struct request *r)
{
    esp_err_t err = ESP_OK;
    for (uint32_t i = 0; i < efuse_key_slot_count() && err == ESP_OK; i++) {
        struct efuse_key_slot slot;
        err = efuse_key_read(i, &slot);
        if (err == ESP_OK && !slot.is_present && !r->keeps_unused && efuse_key_can_revoke()) {
            err = efuse_key_revoke(i);
        }
    }
    return err;
}

static int enable_secure_boot(struct request *r)
{
    if (count_trusted(SLOT_ANY) == 0) {
        return cli_fail("%s.efuse trusts no key yet: with Secure Boot on nothing would ever boot; "
                        "first esp-ota efuse burn-digest",
                        r->flash);
    }
    cli_say("%s.efuse: Secure Boot goes on, for ever; only images signed with the %u trusted "
            "key(s) boot%s",
            r->flash, (unsigned)count_trusted(SLOT_ANY),
            r->keeps_unused || !efuse_key_can_revoke() ? "" : "; unused key slots are revoked");
    if (!r->is_sure) {
        return refuse_unsure();
    }
    esp_err_t err = revoke_unused(r);
    if (err == ESP_OK) {
        err = efuse_secure_boot_enable();
    }
    return err == ESP_OK ? show(r) : cli_fail_with(err, "%s.efuse cannot be written", r->flash);
}

static int run_enable_secure_boot(int argc, char **argv)
{
    return with_efuses(argc, argv, 1, enable_secure_boot);
}

const struct cli_command efuse_enable_secure_boot_command = {
    .name = "efuse enable-secure-boot",
    .summary = "let a device boot only signed images, for ever",
    .usage = "efuse enable-secure-boot FLASH [--keep-unused] [--yes] [--json]",
    .help = "Sets the Secure Boot bit. At least one key must be trusted. Unused key slots are "
            "revoked first. Without\n"
            "--yes it only says what it would do.\n\n"
            "  --keep-unused  leave unused key slots open, for keys that are added later\n"
            "  --yes          do it; it can never be undone\n"
            "  --json         as efuse show, afterwards\n\n"
            "example:  esp-ota efuse enable-secure-boot dev.bin --yes\n",
    .run = run_enable_secure_boot,
};
