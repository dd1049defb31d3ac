/** Every verdict on an image, its signature and its policy, and the words for it. */
#pragma once

#include "esp_err.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Verdict on an image. The values after OK stand in the order of the checks. */
enum image_fault {
    IMAGE_OK = 0,
    IMAGE_PARTITION_TOO_LARGE, // the partition is larger than the chip can map for one image
    IMAGE_BAD_MAGIC,
    IMAGE_BAD_CHIP_ID,
    IMAGE_BAD_MIN_CHIP_REV,
    IMAGE_BAD_MAX_CHIP_REV,
    IMAGE_BAD_SEGMENT_COUNT,
    IMAGE_BAD_SEGMENT_LENGTH,
    IMAGE_SEGMENT0_TOO_SHORT,
    IMAGE_BAD_APP_DESC_MAGIC,
    IMAGE_BAD_MAP_ALIGNMENT,
    IMAGE_BAD_MIN_BLK_REV,
    IMAGE_BAD_MAX_BLK_REV,
    IMAGE_POLICY_NO_DESCRIPTOR, // the device's own policy, see image_policy.h
    IMAGE_POLICY_PROJECT,
    IMAGE_POLICY_VERSION,
    IMAGE_POLICY_SECURE_VERSION,
    IMAGE_POLICY_TOO_LARGE,
    IMAGE_BAD_CHECKSUM,
    IMAGE_EXCEEDS_PARTITION,
    IMAGE_POLICY_TOO_SMALL,
    IMAGE_BAD_SHA256,
    // Signatures. Behind NO_KEYS in the order in which one outweighs another when blocks fail in different ways.
    IMAGE_SIGNATURE_NO_KEYS,      // the device trusts no key, so nothing can be right
    IMAGE_SIGNATURE_MISSING,      // no signature where it should stand
    IMAGE_SIGNATURE_V1_VERSION,   // v1: its version word is not 0
    IMAGE_SIGNATURE_DAMAGED,      // v2: no magic or no right CRC
    IMAGE_SIGNATURE_WRONG_SCHEME, // v2: a block of a scheme or curve that the device does not take
    IMAGE_SIGNATURE_UNTRUSTED,    // by keys that the device does not know
    IMAGE_SIGNATURE_REVOKED,      // by a key that the device knows as revoked
    IMAGE_SIGNATURE_WRONG,        // a trusted key, but not over these bytes
    IMAGE_SIGNATURE_TOO_FEW,      // right, but by fewer keys than the device asks for
    IMAGE_TRUNCATED,              // the data ended before the image did
    IMAGE_READ_ERROR,             // the source could not be read
};

/** Word used in manifests and JSON, e.g. "min_chip_rev"; "ok" for IMAGE_OK. Never NULL. */
const char *image_fault_name(enum image_fault fault);

/** One phrase for people, e.g. "made for another chip". Never NULL. */
const char *image_fault_text(enum image_fault fault);

/** The esp_err_t that ESP-IDF's verifier answers for a fault: ESP_FAIL, ESP_ERR_INVALID_ARG or ESP_ERR_IMAGE_INVALID. */
esp_err_t image_fault_to_err(enum image_fault fault);

#ifdef __cplusplus
}
#endif
