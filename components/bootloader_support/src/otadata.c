#include "otadata.h"

#include <string.h>

#include "byte_order.h"
#include "esp_log.h"
#include "esp_rom_crc.h"
#include "flash_ops.h"

static const char *TAG = "otadata";

uint32_t otadata_crc(uint32_t seq)
{
    uint8_t bytes[4];
    store_le32(bytes, seq);
    return esp_rom_crc32_le(UINT32_MAX, bytes,
                            sizeof(bytes)); // fact: SPEC.md "otadata": register starts at 0
}

static bool is_crc_right(const esp_ota_select_entry_t *record)
{
    return record->crc == otadata_crc(record->ota_seq);
}

bool otadata_is_bad(const esp_ota_select_entry_t *record)
{
    return record->ota_seq == OTADATA_SEQ_EMPTY || record->ota_state == ESP_OTA_IMG_INVALID ||
           record->ota_state == ESP_OTA_IMG_ABORTED;
}

bool otadata_is_good(const esp_ota_select_entry_t *record)
{
    return !otadata_is_bad(record) && is_crc_right(record);
}

bool otadata_is_blank(const esp_ota_select_entry_t *record)
{
    return record->ota_seq == OTADATA_SEQ_EMPTY || !is_crc_right(record);
}

int otadata_active(const esp_ota_select_entry_t records[OTADATA_RECORD_COUNT])
{
    bool is_good_0 = otadata_is_good(&records[0]);
    bool is_good_1 = otadata_is_good(&records[1]);
    if (is_good_0 && is_good_1) {
        return records[1].ota_seq > records[0].ota_seq ? 1 : 0;
    }
    if (is_good_0) {
        return 0;
    }
    return is_good_1 ? 1 : OTADATA_NONE;
}

uint32_t otadata_slot(uint32_t seq, uint32_t slot_count)
{
    return (seq - 1) % slot_count;
}

esp_err_t otadata_plan(const esp_ota_select_entry_t records[OTADATA_RECORD_COUNT], uint32_t slot,
                       uint32_t slot_count, uint32_t state, struct otadata_change *out)
{
    int active = otadata_active(records);
    struct otadata_change change;
    if (active == OTADATA_NONE) {
        change.index = 0;
        change.record = records[0];
        change.record.ota_seq = slot + 1;
    } else {
        uint32_t seq = records[active].ota_seq;
        uint32_t present = otadata_slot(seq, slot_count);
        uint32_t step = (slot + slot_count - present) % slot_count;
        if (seq == 0 && step != 0) {
            step = slot + 1; // 0 - 1 wraps, so the slot of 0 is out of line with those of 1, 2, ...
        }
        if (step > OTADATA_SEQ_EMPTY - 1 - seq) {
            return ESP_ERR_INVALID_STATE;
        }
        change.index = step == 0 ? active : 1 - active;
        change.record = records[change.index];
        change.record.ota_seq = seq + step;
    }
    change.record.ota_state = state;
    change.record.crc = otadata_crc(change.record.ota_seq);
    *out = change;
    return ESP_OK;
}

esp_err_t otadata_read(esp_flash_t *chip, uint32_t address,
                       esp_ota_select_entry_t records[OTADATA_RECORD_COUNT])
{
    esp_ota_select_entry_t read[OTADATA_RECORD_COUNT];
    for (int i = 0; i < OTADATA_RECORD_COUNT; i++) {
        esp_err_t err = flash_plain_read(
            chip, &read[i], address + (uint32_t)i * OTADATA_SECTOR_SIZE, sizeof(read[i]));
        if (err != ESP_OK) {
            return err;
        }
    }
    memcpy(records, read, sizeof(read));
    return ESP_OK;
}

static esp_err_t holds(esp_flash_t *chip, uint32_t address, const esp_ota_select_entry_t *record,
                       bool *out)
{
    esp_ota_select_entry_t found;
    esp_err_t err = flash_plain_read(chip, &found, address, sizeof(found));
    if (err == ESP_OK) {
        *out = memcmp(&found, record, sizeof(found)) == 0;
    }
    return err;
}

// The CRC does not cover the state, and a cut can leave any of the bytes of one operation: with a right CRC and no right state an
// image on trial would count as confirmed, or one that was given up as good. So the CRC goes last. Encrypted, both stand
// in one block, which is whole or noise.
static esp_err_t program_record(esp_flash_t *chip, uint32_t address,
                                const esp_ota_select_entry_t *record)
{
    const uint32_t crc_at = (uint32_t)offsetof(esp_ota_select_entry_t, crc);
    if (flash_is_encrypted(chip)) {
        return flash_plain_write(chip, record, address, sizeof(*record));
    }
    esp_err_t err = esp_flash_write(chip, record, address, crc_at);
    return err == ESP_OK ? esp_flash_write(chip, (const uint8_t *)record + crc_at, address + crc_at,
                                           sizeof(*record) - crc_at)
                         : err;
}

// A record that stands there already is not erased, as a cut would leave none; programming it once more makes it firm if a
// cut has left bits that would decay.
static esp_err_t replace_record(esp_flash_t *chip, uint32_t address,
                                const esp_ota_select_entry_t *record)
{
    bool is_there = false;
    esp_err_t err = holds(chip, address, record, &is_there);
    if (err == ESP_OK && !is_there) {
        err = esp_flash_erase_region(chip, address, OTADATA_SECTOR_SIZE);
    }
    if (err == ESP_OK) {
        err = program_record(chip, address, record);
    }
    if (err == ESP_OK) {
        err = holds(chip, address, record, &is_there);
    }
    return err == ESP_OK && !is_there ? ESP_ERR_FLASH_OP_FAIL : err;
}

esp_err_t otadata_write(esp_flash_t *chip, uint32_t address, int index,
                        const esp_ota_select_entry_t *record)
{
    // What the record will make bootable must be on the medium before the record is.
    esp_err_t err = esp_flash_sync(chip);
    if (err == ESP_OK) {
        err = replace_record(chip, address + (uint32_t)index * OTADATA_SECTOR_SIZE, record);
    }
    if (err == ESP_OK) {
        err = esp_flash_sync(chip);
    }
    if (err != ESP_OK) {
        ESP_LOGE(TAG, "record %d at 0x%" PRIx32 " could not be written: %s", index, address,
                 esp_err_to_name(err));
    }
    return err;
}

static esp_err_t is_erased(esp_flash_t *chip, uint32_t address, bool *out)
{
    uint8_t bytes[sizeof(esp_ota_select_entry_t)]; // as they stand there, encrypted or not
    esp_err_t err = esp_flash_read(chip, bytes, address, sizeof(bytes));
    *out = true;
    for (size_t i = 0; i < sizeof(bytes); i++) {
        *out = *out && bytes[i] == 0xFF;
    }
    return err;
}

esp_err_t otadata_drop_torn(esp_flash_t *chip, uint32_t address,
                            const esp_ota_select_entry_t records[OTADATA_RECORD_COUNT])
{
    for (int i = 0; i < OTADATA_RECORD_COUNT; i++) {
        uint32_t at = address + (uint32_t)i * OTADATA_SECTOR_SIZE;
        bool is_blank = false;
        if (is_crc_right(&records[i]) || !otadata_is_good(&records[1 - i])) {
            continue;
        }
        esp_err_t err = is_erased(chip, at, &is_blank);
        if (err == ESP_OK && !is_blank) {
            ESP_LOGW(TAG, "record %d at 0x%" PRIx32 " is torn; it is erased", i, address);
            err = esp_flash_erase_region(chip, at, OTADATA_SECTOR_SIZE);
            err = err == ESP_OK ? esp_flash_sync(chip) : err;
        }
        if (err != ESP_OK) {
            return err;
        }
    }
    return ESP_OK;
}

const char *otadata_state_name(uint32_t state)
{
    static const char *const NAMES[] = {"NEW", "PENDING_VERIFY", "VALID", "INVALID", "ABORTED"};
    if (state == ESP_OTA_IMG_UNDEFINED) {
        return "UNDEFINED";
    }
    return state < sizeof(NAMES) / sizeof(NAMES[0]) ? NAMES[state] : "UNKNOWN";
}
