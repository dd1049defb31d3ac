/**
 * The crypto seam. Exactly one port defines each of its tables; which one is chosen by the build.
 *
 * `esp_crypto`: hashes. State lives in the caller's memory, so no call needs a heap or can fail.
 * `esp_crypto_secret`: what opens encrypted images: private keys, key derivation, AES-GCM that can be continued.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CRYPTO_SHA256_LEN 32
#define CRYPTO_MD5_LEN    16

/** A running hash. Plain memory: may be copied to fork the hash, needs no clean-up. */
struct crypto_hash {
    uint64_t state
        [16]; // chosen: 128 bytes hold the state of any implementation known to us (OpenSSL: 112)
};

struct crypto_ops {
    void (*sha256_begin)(struct crypto_hash *hash);
    void (*sha256_write)(struct crypto_hash *hash, const void *data, size_t len);
    void (*sha256_end)(struct crypto_hash *hash, uint8_t digest[CRYPTO_SHA256_LEN]);
    void (*md5)(const void *data, size_t len, uint8_t digest[CRYPTO_MD5_LEN]);
};

extern const struct crypto_ops esp_crypto;

// ---- Secrets ---------------------------------------------------------------------------------------

#define CRYPTO_SECRET_LEN     32 // symmetric keys, scalars and shared secrets
#define CRYPTO_P256_POINT_LEN 64 // X, Y, big-endian
#define CRYPTO_AES_BLOCK_LEN  16
#define CRYPTO_RSA3072_LEN    384 // modulus and ciphertext
#define CRYPTO_PUBLIC_KEY_MAX                                                                      \
    512 // chosen: SubjectPublicKeyInfo in DER: RSA-3072 needs 422, P-256 91

enum crypto_key_kind {
    CRYPTO_KEY_RSA3072,
    CRYPTO_KEY_P256,
};

/** A private key, held by the port and wiped by key_free. */
struct crypto_key;

/** AES on single blocks, held by the port and wiped by aes_free. */
struct crypto_aes;

/** AES-256-GCM decryption under way, held by the port and wiped by gcm_free. */
struct crypto_gcm;

/**
 * What AES-GCM needs, besides the key, to go on behind a position. first_counter and ghash are not public: with ciphertext
 * beside them they give away the key of the tag.
 */
struct crypto_gcm_state {
    uint8_t first_counter[CRYPTO_AES_BLOCK_LEN]; // J0 of SP 800-38D
    uint8_t ghash[CRYPTO_AES_BLOCK_LEN]; // a block begun but not full is added, not yet multiplied
    uint64_t position;                   // bytes of ciphertext so far
};

/** No function logs. Functions that return bool have failed with false, and their output is then not written. */
struct crypto_secret_ops {
    /** Takes a private key, RSA-3072 or P-256, from PEM (with or without terminating zero) or DER; no pass phrases. */
    struct crypto_key *(*key_load)(const void *bytes, size_t len);
    /** Takes a P-256 scalar, big-endian. @return NULL: 0, or not below the order of the curve */
    struct crypto_key *(*key_from_scalar)(const uint8_t scalar[CRYPTO_SECRET_LEN]);
    enum crypto_key_kind (*key_kind)(const struct crypto_key *key);
    /** Wipes and frees; NULL is allowed. */
    void (*key_free)(struct crypto_key *key);

    /** The public half as SubjectPublicKeyInfo in DER. @param len  out: bytes used of CRYPTO_PUBLIC_KEY_MAX */
    bool (*key_public)(const struct crypto_key *key, uint8_t *der, size_t *len);
    /** Derives a secret from the private half, always the same for a key; tag separates uses. */
    bool (*key_derive)(const struct crypto_key *key, const char *tag,
                       uint8_t secret[CRYPTO_SECRET_LEN]);
    /** RSAES-PKCS1-v1_5 with a CRYPTO_KEY_RSA3072. @return false also when the message has not CRYPTO_SECRET_LEN bytes */
    bool (*rsa_open)(const struct crypto_key *key, const uint8_t sealed[CRYPTO_RSA3072_LEN],
                     uint8_t secret[CRYPTO_SECRET_LEN]);
    /** ECDH with a CRYPTO_KEY_P256: X of scalar * point. @return false also when point is not on the curve */
    bool (*ecdh)(const struct crypto_key *key, const uint8_t point[CRYPTO_P256_POINT_LEN],
                 uint8_t secret[CRYPTO_SECRET_LEN]);

    bool (*hmac_sha256)(const void *key, size_t key_len, const void *data, size_t len,
                        uint8_t mac[CRYPTO_SHA256_LEN]);
    /** RFC 5869 with SHA-256. */
    bool (*hkdf_sha256)(const void *secret, size_t secret_len, const void *salt, size_t salt_len,
                        const void *info, size_t info_len, uint8_t *out, size_t out_len);
    /** RFC 8018 with HMAC-SHA256. */
    bool (*pbkdf2_sha256)(const void *password, size_t password_len, const void *salt,
                          size_t salt_len, uint32_t iterations, uint8_t *out, size_t out_len);

    /** Makes a decryption; all memory it ever needs is allocated here. */
    struct crypto_gcm *(*gcm_create)(void);
    /** Begins a message without additional data. @param iv_len  above 0; 12 is the short form of SP 800-38D */
    bool (*gcm_begin)(struct crypto_gcm *gcm, const uint8_t key[CRYPTO_SECRET_LEN],
                      const uint8_t *iv, size_t iv_len);
    /** Goes on with a message where gcm_save() was called. */
    bool (*gcm_resume)(struct crypto_gcm *gcm, const uint8_t key[CRYPTO_SECRET_LEN],
                       const struct crypto_gcm_state *state);
    /** Decrypts len bytes, any number; out may be in. */
    bool (*gcm_decrypt)(struct crypto_gcm *gcm, const uint8_t *in, uint8_t *out, size_t len);
    void (*gcm_save)(const struct crypto_gcm *gcm, struct crypto_gcm_state *state);
    /** Ends the message. @return whether tag is its tag; takes the same time for every wrong one */
    bool (*gcm_verify)(struct crypto_gcm *gcm, const uint8_t tag[CRYPTO_AES_BLOCK_LEN]);
    void (*gcm_free)(struct crypto_gcm *gcm);

    /** Makes an AES without key; all memory it ever needs is allocated here. */
    struct crypto_aes *(*aes_create)(void);
    /** @param key_len  16 or 32 bytes @param encrypts  the direction of aes_blocks */
    bool (*aes_set_key)(struct crypto_aes *aes, const uint8_t *key, size_t key_len, bool encrypts);
    /** Runs every block of len bytes, a multiple of CRYPTO_AES_BLOCK_LEN, through AES by itself; out may be in. */
    bool (*aes_blocks)(struct crypto_aes *aes, const uint8_t *in, uint8_t *out, size_t len);
    /** Wipes and frees; NULL is allowed. */
    void (*aes_free)(struct crypto_aes *aes);

    /** Compares in a time that does not depend on the bytes. */
    bool (*is_equal)(const void *a, const void *b, size_t len);
    /** Overwrites with zeros; never optimised away. */
    void (*wipe)(void *bytes, size_t len);
};

extern const struct crypto_secret_ops esp_crypto_secret;

#ifdef __cplusplus
}
#endif
