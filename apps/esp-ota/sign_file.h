/** Where the signature of a file stands, and files with a signature. */
#pragma once

#include "chip_traits.h"
#include "cli.h"
#include "signature_block.h"
#include "signature_verify.h"

#define SIGN_TABLE_LEN 0xC00u // fact: what a v1 signature of a partition table covers

enum sign_kind {
    SIGN_IMAGE,
    SIGN_TABLE, // a partition table; v1 only
    SIGN_DATA,  // the content of a data partition, or any bytes
};

/** What stands in a file. */
struct sign_file {
    enum sign_kind kind;
    const struct chip_traits *chip; // of an image; NULL: not known
    uint32_t content_len;           // what a v1 signature covers and stands behind
    uint32_t sector_offset;         // what a v2 signature covers, and where its sector stands
    enum signature_scheme scheme;   // of the signature that is there; NONE: it is not signed
    uint32_t block_count;           // well-formed v2 blocks
};

/**
 * Finds out what a file is and where its signature stands or belongs.
 * @param is_data   whatever it looks like, its bytes are data
 * @return false: it is an image that is not valid, or has bytes where the device expects the signature; said so
 */
bool sign_file_examine(const char *name, const struct cli_bytes *file, bool is_data,
                       struct sign_file *out);

/** "esp32c3 cannot verify ecdsa256" as a reason to refuse; NULL: the chip verifies this scheme. out holds 160 bytes. */
const char *sign_file_scheme_problem(const struct chip_traits *chip, enum signature_scheme scheme,
                                     char out[160]);

/** Signatures a device of this chip looks at. */
uint32_t sign_file_block_max(const struct chip_traits *chip, enum signature_scheme scheme);

/** The digest that a signature of this scheme covers; bytes behind the end of the file are 0xFF. */
void sign_file_digest(const struct cli_bytes *file, const struct sign_file *found,
                      enum signature_scheme scheme, uint8_t digest[SIGNATURE_DIGEST_MAX]);

/** Verifies the signature of a file as a device with this policy does. @param result  of v2; as signature_check_end */
enum image_fault sign_file_verify(const struct cli_bytes *file, const struct sign_file *found,
                                  const struct signature_policy *policy,
                                  struct signature_result *result);
