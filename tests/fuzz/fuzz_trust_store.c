// Any record of a trust store: what is read is written again alike, and no rotation leaves a record that cannot be.
//
// Input: flags, which signers are right, then a record; missing bytes are 0. The signers' digests are those of its lists.

#include <string.h>

#include "byte_order.h"
#include "esp_rom_crc.h"
#include "fuzz_check.h"
#include "trust_store.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FLAG_REPAIR 1 // form and CRC are made right
#define CRC_AT      544u

static void repair(uint8_t *bytes)
{
    static const uint8_t FORM[] = {'O', 'T', 'R', 'S', 1, 0, 0x24, 0x02};
    memcpy(bytes, FORM, sizeof(FORM));
    store_le32(bytes + CRC_AT, esp_rom_crc32_le(0, bytes, CRC_AT));
}

static void check_policy(const struct trust_record *record)
{
    struct signature_policy policy = {.scheme = SIGNATURE_RSA};
    trust_record_to_policy(record, &policy);
    FUZZ_CHECK(policy.trusted_count == record->trusted_count + record->revoked_count);
    FUZZ_CHECK(policy.trusted_count <= SIGNATURE_TRUSTED_MAX);
}

static void check_rotation(const struct trust_record *record, const uint8_t *bytes, uint8_t right)
{
    struct trust_record next = *record;
    struct signature_result result = {.right = right & 7};
    uint32_t needed = record->threshold > 1 ? record->threshold : 1;
    memcpy(result.key_digest[0], record->trusted[0], SIGNATURE_KEY_DIGEST_LEN);
    memcpy(result.key_digest[1], record->revoked[0], SIGNATURE_KEY_DIGEST_LEN);
    memcpy(result.key_digest[2], bytes + 32 + right, SIGNATURE_KEY_DIGEST_LEN);
    if (!trust_record_rotate(&next, &result, (right & 8) != 0)) {
        FUZZ_CHECK(memcmp(&next, record, sizeof(next)) == 0);
        return;
    }
    FUZZ_CHECK(next.trusted_count >= needed && next.trusted_count <= TRUST_KEY_MAX);
    FUZZ_CHECK(next.revoked_count <= TRUST_KEY_MAX);
    check_policy(&next);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t bytes[TRUST_RECORD_LEN] = {0};
    uint8_t again[TRUST_RECORD_LEN];
    struct trust_record record;
    struct trust_record back;
    if (size < 2) {
        return 0;
    }
    memcpy(bytes, data + 2, size - 2 < sizeof(bytes) ? size - 2 : sizeof(bytes));
    if (data[0] & FLAG_REPAIR) {
        repair(bytes);
    }
    if (!trust_record_parse(bytes, &record)) {
        return 0;
    }
    trust_record_encode(&record, again);
    FUZZ_CHECK(trust_record_parse(again, &back));
    FUZZ_CHECK(memcmp(&back, &record, sizeof(back)) == 0);
    check_policy(&record);
    check_rotation(&record, bytes, data[1]);
    return 0;
}
