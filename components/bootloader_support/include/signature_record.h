/**
 * Signatures of files that are no images: delta patches and the index of a release folder.
 *
 * A record is a v2 signature without its padding: 132 bytes for P-256, where a block has 1216, because a patch may be
 * smaller than that. It brings the whole key along; whether the key is trusted is decided by its digest, the same digest
 * that eFuses and trust stores hold. The bytes are in SPEC.md, "Signature records". No heap; about 3 KB of stack.
 */
#pragma once

#include "signature_verify.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SIGNATURE_RECORD_MAX (4u + SIGNATURE_RSA_LEN + 4u + SIGNATURE_RSA_LEN)
#define SIGNATURE_RECORD_COUNT_MAX                                                                 \
    3u // chosen: as many as a sector has blocks; two are needed to change keys

struct signature_record {
    const uint8_t *bytes; // borrowed
    size_t len;
};

/** Bytes of a record of a v2 scheme; 0: no such scheme. */
size_t signature_record_len(enum signature_scheme scheme);

/** Writes a record, signature_record_len() bytes. Only key and value of block count; its key has a v2 scheme. */
void signature_record_encode(const struct signature_block *block, uint8_t *bytes);

/** Reads a record: scheme, key and value of block. @return false: unknown scheme, reserved bytes, or another length */
bool signature_record_parse(const struct signature_record *record, struct signature_block *block);

/** The digest that a signature of this v2 scheme is over: SHA-384 for P-384, else SHA-256. */
void signature_record_digest(enum signature_scheme scheme, const void *message, size_t len,
                             uint8_t digest[SIGNATURE_DIGEST_MAX]);

/** What one record is worth. */
struct signature_record_verdict {
    enum signature_scheme scheme; // NONE: the record is damaged, and nothing else is known
    bool is_right;                // over this message, by the key it brings along
    uint8_t key_digest[SIGNATURE_KEY_DIGEST_LEN];
};

/** Judges one record without asking whether its key is trusted. */
void signature_record_judge(const void *message, size_t len, const struct signature_record *record,
                            struct signature_record_verdict *verdict);

/**
 * Verifies the signatures of a message.
 * @param records  count of them, at most SIGNATURE_RECORD_COUNT_MAX are looked at
 * @param policy   trusted, revoked, digest_len and threshold count. Its scheme does not: a key digest covers the whole key
 * @return IMAGE_OK: as many different trusted keys as the threshold asks for have signed; else one of IMAGE_SIGNATURE_*,
 *         the one that came closest
 */
enum image_fault signature_record_verify(const void *message, size_t len,
                                         const struct signature_record *records, uint32_t count,
                                         const struct signature_policy *policy);

#ifdef __cplusplus
}
#endif
