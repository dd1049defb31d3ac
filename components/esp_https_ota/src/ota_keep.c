#include "ota_keep.h"

#include <stdlib.h>
#include <string.h>

#include "esp_log.h"
#include "esp_ota_ext.h"

static const char *TAG = "esp_https_ota";

#define SECTOR 4096u
#define CHUNK  512u // chosen: on the stack
#define HELD_MAX                                                                                   \
    (8 *                                                                                           \
     SECTOR) // chosen: what waits for the image's first bytes; an address map alone has up to 20 KB

static uint32_t round_up(int64_t len)
{
    return (uint32_t)((len + SECTOR - 1) / SECTOR * SECTOR);
}

// Where a file would stand, right before the journal. 0: no room.
static uint32_t place_of(const esp_partition_t *slot, int64_t file_len)
{
    uint32_t end = slot->size / SECTOR * SECTOR;
    bool fits = slot->erase_size == SECTOR && end > ESP_OTA_JOURNAL_LEN &&
                file_len <= (int64_t)(end - ESP_OTA_JOURNAL_LEN);
    return fits ? end - ESP_OTA_JOURNAL_LEN - round_up(file_len) : 0;
}

void ota_keep_end(struct ota_keep *keep)
{
    free(keep->buffer);
    memset(keep, 0, sizeof(*keep));
}

void ota_keep_begin(struct ota_keep *keep, const esp_partition_t *slot, int64_t file_len)
{
    ota_keep_end(keep);
    keep->is_wanted = file_len > KEEP_LEN_MIN;
    keep->slot = slot;
    esp_crypto.sha256_begin(&keep->hash);
}

void ota_keep_allow(struct ota_keep *keep, int64_t file_len, int64_t image_len)
{
    if (!keep->is_wanted) {
        return;
    }
    keep->start = place_of(keep->slot, file_len);
    keep->has_room = image_len > 0 && image_len <= (int64_t)keep->start;
    if (!keep->has_room) {
        ESP_LOGI(TAG, "no room in %s to keep the patch in; after a power cut it is fetched anew",
                 keep->slot->label);
        ota_keep_end(keep);
    }
}

// Room in the buffer for len more bytes.
static bool make_room(struct ota_keep *keep, size_t len)
{
    if (keep->capacity - keep->len >= len) {
        return true;
    }
    size_t capacity = (keep->len + len + SECTOR - 1) / SECTOR * SECTOR;
    uint8_t *buffer = capacity <= HELD_MAX ? realloc(keep->buffer, capacity) : NULL;
    if (buffer) {
        keep->buffer = buffer;
        keep->capacity = capacity;
    }
    return buffer != NULL;
}

void ota_keep_take(struct ota_keep *keep, const void *bytes, size_t len)
{
    if (!keep->is_wanted || len == 0) {
        return;
    }
    if (!make_room(keep, len)) {
        ESP_LOGI(TAG, "no memory to keep the patch; after a power cut it is fetched anew");
        ota_keep_end(keep);
        return;
    }
    memcpy(keep->buffer + keep->len, bytes, len);
    keep->len += len;
}

static esp_err_t write_sector(struct ota_keep *keep, const uint8_t *bytes)
{
    uint32_t at = keep->start + keep->kept;
    esp_err_t err = esp_partition_erase_range(keep->slot, at, SECTOR);
    return err == ESP_OK ? esp_partition_write(keep->slot, at, bytes, SECTOR) : err;
}

void ota_keep_write(struct ota_keep *keep)
{
    size_t done = 0;
    while (keep->has_room && keep->len - done >= SECTOR) {
        if (write_sector(keep, keep->buffer + done) !=
            ESP_OK) { // logged; the update itself may go on
            ota_keep_end(keep);
            return;
        }
        esp_crypto.sha256_write(&keep->hash, keep->buffer + done, SECTOR);
        keep->kept += SECTOR;
        done += SECTOR;
    }
    if (done > 0) {
        keep->len -= done;
        memmove(keep->buffer, keep->buffer + done, keep->len);
    }
}

static void digest_of(const struct crypto_hash *running, uint8_t digest[KEEP_DIGEST_LEN])
{
    struct crypto_hash hash = *running;
    uint8_t whole[CRYPTO_SHA256_LEN];
    esp_crypto.sha256_end(&hash, whole);
    memcpy(digest, whole, KEEP_DIGEST_LEN);
}

esp_err_t ota_keep_digest(const struct ota_keep *keep, uint8_t digest[KEEP_DIGEST_LEN])
{
    if (!keep->has_room || keep->kept == 0) {
        return ESP_ERR_NOT_SUPPORTED;
    }
    digest_of(&keep->hash, digest);
    return ESP_OK;
}

// ----------------------------------------------------------------------- after a cut

static esp_err_t hash_kept(struct ota_keep *keep)
{
    uint8_t chunk[CHUNK];
    esp_err_t err = ESP_OK;
    for (uint32_t at = 0; at < keep->kept && err == ESP_OK; at += CHUNK) {
        err = esp_partition_read(keep->slot, keep->start + at, chunk, CHUNK);
        esp_crypto.sha256_write(&keep->hash, chunk, CHUNK);
    }
    return err;
}

bool ota_keep_find(struct ota_keep *keep, const esp_partition_t *slot, int64_t file_len,
                   uint32_t kept, const uint8_t digest[KEEP_DIGEST_LEN])
{
    uint8_t found[KEEP_DIGEST_LEN];
    ota_keep_begin(keep, slot, file_len);
    keep->start = place_of(slot, file_len);
    if (!keep->is_wanted || keep->start == 0 || kept == 0 || kept % SECTOR != 0 ||
        kept > file_len) {
        ota_keep_end(keep);
        return false;
    }
    keep->kept = kept;
    esp_err_t err = hash_kept(keep);
    digest_of(&keep->hash, found);
    if (err != ESP_OK || memcmp(found, digest, sizeof(found)) != 0) {
        ESP_LOGW(TAG, "%s does not hold what was kept of the patch", slot->label);
        ota_keep_end(keep);
        return false;
    }
    keep->has_room = true;
    keep->replay_len = kept;
    return true;
}

esp_err_t ota_keep_read(struct ota_keep *keep, void *buf, size_t len, size_t *got)
{
    uint32_t left = keep->replay_len - keep->replayed;
    len = len < left ? len : left;
    *got = 0;
    esp_err_t err = esp_partition_read(keep->slot, keep->start + keep->replayed, buf, len);
    if (err == ESP_OK) {
        keep->replayed += (uint32_t)len;
        *got = len;
    }
    return err;
}
