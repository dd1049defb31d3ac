/**
 * Verification of application and bootloader images, byte by byte as they arrive or from where they stand.
 *
 * One state machine serves both: the updater feeds it what it programmed and read back, the bootloader what
 * it reads from flash, the CLI what stands in a file. No heap; the state is the caller's.
 * The checks and their order are in SPEC.md; the first one that fails is the verdict.
 */
#pragma once

#include "boot_handover.h"
#include "crypto_ops.h"
#include "esp_app_desc.h"
#include "esp_app_format.h"
#include "esp_bootloader_desc.h"
#include "esp_flash.h"
#include "image_fault.h"
#include "image_policy.h"
#include "signature_verify.h"

#ifdef __cplusplus
extern "C" {
#endif

/** What an image must satisfy. */
struct image_rules {
    struct chip_identity chip;
    uint32_t flash_offset;   // where the image starts on flash
    uint32_t partition_size; // bytes it may use
    bool
        is_bootloader; // bootloader region: no descriptor and maximum revision rules, SHA-256 not compared
    const struct signature_policy
        *signature;                    // outlives the verification; NULL: no signature is needed
    const struct image_policy *policy; // likewise; NULL: no policy
};

struct image_segment {
    uint32_t load_addr;
    uint32_t data_len;
    uint32_t data_offset; // of the first data byte, from the start of the image
};

/** What is known of an image; header and segments as far as they were read. */
struct image_info {
    esp_image_header_t header;
    struct image_segment segments[ESP_IMAGE_MAX_SEGMENTS];
    uint32_t segment_count; // segments whose header was read
    uint32_t content_len;   // header to end of digest, once known; what a v1 signature is over
    uint32_t
        image_len; // the same, or to the end of a checked signature; valid when the verdict is OK
    uint8_t checksum;                  // as it stands in the image
    bool has_digest;                   // a SHA-256 is appended
    uint8_t digest[CRYPTO_SHA256_LEN]; // computed over everything before it
    union {                            // first data bytes of segment 0
        uint8_t bytes[256];
        esp_app_desc_t app;
        esp_bootloader_desc_t bootloader;
    } desc;
    uint32_t desc_len; // how many of them were read
    struct signature_result
        signature; // what its blocks are worth; all 0 when signatures are not checked
};

/** A verification under way. Private to image_verify.c apart from info. */
struct image_verifier {
    struct image_info info;
    struct image_rules rules;
    struct crypto_hash hash;       // runs on to the signature where one is needed
    struct crypto_hash384 hash384; // beside it, only for signatures over SHA-384
    struct signature_check check;
    enum image_fault fault;
    uint8_t phase;
    uint32_t position;                    // bytes consumed
    uint32_t need;                        // bytes left in the present phase
    uint32_t body_end;                    // end of checksum byte, once known
    uint32_t xor_word;                    // checksum so far, four interleaved bytes
    uint8_t pending[SIGNATURE_BLOCK_LEN]; // a header, digest or signature that arrived in pieces
    uint32_t pending_len;
};

/** Begins a verification; v is the caller's memory and needs no clean-up. */
void image_verifier_begin(struct image_verifier *v, const struct image_rules *rules);

/**
 * Takes the next len bytes. Bytes behind the end of the image are ignored.
 * @return IMAGE_OK: no fault so far; anything else: the verdict, final
 */
enum image_fault image_verifier_write(struct image_verifier *v, const void *data, size_t len);

/** Whether the whole image has been seen; further bytes do not matter. */
bool image_verifier_is_complete(const struct image_verifier *v);

/** Whether the image itself has been seen and is right, and only its signature is still to come. */
bool image_verifier_wants_signature(const struct image_verifier *v);

/** The verdict: the fault, IMAGE_TRUNCATED when the image is not complete, or IMAGE_OK. */
enum image_fault image_verifier_end(struct image_verifier *v);

/** Where an image stands. read: len bytes at offset from the image's start; may answer any esp_err_t. */
struct image_source {
    esp_err_t (*read)(void *context, uint32_t offset, void *buffer, uint32_t len);
    void *context;
    uint32_t size; // bytes that can be read
};

/** Verifies what stands in source. Uses a 4 KiB stack buffer. *info is filled as far as the image was readable. */
enum image_fault image_verify(const struct image_source *source, const struct image_rules *rules,
                              struct image_info *info);

/** Verifies what stands on flash at rules->flash_offset; reads through the chip's mapping where it has one. */
enum image_fault image_verify_flash(esp_flash_t *chip, const struct image_rules *rules,
                                    struct image_info *info);

/**
 * Checks what the first bytes of an image can tell, before anything is erased.
 * @param bytes  start of the image
 * @param len    how many are there; with fewer than 24, only what they show
 * @param total  length of the whole file if known, else 0
 */
enum image_fault image_check_header(const void *bytes, size_t len, uint64_t total,
                                    const struct image_rules *rules);

/** Checks chip id and chip revisions of a header against rules->chip, nothing else. */
enum image_fault image_check_chip(const esp_image_header_t *header,
                                  const struct image_rules *rules);

/** The application descriptor of info, or NULL when segment 0 holds none. Points into info. */
const esp_app_desc_t *image_app_desc(const struct image_info *info);

#ifdef __cplusplus
}
#endif
