// esp-ota release add, set, remove and prune: what changes a release folder.

#include "commands.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "image_policy.h"
#include "release_build.h"

#define KEEP_DEFAULT 5 // chosen: devices that missed a few releases still get a patch
#define KEEP_MAX     15 // fact: release_plan.c looks at sixteen images, the release itself among them
#define DAYS_MAX     36500
#define PRUNE_DEFAULT                                                                              \
    7 // chosen: longer than caches keep an index, and than an interrupted download waits
#define SECONDS_OF_DAY 86400

struct request {
    struct record_signer signer;
    struct release_wish wish;
    bool has_class;
    bool has_compress;
    uint64_t keep;
    uint64_t serial;
    int64_t rollout; // -1: not given
    int64_t expires; // days; -1: not given
    int64_t days;    // -1: not given
    bool allows_downgrade;
    const char *version;
};

enum {
    OPT_KEEP = 256,
    OPT_RAM,
    OPT_NO_STREAMS,
    OPT_COMPRESS,
    OPT_KEY,
    OPT_PASSPHRASE_FILE,
    OPT_ROLLOUT,
    OPT_EXPIRES,
    OPT_SERIAL,
    OPT_DAYS,
    OPT_ALLOW_DOWNGRADE,
    OPT_VERSION,
};

#define SIGNING_OPTIONS                                                                            \
    {"key", required_argument, NULL, OPT_KEY},                                                     \
        {"passphrase-file", required_argument, NULL, OPT_PASSPHRASE_FILE},                         \
        {"serial", required_argument, NULL, OPT_SERIAL},                                           \
    {                                                                                              \
        "json", no_argument, NULL, CLI_OPTION_JSON                                                 \
    }
#define BUILDING_OPTIONS                                                                           \
    {"ram", required_argument, NULL, OPT_RAM}, {"no-streams", no_argument, NULL, OPT_NO_STREAMS},  \
    {                                                                                              \
        "compress", required_argument, NULL, OPT_COMPRESS                                          \
    }

// ----------------------------------------------------------------------- command line

static int take_number(const char *name, uint64_t min, uint64_t max, uint64_t *out)
{
    if (!cli_parse_number(optarg, max, out) || *out < min) {
        return cli_usage("--%s wants a number from %llu to %llu, not \"%s\"", name,
                         (unsigned long long)min, (unsigned long long)max, optarg);
    }
    return CLI_DONE;
}

static int take_signed(const char *name, uint64_t max, int64_t *out)
{
    uint64_t value = 0;
    int code = take_number(name, 0, max, &value);
    *out = code == CLI_DONE ? (int64_t)value : *out;
    return code;
}

static int take_class(struct request *r)
{
    enum esp_delta_class ram_class;
    r->has_class = true;
    if (strcmp(optarg, "none") == 0) {
        return CLI_DONE;
    }
    if (!release_class_of(optarg, &ram_class)) {
        return cli_usage("--ram is 4K, 16K, 64K or none, not \"%s\"", optarg);
    }
    for (uint32_t i = 0; i < r->wish.class_count; i++) {
        if (r->wish.classes[i] == ram_class) {
            return CLI_DONE;
        }
    }
    r->wish.classes[r->wish.class_count++] = ram_class;
    return CLI_DONE;
}

static int take_compress(struct request *r)
{
    r->has_compress = true;
    r->wish.makes_gzip = r->wish.makes_gzip || strcmp(optarg, "gzip") == 0;
    r->wish.makes_zstd = r->wish.makes_zstd || strcmp(optarg, "zstd") == 0;
    bool is_known =
        strcmp(optarg, "gzip") == 0 || strcmp(optarg, "zstd") == 0 || strcmp(optarg, "none") == 0;
    return is_known ? CLI_DONE : cli_usage("--compress is gzip, zstd or none, not \"%s\"", optarg);
}

static int take_version(struct request *r)
{
    char clean[ESP_OTA_RELEASE_TEXT_MAX];
    size_t len = strlen(optarg);
    if (len == 0 || len >= sizeof(clean) ||
        strcmp(cli_clean_text(optarg, len, clean), optarg) != 0) {
        return cli_usage("--version wants 1 to %u printable bytes", ESP_OTA_RELEASE_TEXT_MAX - 1);
    }
    r->version = optarg;
    return CLI_DONE;
}

static int take_option(int option, struct request *r)
{
    switch (option) {
    case OPT_KEEP:
        return take_number("keep", 0, KEEP_MAX, &r->keep);
    case OPT_RAM:
        return take_class(r);
    case OPT_NO_STREAMS:
        r->wish.excludes_streams = true;
        return CLI_DONE;
    case OPT_COMPRESS:
        return take_compress(r);
    case OPT_KEY:
        return record_signer_add(&r->signer, optarg);
    case OPT_PASSPHRASE_FILE:
        r->signer.secret.file = optarg;
        return CLI_DONE;
    case OPT_ROLLOUT:
        return take_signed("rollout", ESP_OTA_RELEASE_ROLLOUT_ALL, &r->rollout);
    case OPT_EXPIRES:
        return take_signed("expires", DAYS_MAX, &r->expires);
    case OPT_SERIAL:
        return take_number("serial", 1, (uint64_t)1 << 53, &r->serial);
    case OPT_DAYS:
        return take_signed("days", DAYS_MAX, &r->days);
    case OPT_ALLOW_DOWNGRADE:
        r->allows_downgrade = true;
        return CLI_DONE;
    case OPT_VERSION:
        return take_version(r);
    default:
        return CLI_USAGE;
    }
}

static int parse(int argc, char **argv, const struct option *options, int arguments,
                 struct request *r)
{
    int option;
    *r = (struct request){.keep = KEEP_DEFAULT, .rollout = -1, .expires = -1, .days = -1};
    while ((option = cli_next_option(argc, argv, options)) != CLI_END) {
        int code = take_option(option, r);
        if (code != CLI_DONE) {
            return code;
        }
    }
    if (!r->has_class) { // chosen: what most devices can spare; one class keeps the folder small
        r->wish.classes[r->wish.class_count++] = ESP_DELTA_16K;
    }
    if (!r->has_compress) {
        r->wish.makes_gzip = true;
        r->wish.makes_zstd = true;
    }
    return cli_check_arguments(argc, arguments, arguments) ? CLI_DONE : CLI_USAGE;
}

// ----------------------------------------------------------------------- shared

static void set_settings(struct release_folder *folder, const struct request *r)
{
    if (r->rollout >= 0) {
        json_object_set_new(folder->index, "rollout", json_integer(r->rollout));
    }
    if (r->expires >= 0) {
        json_object_set_new(folder->index, "lifetime_days", json_integer(r->expires));
    }
}

static const json_t *files_of(const struct release_folder *folder)
{
    return json_object_get(folder->index, "files");
}

static void say_files(const struct release_folder *folder)
{
    size_t i;
    json_t *file;
    json_array_foreach(files_of(folder), i, file)
    {
        char size[32];
        const char *kind = release_text(file, "kind");
        const char *from = release_text(file, "from_version");
        cli_say("  %-5s %10s  %s%s%s", kind,
                cli_size_text((uint64_t)json_integer_value(json_object_get(file, "size")), size),
                release_text(file, "name"), *from ? "  from " : "", from);
    }
}

static int report(const struct release_folder *folder, const struct request *r)
{
    json_int_t serial = json_integer_value(json_object_get(folder->index, "serial"));
    json_int_t rollout = json_integer_value(json_object_get(folder->index, "rollout"));
    if (cli_is_json()) {
        json_t *root = json_object();
        json_object_set_new(root, "serial", json_integer(serial));
        json_object_set_new(root, "signed", json_boolean(r->signer.count > 0));
        json_object_set(root, "version", json_object_get(folder->index, "version"));
        json_object_set_new(root, "rollout", json_integer(rollout));
        json_object_set(root, "files", json_object_get(folder->index, "files"));
        cli_print_json(root);
        return CLI_DONE;
    }
    cli_say("%s offers %s %s for %s%s, index %lld, %s", folder->dir,
            release_text(folder->index, "project"), release_text(folder->index, "version"),
            release_text(folder->index, "chip"),
            rollout < ESP_OTA_RELEASE_ROLLOUT_ALL ? " to a part of the devices" : "",
            (long long)serial, r->signer.count > 0 ? "signed" : "NOT signed");
    if (rollout < ESP_OTA_RELEASE_ROLLOUT_ALL) {
        cli_say("  rollout %lld %%; widen it: esp-ota release set %s --rollout 100",
                (long long)rollout, folder->dir);
    }
    say_files(folder);
    return CLI_DONE;
}

// Opens, lets change() work, publishes.
static int change_folder(const char *dir, struct request *r, bool creates,
                         bool (*change)(struct release_folder *, struct request *, void *),
                         void *context)
{
    struct release_folder folder = {.lock = -1};
    int code = CLI_FAILED;
    if (record_signer_load(&r->signer) && release_folder_open(&folder, dir, creates) &&
        release_folder_may_sign(&folder, &r->signer) && change(&folder, r, context) &&
        release_folder_publish(&folder, &r->signer, r->serial)) {
        code = report(&folder, r);
    }
    release_folder_close(&folder);
    record_signer_free(&r->signer);
    return code;
}

// ----------------------------------------------------------------------- add

static bool refuse_mix(const struct release_folder *folder, const struct release_image *image)
{
    const char *chip = release_text(folder->index, "chip");
    const char *project = release_text(folder->index, "project");
    if (strcmp(chip, image->chip) != 0) {
        cli_report_failure("%s is a folder for %s, the image is for %s; one folder holds one chip "
                           "and one project",
                           folder->dir, chip, image->chip);
        return true;
    }
    if (strcmp(project, image->project) != 0) {
        cli_report_failure("%s is a folder of project %s, the image is of %s; one folder holds one "
                           "chip and one project",
                           folder->dir, project, image->project);
        return true;
    }
    return false;
}

static bool refuse_known(const struct release_folder *folder, const struct release_image *image)
{
    size_t i;
    json_t *release;
    const json_t *releases = json_object_get(folder->index, "releases");
    json_array_foreach(releases, i, release)
    {
        if (strcmp(release_text(release, "sha256"), image->sha256) != 0) {
            continue;
        }
        cli_report_failure(i + 1 == json_array_size(releases)
                               ? "%s offers this very image already, as %s"
                               : "%s holds this very image as %s; to offer it again remove the "
                                 "newer ones: esp-ota release remove",
                           folder->dir, release_text(release, "version"));
        return true;
    }
    return false;
}

static bool refuse_older(const struct release_folder *folder, const struct release_image *image)
{
    char old_version[ESP_OTA_RELEASE_TEXT_MAX];
    const char *offered = release_text(folder->index, "version");
    json_int_t secure = json_integer_value(json_object_get(folder->index, "secure_version"));
    (void)snprintf(old_version, sizeof(old_version), "%s", offered); // cut as a device would
    if (image->secure_version < secure) {
        cli_report_failure("the image has secure version %u, the folder offers %lld: devices with "
                           "anti-rollback refuse it",
                           (unsigned)image->secure_version, (long long)secure);
        return true;
    }
    if (image_policy_compare_versions(image->version, old_version) < 0) {
        cli_report_failure("version %s is older than %s, which %s offers; --allow-downgrade if "
                           "that is meant",
                           image->version, offered, folder->dir);
        return true;
    }
    return false;
}

static bool add_release(struct release_folder *folder, struct request *r, void *context)
{
    const struct release_image *image = context;
    json_t *releases = json_object_get(folder->index, "releases");
    bool is_first = json_array_size(releases) == 0;
    if (!is_first && (refuse_mix(folder, image) || refuse_known(folder, image) ||
                      (!r->allows_downgrade && refuse_older(folder, image)))) {
        return false;
    }
    if (r->rollout < 0) {
        r->rollout = ESP_OTA_RELEASE_ROLLOUT_ALL;
    }
    set_settings(folder, r);
    (void)json_object_del(folder->index, "withdrawn"); // what comes now is newer than those, too
    if (!release_build_append(folder, image)) {
        return false;
    }
    while (json_array_size(releases) > r->keep + 1) {
        json_array_remove(releases, 0);
    }
    return release_build_offer(folder, &r->wish);
}

static int run_add(int argc, char **argv)
{
    static const struct option options[] = {
        SIGNING_OPTIONS,
        BUILDING_OPTIONS,
        {"keep", required_argument, NULL, OPT_KEEP},
        {"version", required_argument, NULL, OPT_VERSION},
        {"rollout", required_argument, NULL, OPT_ROLLOUT},
        {"expires", required_argument, NULL, OPT_EXPIRES},
        {"allow-downgrade", no_argument, NULL, OPT_ALLOW_DOWNGRADE},
        {0}};
    struct request request;
    struct release_image image;
    int code = parse(argc, argv, options, 2, &request);
    if (code != CLI_DONE) {
        return code;
    }
    code = CLI_FAILED;
    if (release_image_read(argv[optind + 1], &image)) {
        if (request.version) {
            (void)snprintf(image.version, sizeof(image.version), "%s", request.version); // it fits
        }
        code = change_folder(argv[optind], &request, true, add_release, &image);
    }
    free(image.file.bytes);
    return code;
}

const struct cli_command release_add_command = {
    .name = "release add",
    .summary = "put an image into a release folder, with patches from the releases before it",
    .usage = "release add DIR NEW.bin [--key KEY]... [--keep N] [--ram CLASS]... "
             "[--compress KIND]... [OPTIONS]",
    .help =
        "DIR holds plain files for any web server or CDN: the image, compressed forms, patches, "
        "and release.json, a signed\n"
        "index that is replaced last. A device updates with its URL: esp-ota update ... "
        "https://HOST/DIR/. One folder holds one\n"
        "chip and one project. What the index no longer names stays until esp-ota release prune. "
        "Uploading: files first,\n"
        "release.json last (rsync twice, first with --exclude release.json).\n\n"
        "  --key KEY         signs the index, for devices with update --trust: a PEM file or a "
        "pkcs11: URI; up to three\n"
        "  --passphrase-file F\n"
        "                    pass phrase of the key or PIN of the token, in a file\n"
        "  --version V       what this release is called; if not given, as the image's descriptor "
        "says\n"
        "  --keep N          releases before this one that devices get patches from; 5 if not "
        "given, at most 15\n"
        "  --ram 4K|16K|64K|none\n"
        "                    memory that devices may spend on a patch; once or more. 16K if not "
        "given\n"
        "  --no-streams      patches do not look into compressed pages: for devices built without "
        "that part\n"
        "  --compress gzip|zstd|none\n"
        "                    forms of the whole image; once or more. Both if not given\n"
        "  --rollout PERCENT of the devices that are offered it; 100 if not given\n"
        "  --expires DAYS    devices refuse the index after that time; every change of the folder "
        "begins it anew. 0: never\n"
        "  --allow-downgrade the image is older than the one before\n"
        "  --serial N        number of the index; one more than the last if not given\n"
        "  --json            serial, signed, version, rollout, files\n\n"
        "example:  esp-ota release add public/esp32 v2.bin --key release.pem --keep 3\n",
    .run = run_add,
};

// ----------------------------------------------------------------------- set

static bool set_release(struct release_folder *folder, struct request *r, void *context)
{
    (void)context;
    set_settings(folder, r);
    return true;
}

static int run_set(int argc, char **argv)
{
    static const struct option options[] = {SIGNING_OPTIONS,
                                            {"rollout", required_argument, NULL, OPT_ROLLOUT},
                                            {"expires", required_argument, NULL, OPT_EXPIRES},
                                            {0}};
    struct request request;
    int code = parse(argc, argv, options, 1, &request);
    return code == CLI_DONE ? change_folder(argv[optind], &request, false, set_release, NULL)
                            : code;
}

const struct cli_command release_set_command = {
    .name = "release set",
    .summary = "sign the index of a release folder again, with another rollout or expiry",
    .usage = "release set DIR [--rollout PERCENT] [--expires DAYS] [--key KEY]... [OPTIONS]",
    .help = "Without --rollout and --expires the index is only renewed: the time until it expires "
            "begins anew.\n\n"
            "  --rollout PERCENT of the devices that are offered the release. Which ones follows "
            "from their ids: more percent\n"
            "                    add devices and never take one away\n"
            "  --expires DAYS    0: never\n"
            "  --key KEY, --passphrase-file F, --serial N, --json\n"
            "                    as of release add\n\n"
            "example:  esp-ota release set public/esp32 --rollout 25 --key release.pem\n",
    .run = run_set,
};

// ----------------------------------------------------------------------- remove

static bool is_meant(const json_t *release, const char *word)
{
    size_t len = strlen(word);
    bool is_digest = len >= 8 && strncmp(release_text(release, "sha256"), word, len) == 0;
    return is_digest || strcmp(release_text(release, "version"), word) == 0;
}

// Index of the release that word names. @return -1: none, or several; said so
static int find_release(const struct release_folder *folder, const char *word)
{
    size_t i;
    json_t *release;
    int found = -1;
    json_array_foreach(json_object_get(folder->index, "releases"), i, release)
    {
        if (!is_meant(release, word)) {
            continue;
        }
        if (found >= 0) {
            cli_report_failure("%s has several releases %s: name one by 8 digits of its SHA-256 "
                               "(esp-ota release list)",
                               folder->dir, word);
            return -1;
        }
        found = (int)i;
    }
    if (found < 0) {
        cli_report_failure("%s has no release %s; esp-ota release list shows what it has",
                           folder->dir, word);
    }
    return found;
}

// Devices that run it must know that what is offered now is older.
static void note_withdrawn(struct release_folder *folder, const json_t *release)
{
    json_t *withdrawn = json_object_get(folder->index, "withdrawn");
    if (!withdrawn) {
        withdrawn = json_array();
        json_object_set_new(folder->index, "withdrawn", withdrawn);
    }
    json_array_append_new(withdrawn, json_pack("{s:s, s:O, s:O, s:O}", "kind", "image", "name",
                                               json_object_get(release, "name"), "size",
                                               json_object_get(release, "size"), "sha256",
                                               json_object_get(release, "sha256")));
}

static bool remove_release(struct release_folder *folder, struct request *r, void *context)
{
    json_t *releases = json_object_get(folder->index, "releases");
    int at = find_release(folder, context);
    if (at < 0) {
        return false;
    }
    if (json_array_size(releases) == 1) {
        cli_report_failure("%s has no other release to offer", folder->dir);
        return false;
    }
    if ((size_t)at + 1 == json_array_size(releases)) {
        cli_warn("devices that run %s already keep it: none goes back without update "
                 "--allow-downgrade",
                 (const char *)context);
    }
    if ((size_t)at + 1 == json_array_size(releases)) {
        note_withdrawn(folder, json_array_get(releases, (size_t)at));
    }
    json_array_remove(releases, (size_t)at);
    set_settings(folder, r);
    return release_build_offer(folder, &r->wish);
}

static int run_remove(int argc, char **argv)
{
    static const struct option options[] = {SIGNING_OPTIONS, BUILDING_OPTIONS, {0}};
    struct request request;
    int code = parse(argc, argv, options, 2, &request);
    return code == CLI_DONE
               ? change_folder(argv[optind], &request, false, remove_release, argv[optind + 1])
               : code;
}

const struct cli_command release_remove_command = {
    .name = "release remove",
    .summary = "withdraw a release: the one before it is offered again",
    .usage = "release remove DIR VERSION [--key KEY]... [OPTIONS]",
    .help = "VERSION may also be the beginning (8 digits or more) of the image's SHA-256. Files "
            "stay until release prune.\n\n"
            "  --ram CLASS, --no-streams, --compress KIND, --key KEY, --passphrase-file F, "
            "--serial N, --json\n"
            "                    as of release add\n\n"
            "example:  esp-ota release remove public/esp32 2.0.1 --key release.pem\n",
    .run = run_remove,
};

// ----------------------------------------------------------------------- prune

static bool prune_folder(struct release_folder *folder, struct request *r, void *context)
{
    uint64_t count;
    uint64_t bytes;
    char size[32];
    (void)context;
    int64_t days = r->days >= 0 ? r->days : PRUNE_DEFAULT;
    if (!release_folder_prune(folder, (int64_t)time(NULL) - days * SECONDS_OF_DAY, &count,
                              &bytes)) {
        return false;
    }
    cli_say("%llu files deleted, %s", (unsigned long long)count, cli_size_text(bytes, size));
    return true;
}

static int run_prune(int argc, char **argv)
{
    static const struct option options[] = {
        SIGNING_OPTIONS, {"days", required_argument, NULL, OPT_DAYS}, {0}};
    struct request request;
    int code = parse(argc, argv, options, 1, &request);
    return code == CLI_DONE ? change_folder(argv[optind], &request, false, prune_folder, NULL)
                            : code;
}

const struct cli_command release_prune_command = {
    .name = "release prune",
    .summary = "delete files that the index has not named for some days",
    .usage = "release prune DIR [--days N] [--key KEY]... [OPTIONS]",
    .help = "Devices and caches that hold an older index may still fetch what it named; after a "
            "week hardly any does.\n"
            "Files that esp-ota release did not make are left alone.\n\n"
            "  --days N          since the index dropped them; 7 if not given, 0: all of them\n"
            "  --key KEY, --passphrase-file F, --serial N, --json\n"
            "                    as of release add\n\n"
            "example:  esp-ota release prune public/esp32 --key release.pem\n",
    .run = run_prune,
};
