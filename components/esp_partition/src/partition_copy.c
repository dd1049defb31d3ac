// Copying between partitions. Everything that can be refused is refused before the first erase; then each sector is
// brought to its final content by itself, so that a copy that was cut off continues where it stopped.

#include <stdlib.h>
#include <string.h>

#include "esp_log.h"
#include "flash_ops.h"
#include "partition_list.h"

#define COMPARE_LEN 256 // chosen: on the stack; one sector takes 16 reads

static const char TAG[] = "partition";

/** One copy under way. */
struct copy {
    const esp_partition_t *dest;
    const esp_partition_t *src;
    uint32_t dest_offset;
    uint32_t src_offset;
    uint32_t copy_len; // bytes that come from the source
    uint32_t fill_len; // bytes of the destination that get a new content; whole sectors
};

static bool is_inside(const esp_partition_t *partition, uint32_t offset, uint64_t len)
{
    return offset <= partition->size && len <= partition->size - offset;
}

static bool ranges_overlap(const struct copy *copy)
{
    uint64_t dest = (uint64_t)copy->dest->address + copy->dest_offset;
    uint64_t src = (uint64_t)copy->src->address + copy->src_offset;
    bool is_one_chip = !copy->dest->flash_chip || copy->dest->flash_chip == esp_flash_default_chip;
    return is_one_chip && copy->copy_len > 0 && dest < src + copy->copy_len &&
           src < dest + copy->fill_len;
}

/** Works out both lengths. fact: the order of the checks as in ESP-IDF. */
static esp_err_t plan_copy(struct copy *copy, size_t size)
{
    const esp_partition_t *dest = copy->dest;
    const esp_partition_t *src = copy->src;
    if (!dest || !src || dest == src) {
        return ESP_ERR_INVALID_ARG;
    }
    if (copy->dest_offset > dest->size || copy->src_offset > src->size) {
        return ESP_ERR_INVALID_SIZE;
    }
    if (src->flash_chip && src->flash_chip != esp_flash_default_chip) {
        return ESP_ERR_NOT_SUPPORTED;
    }
    uint64_t len = size == SIZE_MAX ? src->size - copy->src_offset : size;
    uint64_t fill = size == SIZE_MAX ? dest->size - copy->dest_offset : len;
    if (!is_inside(src, copy->src_offset, len) || !is_inside(dest, copy->dest_offset, len)) {
        return ESP_ERR_INVALID_SIZE;
    }
    fill = (fill + FLASH_SECTOR_SIZE - 1) / FLASH_SECTOR_SIZE * FLASH_SECTOR_SIZE;
    if (dest->readonly) {
        return ESP_ERR_NOT_ALLOWED;
    }
    if (!is_inside(dest, copy->dest_offset, fill)) {
        return ESP_ERR_INVALID_SIZE;
    }
    copy->copy_len = (uint32_t)len;
    copy->fill_len = (uint32_t)fill;
    bool is_misaligned = copy->dest_offset % FLASH_SECTOR_SIZE != 0;
    return is_misaligned || ranges_overlap(copy) ? ESP_ERR_INVALID_ARG : ESP_OK;
}

/** What has to be written to have len bytes on flash: whole blocks where flash is encrypted. */
static uint32_t written_len(const struct copy *copy, uint32_t len)
{
    uint32_t unit = copy->dest->encrypted ? FLASH_CIPHER_BLOCK : 1;
    return (len + unit - 1) / unit * unit;
}

typedef esp_err_t (*read_function)(const esp_partition_t *partition, size_t src_offset, void *dst,
                                   size_t size);

static esp_err_t compare(const struct copy *copy, read_function read, uint32_t at,
                         const uint8_t *wanted, uint32_t len, bool *is_equal)
{
    uint8_t current[COMPARE_LEN];
    for (uint32_t i = 0; i < len && *is_equal;) {
        uint32_t part = len - i < COMPARE_LEN ? len - i : COMPARE_LEN;
        esp_err_t err = read(copy->dest, copy->dest_offset + at + i, current, part);
        if (err != ESP_OK) {
            return err;
        }
        *is_equal = memcmp(current, wanted + i, part) == 0;
        i += part;
    }
    return ESP_OK;
}

/** Compares a sector of the destination with what it should hold: len bytes, and erased flash behind them. */
static esp_err_t compare_sector(const struct copy *copy, uint32_t at, const uint8_t *wanted,
                                uint32_t len, bool *is_equal)
{
    *is_equal = true;
    esp_err_t err = compare(copy, esp_partition_read, at, wanted, len, is_equal);
    return err == ESP_OK ? compare(copy, esp_partition_read_raw, at + len, wanted + len,
                                   FLASH_SECTOR_SIZE - len, is_equal)
                         : err;
}

static esp_err_t rewrite_sector(const struct copy *copy, uint32_t at, const uint8_t *wanted,
                                uint32_t len)
{
    uint32_t offset = copy->dest_offset + at;
    esp_err_t err = esp_partition_erase_range(copy->dest, offset, FLASH_SECTOR_SIZE);
    if (err == ESP_OK) {
        err = esp_partition_write(copy->dest, offset, wanted, len);
    }
    bool is_equal = false;
    if (err == ESP_OK) {
        err = compare_sector(copy, at, wanted, len, &is_equal);
    }
    if (err == ESP_OK && !is_equal) {
        ESP_LOGE(TAG, "\"%s\": the sector at 0x%" PRIx32 " does not read back as written",
                 copy->dest->label, offset);
        err = ESP_ERR_FLASH_OP_FAIL;
    }
    return err;
}

/** A sector that is right may have been left so by a power cut, with bits that would decay: programmed once more they are firm. A
 *  bit that is to stay erased has none to program, so where there is nothing else the sector is erased. */
static esp_err_t refresh_sector(const struct copy *copy, uint32_t at, const uint8_t *wanted,
                                uint32_t len)
{
    bool is_blank = len > 0 && wanted[0] == 0xFF && memcmp(wanted, wanted + 1, len - 1) == 0;
    if (is_blank) {
        return rewrite_sector(copy, at, wanted, len);
    }
    return len > 0 ? esp_partition_write(copy->dest, copy->dest_offset + at, wanted, len) : ESP_OK;
}

/** Brings the sector at bytes behind dest_offset to its final content. */
static esp_err_t copy_sector(const struct copy *copy, uint32_t at, uint8_t *sector)
{
    uint32_t left = at < copy->copy_len ? copy->copy_len - at : 0;
    uint32_t len = left < FLASH_SECTOR_SIZE ? left : FLASH_SECTOR_SIZE;
    memset(sector, 0xFF, FLASH_SECTOR_SIZE);
    esp_err_t err = ESP_OK;
    if (len > 0) {
        err = esp_partition_read(copy->src, copy->src_offset + at, sector, len);
    }
    bool is_equal = false;
    len = written_len(copy, len);
    if (err == ESP_OK) {
        err = compare_sector(copy, at, sector, len, &is_equal);
    }
    if (err != ESP_OK || !is_equal) {
        return err == ESP_OK ? rewrite_sector(copy, at, sector, len) : err;
    }
    return refresh_sector(copy, at, sector, len);
}

esp_err_t esp_partition_copy(const esp_partition_t *dest_part, uint32_t dest_offset,
                             const esp_partition_t *src_part, uint32_t src_offset, size_t size)
{
    struct copy copy = {
        .dest = dest_part, .src = src_part, .dest_offset = dest_offset, .src_offset = src_offset};
    esp_err_t err = plan_copy(&copy, size);
    if (err != ESP_OK) {
        return err;
    }
    uint8_t *sector = malloc(FLASH_SECTOR_SIZE);
    if (!sector) {
        return ESP_ERR_NO_MEM;
    }
    for (uint32_t at = 0; at < copy.fill_len && err == ESP_OK; at += FLASH_SECTOR_SIZE) {
        err = copy_sector(&copy, at, sector);
    }
    free(sector);
    return err;
}
