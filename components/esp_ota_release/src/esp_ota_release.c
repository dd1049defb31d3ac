#include "esp_ota_release.h"

#include <string.h>

#include "esp_log.h"
#include "release_json.h"

static const char *TAG = "esp_ota_release";

#define FORMAT_VERSION 1
#define MEMBER_MAX     32 // bytes of a member's name
#define SERIAL_MAX                                                                                 \
    9007199254740991u // fact: RFC 8259 section 6, what every reader of JSON holds exactly

// ----------------------------------------------------------------------- members

// Members that were seen, as bits in the order of a table; a member twice is a failure.
struct member_set {
    const char *const *names;
    unsigned count;
    uint32_t seen;
};

#define UNKNOWN (-1)

static int find_member(struct member_set *set, const char *name, struct release_json *reader)
{
    for (unsigned i = 0; i < set->count; i++) {
        if (strcmp(set->names[i], name) == 0) {
            reader->has_failed = reader->has_failed || (set->seen >> i & 1);
            set->seen |= 1u << i;
            return (int)i;
        }
    }
    return UNKNOWN;
}

static void read_u32(struct release_json *reader, uint32_t *out)
{
    uint64_t value = 0;
    if (release_json_number(reader, UINT32_MAX, &value)) {
        *out = (uint32_t)value;
    }
}

// ----------------------------------------------------------------------- files

enum file_member {
    FILE_KIND,
    FILE_NAME,
    FILE_SIZE,
    FILE_SHA256,
    FILE_MEMORY,
    FILE_FROM_SIZE,
    FILE_FROM_SHA256,
    FILE_FROM_VERSION,
    FILE_MEMBER_COUNT,
};

static const char *const FILE_MEMBERS[] = {"kind",   "name",      "size",        "sha256",
                                           "memory", "from_size", "from_sha256", "from_version"};
#define FILE_NEEDED  0x0Fu
#define PATCH_NEEDED 0xFFu

static const char *const KIND_NAMES[] = {"image", "gzip", "zstd", "patch"};
#define KIND_COUNT   4
#define KIND_UNKNOWN KIND_COUNT // of a later version: skipped

static bool is_name_safe(const char *name)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    return name[0] && name[0] != '.' && name[strspn(name, allowed)] == 0;
}

static void read_kind(struct release_json *reader, unsigned *kind)
{
    char text[MEMBER_MAX];
    if (!release_json_string(reader, text, sizeof(text))) {
        return;
    }
    for (*kind = 0; *kind < KIND_COUNT && strcmp(KIND_NAMES[*kind], text) != 0; (*kind)++) {
    }
}

static void read_file_member(struct release_json *reader, int member,
                             struct esp_ota_release_file *file, unsigned *kind)
{
    switch (member) {
    case FILE_KIND:
        read_kind(reader, kind);
        break;
    case FILE_NAME:
        if (release_json_string(reader, file->name, sizeof(file->name)) &&
            !is_name_safe(file->name)) {
            reader->has_failed = true;
        }
        break;
    case FILE_SIZE:
        read_u32(reader, &file->size);
        break;
    case FILE_SHA256:
        (void)release_json_hex(reader, file->sha256,
                               sizeof(file->sha256)); // the reader remembers failures
        break;
    case FILE_MEMORY:
        read_u32(reader, &file->memory);
        break;
    case FILE_FROM_SIZE:
        read_u32(reader, &file->from_size);
        break;
    case FILE_FROM_SHA256:
        (void)release_json_hex(reader, file->from_sha256, sizeof(file->from_sha256)); // the same
        break;
    case FILE_FROM_VERSION:
        (void)release_json_string(reader, file->from_version,
                                  sizeof(file->from_version)); // the same
        break;
    default:
        (void)release_json_skip(reader); // the same
        break;
    }
}

// One element of "files". @return false: a kind of a later version, or a failure
static bool read_file(struct release_json *reader, struct esp_ota_release_file *file)
{
    struct member_set set = {FILE_MEMBERS, FILE_MEMBER_COUNT, 0};
    char name[MEMBER_MAX];
    unsigned count = 0;
    unsigned kind = KIND_UNKNOWN;
    memset(file, 0, sizeof(*file));
    (void)release_json_expect(reader, '{'); // the reader remembers failures
    while (release_json_member(reader, &count, name, sizeof(name))) {
        read_file_member(reader, find_member(&set, name, reader), file, &kind);
    }
    uint32_t needed = kind == ESP_OTA_RELEASE_PATCH ? PATCH_NEEDED : FILE_NEEDED;
    bool is_known = kind != KIND_UNKNOWN;
    if (is_known && (set.seen & needed) != needed) {
        reader->has_failed = true;
    }
    file->kind = is_known ? (enum esp_ota_release_kind)kind : ESP_OTA_RELEASE_IMAGE;
    return is_known && !reader->has_failed;
}

// An array of files. @return where it begins
static size_t read_files(struct release_json *reader, uint32_t *file_count)
{
    struct esp_ota_release_file file;
    unsigned count = 0;
    size_t at = reader->at;
    (void)release_json_expect(reader, '['); // the reader remembers failures
    while (release_json_element(reader, &count)) {
        *file_count += read_file(reader, &file) ? 1 : 0;
    }
    return at;
}

// ----------------------------------------------------------------------- the whole

enum head_member {
    HEAD_FORMAT,
    HEAD_SERIAL,
    HEAD_CHIP,
    HEAD_PROJECT,
    HEAD_VERSION,
    HEAD_APP_VERSION,
    HEAD_SECURE_VERSION,
    HEAD_IMAGE_SIZE,
    HEAD_IMAGE_SHA256,
    HEAD_FILES,
    HEAD_EXPIRES, // from here on: may be missing
    HEAD_ROLLOUT,
    HEAD_WITHDRAWN,
    HEAD_SIGNATURES,
    HEAD_MEMBER_COUNT,
};

static const char *const HEAD_MEMBERS[] = {
    "esp_ota_release", "serial",         "chip",       "project",      "version",
    "app_version",     "secure_version", "image_size", "image_sha256", "files",
    "expires",         "rollout",        "withdrawn",  "signatures"};
#define HEAD_NEEDED ((1u << HEAD_EXPIRES) - 1)

struct head_reader {
    struct release_json json;
    struct esp_ota_release release;
    uint64_t format;
    size_t value_end; // behind the value before the member under way
};

static void read_signatures(struct head_reader *head)
{
    struct release_json *reader = &head->json;
    uint8_t bytes[SIGNATURE_RECORD_MAX];
    size_t len;
    unsigned count = 0;
    head->release.signatures_at = reader->at;
    (void)release_json_expect(reader, '['); // the reader remembers failures
    while (release_json_element(reader, &count)) {
        if (count > SIGNATURE_RECORD_COUNT_MAX) {
            reader->has_failed = true;
        }
        (void)release_json_hex_up_to(reader, bytes, sizeof(bytes), &len); // the same
    }
    head->release.signed_len = count > 0 ? head->value_end : 0;
}

static void read_rollout(struct release_json *reader, uint8_t *out)
{
    uint64_t value = 0;
    if (release_json_number(reader, ESP_OTA_RELEASE_ROLLOUT_ALL, &value)) {
        *out = (uint8_t)value;
    }
}

static void read_text_member(struct release_json *reader, char out[ESP_OTA_RELEASE_TEXT_MAX])
{
    (void)release_json_string(reader, out,
                              ESP_OTA_RELEASE_TEXT_MAX); // the reader remembers failures
}

static void read_head_member(struct head_reader *head, int member)
{
    struct release_json *reader = &head->json;
    struct esp_ota_release *release = &head->release;
    switch (member) {
    case HEAD_FORMAT:
        (void)release_json_number(reader, UINT32_MAX,
                                  &head->format); // the reader remembers failures
        break;
    case HEAD_SERIAL:
        (void)release_json_number(reader, SERIAL_MAX, &release->serial); // the same
        break;
    case HEAD_EXPIRES:
        (void)release_json_number(reader, SERIAL_MAX, &release->expires); // the same
        break;
    case HEAD_CHIP:
        read_text_member(reader, release->chip);
        break;
    case HEAD_PROJECT:
        read_text_member(reader, release->project);
        break;
    case HEAD_VERSION:
        read_text_member(reader, release->version);
        break;
    case HEAD_APP_VERSION:
        read_text_member(reader, release->app_version);
        break;
    case HEAD_SECURE_VERSION:
        read_u32(reader, &release->secure_version);
        break;
    case HEAD_IMAGE_SIZE:
        read_u32(reader, &release->image_size);
        break;
    case HEAD_IMAGE_SHA256:
        (void)release_json_hex(reader, release->image_sha256,
                               sizeof(release->image_sha256)); // the same
        break;
    case HEAD_FILES:
        release->files_at = read_files(reader, &release->file_count);
        break;
    case HEAD_WITHDRAWN:
        release->withdrawn_at = read_files(reader, &release->withdrawn_count);
        break;
    case HEAD_ROLLOUT:
        read_rollout(reader, &release->rollout);
        break;
    case HEAD_SIGNATURES:
        read_signatures(head);
        break;
    default:
        (void)release_json_skip(reader); // the same
        break;
    }
}

// Whatever stood behind "signatures" would be signed by nobody, so nothing may.
static void read_head(struct head_reader *head)
{
    struct member_set set = {HEAD_MEMBERS, HEAD_MEMBER_COUNT, 0};
    struct release_json *reader = &head->json;
    char name[MEMBER_MAX];
    unsigned count = 0;
    (void)release_json_expect(reader, '{'); // the reader remembers failures
    head->value_end = reader->at;
    while (release_json_member(reader, &count, name, sizeof(name))) {
        if (set.seen >> HEAD_SIGNATURES & 1) {
            reader->has_failed = true;
        }
        read_head_member(head, find_member(&set, name, reader));
        head->value_end = reader->at;
    }
    if ((set.seen & HEAD_NEEDED) != HEAD_NEEDED || !release_json_is_at_end(reader)) {
        reader->has_failed = true;
    }
}

esp_err_t esp_ota_release_parse(const char *text, size_t len, struct esp_ota_release *release)
{
    struct head_reader head = {
        .json = {.text = text, .len = len},
        .release = {.text = text, .len = len, .rollout = ESP_OTA_RELEASE_ROLLOUT_ALL},
    };
    if (len > ESP_OTA_RELEASE_INDEX_MAX) {
        ESP_LOGE(TAG, "the index has %u bytes, more than %u", (unsigned)len,
                 (unsigned)ESP_OTA_RELEASE_INDEX_MAX);
        return ESP_ERR_INVALID_SIZE;
    }
    read_head(&head);
    if (head.format > FORMAT_VERSION) {
        ESP_LOGE(TAG, "the index is made for a later version");
        return ESP_ERR_INVALID_VERSION;
    }
    if (head.json.has_failed || head.format != FORMAT_VERSION || head.release.image_size == 0) {
        ESP_LOGE(TAG, "no index of a release folder, or damaged, near byte %u",
                 (unsigned)head.json.at);
        return ESP_ERR_INVALID_RESPONSE;
    }
    uint32_t file_count = head.release.file_count + head.release.withdrawn_count;
    if (file_count > ESP_OTA_RELEASE_FILE_MAX) {
        ESP_LOGE(TAG, "the index names %u files, more than %u", (unsigned)file_count,
                 (unsigned)ESP_OTA_RELEASE_FILE_MAX);
        return ESP_ERR_INVALID_SIZE;
    }
    *release = head.release;
    return ESP_OK;
}

// The next element of the array that begins at list_at; 0: there is no such array.
static bool next_of(const struct esp_ota_release *release, size_t list_at, size_t *cursor,
                    struct esp_ota_release_file *file)
{
    struct release_json reader = {.text = release->text, .len = release->len};
    unsigned count = *cursor > 0;
    reader.at = *cursor > 0 ? *cursor : list_at;
    if (list_at == 0) {
        return false;
    }
    if (*cursor == 0) {
        (void)release_json_expect(&reader, '['); // it was read before
    }
    while (release_json_element(&reader, &count)) {
        bool is_known = read_file(&reader, file);
        *cursor = reader.at;
        if (is_known) {
            return true;
        }
    }
    return false;
}

bool esp_ota_release_next(const struct esp_ota_release *release, size_t *cursor,
                          struct esp_ota_release_file *file)
{
    return next_of(release, release->files_at, cursor, file);
}

bool esp_ota_release_next_withdrawn(const struct esp_ota_release *release, size_t *cursor,
                                    struct esp_ota_release_file *file)
{
    return next_of(release, release->withdrawn_at, cursor, file);
}

// ----------------------------------------------------------------------- trust

uint32_t esp_ota_release_signatures(const struct esp_ota_release *release,
                                    uint8_t bytes[SIGNATURE_RECORD_COUNT_MAX][SIGNATURE_RECORD_MAX],
                                    struct signature_record records[SIGNATURE_RECORD_COUNT_MAX])
{
    struct release_json reader = {
        .text = release->text, .len = release->len, .at = release->signatures_at};
    unsigned count = 0;
    if (release->signed_len == 0) {
        return 0;
    }
    (void)release_json_expect(&reader, '['); // it was read before
    while (count < SIGNATURE_RECORD_COUNT_MAX && release_json_element(&reader, &count)) {
        struct signature_record *record = &records[count - 1];
        record->bytes = bytes[count - 1];
        if (!release_json_hex_up_to(&reader, bytes[count - 1], SIGNATURE_RECORD_MAX,
                                    &record->len)) {
            return count - 1; // cannot be: it was read before
        }
    }
    return count;
}

enum image_fault esp_ota_release_verify(const struct esp_ota_release *release,
                                        const struct signature_policy *policy)
{
    uint8_t bytes[SIGNATURE_RECORD_COUNT_MAX][SIGNATURE_RECORD_MAX];
    struct signature_record records[SIGNATURE_RECORD_COUNT_MAX];
    uint32_t count = esp_ota_release_signatures(release, bytes, records);
    return signature_record_verify(release->text, release->signed_len, records, count, policy);
}

esp_err_t esp_ota_release_check_age(const struct esp_ota_release *release, uint64_t last_serial,
                                    uint64_t now)
{
    if (release->serial < last_serial) {
        ESP_LOGE(
            TAG,
            "the folder's index has serial %llu, but this device has seen %llu: a cache holds an "
            "old one, or somebody plays it again",
            (unsigned long long)release->serial, (unsigned long long)last_serial);
        return ESP_ERR_INVALID_STATE;
    }
    if (release->expires > 0 && now > release->expires) {
        ESP_LOGE(TAG,
                 "the folder's index expired %llu hours ago: nobody renewed it, or this is "
                 "an old one",
                 (unsigned long long)((now - release->expires) / 3600));
        return ESP_ERR_TIMEOUT;
    }
    return ESP_OK;
}

bool esp_ota_release_is_offered(const struct esp_ota_release *release, const void *device_id,
                                size_t len)
{
    struct crypto_hash hash;
    uint8_t digest[CRYPTO_SHA256_LEN];
    esp_crypto.sha256_begin(&hash);
    esp_crypto.sha256_write(&hash, release->image_sha256, sizeof(release->image_sha256));
    esp_crypto.sha256_write(&hash, device_id, len);
    esp_crypto.sha256_end(&hash, digest);
    uint32_t place = ((uint32_t)digest[0] << 8 | digest[1]) * ESP_OTA_RELEASE_ROLLOUT_ALL >> 16;
    return place < release->rollout; // 100: always
}
