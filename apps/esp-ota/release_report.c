// esp-ota release list and verify: what a release folder holds, and whether all of it is good.

#include "commands.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "delta_encoder.h"
#include "release_folder.h"
#include "release_pack.h"

#define SECONDS_OF_DAY 86400

enum { OPT_TRUST = 256 };

static const struct option OPTIONS[] = {{"trust", required_argument, NULL, OPT_TRUST},
                                        {"json", no_argument, NULL, CLI_OPTION_JSON},
                                        {0}};

static int open_folder(int argc, char **argv, struct trust *trust, struct release_folder *folder)
{
    int option;
    while ((option = cli_next_option(argc, argv, OPTIONS)) != CLI_END) {
        if (option == CLI_WRONG) {
            return CLI_USAGE;
        }
        if (!trust_add(trust, optarg)) {
            return CLI_FAILED;
        }
    }
    if (!cli_check_arguments(argc, 1, 1)) {
        return CLI_USAGE;
    }
    if (!release_folder_read(folder, argv[optind])) {
        release_folder_close(folder);
        return CLI_FAILED;
    }
    return CLI_DONE;
}

static void report_signatures(const struct release_folder *folder, const struct trust *trust,
                              json_t *object)
{
    static uint8_t bytes[SIGNATURE_RECORD_COUNT_MAX][SIGNATURE_RECORD_MAX];
    struct signature_record records[SIGNATURE_RECORD_COUNT_MAX];
    uint32_t count = esp_ota_release_signatures(&folder->is, bytes, records);
    record_report(folder->is.text, folder->is.signed_len, records, count,
                  trust->count > 0 ? trust : NULL, object);
}

// ----------------------------------------------------------------------- list

static void print_expiry(const struct esp_ota_release *release)
{
    int64_t left = (int64_t)release->expires - (int64_t)time(NULL);
    if (release->expires == 0) {
        printf("  expires    never\n");
    } else if (left < 0) {
        printf("  expires    EXPIRED %lld days ago: devices refuse it; esp-ota release set renews "
               "it\n",
               (long long)(-left / SECONDS_OF_DAY));
    } else {
        printf("  expires    in %lld days\n", (long long)(left / SECONDS_OF_DAY));
    }
}

static void print_head(const struct release_folder *folder)
{
    const struct esp_ota_release *release = &folder->is;
    char project[ESP_OTA_RELEASE_TEXT_MAX];
    char version[ESP_OTA_RELEASE_TEXT_MAX];
    printf("%s offers %s %s for %s\n", folder->dir,
           cli_clean_text(release->project, strlen(release->project), project),
           cli_clean_text(release->version, strlen(release->version), version), release->chip);
    printf("  index      %llu\n", (unsigned long long)release->serial);
    printf("  rollout    %u %%\n", (unsigned)release->rollout);
    print_expiry(release);
}

static void print_files(const struct release_folder *folder)
{
    size_t i;
    json_t *entry;
    printf("  offered files\n");
    json_array_foreach(json_object_get(folder->index, "files"), i, entry)
    {
        json_int_t size = json_integer_value(json_object_get(entry, "size"));
        const char *from = release_text(entry, "from_version");
        printf("    %-5s %9lld bytes, %5.1f %%  %s%s%s\n", release_text(entry, "kind"),
               (long long)size, 100.0 * (double)size / (double)folder->is.image_size,
               release_text(entry, "name"), *from ? "  from " : "", from);
    }
}

static void print_releases(const struct release_folder *folder)
{
    size_t i;
    json_t *entry;
    printf("  releases, oldest first\n");
    json_array_foreach(json_object_get(folder->index, "releases"), i, entry)
    {
        printf("    %-16s %9lld bytes  SHA-256 %.16s...\n", release_text(entry, "version"),
               (long long)json_integer_value(json_object_get(entry, "size")),
               release_text(entry, "sha256"));
    }
    printf("  retired files: %zu\n", json_array_size(json_object_get(folder->index, "retired")));
}

static int run_list(int argc, char **argv)
{
    struct trust trust = {0};
    struct release_folder folder;
    int code = open_folder(argc, argv, &trust, &folder);
    if (code != CLI_DONE) {
        return code;
    }
    if (cli_is_json()) {
        json_t *root = json_deep_copy(folder.index);
        report_signatures(&folder, &trust, root);
        cli_print_json(root);
    } else {
        print_head(&folder);
        report_signatures(&folder, &trust, NULL);
        print_files(&folder);
        print_releases(&folder);
    }
    release_folder_close(&folder);
    return CLI_DONE;
}

const struct cli_command release_list_command = {
    .name = "release list",
    .summary = "show what a release folder offers",
    .usage = "release list DIR [--trust KEY]... [--json]",
    .help = "  --trust KEY    tells which signatures are by this key\n"
            "  --json         the index, and what its signatures are worth\n\n"
            "example:  esp-ota release list public/esp32\n",
    .run = run_list,
};

// ----------------------------------------------------------------------- verify

struct verdict {
    const struct release_folder *folder;
    struct cli_bytes image;
    uint32_t checked;
    uint32_t wrong;
    json_t *problems;
};

static void note_problem(struct verdict *v, const char *name, const char *what)
{
    v->wrong++;
    cli_report_failure("%s/%s: %s", v->folder->dir, name, what);
    json_array_append_new(v->problems, json_pack("{s:s, s:s}", "file", name, "problem", what));
}

// Problems that were said already.
static void note_said(struct verdict *v, const char *name)
{
    v->wrong++;
    json_array_append_new(v->problems,
                          json_pack("{s:s, s:s}", "file", name, "problem", cli_failure()));
}

static bool get(struct verdict *v, const json_t *entry, struct cli_bytes *out)
{
    v->checked++;
    bool is_good = release_folder_get(v->folder, release_text(entry, "name"),
                                      (uint64_t)json_integer_value(json_object_get(entry, "size")),
                                      release_text(entry, "sha256"), out);
    if (!is_good) {
        note_said(v, release_text(entry, "name"));
    }
    return is_good;
}

static const json_t *release_with(const struct release_folder *folder, const char *sha256)
{
    size_t i;
    json_t *entry;
    json_array_foreach(json_object_get(folder->index, "releases"), i, entry)
    {
        if (strcmp(release_text(entry, "sha256"), sha256) == 0) {
            return entry;
        }
    }
    return NULL;
}

static void verify_patch(struct verdict *v, const json_t *entry, const struct cli_bytes *patch)
{
    const char *name = release_text(entry, "name");
    const json_t *from = release_with(v->folder, release_text(entry, "from_sha256"));
    struct cli_bytes base;
    uint8_t *made = NULL;
    size_t len = 0;
    if (!from) {
        note_problem(v, name, "the image that it begins with is not in the folder");
        return;
    }
    if (!get(v, from, &base)) {
        return;
    }
    struct delta_file old_file = {base.bytes, base.len};
    bool is_right = delta_apply(&old_file, NULL, patch->bytes, patch->len, &made, &len) == ESP_OK &&
                    len == v->image.len && memcmp(made, v->image.bytes, len) == 0;
    cli_forget_log();
    if (!is_right) {
        note_problem(v, name, "applying it does not give the release");
    }
    free(made);
    free(base.bytes);
}

static void verify_file(struct verdict *v, const json_t *entry)
{
    const char *kind = release_text(entry, "kind");
    struct cli_bytes file;
    if (!get(v, entry, &file)) {
        return;
    }
    if (strcmp(kind, "patch") == 0) {
        verify_patch(v, entry, &file);
    } else if (strcmp(kind, "image") == 0) {
        if (strcmp(release_text(entry, "sha256"), release_text(v->folder->index, "image_sha256")) !=
            0) {
            note_problem(v, release_text(entry, "name"), "not the image that the index offers");
        }
    } else if (!release_unpacks_to(strcmp(kind, "gzip") == 0 ? ESP_OTA_RELEASE_GZIP
                                                             : ESP_OTA_RELEASE_ZSTD,
                                   &file, &v->image)) {
        note_problem(v, release_text(entry, "name"), "unpacking it does not give the release");
    }
    free(file.bytes);
}

static void verify_files(struct verdict *v)
{
    size_t i;
    json_t *entry;
    const json_t *last = release_with(v->folder, release_text(v->folder->index, "image_sha256"));
    if (!last) {
        note_problem(v, ESP_OTA_RELEASE_INDEX_NAME, "the release it offers is not among its own");
        return;
    }
    if (!get(v, last, &v->image)) {
        return;
    }
    json_array_foreach(json_object_get(v->folder->index, "files"), i, entry)
    {
        verify_file(v, entry);
    }
}

static void verify_index(struct verdict *v, const struct trust *trust)
{
    const struct esp_ota_release *release = &v->folder->is;
    struct signature_policy policy;
    if (trust->count > 0) {
        enum image_fault fault = record_policy(trust, &policy)
                                     ? esp_ota_release_verify(release, &policy)
                                     : IMAGE_SIGNATURE_NO_KEYS;
        if (fault != IMAGE_OK) {
            note_problem(v, ESP_OTA_RELEASE_INDEX_NAME, image_fault_text(fault));
        }
    }
    if (release->expires > 0 && (uint64_t)time(NULL) > release->expires) {
        note_problem(v, ESP_OTA_RELEASE_INDEX_NAME,
                     "expired: devices refuse it; esp-ota release set renews it");
    }
}

static int run_verify(int argc, char **argv)
{
    struct trust trust = {0};
    struct release_folder folder;
    int code = open_folder(argc, argv, &trust, &folder);
    if (code != CLI_DONE) {
        return code;
    }
    struct verdict v = {.folder = &folder, .problems = json_array()};
    verify_index(&v, &trust);
    verify_files(&v);
    if (cli_is_json()) {
        json_t *root = json_pack("{s:b, s:i, s:O}", "good", v.wrong == 0, "files", (int)v.checked,
                                 "problems", v.problems);
        json_object_set_new(root, "error", v.wrong ? json_string(cli_failure()) : json_null());
        report_signatures(&folder, &trust, root);
        cli_print_json(root);
    } else if (v.wrong == 0) {
        printf("%s is good: %s %s, %u files, every patch applied%s\n", folder.dir,
               release_text(folder.index, "project"), release_text(folder.index, "version"),
               (unsigned)v.checked,
               folder.is_signed && trust.count == 0
                   ? "; the signature was not checked: give --trust KEY"
                   : "");
    }
    json_decref(v.problems);
    free(v.image.bytes);
    release_folder_close(&folder);
    return v.wrong == 0 ? CLI_DONE : CLI_FAILED;
}

const struct cli_command release_verify_command = {
    .name = "release verify",
    .summary = "check a release folder: every file there and whole, every patch applies",
    .usage = "release verify DIR [--trust KEY]... [--json]",
    .help = "Reads every file that the index names, unpacks what is compressed and applies every "
            "patch, as devices would.\n\n"
            "  --trust KEY    the index must be signed by this key: a PEM file or a digest; once "
            "or more\n"
            "  --json         good, files, problems (file, problem), signatures\n\n"
            "example:  esp-ota release verify public/esp32 --trust release_pub.pem\n",
    .run = run_verify,
};
