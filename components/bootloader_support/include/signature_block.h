/**
 * The bytes of image signatures: the v1 signature behind an image, and the v2 sector with up to three blocks.
 *
 * Touches bytes only: whether a signature is right and its key trusted is signature_verify.h's business. Layouts are in
 * SPEC.md, "Signatures". Numbers in the structs are big-endian, whatever order they have in the bytes. No heap.
 */
#pragma once

#include "crypto_verify.h"
#include "esp_err.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SIGNATURE_SECTOR_LEN     4096u // v2: one sector, at a multiple of its own length
#define SIGNATURE_BLOCK_LEN      1216u // of them three at its start; the rest is 0xFF
#define SIGNATURE_BLOCK_MAX      3u
#define SIGNATURE_V1_LEN         68u // v1: directly behind the image
#define SIGNATURE_V1_KEY_LEN     64u // X, Y
#define SIGNATURE_KEY_DIGEST_LEN 32u // SHA-256 of a block's key bytes
#define SIGNATURE_DIGEST_MAX     CRYPTO_SHA384_LEN
#define SIGNATURE_RSA_LEN        CRYPTO_RSA3072_LEN
#define SIGNATURE_EC_MAX         CRYPTO_EC_NUMBER_MAX

/** What a device accepts is exactly one of these. */
enum signature_scheme {
    SIGNATURE_NONE = 0,
    SIGNATURE_V1,   // ECDSA over P-256, one signature, no key with it
    SIGNATURE_RSA,  // v2, RSA-3072 PSS
    SIGNATURE_P192, // v2, ECDSA
    SIGNATURE_P256,
    SIGNATURE_P384, // the only one over SHA-384
    SIGNATURE_SCHEME_COUNT,
};

/** Word for options and reports: "none", "v1", "rsa3072", "ecdsa192", "ecdsa256", "ecdsa384". Never NULL. */
const char *signature_scheme_name(enum signature_scheme scheme);

/** The scheme with that name; SIGNATURE_SCHEME_COUNT: none has it. */
enum signature_scheme signature_scheme_by_name(const char *name);

/** Whether the scheme puts blocks with keys into a sector: all but none and v1. */
bool signature_scheme_is_v2(enum signature_scheme scheme);

/** Bytes of the digest that is signed: 32, or 48 for SIGNATURE_P384. */
uint32_t signature_digest_len(enum signature_scheme scheme);

/** Bytes of one coordinate, of r and of s: 24, 32 or 48; 0 for schemes without a curve. */
uint32_t signature_number_len(enum signature_scheme scheme);

/** The curve of an ECDSA scheme, v1 included. */
enum crypto_curve signature_curve(enum signature_scheme scheme);

/** Where the sector stands behind len bytes: the next multiple of 4096. @param len  at most UINT32_MAX - 4095 */
uint32_t signature_sector_offset(uint32_t len);

struct signature_key {
    enum signature_scheme scheme; // a v2 scheme
    uint8_t n[SIGNATURE_RSA_LEN]; // RSA: modulus
    uint32_t e;
    uint8_t x[SIGNATURE_EC_MAX]; // ECDSA: the first signature_number_len() bytes of each
    uint8_t y[SIGNATURE_EC_MAX];
};

struct signature_value {
    uint8_t rsa[SIGNATURE_RSA_LEN]; // RSA: the octet string of RFC 8017
    uint8_t r[SIGNATURE_EC_MAX];    // ECDSA: as x and y
    uint8_t s[SIGNATURE_EC_MAX];
};

/** What a v2 block says. */
struct signature_block {
    struct signature_key key;
    struct signature_value value;
    uint8_t image_digest[SIGNATURE_DIGEST_MAX]; // the first signature_digest_len() bytes
};

/** Why bytes are not a block. The values behind OK stand in the order of the checks. */
enum signature_block_fault {
    SIGNATURE_BLOCK_OK = 0,
    SIGNATURE_BLOCK_ABSENT,      // erased: 1216 bytes of 0xFF
    SIGNATURE_BLOCK_BAD_MAGIC,   // the first byte is not 0xE7
    SIGNATURE_BLOCK_BAD_CRC,     // damaged
    SIGNATURE_BLOCK_BAD_VERSION, // a block of another scheme
    SIGNATURE_BLOCK_BAD_CURVE,   // ECDSA on another curve
};

/** One phrase for people. Never NULL. */
const char *signature_block_fault_text(enum signature_block_fault fault);

/** The scheme that bytes claim to be a block of, without looking at the CRC. SIGNATURE_NONE: none known. */
enum signature_scheme signature_block_scheme(const uint8_t bytes[SIGNATURE_BLOCK_LEN]);

/**
 * Reads a block of a given v2 scheme. Magic, CRC, version and curve must be right; nothing else is checked, and reserved
 * bytes may hold anything.
 * @param block  NULL: only whether it is one; written when the answer is SIGNATURE_BLOCK_OK
 */
enum signature_block_fault signature_block_parse(const uint8_t bytes[SIGNATURE_BLOCK_LEN],
                                                 enum signature_scheme scheme,
                                                 struct signature_block *block);

/**
 * Writes a whole block, CRC included; of an RSA key also the two precomputed numbers R and M'.
 * Errors: ESP_ERR_INVALID_ARG (not a v2 scheme, or a modulus that is even or has not 3072 bits; nothing is written).
 */
esp_err_t signature_block_encode(const struct signature_block *block,
                                 uint8_t bytes[SIGNATURE_BLOCK_LEN]) ESP_MUST_CHECK;

/** The key digest as the device computes it: SHA-256 of the key bytes as they stand in a block of a v2 scheme. */
void signature_block_key_digest(const uint8_t bytes[SIGNATURE_BLOCK_LEN],
                                enum signature_scheme scheme,
                                uint8_t digest[SIGNATURE_KEY_DIGEST_LEN]);

/** The key digest of a key without a block. Errors: as signature_block_encode. */
esp_err_t signature_key_digest(const struct signature_key *key,
                               uint8_t digest[SIGNATURE_KEY_DIGEST_LEN]) ESP_MUST_CHECK;

/** Reads a v1 signature: r and s of value. @return whether its version word is 0 */
bool signature_v1_parse(const uint8_t bytes[SIGNATURE_V1_LEN], struct signature_value *value);

/** Writes a v1 signature of r and s, 32 bytes each. */
void signature_v1_encode(const struct signature_value *value, uint8_t bytes[SIGNATURE_V1_LEN]);

#ifdef __cplusplus
}
#endif
