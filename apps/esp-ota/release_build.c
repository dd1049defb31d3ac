#include "release_build.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chip_traits.h"
#include "delta_encoder.h"
#include "image_file.h"
#include "release_pack.h"

static const char *const CLASS_NAMES[] = {"", "4K", "16K", "64K"};

bool release_class_of(const char *text, enum esp_delta_class *ram_class)
{
    for (int i = ESP_DELTA_4K; i <= ESP_DELTA_64K; i++) {
        if (strcmp(text, CLASS_NAMES[i]) == 0) {
            *ram_class = (enum esp_delta_class)i;
            return true;
        }
    }
    return false;
}

// ----------------------------------------------------------------------- images

bool release_image_read(const char *path, struct release_image *image)
{
    struct image_wish wish = {.flash_offset = IMAGE_FILE_OFFSET_DEFAULT};
    struct image_info info;
    char sentence[160];
    *image = (struct release_image){0};
    if (!cli_read_file(path, DELTA_FILE_MAX, &image->file)) {
        return false;
    }
    struct image_rules rules = image_file_rules(&wish, &image->file);
    enum image_fault fault = image_file_verify(&image->file, &rules, &info);
    const esp_app_desc_t *app = fault == IMAGE_OK ? image_app_desc(&info) : NULL;
    if (fault != IMAGE_OK) {
        cli_report_failure("%s is no image that could be released: %s", path,
                           image_fault_sentence(fault, &info, &rules, sentence, sizeof(sentence)));
        return false;
    }
    if (!app) {
        cli_report_failure("%s has no application descriptor, so its project and version are not "
                           "known",
                           path);
        return false;
    }
    (void)snprintf(image->chip, sizeof(image->chip), "%s", chip_name(info.header.chip_id));
    cli_clean_text(app->project_name, sizeof(app->project_name), image->project);
    cli_clean_text(app->version, sizeof(app->version), image->version);
    memcpy(image->app_version, image->version, sizeof(image->app_version));
    image->secure_version = app->secure_version;
    release_sha256(image->file.bytes, image->file.len, image->sha256);
    return true;
}

// ----------------------------------------------------------------------- names

#define WORD_MAX 24 // chosen: three of them and the rest stay below ESP_OTA_RELEASE_NAME_MAX

// A text as a part of a file's name: anything but letters, digits, "." and "-" becomes "_".
static const char *word_of(const char *text, char out[WORD_MAX + 1])
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-";
    size_t len = strlen(text) < WORD_MAX ? strlen(text) : WORD_MAX;
    for (size_t i = 0; i < len; i++) {
        out[i] = strchr(allowed, text[i]) && !(i == 0 && text[i] == '.') ? text[i] : '_';
    }
    out[len] = 0;
    return len > 0 ? out : "_";
}

// "wled-0.15.0-1a2b3c4d.bin": the digest makes a name mean the same bytes for ever, so caches may keep it.
static void name_file(const char *stem, const char *sha256, const char *ending,
                      char out[ESP_OTA_RELEASE_NAME_MAX])
{
    (void)snprintf(out, ESP_OTA_RELEASE_NAME_MAX, "%.100s-%.8s.%.7s", stem, sha256, ending); // fits
}

// ----------------------------------------------------------------------- files

// Writes a file of the release and adds it to "files". @return a borrowed reference; NULL: said why
static json_t *add_file(struct release_folder *folder, const char *kind, const char *stem,
                        const char *ending, const struct cli_bytes *file)
{
    char name[ESP_OTA_RELEASE_NAME_MAX];
    char sha256[65];
    name_file(stem, release_sha256(file->bytes, file->len, sha256), ending, name);
    if (!release_folder_put(folder, name, file->bytes, file->len)) {
        return NULL;
    }
    json_t *entry = json_pack("{s:s, s:s, s:I, s:s}", "kind", kind, "name", name, "size",
                              (json_int_t)file->len, "sha256", sha256);
    json_array_append_new(json_object_get(folder->index, "files"), entry);
    return entry;
}

static bool add_packed(struct release_folder *folder, enum esp_ota_release_kind kind,
                       const char *stem, const struct cli_bytes *image, size_t *smallest)
{
    struct cli_bytes packed;
    bool is_gzip = kind == ESP_OTA_RELEASE_GZIP;
    if (!release_pack(kind, image, &packed)) {
        return false;
    }
    bool is_worth_it = packed.len < image->len;
    bool is_added = !is_worth_it || add_file(folder, is_gzip ? "gzip" : "zstd", stem,
                                             is_gzip ? "bin.gz" : "bin.zst", &packed);
    *smallest = packed.len < *smallest ? packed.len : *smallest;
    free(packed.bytes);
    return is_added;
}

static bool add_patch(struct release_folder *folder, const json_t *from, const char *stem,
                      const struct cli_bytes *old_file, const struct cli_bytes *image,
                      const struct release_wish *wish, uint32_t index, size_t limit)
{
    struct delta_file base = {old_file->bytes, old_file->len};
    struct delta_file target = {image->bytes, image->len};
    struct esp_delta_patch header;
    struct cli_bytes patch = {0};
    esp_err_t err = delta_encode(&base, &target, wish->classes[index], !wish->excludes_streams,
                                 &patch.bytes, &patch.len, NULL);
    if (err == ESP_OK) {
        err = esp_delta_patch_parse(patch.bytes, patch.len, &header);
    }
    if (err != ESP_OK) {
        cli_report_error(err, "no patch from %s could be made", release_text(from, "version"));
        free(patch.bytes);
        return false;
    }
    if (patch.len >= limit) { // the whole image costs no more
        free(patch.bytes);
        return true;
    }
    json_t *entry = add_file(folder, "patch", stem, "patch", &patch);
    free(patch.bytes);
    if (!entry) {
        return false;
    }
    json_object_set_new(entry, "memory", json_integer((json_int_t)esp_delta_patch_memory(&header)));
    json_object_set(entry, "from_size", json_object_get(from, "size"));
    json_object_set(entry, "from_sha256", json_object_get(from, "sha256"));
    json_object_set(entry, "from_version", json_object_get(from, "version"));
    return true;
}

static bool add_patches(struct release_folder *folder, const struct release_wish *wish,
                        const json_t *from, const struct cli_bytes *image, size_t limit)
{
    char project[WORD_MAX + 1];
    char old_version[WORD_MAX + 1];
    char version[WORD_MAX + 1];
    char stem[ESP_OTA_RELEASE_NAME_MAX];
    struct cli_bytes old_file;
    if (!release_folder_get(folder, release_text(from, "name"),
                            (uint64_t)json_integer_value(json_object_get(from, "size")),
                            release_text(from, "sha256"), &old_file)) {
        return false;
    }
    bool is_added = true;
    for (uint32_t i = 0; i < wish->class_count && is_added; i++) {
        (void)snprintf(stem, sizeof(stem), "%s-%s-to-%s-%s",
                       word_of(release_text(folder->index, "project"), project),
                       word_of(release_text(from, "version"), old_version),
                       word_of(release_text(folder->index, "version"), version),
                       CLASS_NAMES[wish->classes[i]]); // it fits
        is_added = add_patch(folder, from, stem, &old_file, image, wish, i, limit);
    }
    free(old_file.bytes);
    return is_added;
}

// ----------------------------------------------------------------------- releases

static void stem_of(const char *project, const char *version, char out[ESP_OTA_RELEASE_NAME_MAX])
{
    char project_word[WORD_MAX + 1];
    char version_word[WORD_MAX + 1];
    (void)snprintf(out, ESP_OTA_RELEASE_NAME_MAX, "%s-%s", word_of(project, project_word),
                   word_of(version, version_word)); // it fits
}

bool release_build_append(struct release_folder *folder, const struct release_image *image)
{
    char stem[ESP_OTA_RELEASE_NAME_MAX];
    char name[ESP_OTA_RELEASE_NAME_MAX];
    stem_of(image->project, image->version, stem);
    name_file(stem, image->sha256, "bin", name);
    if (!release_folder_put(folder, name, image->file.bytes, image->file.len)) {
        return false;
    }
    json_object_set_new(folder->index, "chip", json_string(image->chip));
    json_object_set_new(folder->index, "project", json_string(image->project));
    json_t *entry =
        json_pack("{s:s, s:s, s:s, s:I, s:s, s:I}", "version", image->version, "app_version",
                  image->app_version, "name", name, "size", (json_int_t)image->file.len, "sha256",
                  image->sha256, "secure_version", (json_int_t)image->secure_version);
    return json_array_append_new(json_object_get(folder->index, "releases"), entry) == 0;
}

static void set_head(json_t *index, const json_t *release)
{
    json_object_set(index, "version", json_object_get(release, "version"));
    json_object_set(index, "app_version", json_object_get(release, "app_version"));
    json_object_set(index, "secure_version", json_object_get(release, "secure_version"));
    json_object_set(index, "image_size", json_object_get(release, "size"));
    json_object_set(index, "image_sha256", json_object_get(release, "sha256"));
    json_object_set_new(index, "files", json_array());
}

static bool offer(struct release_folder *folder, const struct release_wish *wish,
                  const struct cli_bytes *image)
{
    char stem[ESP_OTA_RELEASE_NAME_MAX];
    size_t smallest = image->len;
    const json_t *releases = json_object_get(folder->index, "releases");
    stem_of(release_text(folder->index, "project"), release_text(folder->index, "version"), stem);
    if ((wish->makes_zstd && !add_packed(folder, ESP_OTA_RELEASE_ZSTD, stem, image, &smallest)) ||
        (wish->makes_gzip && !add_packed(folder, ESP_OTA_RELEASE_GZIP, stem, image, &smallest)) ||
        !add_file(folder, "image", stem, "bin", image)) {
        return false;
    }
    for (size_t i = json_array_size(releases) - 1; i-- > 0;) {
        if (!add_patches(folder, wish, json_array_get(releases, i), image, smallest)) {
            return false;
        }
    }
    return true;
}

bool release_build_offer(struct release_folder *folder, const struct release_wish *wish)
{
    const json_t *releases = json_object_get(folder->index, "releases");
    const json_t *last = json_array_get(releases, json_array_size(releases) - 1);
    struct cli_bytes image;
    if (!release_folder_get(folder, release_text(last, "name"),
                            (uint64_t)json_integer_value(json_object_get(last, "size")),
                            release_text(last, "sha256"), &image)) {
        return false;
    }
    set_head(folder->index, last);
    bool is_offered = offer(folder, wish, &image);
    free(image.bytes);
    return is_offered;
}
