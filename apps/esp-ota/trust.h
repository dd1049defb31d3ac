/** Keys that the command line or a device trusts, and what is said about the signatures of a file. */
#pragma once

#include "sign_file.h"
#include "sign_key.h"

#define TRUST_MAX SIGNATURE_TRUSTED_MAX // chosen: as many as a device can have

/** One trusted key: a whole one, or only its digest. */
struct trusted_key {
    enum signature_scheme scheme; // NONE: only the digest is known
    bool is_raw_v1;               // the 64 bytes of a v1 key
    bool is_revoked;
    uint32_t digest_len; // 32, or 16 as ESP32-C2 keeps it
    uint8_t digest[SIGNATURE_KEY_DIGEST_LEN];
    uint8_t v1_key[SIGNATURE_V1_KEY_LEN];
};

struct trust {
    struct trusted_key keys[TRUST_MAX];
    uint32_t count;
    uint32_t threshold;    // different keys that must have signed; 0: one
    bool is_device;        // the keys are those of a device
    bool first_block_only; // of a sector no other block is looked at
};

/**
 * The key that a word names: a PEM file, a file with a digest (32 bytes) or a raw v1 key (64 bytes), or a digest as 64 or 32
 * hexadecimal digits. On failure says why and returns false.
 */
bool trust_read_key(const char *word, const struct sign_secret *secret, struct trusted_key *out);

/** Adds such a key. @return false: said why */
bool trust_add(struct trust *trust, const char *word);

/**
 * Adds whom the device at flash believes when it is updated: what its firmware checks, its eFuses and its trust store. If
 * its firmware checks nothing, the keys of its eFuses. @return false: said why
 */
bool trust_add_device(struct trust *trust, const char *flash);

/**
 * What a device that trusts these keys accepts of this file; the scheme is that of the keys, or of the file where only
 * digests are known. @return false: the keys belong to different schemes, or none tells the scheme; said so
 */
bool trust_policy(const struct trust *trust, const struct sign_file *found,
                  struct signature_policy *out);

/** Prints the signatures of a file and what they are worth, or adds them to object as "signatures". */
void trust_report(const struct cli_bytes *file, const struct sign_file *found,
                  const struct trust *trust, json_t *object);

/** 64 hexadecimal digits. out holds 65 bytes. @return out */
const char *trust_hex(const uint8_t *bytes, uint32_t len, char out[65]);
