// esp-ota image info, image verify: what a file is and whether a device would take it.

#include "commands.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chip_traits.h"
#include "image_file.h"
#include "trust.h"

#define FILE_MAX 0xFFFFFFFFu // what 32-bit offsets reach

// ----------------------------------------------------------------------- info

// fact: a bootloader image has no application descriptor; since v5.2 its first data byte is 80
static bool looks_like_bootloader(const struct cli_bytes *file, const struct image_rules *rules)
{
    struct image_info info;
    struct image_rules as_bootloader = *rules;
    as_bootloader.is_bootloader = true; // lets the descriptor be read, however short the segment is
    (void)image_file_verify(file, &as_bootloader, &info); // damaged or not, it is one
    return info.desc_len >= sizeof(esp_bootloader_desc_t) &&
           info.desc.bootloader.magic_byte == ESP_BOOTLOADER_DESC_MAGIC_BYTE &&
           info.desc.bootloader.reserved[0] == 0 && info.desc.bootloader.reserved[1] == 0;
}

static void print_limits(const esp_image_header_t *header)
{
    char min[16];
    char max[16];
    printf("  revisions   from %s", cli_revision_text(header->min_chip_rev_full, min));
    if (header->max_chip_rev_full != 0 && header->max_chip_rev_full != UINT16_MAX) {
        printf(" to %s", cli_revision_text(header->max_chip_rev_full, max));
    }
    putchar('\n');
}

static void print_field(const char *name, const char *field, size_t size)
{
    char text[64];
    cli_clean_text(field, size, text);
    if (text[0]) {
        printf("  %-11s %s\n", name, text);
    }
}

static void print_descriptor(const esp_app_desc_t *app)
{
    char built[40] = "";
    print_field("project", app->project_name, sizeof(app->project_name));
    print_field("version", app->version, sizeof(app->version));
    (void)snprintf(built, sizeof(built), "%.16s %.16s", app->date, app->time);
    if (app->date[0]) {
        print_field("built", built, sizeof(built) - 1);
    }
    print_field("ESP-IDF", app->idf_ver, sizeof(app->idf_ver));
    if (app->secure_version) {
        printf("  secure version %u\n", (unsigned)app->secure_version);
    }
}

static void print_segments(const struct image_info *info)
{
    for (uint32_t i = 0; i < info->segment_count && i < ESP_IMAGE_MAX_SEGMENTS; i++) {
        printf("  segment %-3u %u bytes for 0x%08x, at 0x%x of the image\n", (unsigned)i,
               (unsigned)info->segments[i].data_len, (unsigned)info->segments[i].load_addr,
               (unsigned)info->segments[i].data_offset);
    }
}

static void print_digest(const struct image_info *info)
{
    if (!info->has_digest) {
        printf("  SHA-256     none appended\n");
        return;
    }
    printf("  SHA-256     ");
    for (size_t i = 0; i < sizeof(info->digest); i++) {
        printf("%02x", info->digest[i]);
    }
    putchar('\n');
}

static void print_info(const char *path, const char *kind, const struct image_info *info,
                       enum image_fault fault, const char *sentence)
{
    if (fault == IMAGE_OK) {
        printf("%s: a valid %s of %u bytes\n", path, kind, (unsigned)info->image_len);
    } else {
        printf("%s: not valid: %s (%s)\n", path, sentence, image_fault_name(fault));
    }
    if (info->header.magic != ESP_IMAGE_HEADER_MAGIC) {
        return;
    }
    printf("  chip        %s\n", chip_name(info->header.chip_id));
    print_limits(&info->header);
    if (image_app_desc(info)) {
        print_descriptor(image_app_desc(info));
    }
    print_segments(info);
    if (fault == IMAGE_OK) {
        print_digest(info);
    }
}

static void report_signatures(const char *path, const struct cli_bytes *file,
                              const struct trust *trust, json_t *object)
{
    struct sign_file found;
    if (sign_file_examine(path, file, false, &found)) { // the image was found valid before
        bool has_trust = trust->count > 0 || trust->is_device;
        trust_report(file, &found, has_trust ? trust : NULL, object);
    }
}

static int show_info(const char *path, const struct cli_bytes *file, const struct trust *trust)
{
    struct image_wish wish = {.flash_offset = IMAGE_FILE_OFFSET_DEFAULT};
    struct image_info info;
    char sentence[160];
    struct image_rules rules = image_file_rules(&wish, file);
    enum image_fault fault = image_file_verify(file, &rules, &info);
    bool is_bootloader = !image_app_desc(&info) && looks_like_bootloader(file, &rules);
    if (is_bootloader) {
        rules.is_bootloader = true;
        fault = image_file_verify(file, &rules, &info);
    }
    image_fault_sentence(fault, &info, &rules, sentence, sizeof(sentence));
    if (!cli_is_json()) {
        print_info(path, is_bootloader ? "bootloader" : "image", &info, fault, sentence);
        if (fault == IMAGE_OK) {
            report_signatures(path, file, trust, NULL);
        }
        return CLI_DONE;
    }
    json_t *root = json_pack("{s:o, s:I}", "file", cli_json_text(path, strlen(path)), "file_length",
                             (json_int_t)file->len);
    json_object_set_new(root, "kind", json_string(is_bootloader ? "bootloader" : "app"));
    json_object_set_new(root, "text", json_string(sentence));
    image_report_json(root, &info, fault);
    if (fault == IMAGE_OK) {
        report_signatures(path, file, trust, root);
    }
    cli_print_json(root);
    return CLI_DONE;
}

enum { OPT_TRUST = 512, OPT_FLASH, OPT_THRESHOLD, OPT_DATA };

static int run_info(int argc, char **argv)
{
    static const struct option OPTIONS[] = {{"trust", required_argument, NULL, OPT_TRUST},
                                            {"flash", required_argument, NULL, OPT_FLASH},
                                            {"json", no_argument, NULL, CLI_OPTION_JSON},
                                            {0}};
    static struct trust trust; // one process, one command
    int option;
    while ((option = cli_next_option(argc, argv, OPTIONS)) != CLI_END) {
        if (option == CLI_WRONG) {
            return CLI_USAGE;
        }
        if (!(option == OPT_TRUST ? trust_add(&trust, optarg) : trust_add_device(&trust, optarg))) {
            return CLI_FAILED;
        }
    }
    if (!cli_check_arguments(argc, 1, 1)) {
        return CLI_USAGE;
    }
    struct cli_bytes file;
    if (!cli_read_file(argv[optind], FILE_MAX, &file)) {
        return CLI_FAILED;
    }
    int code = show_info(argv[optind], &file, &trust);
    free(file.bytes);
    return code;
}

const struct cli_command image_info_command = {
    .name = "image info",
    .summary = "what an image is: chip, project, version, segments, verdict",
    .usage = "image info FILE [--trust KEY|DIGEST]... [--flash FLASH] [--json]",
    .help = "Tells what the image in FILE (\"-\": standard input) is and whether it is whole. What "
            "follows the\n"
            "image, such as the erased rest of a slot, does not matter. Done (exit code 0) also "
            "when the\n"
            "image is not valid: image verify is the command that refuses.\n"
            "Signatures are listed with the digest of their key, and whether they are right.\n\n"
            "  --trust KEY    say which signatures this key makes trusted: PEM, digest or raw v1 "
            "key; repeatable\n"
            "  --flash FLASH  say which of them this device trusts\n"
            "  --json         the same as JSON\n\n"
            "example:  esp-ota image info firmware.bin\n",
    .run = run_info,
};

// ----------------------------------------------------------------------- verify

enum {
    OPT_CHIP = 256,
    OPT_CHIP_REV,
    OPT_BLOCK_REV,
    OPT_PART_SIZE,
    OPT_FLASH_OFFSET,
    OPT_BOOTLOADER
};

static const struct option VERIFY_OPTIONS[] = {
    {"chip", required_argument, NULL, OPT_CHIP},
    {"chip-rev", required_argument, NULL, OPT_CHIP_REV},
    {"block-rev", required_argument, NULL, OPT_BLOCK_REV},
    {"blk-rev", required_argument, NULL, OPT_BLOCK_REV},
    {"part-size", required_argument, NULL, OPT_PART_SIZE},
    {"flash-offset", required_argument, NULL, OPT_FLASH_OFFSET},
    {"bootloader", no_argument, NULL, OPT_BOOTLOADER},
    {"trust", required_argument, NULL, OPT_TRUST},
    {"threshold", required_argument, NULL, OPT_THRESHOLD},
    {"data", no_argument, NULL, OPT_DATA},
    {"json", no_argument, NULL, CLI_OPTION_JSON},
    {0},
};

static bool take_verify_option(int option, struct image_wish *wish)
{
    uint64_t number = 0;
    bool is_good = true;
    switch (option) {
    case OPT_CHIP:
        wish->chip = chip_traits_by_name(optarg);
        is_good = wish->chip != NULL;
        break;
    case OPT_CHIP_REV:
        wish->has_chip_rev = is_good = cli_parse_revision(optarg, &wish->chip_rev);
        break;
    case OPT_BLOCK_REV:
        wish->has_block_rev = is_good = cli_parse_revision(optarg, &wish->block_rev);
        break;
    case OPT_PART_SIZE:
        is_good = cli_parse_size(optarg, UINT32_MAX, &number) && number > 0;
        wish->part_size = (uint32_t)number;
        break;
    case OPT_FLASH_OFFSET:
        is_good = cli_parse_size(optarg, UINT32_MAX, &number);
        wish->flash_offset = (uint32_t)number;
        break;
    default:
        wish->is_bootloader = true;
        break;
    }
    return is_good;
}

// With a partition size the file is judged as it would stand there, else as the file it is.
static enum image_fault verify(const struct cli_bytes *file, const struct image_wish *wish,
                               const struct image_rules *rules, struct image_info *info,
                               char *sentence, size_t size)
{
    enum image_fault in_file = image_file_verify(file, rules, info);
    enum image_fault fault =
        wish->part_size ? image_file_verify_in_flash(file, rules, info) : in_file;
    image_fault_sentence(fault, info, rules, sentence, size);
    if (fault != IMAGE_OK && fault != IMAGE_TRUNCATED && in_file == IMAGE_TRUNCATED) {
        size_t len = strlen(sentence);
        (void)snprintf(sentence + len, size - len, "; the file ends before the image is complete");
    }
    return fault;
}

struct verification {
    const char *path;
    struct cli_bytes file;
    struct image_wish wish;
    struct trust trust;
    bool is_data;
};

// Judges an image without its signature first, because that tells where the signature stands.
static enum image_fault verify_signed(const struct verification *v, const struct image_rules *rules,
                                      struct image_info *info, char *sentence, size_t size,
                                      bool *is_judged)
{
    struct sign_file found;
    struct signature_policy policy;
    enum image_fault fault = verify(&v->file, &v->wish, rules, info, sentence, size);
    if (fault != IMAGE_OK || v->trust.count == 0) {
        return fault;
    }
    *is_judged = sign_file_examine(v->path, &v->file, false, &found) &&
                 trust_policy(&v->trust, &found, &policy);
    if (!*is_judged) {
        return IMAGE_SIGNATURE_NO_KEYS;
    }
    struct image_rules with_signature = *rules;
    with_signature.signature = &policy;
    return verify(&v->file, &v->wish, &with_signature, info, sentence, size);
}

static int report_verdict(const struct verification *v)
{
    struct image_info info;
    char sentence[160];
    char name[80];
    bool is_judged = true;
    struct image_rules rules = image_file_rules(&v->wish, &v->file);
    enum image_fault fault =
        verify_signed(v, &rules, &info, sentence, sizeof(sentence), &is_judged);
    if (!is_judged) {
        return CLI_FAILED; // said why
    }
    if (cli_is_json()) {
        json_t *root = json_pack("{s:o, s:s}", "file", cli_json_text(v->path, strlen(v->path)),
                                 "text", sentence);
        image_report_json(root, &info, fault);
        cli_print_json(root);
    } else if (fault == IMAGE_OK) {
        (void)image_report_name(&info, name);
        printf("%s: valid%s: %s for %s, %u bytes\n", v->path,
               v->trust.count > 0 ? " and signed" : "", name[0] ? name : "an image",
               chip_name(info.header.chip_id), (unsigned)info.image_len);
    }
    return fault == IMAGE_OK
               ? CLI_DONE
               : cli_fail("%s: refused: %s: %s", v->path, image_fault_name(fault), sentence);
}

// A partition table or data: nothing but the signature can be judged.
static int report_data_verdict(const struct verification *v)
{
    struct sign_file found;
    struct signature_policy policy;
    struct signature_result result;
    if (!sign_file_examine(v->path, &v->file, v->is_data, &found) ||
        !trust_policy(&v->trust, &found, &policy)) {
        return CLI_FAILED;
    }
    enum image_fault fault = sign_file_verify(&v->file, &found, &policy, &result);
    if (cli_is_json()) {
        cli_print_json(json_pack("{s:o, s:b, s:s, s:s}", "file",
                                 cli_json_text(v->path, strlen(v->path)), "valid",
                                 fault == IMAGE_OK, "verdict", image_fault_name(fault), "text",
                                 image_fault_text(fault)));
    } else if (fault == IMAGE_OK) {
        printf("%s: signed (%s)\n", v->path, signature_scheme_name(policy.scheme));
    }
    return fault == IMAGE_OK ? CLI_DONE
                             : cli_fail("%s: refused: %s: %s", v->path, image_fault_name(fault),
                                        image_fault_text(fault));
}

static int take_trust_option(int option, struct verification *v)
{
    uint64_t number = 0;
    if (option == OPT_DATA) {
        v->is_data = true;
    } else if (option == OPT_TRUST) {
        return trust_add(&v->trust, optarg) ? CLI_DONE : CLI_FAILED;
    } else if (!cli_parse_number(optarg, SIGNATURE_BLOCK_MAX, &number) || number == 0) {
        return cli_usage("--threshold is 1, 2 or 3, not \"%s\"", optarg);
    }
    v->trust.threshold = number ? (uint32_t)number : v->trust.threshold;
    return CLI_DONE;
}

static int parse_verify(int argc, char **argv, struct verification *v)
{
    int option;
    while ((option = cli_next_option(argc, argv, VERIFY_OPTIONS)) != CLI_END) {
        if (option == CLI_WRONG) {
            return CLI_USAGE;
        }
        if (option >= OPT_TRUST) {
            int code = take_trust_option(option, v);
            if (code != CLI_DONE) {
                return code;
            }
        } else if (!take_verify_option(option, &v->wish)) {
            return option == OPT_CHIP ? cli_usage("--chip: \"%s\" is no chip known here", optarg)
                                      : cli_usage("--%s: \"%s\" is no number that fits here",
                                                  cli_option_name(VERIFY_OPTIONS, option), optarg);
        }
    }
    if (!cli_check_arguments(argc, 1, 1)) {
        return CLI_USAGE;
    }
    if ((v->is_data || v->trust.threshold > 0) && v->trust.count == 0) {
        return cli_usage("%s goes with --trust", v->is_data ? "--data" : "--threshold");
    }
    v->path = argv[optind];
    return CLI_DONE;
}

static int run_verify(int argc, char **argv)
{
    static struct verification v; // one process, one command
    v.wish.flash_offset = IMAGE_FILE_OFFSET_DEFAULT;
    int code = parse_verify(argc, argv, &v);
    if (code != CLI_DONE) {
        return code;
    }
    if (!cli_read_file(v.path, FILE_MAX, &v.file)) {
        return CLI_FAILED;
    }
    bool is_image = v.trust.count == 0 ||
                    (!v.is_data && v.file.len > 0 && v.file.bytes[0] == ESP_IMAGE_HEADER_MAGIC);
    code = is_image ? report_verdict(&v) : report_data_verdict(&v);
    free(v.file.bytes);
    return code;
}

const struct cli_command image_verify_command = {
    .name = "image verify",
    .summary = "whether a device's bootloader would take an image, and why not",
    .usage = "image verify FILE [--chip C] [--chip-rev N] [--block-rev N] [--part-size N] "
             "[--flash-offset N] [--trust KEY|DIGEST]... [--json]",
    .help =
        "Checks the image in FILE (\"-\": standard input) as the bootloader does. Exit code 0: "
        "valid; 1: refused,\n"
        "with the reason as a word and a sentence.\n\n"
        "  --chip C          the device's chip, e.g. esp32c3; without it the one the image is made "
        "for\n"
        "  --chip-rev N      its revision, e.g. 301 or v3.1; without it any that the image takes\n"
        "  --block-rev N     its eFuse block revision; without it any that the image takes\n"
        "  --part-size N     size of the partition, e.g. 0x100000 or 1M; without it 16 MB\n"
        "  --flash-offset N  where the partition starts; without it 0x10000\n"
        "  --bootloader      FILE is a bootloader, not an application\n"
        "  --trust KEY       it must be signed with this key: a PEM file, a digest (64 digits or "
        "32 bytes in a\n"
        "                    file), or a raw v1 key; repeatable, one of them is enough\n"
        "  --threshold N     so many of the trusted keys must have signed; 1 if not given\n"
        "  --data            FILE is a signed data partition; only its signature is judged\n"
        "  --json            the verdict as JSON, also when it is a refusal\n\n"
        "example:  esp-ota image verify firmware.bin --chip esp32 --chip-rev v1.0 --part-size 1M\n",
    .run = run_verify,
};
