// The words for verdicts.

#include "image_fault.h"

#include <stddef.h>

struct fault_words {
    const char *name;
    const char *text;
    esp_err_t err;
};

// fact: names as in the reference vectors; codes as ESP-IDF's esp_image_verify answers
static const struct fault_words WORDS[] = {
    [IMAGE_OK] = {"ok", "valid", ESP_OK},
    [IMAGE_PARTITION_TOO_LARGE] = {"partition_size",
                                   "the partition is larger than 16 MiB, more than this chip maps",
                                   ESP_ERR_INVALID_ARG},
    [IMAGE_BAD_MAGIC] = {"magic", "not an ESP image: the first byte is not 0xE9",
                         ESP_ERR_IMAGE_INVALID},
    [IMAGE_BAD_CHIP_ID] = {"chip_id", "made for another chip", ESP_FAIL},
    [IMAGE_BAD_MIN_CHIP_REV] = {"min_chip_rev", "needs a newer chip revision", ESP_FAIL},
    [IMAGE_BAD_MAX_CHIP_REV] = {"max_chip_rev", "made for older chip revisions only", ESP_FAIL},
    [IMAGE_BAD_SEGMENT_COUNT] = {"segment_count", "more than 16 segments", ESP_ERR_IMAGE_INVALID},
    [IMAGE_BAD_SEGMENT_LENGTH] = {"segment_length",
                                  "a segment length is not a multiple of 4 or too large",
                                  ESP_ERR_IMAGE_INVALID},
    [IMAGE_SEGMENT0_TOO_SHORT] = {"seg0_too_short",
                                  "the first segment is too short for an application descriptor",
                                  ESP_ERR_IMAGE_INVALID},
    [IMAGE_BAD_APP_DESC_MAGIC] = {"app_desc_magic",
                                  "no application descriptor in the first segment", ESP_FAIL},
    [IMAGE_BAD_MAP_ALIGNMENT] = {"map_alignment",
                                 "a mapped segment does not line up with the chip's pages",
                                 ESP_ERR_IMAGE_INVALID},
    [IMAGE_BAD_MIN_BLK_REV] = {"min_efuse_blk_rev", "needs a newer eFuse block revision", ESP_FAIL},
    [IMAGE_BAD_MAX_BLK_REV] = {"max_efuse_blk_rev", "made for older eFuse block revisions only",
                               ESP_FAIL},
    [IMAGE_POLICY_NO_DESCRIPTOR] = {"policy_no_descriptor",
                                    "the device's policy asks for project or version, and no "
                                    "application descriptor names them",
                                    ESP_ERR_IMAGE_INVALID},
    [IMAGE_POLICY_PROJECT] = {"policy_project",
                              "its project name is not the one this device accepts",
                              ESP_ERR_IMAGE_INVALID},
    [IMAGE_POLICY_VERSION] = {"policy_version",
                              "its version is below the running one, which this device refuses",
                              ESP_ERR_IMAGE_INVALID},
    [IMAGE_POLICY_SECURE_VERSION] = {"policy_secure_version",
                                     "its secure version is below the running one, which this "
                                     "device refuses",
                                     ESP_ERR_IMAGE_INVALID},
    [IMAGE_POLICY_TOO_LARGE] = {"policy_too_large", "larger than this device's policy allows",
                                ESP_ERR_IMAGE_INVALID},
    [IMAGE_POLICY_TOO_SMALL] = {"policy_too_small", "smaller than this device's policy allows",
                                ESP_ERR_IMAGE_INVALID},
    [IMAGE_BAD_CHECKSUM] = {"checksum", "the checksum does not match: damaged",
                            ESP_ERR_IMAGE_INVALID},
    [IMAGE_EXCEEDS_PARTITION] = {"exceeds_partition", "larger than the partition",
                                 ESP_ERR_IMAGE_INVALID},
    [IMAGE_BAD_SHA256] = {"sha256", "the SHA-256 does not match: damaged", ESP_ERR_IMAGE_INVALID},
    [IMAGE_SIGNATURE_NO_KEYS] = {"signature_no_keys",
                                 "the device trusts no key, so no signature can be accepted",
                                 ESP_ERR_IMAGE_INVALID},
    [IMAGE_SIGNATURE_MISSING] = {"signature_missing", "it is not signed", ESP_ERR_IMAGE_INVALID},
    [IMAGE_SIGNATURE_V1_VERSION] = {"v1_version",
                                    "no v1 signature behind it: the version word is not 0",
                                    ESP_ERR_IMAGE_INVALID},
    [IMAGE_SIGNATURE_DAMAGED] = {"signature_damaged",
                                 "its signature block is damaged: magic or CRC is wrong",
                                 ESP_ERR_IMAGE_INVALID},
    [IMAGE_SIGNATURE_WRONG_SCHEME] = {"signature_scheme",
                                      "signed with another scheme or curve than the device takes",
                                      ESP_ERR_IMAGE_INVALID},
    [IMAGE_SIGNATURE_UNTRUSTED] = {"signature_untrusted",
                                   "signed only with keys that this device does not trust",
                                   ESP_ERR_IMAGE_INVALID},
    [IMAGE_SIGNATURE_REVOKED] = {"signature_revoked", "signed with a key that has been revoked",
                                 ESP_ERR_IMAGE_INVALID},
    [IMAGE_SIGNATURE_WRONG] = {"signature",
                               "the signature of a trusted key does not match: changed after "
                               "signing, or damaged",
                               ESP_ERR_IMAGE_INVALID},
    [IMAGE_SIGNATURE_TOO_FEW] = {"signature_too_few",
                                 "signed by fewer trusted keys than this device asks for",
                                 ESP_ERR_IMAGE_INVALID},
    [IMAGE_TRUNCATED] = {"truncated", "it ends before the image is complete",
                         ESP_ERR_IMAGE_INVALID},
    [IMAGE_READ_ERROR] = {"read_error", "it could not be read", ESP_ERR_IMAGE_FLASH_FAIL},
};

static const struct fault_words *words_of(enum image_fault fault)
{
    static const struct fault_words UNKNOWN = {"unknown", "unknown fault", ESP_FAIL};
    return (size_t)fault < sizeof(WORDS) / sizeof(WORDS[0]) ? &WORDS[fault] : &UNKNOWN;
}

const char *image_fault_name(enum image_fault fault)
{
    return words_of(fault)->name;
}

const char *image_fault_text(enum image_fault fault)
{
    return words_of(fault)->text;
}

esp_err_t image_fault_to_err(enum image_fault fault)
{
    return words_of(fault)->err;
}
