#define _DEFAULT_SOURCE

#include "release_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "delta_encoder.h"

#define SECONDS_OF_DAY 86400

static bool path_of(const struct release_folder *folder, const char *name, char out[PATH_MAX])
{
    int len = snprintf(out, PATH_MAX, "%s/%s", folder->dir, name);
    if (len < 0 || len >= PATH_MAX) {
        cli_report_failure("%s: %s", folder->dir, strerror(ENAMETOOLONG));
        return false;
    }
    return true;
}

const char *release_sha256(const void *bytes, size_t len, char out[65])
{
    uint8_t digest[CRYPTO_SHA256_LEN];
    struct crypto_hash hash;
    esp_crypto.sha256_begin(&hash);
    esp_crypto.sha256_write(&hash, bytes, len);
    esp_crypto.sha256_end(&hash, digest);
    return trust_hex(digest, sizeof(digest), out);
}

const char *release_text(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

// ----------------------------------------------------------------------- open

static bool load_index(struct release_folder *folder, const char *path)
{
    json_error_t error;
    const char *text = NULL;
    if (!cli_read_file(path, ESP_OTA_RELEASE_INDEX_MAX, &folder->text)) {
        return false;
    }
    text = (const char *)folder->text.bytes;
    esp_err_t err = esp_ota_release_parse(text, folder->text.len, &folder->is);
    if (err != ESP_OK) {
        cli_report_error(err, "%s cannot be used", path);
        return false;
    }
    folder->index = json_loadb(text, folder->text.len, JSON_REJECT_DUPLICATES, &error);
    if (!folder->index || !json_is_array(json_object_get(folder->index, "releases")) ||
        !json_is_array(json_object_get(folder->index, "retired"))) {
        cli_report_failure("%s: not made by esp-ota release", path);
        return false;
    }
    folder->is_signed = json_object_del(folder->index, "signatures") == 0;
    return true;
}

static bool begin_index(struct release_folder *folder)
{
    folder->index = json_pack("{s:[], s:[]}", "releases", "retired");
    return folder->index != NULL;
}

static bool open_index(struct release_folder *folder, bool creates)
{
    char path[PATH_MAX];
    if (!path_of(folder, ESP_OTA_RELEASE_INDEX_NAME, path)) {
        return false;
    }
    if (access(path, F_OK) == 0) {
        return load_index(folder, path);
    }
    if (!creates) {
        cli_report_failure("%s is no release folder: it has no %s; esp-ota release add begins one",
                           folder->dir, ESP_OTA_RELEASE_INDEX_NAME);
        return false;
    }
    return begin_index(folder);
}

bool release_folder_open(struct release_folder *folder, const char *dir, bool creates)
{
    *folder = (struct release_folder){.dir = dir, .lock = -1};
    if (creates && mkdir(dir, 0777) != 0 && errno != EEXIST) {
        cli_report_failure("%s cannot be created: %s%s", dir, strerror(errno),
                           errno == ENOENT ? "; mkdir -p makes the folder above it" : "");
        return false;
    }
    folder->lock = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder->lock < 0) {
        cli_report_failure("%s: %s", dir, strerror(errno));
        return false;
    }
    if (flock(folder->lock, LOCK_EX | LOCK_NB) != 0) {
        cli_report_failure("%s is in use by another esp-ota release", dir);
        return false;
    }
    return open_index(folder, creates);
}

bool release_folder_read(struct release_folder *folder, const char *dir)
{
    *folder = (struct release_folder){.dir = dir, .lock = -1};
    return open_index(folder, false);
}

void release_folder_close(struct release_folder *folder)
{
    json_decref(folder->index);
    free(folder->text.bytes);
    if (folder->lock >= 0) {
        close(folder->lock);
    }
}

// ----------------------------------------------------------------------- trust

static bool policy_of_signer(const struct record_signer *signer, struct signature_policy *policy)
{
    *policy = (struct signature_policy){.digest_len = SIGNATURE_KEY_DIGEST_LEN};
    for (uint32_t i = 0; i < signer->count; i++) {
        esp_err_t err = signature_key_digest(sign_key_public(signer->keys[i]),
                                             policy->trusted[policy->trusted_count++]);
        if (err != ESP_OK) {
            cli_report_error(err, "%s has no digest", signer->names[i]);
            return false;
        }
    }
    return true;
}

bool release_folder_may_sign(const struct release_folder *folder,
                             const struct record_signer *signer)
{
    struct signature_policy policy;
    if (!folder->is_signed) {
        return true;
    }
    if (signer->count == 0) {
        cli_report_failure("%s is signed, and devices may insist on that: give --key KEY",
                           folder->dir);
        return false;
    }
    if (!policy_of_signer(signer, &policy)) {
        return false;
    }
    if (esp_ota_release_verify(&folder->is, &policy) != IMAGE_OK) {
        cli_report_failure("%s: the index is not signed by the given key, or was altered since; "
                           "to change keys give both, the old and the new one, with --key",
                           folder->dir);
        return false;
    }
    return true;
}

// ----------------------------------------------------------------------- files

static bool is_there(const char *path, const void *bytes, size_t len)
{
    struct stat info;
    struct cli_bytes file;
    if (stat(path, &info) != 0 || (uint64_t)info.st_size != len ||
        !cli_read_file(path, len, &file)) {
        return false;
    }
    bool is_same = file.len == len && memcmp(file.bytes, bytes, len) == 0;
    free(file.bytes);
    return is_same;
}

bool release_folder_put(const struct release_folder *folder, const char *name, const void *bytes,
                        size_t len)
{
    char path[PATH_MAX];
    return path_of(folder, name, path) &&
           (is_there(path, bytes, len) || cli_write_file(path, bytes, len));
}

bool release_folder_get(const struct release_folder *folder, const char *name, uint64_t size,
                        const char *sha256, struct cli_bytes *out)
{
    char path[PATH_MAX];
    char found[65];
    if (!path_of(folder, name, path) || !cli_read_file(path, DELTA_FILE_MAX, out)) {
        return false;
    }
    if (out->len == size && strcmp(release_sha256(out->bytes, out->len, found), sha256) == 0) {
        return true;
    }
    cli_report_failure("%s: %s", path,
                       out->len == size ? "its bytes are not those that the index names"
                                        : "its size is not the one in the index");
    free(out->bytes);
    *out = (struct cli_bytes){0};
    return false;
}

// ----------------------------------------------------------------------- retired files

static void note_names(const json_t *list, json_t *names)
{
    size_t i;
    json_t *entry;
    json_array_foreach(list, i, entry)
    {
        json_object_set_new(names, release_text(entry, "name"), json_true());
    }
}

// What the index names, as members of an object.
static json_t *named_by(const json_t *index)
{
    json_t *names = json_object();
    note_names(json_object_get(index, "files"), names);
    note_names(json_object_get(index, "releases"), names);
    return names;
}

static void retire(json_t *retired, json_t *old_names, const json_t *new_names)
{
    const char *name;
    json_t *value;
    size_t i;
    json_object_foreach(old_names, name, value)
    {
        if (!json_object_get(new_names, name)) {
            json_array_append_new(
                retired, json_pack("{s:s, s:I}", "name", name, "since", (json_int_t)time(NULL)));
        }
    }
    for (i = json_array_size(retired); i-- > 0;) { // a release may come back
        if (json_object_get(new_names, release_text(json_array_get(retired, i), "name"))) {
            json_array_remove(retired, i);
        }
    }
}

static void update_retired(struct release_folder *folder)
{
    json_t *old_index =
        folder->text.bytes ? json_loadb((const char *)folder->text.bytes, folder->text.len, 0, NULL)
                           : NULL;
    json_t *old_names = named_by(old_index);
    json_t *new_names = named_by(folder->index);
    retire(json_object_get(folder->index, "retired"), old_names, new_names);
    json_decref(old_names);
    json_decref(new_names);
    json_decref(old_index);
}

static bool is_plain_name(const char *name)
{
    return name[0] && name[0] != '.' && !strchr(name, '/');
}

bool release_folder_prune(struct release_folder *folder, int64_t before, uint64_t *count,
                          uint64_t *bytes)
{
    json_t *retired = json_object_get(folder->index, "retired");
    *count = 0;
    *bytes = 0;
    for (size_t i = json_array_size(retired); i-- > 0;) {
        char path[PATH_MAX];
        struct stat info;
        const json_t *entry = json_array_get(retired, i);
        const char *name = release_text(entry, "name");
        if (json_integer_value(json_object_get(entry, "since")) > before) {
            continue;
        }
        if (!is_plain_name(name) || !path_of(folder, name, path)) {
            cli_report_failure("%s: the index names \"%s\", which is no file of it", folder->dir,
                               name);
            return false;
        }
        if (stat(path, &info) == 0) {
            if (unlink(path) != 0) {
                cli_report_failure("%s: %s", path, strerror(errno));
                return false;
            }
            (*count)++;
            *bytes += (uint64_t)info.st_size;
        }
        json_array_remove(retired, i);
    }
    return true;
}

// ----------------------------------------------------------------------- publish

struct text {
    char *bytes;
    size_t len;
    size_t room;
};

static bool append(struct text *text, const char *bytes, size_t len)
{
    if (text->len + len > text->room) {
        size_t room = 2 * (text->len + len);
        char *grown = realloc(text->bytes, room);
        if (!grown) {
            cli_report_failure("not enough memory");
            return false;
        }
        text->bytes = grown;
        text->room = room;
    }
    memcpy(text->bytes + text->len, bytes, len);
    text->len += len;
    return true;
}

static bool append_signature(struct text *text, const struct record_signer *signer, uint32_t i,
                             size_t signed_len)
{
    static const char digits[] = "0123456789abcdef";
    uint8_t record[SIGNATURE_RECORD_MAX];
    char hex[2 * SIGNATURE_RECORD_MAX];
    size_t len;
    if (!record_signer_sign(signer, i, text->bytes, signed_len, record, &len)) {
        return false;
    }
    for (size_t at = 0; at < len; at++) {
        hex[2 * at] = digits[record[at] >> 4];
        hex[2 * at + 1] = digits[record[at] & 15];
    }
    return append(text, i > 0 ? ",\n  \"" : "\n  \"", i > 0 ? 5 : 4) &&
           append(text, hex, 2 * len) && append(text, "\"", 1);
}

// The index without its last bracket is what is signed; the signatures and the bracket follow.
static bool write_text(const json_t *index, const struct record_signer *signer, struct text *out)
{
    static const char begin[] = ",\n \"signatures\": [";
    static const char end[] = "\n}\n";
    char *dump = json_dumps(index, JSON_INDENT(1));
    size_t len = dump ? strlen(dump) - 2 : 0;
    bool is_written = dump && append(out, dump, len);
    free(dump);
    if (is_written && signer->count > 0) {
        is_written = append(out, begin, sizeof(begin) - 1);
        for (uint32_t i = 0; i < signer->count && is_written; i++) {
            is_written = append_signature(out, signer, i, len);
        }
        is_written = is_written && append(out, "\n ]", 3);
    }
    return is_written && append(out, end, sizeof(end) - 1);
}

// A member is put at its place by being set in order: jansson keeps the order of insertion.
static json_t *in_order(const json_t *index)
{
    static const char *const names[] = {
        "esp_ota_release", "serial",  "expires",     "lifetime_days",  "chip",
        "project",         "version", "app_version", "secure_version", "image_size",
        "image_sha256",    "rollout", "files",       "withdrawn",      "releases",
        "retired"};
    json_t *made = json_object();
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        json_t *value = json_object_get(index, names[i]);
        if (value) {
            json_object_set(made, names[i], value);
        }
    }
    return made;
}

static bool set_serial(struct release_folder *folder, uint64_t serial)
{
    uint64_t last = folder->text.bytes ? folder->is.serial : 0;
    if (serial != 0 && serial <= last) {
        cli_report_failure("--serial must be above the %llu of the index",
                           (unsigned long long)last);
        return false;
    }
    json_object_set_new(folder->index, "serial",
                        json_integer((json_int_t)(serial ? serial : last + 1)));
    return true;
}

static void set_expiry(struct release_folder *folder)
{
    json_int_t days = json_integer_value(json_object_get(folder->index, "lifetime_days"));
    if (days > 0) {
        json_object_set_new(folder->index, "expires",
                            json_integer((json_int_t)time(NULL) + days * SECONDS_OF_DAY));
    } else {
        (void)json_object_del(folder->index, "expires");       // may not be there
        (void)json_object_del(folder->index, "lifetime_days"); // the same
    }
}

// What was written must be what a device can read.
static bool check_text(const struct release_folder *folder, const struct text *text)
{
    struct esp_ota_release release;
    esp_err_t err = esp_ota_release_parse(text->bytes, text->len, &release);
    if (err == ESP_ERR_INVALID_SIZE) {
        cli_report_error(err, "%s", folder->dir);
        cli_say("keep fewer releases (--keep), or esp-ota release prune %s", folder->dir);
    } else if (err != ESP_OK) {
        cli_report_error(err, "%s: no index can be made of it", folder->dir);
    }
    return err == ESP_OK;
}

bool release_folder_publish(struct release_folder *folder, const struct record_signer *signer,
                            uint64_t serial)
{
    char path[PATH_MAX];
    struct text text = {0};
    if (!set_serial(folder, serial) || !path_of(folder, ESP_OTA_RELEASE_INDEX_NAME, path)) {
        return false;
    }
    json_object_set_new(folder->index, "esp_ota_release", json_integer(1));
    set_expiry(folder);
    update_retired(folder);
    json_t *ordered = in_order(folder->index);
    bool is_published = write_text(ordered, signer, &text) && check_text(folder, &text) &&
                        fsync(folder->lock) == 0 && cli_write_file(path, text.bytes, text.len);
    json_decref(ordered);
    free(text.bytes);
    return is_published;
}
