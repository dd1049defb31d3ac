// A block is a fixed frame (magic, version, CRC) around fields whose places depend on the scheme; struct layout is the one
// table of those places.

#include "signature_block.h"

#include <string.h>

#include "byte_order.h"
#include "esp_rom_crc.h"

#define MAGIC         0xE7u // fact: SPEC.md "Signatures", block
#define VERSION_RSA   2u
#define VERSION_EC    3u
#define HASH_AT       2u // ECDSA: 0 SHA-256, 1 SHA-384
#define DIGEST_AT     4u
#define CRC_AT        1196u
#define RSA_N_AT      36u
#define RSA_E_AT      420u
#define RSA_R_AT      424u
#define RSA_M_AT      808u
#define RSA_SIG_AT    812u
#define V1_NUMBER     32u
#define RSA_WORDS     (SIGNATURE_RSA_LEN / 4u)
#define RSA_BITS_OF_R 6144u // fact: R = 2^6144 mod n

struct layout {
    const char *name;
    uint8_t version; // 0: not a block
    uint8_t hash_id; // what stands at HASH_AT
    uint8_t digest_len;
    uint8_t number_len; // of x, y, r and s
    uint16_t key_at;    // what the key digest is over; ECDSA: begins with the curve id
    uint16_t key_len;
    uint16_t value_at;
};

// fact: offsets and lengths as in SPEC.md "Signatures", block
static const struct layout LAYOUTS[SIGNATURE_SCHEME_COUNT] = {
    [SIGNATURE_NONE] = {.name = "none", .digest_len = CRYPTO_SHA256_LEN},
    [SIGNATURE_V1] = {.name = "v1", .digest_len = CRYPTO_SHA256_LEN, .number_len = V1_NUMBER},
    [SIGNATURE_RSA] = {"rsa3072", VERSION_RSA, 0, CRYPTO_SHA256_LEN, 0, RSA_N_AT, 776, RSA_SIG_AT},
    [SIGNATURE_P192] = {"ecdsa192", VERSION_EC, 0, CRYPTO_SHA256_LEN, 24, 36, 65, 101},
    [SIGNATURE_P256] = {"ecdsa256", VERSION_EC, 0, CRYPTO_SHA256_LEN, 32, 36, 65, 101},
    [SIGNATURE_P384] = {"ecdsa384", VERSION_EC, 1, CRYPTO_SHA384_LEN, 48, 52, 97, 149},
};

// ----------------------------------------------------------------------- schemes

const char *signature_scheme_name(enum signature_scheme scheme)
{
    return (unsigned)scheme < SIGNATURE_SCHEME_COUNT ? LAYOUTS[scheme].name : "unknown";
}

enum signature_scheme signature_scheme_by_name(const char *name)
{
    int scheme = 0;
    while (scheme < SIGNATURE_SCHEME_COUNT && strcmp(LAYOUTS[scheme].name, name) != 0) {
        scheme++;
    }
    return (enum signature_scheme)scheme;
}

bool signature_scheme_is_v2(enum signature_scheme scheme)
{
    return (unsigned)scheme < SIGNATURE_SCHEME_COUNT && LAYOUTS[scheme].version != 0;
}

uint32_t signature_digest_len(enum signature_scheme scheme)
{
    return LAYOUTS[scheme].digest_len;
}

uint32_t signature_number_len(enum signature_scheme scheme)
{
    return LAYOUTS[scheme].number_len;
}

enum crypto_curve signature_curve(enum signature_scheme scheme)
{
    if (scheme == SIGNATURE_P384) {
        return CRYPTO_CURVE_P384;
    }
    return scheme == SIGNATURE_P192 ? CRYPTO_CURVE_P192 : CRYPTO_CURVE_P256;
}

uint32_t signature_sector_offset(uint32_t len)
{
    return (len + SIGNATURE_SECTOR_LEN - 1) & ~(SIGNATURE_SECTOR_LEN - 1);
}

// ----------------------------------------------------------------------- bytes and numbers

static void copy_reversed(uint8_t *to, const uint8_t *from, uint32_t len)
{
    for (uint32_t i = 0; i < len; i++) {
        to[i] = from[len - 1 - i];
    }
}

static bool is_erased(const uint8_t *bytes, uint32_t len)
{
    uint32_t at = 0;
    while (at < len && bytes[at] == 0xFF) {
        at++;
    }
    return at == len;
}

// ----------------------------------------------------------------------- parse

enum signature_scheme signature_block_scheme(const uint8_t bytes[SIGNATURE_BLOCK_LEN])
{
    if (bytes[0] != MAGIC) {
        return SIGNATURE_NONE;
    }
    if (bytes[1] == VERSION_RSA) {
        return SIGNATURE_RSA;
    }
    for (int scheme = SIGNATURE_P192; scheme <= SIGNATURE_P384; scheme++) {
        const struct layout *layout = &LAYOUTS[scheme];
        if (bytes[1] == layout->version && bytes[HASH_AT] == layout->hash_id &&
            bytes[layout->key_at] == (uint8_t)signature_curve((enum signature_scheme)scheme)) {
            return (enum signature_scheme)scheme;
        }
    }
    return SIGNATURE_NONE;
}

static enum signature_block_fault check_frame(const uint8_t *bytes, enum signature_scheme scheme)
{
    const struct layout *layout = &LAYOUTS[scheme];
    if (is_erased(bytes, SIGNATURE_BLOCK_LEN)) {
        return SIGNATURE_BLOCK_ABSENT;
    }
    if (bytes[0] != MAGIC) {
        return SIGNATURE_BLOCK_BAD_MAGIC;
    }
    if (load_le32(bytes + CRC_AT) != esp_rom_crc32_le(0, bytes, CRC_AT)) {
        return SIGNATURE_BLOCK_BAD_CRC;
    }
    if (!signature_scheme_is_v2(scheme) || bytes[1] != layout->version) {
        return SIGNATURE_BLOCK_BAD_VERSION;
    }
    if (layout->number_len > 0 && bytes[layout->key_at] != (uint8_t)signature_curve(scheme)) {
        return SIGNATURE_BLOCK_BAD_CURVE;
    }
    return SIGNATURE_BLOCK_OK;
}

static void read_fields(const uint8_t *bytes, enum signature_scheme scheme,
                        struct signature_block *block)
{
    const struct layout *layout = &LAYOUTS[scheme];
    uint32_t len = layout->number_len;
    memset(block, 0, sizeof(*block));
    block->key.scheme = scheme;
    memcpy(block->image_digest, bytes + DIGEST_AT, layout->digest_len);
    if (scheme == SIGNATURE_RSA) {
        copy_reversed(block->key.n, bytes + RSA_N_AT, SIGNATURE_RSA_LEN);
        block->key.e = load_le32(bytes + RSA_E_AT);
        copy_reversed(block->value.rsa, bytes + RSA_SIG_AT, SIGNATURE_RSA_LEN);
        return;
    }
    copy_reversed(block->key.x, bytes + layout->key_at + 1, len);
    copy_reversed(block->key.y, bytes + layout->key_at + 1 + len, len);
    copy_reversed(block->value.r, bytes + layout->value_at, len);
    copy_reversed(block->value.s, bytes + layout->value_at + len, len);
}

enum signature_block_fault signature_block_parse(const uint8_t bytes[SIGNATURE_BLOCK_LEN],
                                                 enum signature_scheme scheme,
                                                 struct signature_block *block)
{
    enum signature_block_fault fault = check_frame(bytes, scheme);
    if (fault == SIGNATURE_BLOCK_OK && block) {
        read_fields(bytes, scheme, block);
    }
    return fault;
}

// ----------------------------------------------------------------------- encode

/** r = 2r mod n; all little-endian words, r below n. */
static void double_modulo(uint32_t r[RSA_WORDS], const uint32_t n[RSA_WORDS])
{
    uint32_t reduced[RSA_WORDS];
    uint32_t carry = 0;
    uint64_t borrow = 0;
    for (uint32_t i = 0; i < RSA_WORDS; i++) {
        uint32_t word = r[i];
        r[i] = word << 1 | carry;
        carry = word >> 31;
    }
    for (uint32_t i = 0; i < RSA_WORDS; i++) {
        uint64_t difference = (uint64_t)r[i] - n[i] - borrow;
        reduced[i] = (uint32_t)difference;
        borrow = difference >> 63;
    }
    if (carry || !borrow) {
        memcpy(r, reduced, sizeof(reduced));
    }
}

/** What the chip's accelerator wants of a modulus: R = 2^6144 mod n, and M' = -(n^-1) mod 2^32. */
static void put_precomputed(uint8_t *bytes)
{
    uint32_t n[RSA_WORDS];
    uint32_t r[RSA_WORDS] = {1};
    for (uint32_t i = 0; i < RSA_WORDS; i++) {
        n[i] = load_le32(bytes + RSA_N_AT + 4 * i);
    }
    for (uint32_t bit = 0; bit < RSA_BITS_OF_R; bit++) {
        double_modulo(r, n);
    }
    for (uint32_t i = 0; i < RSA_WORDS; i++) {
        store_le32(bytes + RSA_R_AT + 4 * i, r[i]);
    }
    uint32_t inverse = n[0]; // right in three bits; each step of Newton's method doubles them
    for (int step = 0; step < 4; step++) {
        inverse *= 2 - n[0] * inverse;
    }
    store_le32(bytes + RSA_M_AT, 0u - inverse);
}

static void put_rsa(const struct signature_block *block, uint8_t *bytes)
{
    copy_reversed(bytes + RSA_N_AT, block->key.n, SIGNATURE_RSA_LEN);
    store_le32(bytes + RSA_E_AT, block->key.e);
    put_precomputed(bytes);
    copy_reversed(bytes + RSA_SIG_AT, block->value.rsa, SIGNATURE_RSA_LEN);
}

static void put_ecdsa(const struct signature_block *block, const struct layout *layout,
                      uint8_t *bytes)
{
    uint32_t len = layout->number_len;
    bytes[layout->key_at] = (uint8_t)signature_curve(block->key.scheme);
    copy_reversed(bytes + layout->key_at + 1, block->key.x, len);
    copy_reversed(bytes + layout->key_at + 1 + len, block->key.y, len);
    copy_reversed(bytes + layout->value_at, block->value.r, len);
    copy_reversed(bytes + layout->value_at + len, block->value.s, len);
}

esp_err_t signature_block_encode(const struct signature_block *block,
                                 uint8_t bytes[SIGNATURE_BLOCK_LEN])
{
    enum signature_scheme scheme = block->key.scheme;
    bool is_rsa = scheme == SIGNATURE_RSA;
    if (!signature_scheme_is_v2(scheme) ||
        (is_rsa && (!(block->key.n[0] & 0x80) || !(block->key.n[SIGNATURE_RSA_LEN - 1] & 1)))) {
        return ESP_ERR_INVALID_ARG;
    }
    const struct layout *layout = &LAYOUTS[scheme];
    memset(bytes, 0, SIGNATURE_BLOCK_LEN);
    bytes[0] = MAGIC;
    bytes[1] = layout->version;
    bytes[HASH_AT] = layout->hash_id;
    memcpy(bytes + DIGEST_AT, block->image_digest, layout->digest_len);
    if (is_rsa) {
        put_rsa(block, bytes);
    } else {
        put_ecdsa(block, layout, bytes);
    }
    store_le32(bytes + CRC_AT, esp_rom_crc32_le(0, bytes, CRC_AT));
    return ESP_OK;
}

// ----------------------------------------------------------------------- key digests

void signature_block_key_digest(const uint8_t bytes[SIGNATURE_BLOCK_LEN],
                                enum signature_scheme scheme,
                                uint8_t digest[SIGNATURE_KEY_DIGEST_LEN])
{
    struct crypto_hash hash;
    esp_crypto.sha256_begin(&hash);
    esp_crypto.sha256_write(&hash, bytes + LAYOUTS[scheme].key_at, LAYOUTS[scheme].key_len);
    esp_crypto.sha256_end(&hash, digest);
}

esp_err_t signature_key_digest(const struct signature_key *key,
                               uint8_t digest[SIGNATURE_KEY_DIGEST_LEN])
{
    struct signature_block block = {.key = *key};
    uint8_t bytes[SIGNATURE_BLOCK_LEN];
    esp_err_t err = signature_block_encode(&block, bytes);
    if (err == ESP_OK) {
        signature_block_key_digest(bytes, key->scheme, digest);
    }
    return err;
}

// ----------------------------------------------------------------------- v1

bool signature_v1_parse(const uint8_t bytes[SIGNATURE_V1_LEN], struct signature_value *value)
{
    if (load_le32(bytes) != 0) {
        return false;
    }
    memset(value, 0, sizeof(*value));
    memcpy(value->r, bytes + 4, V1_NUMBER);
    memcpy(value->s, bytes + 4 + V1_NUMBER, V1_NUMBER);
    return true;
}

void signature_v1_encode(const struct signature_value *value, uint8_t bytes[SIGNATURE_V1_LEN])
{
    store_le32(bytes, 0);
    memcpy(bytes + 4, value->r, V1_NUMBER);
    memcpy(bytes + 4 + V1_NUMBER, value->s, V1_NUMBER);
}

// ----------------------------------------------------------------------- words

const char *signature_block_fault_text(enum signature_block_fault fault)
{
    static const char *const TEXTS[] = {
        [SIGNATURE_BLOCK_OK] = "a signature block",
        [SIGNATURE_BLOCK_ABSENT] = "erased, no signature block",
        [SIGNATURE_BLOCK_BAD_MAGIC] = "no signature block: the first byte is not 0xE7",
        [SIGNATURE_BLOCK_BAD_CRC] = "a damaged signature block: the CRC does not match",
        [SIGNATURE_BLOCK_BAD_VERSION] = "a signature block of another scheme",
        [SIGNATURE_BLOCK_BAD_CURVE] = "a signature block for another curve",
    };
    return (unsigned)fault < sizeof(TEXTS) / sizeof(TEXTS[0]) ? TEXTS[fault] : "unknown";
}
