// Any bytes as the last two sectors of a slot: what load answers is in order, and a journal can be begun on top.
// Byte 0 of the input repairs the CRCs, so that what lies behind them is reached.

#include <string.h>

#include "esp_flash_partitions.h"
#include "esp_ota_ext.h"
#include "esp_rom_crc.h"
#include "fuzz_check.h"
#include "nor_flash.h"
#include "ota_tail.h"
#include "partition_table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SLOT_SIZE    0x4000u
#define SLOT_ADDRESS 0x10000u
#define TAIL         (SLOT_ADDRESS + SLOT_SIZE - ESP_OTA_JOURNAL_LEN)
#define RECORDS_AT   288u

static esp_flash_t *s_chip;

static void put_table(void)
{
    static const esp_partition_info_t table[] = {
        {.type = 0, .subtype = 0x10, .pos = {SLOT_ADDRESS, SLOT_SIZE}, .label = "ota_0"}};
    uint8_t bytes[ESP_PARTITION_TABLE_MAX_LEN];
    FUZZ_CHECK(partition_table_encode(table, 1, true, bytes) == ESP_OK);
    FUZZ_CHECK(esp_flash_erase_chip(NULL) == ESP_OK);
    FUZZ_CHECK(esp_flash_write(NULL, bytes, 0x8000, sizeof(bytes)) == ESP_OK);
}

static const esp_partition_t *slot(void)
{
    if (!s_chip) {
        FUZZ_CHECK(nor_flash_open_in_memory(0x20000, &s_chip) == ESP_OK);
        esp_flash_default_chip = s_chip;
        put_table();
    }
    return esp_partition_find_first(ESP_PARTITION_TYPE_APP, ESP_PARTITION_SUBTYPE_ANY, NULL);
}

static void put_crc(uint8_t *bytes, size_t len, uint32_t start)
{
    uint32_t crc = esp_rom_crc32_le(start, bytes, (uint32_t)len - 4);
    memcpy(bytes + len - 4, &crc, sizeof(crc));
}

static void repair(uint8_t *sector)
{
    uint32_t header_crc;
    uint16_t record_len;
    put_crc(sector, RECORDS_AT, 0);
    memcpy(&header_crc, sector + RECORDS_AT - 4, sizeof(header_crc));
    memcpy(&record_len, sector + 6, sizeof(record_len));
    if (record_len != 48 && record_len != 304) {
        return;
    }
    for (uint32_t at = RECORDS_AT; at + record_len <= OTA_TAIL_SECTOR; at += record_len) {
        put_crc(sector + at, record_len,
                esp_rom_crc32_le(0, (const uint8_t *)&header_crc, sizeof(header_crc)));
    }
}

static void check_answer(void)
{
    struct esp_ota_journal journal;
    struct esp_ota_journal_progress progress;
    esp_err_t err = esp_ota_journal_load(slot(), &journal, &progress);
    FUZZ_CHECK(err == ESP_OK || err == ESP_ERR_NOT_FOUND);
    if (err != ESP_OK) {
        return;
    }
    const struct esp_ota_journal_identity *identity = &journal.identity;
    FUZZ_CHECK(memchr(identity->etag, 0, sizeof(identity->etag)));
    FUZZ_CHECK(memchr(identity->last_modified, 0, sizeof(identity->last_modified)));
    FUZZ_CHECK(progress.image_offset <= SLOT_SIZE - ESP_OTA_JOURNAL_LEN);
    FUZZ_CHECK(progress.entity_offset <= identity->total_len);
    FUZZ_CHECK(progress.state_len <= (identity->stages ? ESP_OTA_JOURNAL_STATE_MAX : 0));
    FUZZ_CHECK(esp_ota_journal_add(&journal, &progress) == ESP_OK);
    struct esp_ota_journal_progress again;
    FUZZ_CHECK(esp_ota_journal_load(slot(), &journal, &again) == ESP_OK);
    FUZZ_CHECK(again.entity_offset == progress.entity_offset);
    FUZZ_CHECK(again.image_offset == progress.image_offset);
    FUZZ_CHECK(again.state_len == progress.state_len);
    FUZZ_CHECK(memcmp(again.state, progress.state, sizeof(again.state)) == 0);
}

/** Whatever there is, pending copies included, it can be got rid of. */
static void start_anew(void)
{
    struct esp_ota_journal_identity identity = {.total_len = 100};
    struct esp_ota_journal journal;
    struct esp_ota_journal_progress progress = {.image_offset = 10};
    esp_err_t err = esp_ota_finish_pending_copy();
    FUZZ_CHECK(esp_ota_finish_pending_copy() == ESP_ERR_NOT_FOUND || err != ESP_OK);
    if (err == ESP_OK) { // a true record, whose digest the fuzzer took from the comparison
        put_table();
    }
    FUZZ_CHECK(esp_ota_journal_begin(slot(), 0, &identity, &journal) == ESP_OK);
    FUZZ_CHECK(esp_ota_journal_add(&journal, &progress) == ESP_OK);
    FUZZ_CHECK(esp_ota_journal_load(slot(), &journal, &progress) == ESP_OK);
    FUZZ_CHECK(esp_ota_journal_clear(slot()) == ESP_OK);
    FUZZ_CHECK(esp_ota_journal_load(slot(), &journal, &progress) == ESP_ERR_NOT_FOUND);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t tail[ESP_OTA_JOURNAL_LEN];
    memset(tail, 0xFF, sizeof(tail));
    if (size > 1) {
        memcpy(tail, data + 1, size - 1 < sizeof(tail) ? size - 1 : sizeof(tail));
    }
    if (size > 0 && data[0] & 1) {
        repair(tail);
    }
    if (size > 0 && data[0] & 2) {
        repair(tail + OTA_TAIL_SECTOR);
    }
    (void)slot();
    FUZZ_CHECK(esp_flash_erase_region(NULL, TAIL, sizeof(tail)) == ESP_OK);
    FUZZ_CHECK(esp_flash_write(NULL, tail, TAIL, sizeof(tail)) == ESP_OK);
    check_answer();
    start_anew();
    return 0;
}
