// Rows of kind delta: Espressif's legacy patches, through the public functions in pieces of many sizes. Here the test stands
// for the application, which checks the container.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto_ops.h"
#include "esp_delta_ota.h"
#include "vector.h"

#define TARGET_MAX 0x100000 // chosen: above all targets of the vectors

struct application {
    struct vector_bytes base;
    uint8_t *target; // TARGET_MAX bytes
    size_t target_len;
};

static esp_err_t read_base(uint8_t *out, size_t size, int offset, void *user_data)
{
    const struct application *app = user_data;
    if (offset < 0 || (size_t)offset > app->base.len || size > app->base.len - (size_t)offset) {
        return ESP_ERR_INVALID_SIZE;
    }
    memcpy(out, app->base.data + offset, size);
    return ESP_OK;
}

static esp_err_t write_target(const uint8_t *bytes, size_t size, void *user_data)
{
    struct application *app = user_data;
    if (size > TARGET_MAX - app->target_len) {
        return ESP_ERR_INVALID_SIZE;
    }
    memcpy(app->target + app->target_len, bytes, size);
    app->target_len += size;
    return ESP_OK;
}

/** What the container says against the patch; NULL: nothing. */
static const char *judge_container(const struct application *app, const struct vector_bytes *patch)
{
    static const uint8_t magic[] = {0x10, 0xDE, 0xCD, 0xFC};
    if (patch->len < ESP_DELTA_OTA_HEADER_LEN) {
        return "header";
    }
    if (memcmp(patch->data, magic, sizeof(magic)) != 0) {
        return "magic";
    }
    uint8_t digest[CRYPTO_SHA256_LEN];
    struct crypto_hash hash;
    esp_crypto.sha256_begin(&hash);
    bool has_digest = app->base.len > 24 + CRYPTO_SHA256_LEN && app->base.data[0] == 0xE9 &&
                      app->base.data[23] == 1;
    esp_crypto.sha256_write(&hash, app->base.data,
                            app->base.len - (has_digest ? CRYPTO_SHA256_LEN : 0));
    esp_crypto.sha256_end(&hash, digest);
    return memcmp(patch->data + 4, digest, sizeof(digest)) == 0 ? NULL : "base_digest";
}

static esp_err_t apply(struct application *app, const uint8_t *patch, size_t len, uint32_t seed)
{
    esp_delta_ota_cfg_t cfg = {.user_data = app,
                               .read_cb_with_user_data = read_base,
                               .write_cb_with_user_data = write_target};
    esp_delta_ota_handle_t handle = esp_delta_ota_init(&cfg);
    esp_err_t err = handle ? ESP_OK : ESP_ERR_NO_MEM;
    app->target_len = 0;
    for (size_t at = 0; at < len && err == ESP_OK;) {
        seed = seed * 1664525u + 1013904223u;
        size_t piece = 1 + (seed >> 8) % 600;
        piece = piece < len - at ? piece : len - at;
        err = esp_delta_ota_feed_patch(handle, patch + at, (int)piece);
        at += piece;
    }
    if (err == ESP_OK) {
        err = esp_delta_ota_finalize(handle) == ESP_OK ? ESP_OK : ESP_ERR_NOT_FINISHED;
    }
    ESP_IGNORE_ERROR(esp_delta_ota_deinit(handle)); // NULL only if init failed
    return err;
}

static bool judge_good(const struct vector_row *row, const struct application *app, char *why)
{
    const char *name = strstr(row->expect, "produces=");
    if (!name) {
        (void)snprintf(why, VECTOR_WHY_LEN, "ok");
        return false;
    }
    char path[256];
    (void)snprintf(path, sizeof(path), "%.*s", (int)strcspn(name + 9, " "), name + 9);
    struct vector_bytes target = {0};
    bool is_empty = strcmp(path, "(empty)") == 0;
    if (!is_empty && !vector_load(row, path, &target, why)) {
        return false;
    }
    static const uint8_t nothing[1];
    bool is_equal = vector_compare(app->target, app->target_len, is_empty ? nothing : target.data,
                                   target.len, why);
    free(target.data);
    return is_equal;
}

/** An answer of the functions in the words of the manifest: what is wrong with the data itself, or that it is short. */
static bool judge_bad(const struct vector_row *row, esp_err_t err, char *why)
{
    bool is_short = err == ESP_ERR_NOT_FINISHED;
    (void)snprintf(why, VECTOR_WHY_LEN, "reject:%s", is_short ? "short" : "patch");
    if (strcmp(row->expect, "reject:short") == 0) {
        return is_short;
    }
    return !is_short && (strcmp(row->expect, "reject:compression") == 0 ||
                         strcmp(row->expect, "reject:patch_type") == 0 ||
                         strstr(row->expect, "reject:heatshrink_params") != NULL);
}

static bool judge(const struct vector_row *row, struct application *app,
                  const struct vector_bytes *patch, char *why)
{
    char header[8];
    bool has_container =
        vector_param(row, "header", header, sizeof(header)) && strcmp(header, "esp") == 0;
    const char *refused = has_container ? judge_container(app, patch) : NULL;
    // blobs and the empty target have containers of another tool: their digest is not an image's
    if (refused && strncmp(row->expect, "ok", 2) != 0) {
        (void)snprintf(why, VECTOR_WHY_LEN, "reject:%s", refused);
        return strcmp(why, row->expect) == 0;
    }
    size_t skip = has_container ? ESP_DELTA_OTA_HEADER_LEN : 0;
    for (uint32_t seed = 1; seed <= 5; seed++) {
        esp_err_t err = apply(app, patch->data + skip, patch->len - skip, seed);
        if (err == ESP_OK ? !judge_good(row, app, why) : !judge_bad(row, err, why)) {
            return false;
        }
    }
    return true;
}

bool check_delta(const struct vector_row *row, char *why)
{
    char base_path[256];
    struct application app = {.target = malloc(TARGET_MAX)};
    struct vector_bytes patch = {0};
    bool is_right = app.target && vector_param(row, "base", base_path, sizeof(base_path)) &&
                    vector_load(row, base_path, &app.base, why) &&
                    vector_load(row, row->path, &patch, why) && judge(row, &app, &patch, why);
    free(app.target);
    free(app.base.data);
    free(patch.data);
    return is_right;
}
