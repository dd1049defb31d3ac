#include "ota_stage_detect.h"

#include <string.h>

static const struct {
    uint8_t bytes[OTA_STAGE_MAGIC_LEN];
    size_t len;
    enum ota_stage_kind kind;
} MAGICS[] = {
    {{0xE9}, 1, OTA_STAGE_IMAGE},                  // fact: ESP_IMAGE_HEADER_MAGIC
    {{0x1F, 0x8B, 0x08}, 3, OTA_STAGE_GZIP},       // fact: RFC 1952, 2.3.1: ID1, ID2, CM deflate
    {{0x28, 0xB5, 0x2F, 0xFD}, 4, OTA_STAGE_ZSTD}, // fact: RFC 8878, 3.1.1
    {{0xCF, 0xB6, 0x88, 0x07},
     4,
     OTA_STAGE_ENCRYPTED},                          // fact: esp_encrypted_img, magic of the header
    {{0xD5, 'O', 'T', 'D'}, 4, OTA_STAGE_DELTA},    // SPEC.md, "Delta patches"
    {{0x10, 0xDE, 0xCD, 0xFC}, 4, OTA_STAGE_DELTA}, // fact: esp_delta_ota, magic of its container
};

enum ota_stage_kind ota_stage_detect(const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < sizeof(MAGICS) / sizeof(MAGICS[0]); i++) {
        if (len >= MAGICS[i].len && memcmp(bytes, MAGICS[i].bytes, MAGICS[i].len) == 0) {
            return MAGICS[i].kind;
        }
    }
    return OTA_STAGE_UNKNOWN;
}

const char *ota_stage_kind_name(enum ota_stage_kind kind)
{
    switch (kind) {
    case OTA_STAGE_IMAGE:
        return "image";
    case OTA_STAGE_GZIP:
        return "gzip";
    case OTA_STAGE_ZSTD:
        return "zstd";
    case OTA_STAGE_ENCRYPTED:
        return "pre-encrypted";
    case OTA_STAGE_DELTA:
        return "delta";
    case OTA_STAGE_UNKNOWN:
        break;
    }
    return "unknown";
}
