// Which file: what runs is hashed once, front to back, and the digest is taken wherever an image that the index knows would end.

#include <string.h>

#include "esp_log.h"
#include "esp_ota_release.h"

static const char *TAG = "esp_ota_release";

#define ENDS_MAX                                                                                   \
    24u // chosen: the release, 15 that there are patches from, some that were withdrawn
#define CHUNK_LEN 512u // chosen: on the stack

// The first `size` bytes of the base.
struct base_end {
    uint32_t size;
    uint8_t digest[CRYPTO_SHA256_LEN];
};

struct base_ends {
    uint32_t count;
    struct base_end ends[ENDS_MAX]; // by size
};

static void add_end(struct base_ends *ends, uint32_t size, uint32_t limit)
{
    uint32_t at = 0;
    while (at < ends->count && ends->ends[at].size < size) {
        at++;
    }
    bool is_there = at < ends->count && ends->ends[at].size == size;
    if (is_there || ends->count == ENDS_MAX || size > limit) {
        return;
    }
    memmove(&ends->ends[at + 1], &ends->ends[at], (ends->count - at) * sizeof(ends->ends[0]));
    ends->ends[at].size = size;
    ends->count++;
}

static esp_err_t hash_ends(const struct esp_ota_release_base *base, struct base_ends *ends)
{
    struct crypto_hash hash;
    uint32_t at = 0;
    esp_crypto.sha256_begin(&hash);
    for (uint32_t i = 0; i < ends->count; i++) {
        struct base_end *end = &ends->ends[i];
        while (at < end->size) {
            uint8_t bytes[CHUNK_LEN];
            uint32_t len = end->size - at < CHUNK_LEN ? end->size - at : CHUNK_LEN;
            esp_err_t err = base->read(base->context, at, bytes, len);
            if (err != ESP_OK) {
                return err;
            }
            esp_crypto.sha256_write(&hash, bytes, len);
            at += len;
        }
        struct crypto_hash fork = hash;
        esp_crypto.sha256_end(&fork, end->digest);
    }
    return ESP_OK;
}

static bool is_base(const struct base_ends *ends, uint32_t size, const uint8_t *digest)
{
    for (uint32_t i = 0; i < ends->count; i++) {
        if (ends->ends[i].size == size) {
            return memcmp(ends->ends[i].digest, digest, CRYPTO_SHA256_LEN) == 0;
        }
    }
    return false;
}

// ----------------------------------------------------------------------- choosing

static void insert(struct esp_ota_release_plan *plan, const struct esp_ota_release_file *file)
{
    uint32_t at = 0;
    while (at < plan->count && plan->files[at].size <= file->size) {
        at++;
    }
    if (at == ESP_OTA_RELEASE_PLAN_MAX) {
        return;
    }
    uint32_t kept = plan->count < ESP_OTA_RELEASE_PLAN_MAX ? plan->count : plan->count - 1;
    memmove(&plan->files[at + 1], &plan->files[at], (kept - at) * sizeof(plan->files[0]));
    plan->files[at] = *file;
    plan->count = kept + 1;
}

static void note_patch(struct esp_ota_release_plan *plan, const struct esp_ota_release_file *file)
{
    if (!plan->has_patch || file->size < plan->patch_size) {
        plan->patch_size = file->size;
        plan->patch_memory = file->memory;
    }
    plan->has_patch = true;
}

static bool takes_form(const struct esp_ota_release_limits *limits, enum esp_ota_release_kind kind)
{
    return kind == ESP_OTA_RELEASE_IMAGE || (kind == ESP_OTA_RELEASE_GZIP && limits->takes_gzip) ||
           (kind == ESP_OTA_RELEASE_ZSTD && limits->takes_zstd);
}

static void consider(struct esp_ota_release_plan *plan, const struct esp_ota_release_file *file,
                     const struct base_ends *ends, const struct esp_ota_release_limits *limits)
{
    bool is_patch = file->kind == ESP_OTA_RELEASE_PATCH;
    if (is_patch && !is_base(ends, file->from_size, file->from_sha256)) {
        return;
    }
    if (is_patch) {
        note_patch(plan, file);
    } else if (!takes_form(limits, file->kind)) {
        return;
    } else if (plan->full_size == 0 || file->size < plan->full_size) {
        plan->full_size = file->size;
    }
    bool is_allowed = is_patch ? file->memory <= limits->memory : !limits->patches_only;
    if (is_allowed && (limits->max_bytes == 0 || file->size <= limits->max_bytes)) {
        insert(plan, file);
    }
}

esp_err_t esp_ota_release_plan(const struct esp_ota_release *release,
                               const struct esp_ota_release_base *base,
                               const struct esp_ota_release_limits *limits,
                               struct esp_ota_release_plan *plan)
{
    struct base_ends ends = {0};
    struct esp_ota_release_plan made = {0};
    struct esp_ota_release_file file;
    if (release->image_size > limits->slot_size) {
        ESP_LOGE(TAG, "the release has %u bytes, the slot has room for %u",
                 (unsigned)release->image_size, (unsigned)limits->slot_size);
        return ESP_ERR_INVALID_SIZE;
    }
    add_end(&ends, release->image_size, base->size);
    for (size_t cursor = 0; esp_ota_release_next(release, &cursor, &file);) {
        if (file.kind == ESP_OTA_RELEASE_PATCH) {
            add_end(&ends, file.from_size, base->size);
        }
    }
    for (size_t cursor = 0; esp_ota_release_next_withdrawn(release, &cursor, &file);) {
        add_end(&ends, file.size, base->size);
    }
    esp_err_t err = hash_ends(base, &ends);
    if (err != ESP_OK) {
        return err;
    }
    made.is_current = is_base(&ends, release->image_size, release->image_sha256);
    for (size_t cursor = 0; esp_ota_release_next_withdrawn(release, &cursor, &file);) {
        made.is_withdrawn = made.is_withdrawn || is_base(&ends, file.size, file.sha256);
    }
    for (size_t cursor = 0; !made.is_current && esp_ota_release_next(release, &cursor, &file);) {
        consider(&made, &file, &ends, limits);
    }
    *plan = made;
    return ESP_OK;
}
