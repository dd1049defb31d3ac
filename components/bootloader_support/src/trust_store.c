#include "trust_store.h"

#include <string.h>

#include "byte_order.h"
#include "esp_log.h"
#include "esp_rom_crc.h"
#include "flash_ops.h"

static const char *TAG = "trust_store";

#define MAGIC      0x5352544Fu // "OTRS"
#define VERSION    1u
#define TRUSTED_AT 32u
#define REVOKED_AT 288u
#define CRC_AT     544u
#define DIGEST_LEN SIGNATURE_KEY_DIGEST_LEN
#define NO_SECTOR  (-1)

// chosen: what is written, in whole blocks of flash encryption; behind the record 0xFF
#define WRITTEN_LEN                                                                                \
    ((TRUST_RECORD_LEN + FLASH_CIPHER_BLOCK - 1) / FLASH_CIPHER_BLOCK * FLASH_CIPHER_BLOCK)

// ----------------------------------------------------------------------- bytes

static bool is_known_form(const uint8_t *bytes)
{
    return load_le32(bytes) == MAGIC &&
           load_le32(bytes + 4) == (VERSION | TRUST_RECORD_LEN << 16) &&
           load_le32(bytes + CRC_AT) == esp_rom_crc32_le(0, bytes, CRC_AT);
}

bool trust_record_parse(const uint8_t bytes[TRUST_RECORD_LEN], struct trust_record *record)
{
    if (!is_known_form(bytes)) {
        return false;
    }
    struct trust_record read = {
        .sequence = load_le32(bytes + 8),
        .flags = load_le32(bytes + 12),
        .threshold = bytes[16],
        .trusted_count = bytes[17],
        .revoked_count = bytes[18],
        .min_len = load_le32(bytes + 20),
        .max_len = load_le32(bytes + 24),
    };
    if (read.sequence == 0 || read.flags > TRUST_STORE_FLAGS_ALL ||
        read.trusted_count > TRUST_KEY_MAX || read.revoked_count > TRUST_KEY_MAX ||
        read.threshold > TRUST_KEY_MAX) {
        return false;
    }
    memcpy(read.trusted, bytes + TRUSTED_AT, (size_t)read.trusted_count * DIGEST_LEN);
    memcpy(read.revoked, bytes + REVOKED_AT, (size_t)read.revoked_count * DIGEST_LEN);
    *record = read;
    return true;
}

void trust_record_encode(const struct trust_record *record, uint8_t bytes[TRUST_RECORD_LEN])
{
    memset(bytes, 0, TRUST_RECORD_LEN);
    store_le32(bytes, MAGIC);
    store_le32(bytes + 4, VERSION | TRUST_RECORD_LEN << 16);
    store_le32(bytes + 8, record->sequence);
    store_le32(bytes + 12, record->flags);
    bytes[16] = record->threshold;
    bytes[17] = record->trusted_count;
    bytes[18] = record->revoked_count;
    store_le32(bytes + 20, record->min_len);
    store_le32(bytes + 24, record->max_len);
    memcpy(bytes + TRUSTED_AT, record->trusted, (size_t)record->trusted_count * DIGEST_LEN);
    memcpy(bytes + REVOKED_AT, record->revoked, (size_t)record->revoked_count * DIGEST_LEN);
    store_le32(bytes + CRC_AT, esp_rom_crc32_le(0, bytes, CRC_AT));
}

// ----------------------------------------------------------------------- flash

/** Finds the record in charge. @param sector  out: where it stands; NO_SECTOR: there is none */
static esp_err_t find_record(esp_flash_t *chip, uint32_t address, struct trust_record *record,
                             int *sector)
{
    struct trust_record found = {0};
    *sector = NO_SECTOR;
    for (int i = 0; i < 2; i++) {
        uint8_t bytes[TRUST_RECORD_LEN];
        struct trust_record candidate;
        esp_err_t err = flash_plain_read(
            chip, bytes, address + (uint32_t)i * TRUST_STORE_SECTOR_LEN, sizeof(bytes));
        if (err != ESP_OK) {
            return err;
        }
        if (trust_record_parse(bytes, &candidate) && candidate.sequence > found.sequence) {
            found = candidate;
            *sector = i;
        }
    }
    *record = found;
    return ESP_OK;
}

esp_err_t trust_store_read(esp_flash_t *chip, uint32_t address, struct trust_record *record)
{
    int sector;
    return find_record(chip, address, record, &sector);
}

static esp_err_t replace_record(esp_flash_t *chip, uint32_t address, const uint8_t *bytes)
{
    uint8_t back[WRITTEN_LEN];
    esp_err_t err = esp_flash_erase_region(chip, address, TRUST_STORE_SECTOR_LEN);
    if (err == ESP_OK) {
        err = flash_plain_write(chip, bytes, address, WRITTEN_LEN);
    }
    if (err == ESP_OK) {
        err = flash_plain_read(chip, back, address, sizeof(back));
    }
    if (err == ESP_OK && memcmp(back, bytes, sizeof(back)) != 0) {
        err = ESP_ERR_FLASH_OP_FAIL;
    }
    return err == ESP_OK ? esp_flash_sync(chip) : err;
}

esp_err_t trust_store_write(esp_flash_t *chip, uint32_t address, struct trust_record *record)
{
    struct trust_record old;
    int sector;
    uint8_t bytes[WRITTEN_LEN];
    esp_err_t err = find_record(chip, address, &old, &sector);
    if (err == ESP_OK && old.sequence == UINT32_MAX) {
        err = ESP_ERR_INVALID_STATE;
    }
    if (err == ESP_OK) {
        record->sequence = old.sequence + 1;
        memset(bytes, 0xFF, sizeof(bytes));
        trust_record_encode(record, bytes);
        uint32_t other = sector == 0 ? TRUST_STORE_SECTOR_LEN : 0;
        err = replace_record(chip, address + other, bytes);
    }
    if (err != ESP_OK) {
        ESP_LOGE(TAG, "the trust store at 0x%" PRIx32 " could not be written: %s", address,
                 esp_err_to_name(err));
    }
    return err;
}

// ----------------------------------------------------------------------- keys

static int find_digest(const uint8_t list[][DIGEST_LEN], uint32_t count, const uint8_t *digest)
{
    for (uint32_t i = 0; i < count; i++) {
        if (memcmp(list[i], digest, DIGEST_LEN) == 0) {
            return (int)i;
        }
    }
    return -1;
}

static int find_trusted(const struct trust_record *record, const uint8_t *digest)
{
    return find_digest(record->trusted, record->trusted_count, digest);
}

bool trust_record_trusts(const struct trust_record *record,
                         const uint8_t digest[SIGNATURE_KEY_DIGEST_LEN])
{
    return find_trusted(record, digest) >= 0;
}

bool trust_record_revokes(const struct trust_record *record,
                          const uint8_t digest[SIGNATURE_KEY_DIGEST_LEN])
{
    return find_digest(record->revoked, record->revoked_count, digest) >= 0;
}

esp_err_t trust_record_add(struct trust_record *record,
                           const uint8_t digest[SIGNATURE_KEY_DIGEST_LEN])
{
    if (trust_record_revokes(record, digest)) {
        return ESP_ERR_INVALID_STATE;
    }
    if (trust_record_trusts(record, digest)) {
        return ESP_OK;
    }
    if (record->trusted_count == TRUST_KEY_MAX) {
        return ESP_ERR_NO_MEM;
    }
    memcpy(record->trusted[record->trusted_count++], digest, DIGEST_LEN);
    return ESP_OK;
}

static void remove_digest(uint8_t list[][DIGEST_LEN], uint8_t *count, int index)
{
    if (index < 0) {
        return;
    }
    (*count)--;
    memmove(list[index], list[index + 1], (size_t)(*count - index) * DIGEST_LEN);
    memset(list[*count], 0, DIGEST_LEN);
}

void trust_record_revoke(struct trust_record *record,
                         const uint8_t digest[SIGNATURE_KEY_DIGEST_LEN])
{
    uint8_t revoked[DIGEST_LEN]; // digest may stand in the list that changes
    memcpy(revoked, digest, sizeof(revoked));
    remove_digest(record->trusted, &record->trusted_count, find_trusted(record, revoked));
    if (trust_record_revokes(record, revoked)) {
        return;
    }
    if (record->revoked_count == TRUST_KEY_MAX) {
        remove_digest(record->revoked, &record->revoked_count, 0);
    }
    memcpy(record->revoked[record->revoked_count++], revoked, sizeof(revoked));
}

static bool is_same_trust(const struct trust_record *a, const struct trust_record *b)
{
    return a->trusted_count == b->trusted_count && a->revoked_count == b->revoked_count &&
           memcmp(a->trusted, b->trusted, sizeof(a->trusted)) == 0 &&
           memcmp(a->revoked, b->revoked, sizeof(a->revoked)) == 0;
}

static bool has_signed(const struct signature_result *result, const uint8_t *digest)
{
    for (uint32_t i = 0; i < SIGNATURE_BLOCK_MAX; i++) {
        if (result->right >> i & 1 && memcmp(result->key_digest[i], digest, DIGEST_LEN) == 0) {
            return true;
        }
    }
    return false;
}

/** How many of the trusted keys, oldest first, end with the newest one that has signed. */
static uint32_t count_to_newest_signer(const struct trust_record *record,
                                       const struct signature_result *result)
{
    uint32_t count = record->trusted_count;
    while (count > 0 && !has_signed(result, record->trusted[count - 1])) {
        count--;
    }
    return count;
}

/** Trusts the signers only, and with keeps_newer what is newer than all of them. */
static void take_signers(struct trust_record *record, const struct signature_result *result,
                         bool keeps_newer)
{
    uint32_t count = keeps_newer ? count_to_newest_signer(record, result) : record->trusted_count;
    for (uint32_t i = count; i-- > 0;) {
        if (!has_signed(result, record->trusted[i])) {
            trust_record_revoke(record, record->trusted[i]);
        }
    }
    for (uint32_t i = 0; i < SIGNATURE_BLOCK_MAX; i++) {
        if (result->right >> i & 1) {
            // A revoked key stays out. There is room: at most three sign.
            ESP_IGNORE_ERROR(trust_record_add(record, result->key_digest[i]));
        }
    }
}

bool trust_record_rotate(struct trust_record *record, const struct signature_result *result,
                         bool keeps_newer)
{
    struct trust_record next = *record;
    take_signers(&next, result, keeps_newer);
    uint32_t needed = next.threshold > 1 ? next.threshold : 1;
    if (next.trusted_count < needed || is_same_trust(&next, record)) {
        return false;
    }
    *record = next;
    return true;
}

void trust_record_to_policy(const struct trust_record *record, struct signature_policy *policy)
{
    policy->threshold = record->threshold;
    for (uint32_t i = 0; i < record->trusted_count && policy->trusted_count < SIGNATURE_TRUSTED_MAX;
         i++) {
        memcpy(policy->trusted[policy->trusted_count++], record->trusted[i], DIGEST_LEN);
    }
    for (uint32_t i = 0; i < record->revoked_count && policy->trusted_count < SIGNATURE_TRUSTED_MAX;
         i++) {
        policy->revoked |= (uint16_t)(1u << policy->trusted_count);
        memcpy(policy->trusted[policy->trusted_count++], record->revoked[i], DIGEST_LEN);
    }
}
