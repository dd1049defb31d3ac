#include "boot_tally.h"

#include <string.h>

#include "otadata.h"

#define STARTS_AT  0x400u // chosen: clear of the record and of the sector's first flash pages
#define HEALTHY_AT 0x800u
#define AREA_LEN   (BOOT_TALLY_MAX / 8)
#define PART       64u // chosen: bytes on the stack at a time

static uint32_t area(uint32_t otadata, int index, uint32_t at)
{
    return otadata + (uint32_t)index * OTADATA_SECTOR_SIZE + at;
}

static uint32_t count_zeros(uint8_t byte)
{
    uint32_t count = 0;
    for (int bit = 0; bit < 8; bit++) {
        count += !(byte >> bit & 1);
    }
    return count;
}

// Counts the fallen bits. *is_row: whether they are the first ones, without a gap. *end: behind the last fallen one.
static esp_err_t count_area(esp_flash_t *chip, uint32_t address, uint32_t *count, bool *is_row,
                            uint32_t *end)
{
    uint8_t bytes[PART];
    *count = 0;
    *end = 0;
    for (uint32_t at = 0; at < AREA_LEN; at += PART) {
        esp_err_t err = esp_flash_read(chip, bytes, address + at, PART);
        if (err != ESP_OK) {
            return err;
        }
        for (uint32_t i = 0; i < PART; i++) {
            *count += count_zeros(bytes[i]);
            for (uint32_t bit = 0; bit < 8; bit++) {
                *end = bytes[i] >> bit & 1 ? *end : (at + i) * 8 + bit + 1;
            }
        }
    }
    *is_row = *count == *end;
    return ESP_OK;
}

esp_err_t boot_tally_read(esp_flash_t *chip, uint32_t otadata, int index, struct boot_tally *out)
{
    uint32_t starts;
    uint32_t healthy;
    uint32_t end;
    bool is_row;
    bool is_healthy_row;
    esp_err_t err = count_area(chip, area(otadata, index, STARTS_AT), &starts, &is_row, &end);
    if (err != ESP_OK) {
        return err;
    }
    err = count_area(chip, area(otadata, index, HEALTHY_AT), &healthy, &is_healthy_row, &end);
    if (err ==
        ESP_OK) { // a cut may leave gaps among the healthy ones, never one behind the last start
        bool is_usable = is_row && end <= starts;
        *out = (struct boot_tally){is_usable ? starts : 0, is_usable ? healthy : 0, is_usable};
    }
    return err;
}

esp_err_t boot_tally_count_start(esp_flash_t *chip, uint32_t otadata, int index,
                                 struct boot_tally *tally)
{
    if (!tally->is_usable || tally->starts >= BOOT_TALLY_MAX) {
        return ESP_OK;
    }
    uint8_t byte = (uint8_t)(0xFEu << tally->starts % 8); // one more bit of it falls
    esp_err_t err =
        esp_flash_write(chip, &byte, area(otadata, index, STARTS_AT + tally->starts / 8), 1);
    if (err == ESP_OK) {
        tally->starts++;
    }
    return err;
}

esp_err_t boot_tally_mark_healthy(esp_flash_t *chip, uint32_t otadata, int index,
                                  struct boot_tally *tally)
{
    uint32_t whole = tally->starts / 8;
    uint8_t bytes[PART] = {0};
    esp_err_t err = ESP_OK;
    if (!tally->is_usable || tally->healthy == tally->starts) {
        return ESP_OK;
    }
    for (uint32_t at = 0; at < whole && err == ESP_OK; at += PART) {
        uint32_t len = whole - at < PART ? whole - at : PART;
        err = esp_flash_write(chip, bytes, area(otadata, index, HEALTHY_AT + at), len);
    }
    if (err == ESP_OK && tally->starts % 8 != 0) {
        uint8_t byte = (uint8_t)(0xFFu << tally->starts % 8);
        err = esp_flash_write(chip, &byte, area(otadata, index, HEALTHY_AT + whole), 1);
    }
    if (err == ESP_OK) {
        tally->healthy = tally->starts;
    }
    return err;
}
