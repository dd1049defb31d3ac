// What came of a patch is kept in the free sectors of the slot it makes an image in, right before the journal. After a power cut
// the stage runs once more over what was kept, which costs time but no traffic, and goes on with what the server has behind it.
//
// Nothing of a decoder is stored, only bytes that came from the network anyway: they are believed as little as those. A digest
// in the journal tells whether they are still the same.
#pragma once

#include "crypto_ops.h"
#include "esp_partition.h"

#define KEEP_LEN_MIN    (64 * 1024) // chosen: a smaller file is fetched once more
#define KEEP_DIGEST_LEN 16

struct ota_keep {
    bool is_wanted; // bytes are taken
    bool has_room;  // and may be written to flash
    const esp_partition_t *slot;
    uint32_t start;      // where the file begins in the slot
    uint32_t kept;       // bytes of it on flash, whole sectors
    uint32_t replayed;   // bytes of those that were read again
    uint32_t replay_len; // bytes of those that are to be
    struct crypto_hash hash;
    uint8_t *buffer; // owned; what is not on flash yet
    size_t len;
    size_t capacity;
};

// A file of file_len bytes begins, -1: not known. What it makes goes into slot. Until ota_keep_allow() no flash is touched.
void ota_keep_begin(struct ota_keep *keep, const esp_partition_t *slot, int64_t file_len);

// Now free sectors behind the first image_len bytes of the slot may be used; -1: not known, and then nothing is kept.
void ota_keep_allow(struct ota_keep *keep, int64_t file_len, int64_t image_len);

// The next bytes of the file.
void ota_keep_take(struct ota_keep *keep, const void *bytes, size_t len);

// Writes whole sectors of what was taken. Without it, or when it fails, nothing is kept any more.
// Cut: bytes behind those that ota_keep_digest() told are anything.
void ota_keep_write(struct ota_keep *keep);

// Digest of the kept bytes. ESP_ERR_NOT_SUPPORTED: none are kept.
esp_err_t ota_keep_digest(const struct ota_keep *keep,
                          uint8_t digest[KEEP_DIGEST_LEN]) ESP_MUST_CHECK;

// Looks for the first kept bytes of a file of file_len bytes. true: they are there, ota_keep_read() gives them, and what is taken
// from then on is kept behind them.
bool ota_keep_find(struct ota_keep *keep, const esp_partition_t *slot, int64_t file_len,
                   uint32_t kept, const uint8_t digest[KEEP_DIGEST_LEN]);

static inline bool ota_keep_has_more(const struct ota_keep *keep)
{
    return keep->replayed < keep->replay_len;
}

// Reads up to len of the bytes that ota_keep_find() found. Errors: the flash error.
esp_err_t ota_keep_read(struct ota_keep *keep, void *buf, size_t len, size_t *got) ESP_MUST_CHECK;

// Frees what is owned; nothing is kept any more.
void ota_keep_end(struct ota_keep *keep);
