// Any signature sector under any policy: nothing is read outside it, what is a block is written again alike, and a verdict of
// "accepted" has its reasons.
//
// Input: scheme, flags, threshold, 0, then up to three blocks; missing bytes are 0xFF.

#include <string.h>

#include "byte_order.h"
#include "esp_rom_crc.h"
#include "fuzz_check.h"
#include "signature_verify.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FLAG_REPAIR_CRC 1
#define FLAG_TRUST_ALL  2 // the keys of all blocks are trusted
#define FLAG_REVOKE     4 // the first of them is revoked
#define FLAG_FIRST_ONLY 8
#define FLAG_EVERY      16
#define CRC_AT          1196u

static void repair_crc(uint8_t *block)
{
    store_le32(block + CRC_AT, esp_rom_crc32_le(0, block, CRC_AT));
}

static void check_block(const uint8_t *bytes, enum signature_scheme scheme)
{
    struct signature_block block;
    struct signature_block again;
    uint8_t written[SIGNATURE_BLOCK_LEN];
    enum signature_block_fault fault = signature_block_parse(bytes, scheme, &block);
    FUZZ_CHECK(signature_block_fault_text(fault)[0]);
    FUZZ_CHECK(signature_block_scheme(bytes) < SIGNATURE_SCHEME_COUNT);
    if (fault != SIGNATURE_BLOCK_OK || signature_block_encode(&block, written) != ESP_OK) {
        return;
    }
    FUZZ_CHECK(signature_block_scheme(written) == scheme);
    FUZZ_CHECK(signature_block_parse(written, scheme, &again) == SIGNATURE_BLOCK_OK);
    FUZZ_CHECK(memcmp(&again, &block, sizeof(block)) == 0);
}

static void fill_policy(const uint8_t *options, const uint8_t *sector,
                        struct signature_policy *policy)
{
    policy->threshold = options[2];
    policy->first_block_only = options[1] & FLAG_FIRST_ONLY;
    policy->checks_every_block = options[1] & FLAG_EVERY;
    policy->revoked = options[1] & FLAG_REVOKE ? 1 : 0;
    memset(policy->v1_key, options[1] & FLAG_TRUST_ALL ? 7 : 0, sizeof(policy->v1_key));
    for (uint32_t i = 0; i < SIGNATURE_BLOCK_MAX && options[1] & FLAG_TRUST_ALL &&
                         signature_scheme_is_v2(policy->scheme);
         i++) {
        signature_block_key_digest(sector + i * SIGNATURE_BLOCK_LEN, policy->scheme,
                                   policy->trusted[policy->trusted_count++]);
    }
}

static void check_sector(const struct signature_policy *policy, const uint8_t *sector)
{
    uint8_t digest[SIGNATURE_DIGEST_MAX];
    struct signature_check check;
    struct signature_result result;
    memcpy(digest, sector + 4, sizeof(digest)); // as the block says, so that real ones are right
    signature_check_begin(&check, policy, digest);
    if (policy->scheme == SIGNATURE_V1) {
        signature_check_v1(&check, sector);
    } else {
        for (uint32_t i = 0; i < SIGNATURE_BLOCK_MAX; i++) {
            signature_check_block(&check, sector + i * SIGNATURE_BLOCK_LEN);
        }
    }
    enum image_fault fault = signature_check_end(&check, &result);
    FUZZ_CHECK(fault == IMAGE_OK ||
               (fault >= IMAGE_SIGNATURE_NO_KEYS && fault <= IMAGE_SIGNATURE_TOO_FEW));
    FUZZ_CHECK((result.accepted & ~result.right) == 0 && (result.right & ~result.well_formed) == 0);
    FUZZ_CHECK(fault != IMAGE_OK || policy->scheme == SIGNATURE_V1 ||
               (result.accepted != 0 && policy->trusted_count > 0));
    FUZZ_CHECK(fault != IMAGE_OK || !policy->first_block_only || result.accepted <= 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t sector[SIGNATURE_BLOCK_MAX * SIGNATURE_BLOCK_LEN];
    if (size < 4) {
        return 0;
    }
    enum signature_scheme scheme =
        (enum signature_scheme)(SIGNATURE_V1 + data[0] % (SIGNATURE_SCHEME_COUNT - SIGNATURE_V1));
    memset(sector, 0xFF, sizeof(sector));
    memcpy(sector, data + 4, size - 4 < sizeof(sector) ? size - 4 : sizeof(sector));
    for (uint32_t i = 0; i < SIGNATURE_BLOCK_MAX; i++) {
        uint8_t *bytes = sector + i * SIGNATURE_BLOCK_LEN;
        if (data[1] & FLAG_REPAIR_CRC) {
            repair_crc(bytes);
        }
        check_block(bytes, scheme);
    }
    struct signature_policy policy = {.scheme = scheme};
    fill_policy(data, sector, &policy);
    check_sector(&policy, sector);
    return 0;
}
