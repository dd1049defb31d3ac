#include "image_encode.h"

#include <string.h>

#include "chip_traits.h"

#define WP_PIN_DISABLED   0xEE // fact: what esptool always writes
#define MMU_PAGE_64K_LOG2 16
#define DATA_OFFSET       32u // of segment 0, from the start of the image

static uint64_t data_len_of(const struct image_encode_spec *spec)
{
    return ((uint64_t)sizeof(esp_app_desc_t) + spec->payload_len + 3) & ~(uint64_t)3;
}

uint32_t image_encode_sealed_len(uint64_t data_end)
{
    uint64_t len = ((data_end + 16) & ~(uint64_t)15) + CRYPTO_SHA256_LEN;
    return len <= UINT32_MAX ? (uint32_t)len : 0;
}

uint32_t image_encode_len(const struct image_encode_spec *spec)
{
    return image_encode_sealed_len(DATA_OFFSET + data_len_of(spec));
}

static void copy_text(char *field, size_t size, const char *text)
{
    for (size_t i = 0; text && i < size && text[i]; i++) {
        field[i] = text[i];
    }
}

static void put_descriptor(const struct image_encode_spec *spec, uint8_t *at)
{
    esp_app_desc_t desc = {
        .magic_word = ESP_APP_DESC_MAGIC_WORD,
        .secure_version = spec->secure_version,
        .mmu_page_size = MMU_PAGE_64K_LOG2,
    };
    copy_text(desc.version, sizeof(desc.version), spec->version);
    copy_text(desc.project_name, sizeof(desc.project_name), spec->project);
    copy_text(desc.date, sizeof(desc.date), spec->date);
    copy_text(desc.time, sizeof(desc.time), spec->time);
    memcpy(at, &desc, sizeof(desc));
}

static void put_headers(const struct image_encode_spec *spec, uint32_t load_addr, uint8_t *out)
{
    esp_image_header_t header = {
        .magic = ESP_IMAGE_HEADER_MAGIC,
        .segment_count = 1,
        .spi_mode = ESP_IMAGE_SPI_MODE_DIO,
        .spi_size = ESP_IMAGE_FLASH_SIZE_4MB,
        .entry_addr = load_addr,
        .wp_pin = WP_PIN_DISABLED,
        .chip_id = spec->chip_id,
        .min_chip_rev_full = spec->min_chip_rev,
        .max_chip_rev_full = spec->max_chip_rev ? spec->max_chip_rev : UINT16_MAX,
        .hash_appended = 1,
    };
    esp_image_segment_header_t segment = {.load_addr = load_addr,
                                          .data_len = (uint32_t)data_len_of(spec)};
    memcpy(out, &header, sizeof(header));
    memcpy(out + sizeof(header), &segment, sizeof(segment));
}

static uint8_t checksum_of(const uint8_t *data, uint32_t len, uint8_t sum)
{
    for (uint32_t i = 0; i < len; i++) {
        sum ^= data[i];
    }
    return sum;
}

void image_encode_seal(uint8_t *out, uint32_t data_end)
{
    uint32_t end = (data_end + 16) & ~15u;
    uint8_t sum = 0xEF; // fact: SPEC.md "Image", checksum
    for (uint32_t at = sizeof(esp_image_header_t); at < data_end;) {
        esp_image_segment_header_t segment;
        memcpy(&segment, out + at, sizeof(segment));
        at += sizeof(segment);
        sum = checksum_of(out + at, segment.data_len, sum);
        at += segment.data_len;
    }
    memset(out + data_end, 0, end - data_end);
    out[end - 1] = sum;

    struct crypto_hash hash;
    esp_crypto.sha256_begin(&hash);
    esp_crypto.sha256_write(&hash, out, end);
    esp_crypto.sha256_end(&hash, out + end);
}

esp_err_t image_encode(const struct image_encode_spec *spec, uint8_t *out)
{
    const struct chip_traits *traits = chip_traits_by_id(spec->chip_id);
    if (!traits) {
        return ESP_ERR_NOT_SUPPORTED;
    }
    if (image_encode_len(spec) == 0 ||
        (!traits->has_32bit_flash && data_len_of(spec) >= 0x1000000)) {
        return ESP_ERR_INVALID_SIZE;
    }
    uint32_t data_end = DATA_OFFSET + (uint32_t)data_len_of(spec);
    uint32_t payload_end = IMAGE_ENCODE_PAYLOAD_OFFSET + spec->payload_len;
    // The load address is congruent with the data's place in the image for every page size.
    put_headers(spec, traits->windows[0].start + DATA_OFFSET, out);
    put_descriptor(spec, out + DATA_OFFSET);
    memset(out + payload_end, 0, data_end - payload_end);
    image_encode_seal(out, data_end);
    return ESP_OK;
}
