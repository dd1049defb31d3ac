/**
 * Release folders: plain static files on any web server or CDN, and a small signed index that says what is there.
 *
 * `esp-ota release add` maintains such a folder. A device fetches the index, learns from it which file is the smallest that turns
 * what it runs into the release (a patch, or the whole image, perhaps compressed), and updates with that file's URL.
 *
 *     struct esp_ota_release release;
 *     err = esp_ota_release_parse(text, len, &release);                     // bytes from the network: anything is possible
 *     fault = esp_ota_release_verify(&release, &policy);                    // who made it
 *     err = esp_ota_release_check_age(&release, last_serial, now);          // not an old one, played again
 *     err = esp_ota_release_plan(&release, &base, &limits, &plan);          // which file
 *
 * The index is one text of at most ESP_OTA_RELEASE_INDEX_MAX bytes in the caller's memory. Nothing here needs a heap, waits,
 * or knows where the text came from. The format is in SPEC.md, "Release folders"; a threat by threat account in docs/release.md.
 */
#pragma once

#include "signature_record.h"

#ifdef __cplusplus
extern "C" {
#endif

#define ESP_OTA_RELEASE_INDEX_NAME "release.json"
#define ESP_OTA_RELEASE_INDEX_MAX                                                                  \
    32768u // chosen: 64 files with the longest names, and three RSA signatures
#define ESP_OTA_RELEASE_FILE_MAX    64u
#define ESP_OTA_RELEASE_NAME_MAX    128u // with its zero
#define ESP_OTA_RELEASE_TEXT_MAX    33u  // of chip, project and version, with its zero
#define ESP_OTA_RELEASE_ROLLOUT_ALL 100u

/** What a file of the folder is; the values stand in no file. */
enum esp_ota_release_kind {
    ESP_OTA_RELEASE_IMAGE,
    ESP_OTA_RELEASE_GZIP,
    ESP_OTA_RELEASE_ZSTD,
    ESP_OTA_RELEASE_PATCH,
};

/** One file that makes the release. */
struct esp_ota_release_file {
    enum esp_ota_release_kind kind;
    char name
        [ESP_OTA_RELEASE_NAME_MAX]; // letters, digits, ".", "_", "-"; a name of this folder, not a path
    uint32_t size;
    uint8_t sha256[CRYPTO_SHA256_LEN];
    // of patches only
    uint32_t memory;                        // bytes that applying it takes
    uint32_t from_size;                     // the image it begins with ...
    uint8_t from_sha256[CRYPTO_SHA256_LEN]; // ... and the digest of those bytes
    char from_version[ESP_OTA_RELEASE_TEXT_MAX];
};

/** What an index says about its release. Borrows the text. */
struct esp_ota_release {
    uint64_t serial;  // grows with every index of the folder
    uint64_t expires; // seconds since 1970; 0: never
    char chip[ESP_OTA_RELEASE_TEXT_MAX];
    char project[ESP_OTA_RELEASE_TEXT_MAX];
    char version[ESP_OTA_RELEASE_TEXT_MAX]; // what its publisher calls it
    char app_version
        [ESP_OTA_RELEASE_TEXT_MAX]; // what its descriptor says; many projects never change that
    uint32_t secure_version;
    uint32_t image_size;
    uint8_t image_sha256[CRYPTO_SHA256_LEN]; // of the whole image file
    uint8_t rollout;                         // percent of the devices that may take it, 0 to 100
    uint32_t file_count;
    uint32_t withdrawn_count;
    // private
    const char *text;
    size_t len;
    size_t files_at;
    size_t withdrawn_at; // 0: none
    size_t signed_len;   // 0: not signed
    size_t signatures_at;
};

/**
 * Reads an index; everything in it is checked, so that later calls cannot meet anything malformed. Members that are not known are
 * skipped; a known one twice is refused, as two readers might take different ones.
 * @param text  len bytes, borrowed as long as release is used
 * @return ESP_OK; ESP_ERR_INVALID_SIZE: more than ESP_OTA_RELEASE_INDEX_MAX bytes, or too many files; ESP_ERR_INVALID_VERSION:
 *         made for a later version of this code; ESP_ERR_INVALID_RESPONSE: anything else (all logged)
 */
ESP_MUST_CHECK esp_err_t esp_ota_release_parse(const char *text, size_t len,
                                               struct esp_ota_release *release);

/**
 * The next file of the index.
 * @param cursor  0 at first; moved on
 * @return false: there is none
 */
bool esp_ota_release_next(const struct esp_ota_release *release, size_t *cursor,
                          struct esp_ota_release_file *file);

/** The same of images that were released after this one and withdrawn: a device that runs one of them would go back. */
bool esp_ota_release_next_withdrawn(const struct esp_ota_release *release, size_t *cursor,
                                    struct esp_ota_release_file *file);

/** Signatures of an index: at most this many bytes, records one after the other. @return count; 0: not signed */
uint32_t esp_ota_release_signatures(const struct esp_ota_release *release,
                                    uint8_t bytes[SIGNATURE_RECORD_COUNT_MAX][SIGNATURE_RECORD_MAX],
                                    struct signature_record records[SIGNATURE_RECORD_COUNT_MAX]);

/**
 * Whether trusted keys have signed the index. Takes about 6 KB of stack.
 * @param policy  as in signature_record_verify()
 * @return IMAGE_OK, or one of IMAGE_SIGNATURE_*
 */
enum image_fault esp_ota_release_verify(const struct esp_ota_release *release,
                                        const struct signature_policy *policy);

/**
 * Whether an index is as new as it should be. Call it only with an index whose signature was verified, then keep its serial.
 * @param last_serial  the largest serial of a verified index so far; 0: none yet
 * @param now          seconds since 1970; 0: the time is not known, and expiry is not checked
 * @return ESP_OK; ESP_ERR_INVALID_STATE: older than one that was seen; ESP_ERR_TIMEOUT: expired (both logged)
 */
ESP_MUST_CHECK esp_err_t esp_ota_release_check_age(const struct esp_ota_release *release,
                                                   uint64_t last_serial, uint64_t now);

/**
 * Whether a rollout has reached a device. Always the same answer for the same device and release; a growing percentage only adds
 * devices, and another release begins with others.
 */
bool esp_ota_release_is_offered(const struct esp_ota_release *release, const void *device_id,
                                size_t len);

/** What runs, as far as a patch is concerned. */
struct esp_ota_release_base {
    void *context;
    uint32_t size; // bytes that can be read: the partition
    /** Reads len bytes at offset; all of them are below size. */
    esp_err_t (*read)(void *context, uint32_t offset, uint8_t *out, uint32_t len);
};

/** What a device can and may take. */
struct esp_ota_release_limits {
    uint32_t memory;    // bytes for applying a patch; 0: no patches
    uint32_t slot_size; // bytes of the slot that is written
    uint64_t max_bytes; // data budget of a file; 0: any
    bool takes_gzip;
    bool takes_zstd;
    bool patches_only; // the whole image is no way out
};

#define ESP_OTA_RELEASE_PLAN_MAX 4u // a patch, and three forms of the whole image

/** Files to try, smallest first. */
struct esp_ota_release_plan {
    bool is_current; // what runs is the release already: nothing to do, and no files
    bool
        is_withdrawn; // what runs was released later and withdrawn: the release would be a step back
    uint32_t count;
    struct esp_ota_release_file files[ESP_OTA_RELEASE_PLAN_MAX];
    // why there are none
    bool has_patch;        // for what runs, of any size and memory
    uint32_t patch_size;   // the smallest of them
    uint32_t patch_memory; // what that one needs
    uint32_t full_size;    // the smallest form of the whole image that the device takes; 0: none
};

/**
 * Chooses files by size. Reads the base once, up to the longest image that
 * the index knows; of more than 24 different lengths the rest is not looked at.
 * @return ESP_OK, also when the limits leave no file; ESP_ERR_INVALID_SIZE: the image exceeds the slot (logged); or what
 *         base->read said
 */
ESP_MUST_CHECK esp_err_t esp_ota_release_plan(const struct esp_ota_release *release,
                                              const struct esp_ota_release_base *base,
                                              const struct esp_ota_release_limits *limits,
                                              struct esp_ota_release_plan *plan);

#ifdef __cplusplus
}
#endif
