// esp-ota image build: firmware that can be carried, verified and booted here. It does nothing, or it is a host program.

#include "commands.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chip_traits.h"
#include "image_encode.h"
#include "image_pack.h"

#define GRANULE 16u // fact: the checksum byte ends a block of 16, the digest has 32 bytes

struct build {
    struct image_encode_spec spec;
    uint64_t size;   // 0: as small as possible
    const char *elf; // host program to pack; NULL: data
    bool has_secure_version;
    enum host_image_rollback rollback; // what the program knows of it
    const char *out;
};

enum {
    OPT_CHIP = 256,
    OPT_PROJECT,
    OPT_VERSION,
    OPT_SECURE,
    OPT_SIZE,
    OPT_MIN_REV,
    OPT_MAX_REV,
    OPT_DATE,
    OPT_TIME,
    OPT_ELF,
    OPT_APP_ROLLBACK,
};

static const struct option OPTIONS[] = {
    {"chip", required_argument, NULL, OPT_CHIP},
    {"project", required_argument, NULL, OPT_PROJECT},
    {"version", required_argument, NULL, OPT_VERSION},
    {"secure-version", required_argument, NULL, OPT_SECURE},
    {"size", required_argument, NULL, OPT_SIZE},
    {"min-chip-rev", required_argument, NULL, OPT_MIN_REV},
    {"max-chip-rev", required_argument, NULL, OPT_MAX_REV},
    {"date", required_argument, NULL, OPT_DATE},
    {"time", required_argument, NULL, OPT_TIME},
    {"elf", required_argument, NULL, OPT_ELF},
    {"app-rollback", required_argument, NULL, OPT_APP_ROLLBACK},
    {"output", required_argument, NULL, 'o'},
    {0},
};

static bool take_chip(struct image_encode_spec *spec)
{
    const struct chip_traits *traits = chip_traits_by_name(optarg);
    if (traits) {
        spec->chip_id = traits->id;
    }
    return traits != NULL;
}

static bool take_rollback(struct build *build)
{
    bool is_on = false;
    bool is_good = cli_parse_switch(optarg, &is_on);
    build->rollback = is_on ? HOST_IMAGE_ROLLBACK_ON : HOST_IMAGE_ROLLBACK_OFF;
    return is_good;
}

static bool take_option(int option, struct build *build)
{
    uint64_t number = 0;
    switch (option) {
    case OPT_CHIP:
        return take_chip(&build->spec);
    case OPT_PROJECT:
        build->spec.project = optarg;
        return true;
    case OPT_VERSION:
        build->spec.version = optarg;
        return true;
    case OPT_SECURE:
        if (!cli_parse_number(optarg, UINT32_MAX, &number)) {
            return false;
        }
        build->spec.secure_version = (uint32_t)number;
        build->has_secure_version = true;
        return true;
    case OPT_SIZE:
        return cli_parse_size(optarg, UINT32_MAX - GRANULE, &build->size) && build->size > 0;
    case OPT_MIN_REV:
        return cli_parse_revision(optarg, &build->spec.min_chip_rev);
    case OPT_MAX_REV:
        return cli_parse_revision(optarg, &build->spec.max_chip_rev);
    case OPT_DATE:
        build->spec.date = optarg;
        return true;
    case OPT_TIME:
        build->spec.time = optarg;
        return true;
    case OPT_ELF:
        build->elf = optarg;
        return true;
    case OPT_APP_ROLLBACK:
        return take_rollback(build);
    default:
        build->out = optarg;
        return true;
    }
}

// Makes the image as long as asked. Lengths come in steps of 16.
static bool choose_payload(struct build *build)
{
    uint32_t smallest = image_encode_len(&build->spec);
    uint64_t wanted = (build->size + GRANULE - 1) / GRANULE * GRANULE;
    if (build->size == 0) {
        return true;
    }
    if (wanted < smallest) {
        cli_report_usage("--size %llu: the smallest image has %u bytes",
                         (unsigned long long)build->size, (unsigned)smallest);
        return false;
    }
    if (wanted != build->size) {
        cli_warn("--size %llu: image lengths are multiples of 16, so this one has %llu bytes",
                 (unsigned long long)build->size, (unsigned long long)wanted);
    }
    build->spec.payload_len = (uint32_t)(wanted - smallest);
    return true;
}

// Bytes that follow from project and version alone: the same command makes the same file, another version another one.
static void fill_payload(const struct image_encode_spec *spec, uint8_t *out)
{
    uint64_t state = 0xCBF29CE484222325u; // chosen: FNV-1a, then xorshift64; any mixing would do
    const char *texts[] = {spec->project, spec->version};
    for (size_t i = 0; i < 2; i++) {
        for (const char *at = texts[i]; *at; at++) {
            state = (state ^ (uint8_t)*at) * 0x100000001B3u;
        }
        state = (state ^ 0xFF) * 0x100000001B3u;
    }
    state = state ? state : 1; // xorshift never leaves 0
    for (uint32_t i = 0; i < spec->payload_len; i++) {
        if (i % 8 == 0) {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
        }
        out[i] = (uint8_t)(state >> (i % 8 * 8));
    }
}

static int write_image(const struct build *build)
{
    uint32_t len = image_encode_len(&build->spec);
    uint8_t *bytes = malloc(len);
    if (!bytes) {
        return cli_fail("not enough memory for an image of %u bytes", (unsigned)len);
    }
    fill_payload(&build->spec, bytes + IMAGE_ENCODE_PAYLOAD_OFFSET);
    esp_err_t err = image_encode(&build->spec, bytes);
    int code = CLI_DONE;
    if (err == ESP_ERR_INVALID_SIZE) {
        code = cli_fail("an image for %s ends at 16 MB; --size %llu is more",
                        chip_name(build->spec.chip_id), (unsigned long long)build->size);
    } else if (err != ESP_OK) {
        code = cli_fail_with(err, "the image could not be made");
    } else if (!cli_write_file(build->out, bytes, len)) {
        code = CLI_FAILED;
    } else {
        char size[32];
        cli_say("%s: %s %s for %s, %s", build->out, build->spec.project, build->spec.version,
                chip_name(build->spec.chip_id), cli_size_text(len, size));
    }
    free(bytes);
    return code;
}

static int check_build(int argc, const struct build *build)
{
    if (!cli_check_arguments(argc, 0, 0)) {
        return CLI_USAGE;
    }
    const struct image_encode_spec *spec = &build->spec;
    if (build->elf) {
        if (spec->chip_id != ESP_CHIP_ID_LINUX || !build->out) {
            return cli_usage("--elf packs a program of this host: --chip linux and -o are needed");
        }
        if (build->size > 0 || spec->min_chip_rev > 0 || spec->max_chip_rev > 0) {
            return cli_usage("--size, --min-chip-rev and --max-chip-rev do not go with --elf");
        }
    } else if (build->rollback != HOST_IMAGE_ROLLBACK_UNKNOWN) {
        return cli_usage("--app-rollback is about a program: it goes with --elf");
    } else if (spec->chip_id == ESP_CHIP_ID_INVALID || !spec->project || !spec->version ||
               !build->out) {
        return cli_usage("--chip, --project, --version and -o are needed");
    }
    if ((spec->project && strlen(spec->project) > 32) ||
        (spec->version && strlen(spec->version) > 32)) {
        return cli_usage("project and version have at most 32 bytes");
    }
    return CLI_DONE;
}

static int run(int argc, char **argv)
{
    struct build build = {.spec = {.chip_id = ESP_CHIP_ID_INVALID}};
    int option;
    while ((option = cli_next_option(argc, argv, OPTIONS)) != CLI_END) {
        if (option == CLI_WRONG) {
            return CLI_USAGE;
        }
        if (!take_option(option, &build)) {
            return option == OPT_CHIP ? cli_usage("--chip: \"%s\" is no chip known here", optarg)
                   : option == OPT_APP_ROLLBACK
                       ? cli_usage("--app-rollback is on or off, not \"%s\"", optarg)
                       : cli_usage("--%s: \"%s\" is no number that fits here",
                                   cli_option_name(OPTIONS, option), optarg);
        }
    }
    int code = check_build(argc, &build);
    if (code != CLI_DONE) {
        return code;
    }
    if (build.elf) {
        struct image_pack pack = {.elf = build.elf,
                                  .spec = &build.spec,
                                  .has_secure_version = build.has_secure_version,
                                  .rollback = build.rollback,
                                  .out = build.out};
        return image_pack(&pack);
    }
    return choose_payload(&build) ? write_image(&build) : CLI_USAGE;
}

const struct cli_command image_build_command = {
    .name = "image build",
    .summary = "make a valid image that carries a host program, or data to try updates with",
    .usage = "image build --chip C [--elf PROGRAM] --project P --version V [OPTIONS] -o OUT",
    .help =
        "Makes an application image that every check accepts. The same options make the same "
        "bytes: there are\n"
        "no time stamps unless given.\n\n"
        "  --elf PROGRAM       with --chip linux: pack this program of the host, which device run "
        "executes. What\n"
        "                      its own descriptor (esp_app_desc) says holds unless an option says "
        "otherwise\n"
        "  --chip C            e.g. esp32, esp32s3, esp32c3, or linux for a virtual device\n"
        "  --app-rollback on|off  with --elf: whether the program was built with rollback, that is "
        "whether it\n"
        "                      confirms itself; device run puts one without it on no trial\n"
        "  --project P         project name, at most 32 bytes\n"
        "  --version V         version, at most 32 bytes\n"
        "  --secure-version N  for anti-rollback; 0 if not given\n"
        "  --size BYTES        length of the whole image, e.g. 512K; filled with pseudo-random "
        "bytes\n"
        "  --min-chip-rev N    oldest chip revision it runs on, e.g. 301 or v3.1\n"
        "  --max-chip-rev N    newest chip revision it runs on\n"
        "  --date D, --time T  build date and time, e.g. \"Jan 31 2025\" and 12:00:00\n"
        "  -o, --output OUT    where it goes; \"-\": standard output\n\n"
        "example:  esp-ota image build --chip esp32 --project hello --version 1.0.0 -o v1.bin\n"
        "          esp-ota image build --chip linux --elf build/app --project hello --version "
        "1.0.0 "
        "-o v1.bin\n",
    .run = run,
};
