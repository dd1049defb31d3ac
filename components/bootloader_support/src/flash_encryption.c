// Both schemes work on units of flash that share what is derived from their address: XTS on 128 bytes with one tweak, ESP32 on
// 32 bytes with one key. Any 16-byte block of a unit can be taken by itself.

#include "flash_encryption.h"

#include <stdatomic.h>
#include <string.h>

#define CRYPTO     (&esp_crypto_secret)
#define BLOCK      FLASH_CIPHER_BLOCK
#define XTS_UNIT   128u // fact: SPEC.md "Flash encryption"
#define XTS_BLOCKS (XTS_UNIT / BLOCK)
#define ESP32_UNIT 32u
#define ESP32_KEY  32u
#define TWEAK_HIGH 23 // fact: address bits 5 to 23 count, 16 MiB
#define TWEAK_LOW  5

_Static_assert(BLOCK == CRYPTO_AES_BLOCK_LEN, "one block is one AES block");

static struct flash_encryption *from_base(struct flash_cipher *cipher)
{
    return (struct flash_encryption *)cipher;
}

// The port's AES is for one thread. One lock for all: a process has one encrypted chip.
static atomic_flag s_lock = ATOMIC_FLAG_INIT;

static void lock(void)
{
    while (atomic_flag_test_and_set_explicit(&s_lock, memory_order_acquire)) {
    }
}

static void unlock(void)
{
    atomic_flag_clear_explicit(&s_lock, memory_order_release);
}

static void reverse(const uint8_t *in, uint8_t *out, uint32_t len)
{
    for (uint32_t i = 0; i < len; i++) {
        out[i] = in[len - 1 - i];
    }
}

/** One stretch inside one unit: from in to out, which are different memory. */
typedef bool (*unit_function)(struct flash_encryption *e, uint32_t address, const uint8_t *in,
                              uint8_t *out, uint32_t len, bool encrypts);

// ----------------------------------------------------------------------- XTS-AES

/** Multiplies by alpha: the 16 bytes are a polynomial, little-endian. */
static void times_alpha(uint8_t tweak[BLOCK])
{
    uint8_t carry = 0;
    for (uint32_t i = 0; i < BLOCK; i++) {
        uint8_t top = tweak[i] >> 7;
        tweak[i] = (uint8_t)(tweak[i] << 1 | carry);
        carry = top;
    }
    tweak[0] ^= carry ? 0x87 : 0; // fact: IEEE 1619, the feedback of XTS
}

/** Tweaks of the blocks of a unit, in the order of XTS; the last block of the unit in flash is the first. */
static bool make_tweaks(struct flash_encryption *e, uint32_t unit, uint8_t tweaks[XTS_UNIT])
{
    uint8_t tweak[BLOCK] = {(uint8_t)unit, (uint8_t)(unit >> 8), (uint8_t)(unit >> 16),
                            (uint8_t)(unit >> 24)};
    bool is_done = CRYPTO->aes_blocks(e->tweak, tweak, tweak, BLOCK);
    for (uint32_t i = 0; i < XTS_BLOCKS; i++) {
        memcpy(tweaks + i * BLOCK, tweak, BLOCK);
        times_alpha(tweak);
    }
    return is_done;
}

static void add(uint8_t *bytes, const uint8_t *other, uint32_t len)
{
    for (uint32_t i = 0; i < len; i++) {
        bytes[i] ^= other[i];
    }
}

static bool xts_unit(struct flash_encryption *e, uint32_t address, const uint8_t *in, uint8_t *out,
                     uint32_t len, bool encrypts)
{
    (void)encrypts; // the key of e->data was set for it
    uint8_t tweaks[XTS_UNIT];
    uint8_t work[XTS_UNIT];
    uint32_t unit = address / XTS_UNIT * XTS_UNIT;
    const uint8_t *first = tweaks + (unit + XTS_UNIT - (address + len));
    bool is_done = make_tweaks(e, unit, tweaks);
    reverse(in, work, len);
    add(work, first, len);
    is_done = is_done && CRYPTO->aes_blocks(e->data, work, work, len);
    add(work, first, len);
    reverse(work, out, len);
    return is_done;
}

// ----------------------------------------------------------------------- ESP32

/** Whether FLASH_CRYPT_CONFIG lets bit i of the key be tweaked. */
static bool is_tweaked(uint32_t config, uint32_t i)
{
    uint32_t range = i < 67 ? 0 : i < 132 ? 1 : i < 195 ? 2 : 3;
    return config >> range & 1;
}

/** Flips the bits of the key that the address says. Bit 0 is the top bit of byte 0. */
static void tweak_key(const struct flash_encryption *e, uint32_t unit, uint8_t key[ESP32_KEY])
{
    static const int LAST_RUN[] = {14, 12, 10,
                                   8}; // fact: where the shorter run of each round begins
    uint32_t i = 0;
    memcpy(key, e->key, ESP32_KEY);
    for (int round = 0; round < 4; round++) {
        for (int run = 0; run < 4; run++) {
            int top = run < 3 ? TWEAK_HIGH : LAST_RUN[round];
            for (int bit = top; bit >= TWEAK_LOW; bit--, i++) {
                uint32_t flips = is_tweaked(e->crypt_config, i) ? unit >> bit & 1 : 0;
                key[i / 8] ^= (uint8_t)(flips << (7 - i % 8));
            }
        }
    }
}

// fact: the hardware runs AES backwards: what encrypts flash is AES decryption
static bool esp32_unit(struct flash_encryption *e, uint32_t address, const uint8_t *in,
                       uint8_t *out, uint32_t len, bool encrypts)
{
    uint8_t key[ESP32_KEY];
    uint8_t work[ESP32_UNIT];
    tweak_key(e, address / ESP32_UNIT * ESP32_UNIT, key);
    for (uint32_t at = 0; at < len; at += BLOCK) {
        reverse(in + at, work + at, BLOCK);
    }
    bool is_done = CRYPTO->aes_set_key(e->data, key, sizeof(key), !encrypts) &&
                   CRYPTO->aes_blocks(e->data, work, work, len);
    for (uint32_t at = 0; at < len; at += BLOCK) {
        reverse(work + at, out + at, BLOCK);
    }
    CRYPTO->wipe(key, sizeof(key));
    return is_done;
}

// ----------------------------------------------------------------------- the seam

static bool run_units(struct flash_encryption *e, unit_function function, uint32_t unit_len,
                      uint32_t address, const uint8_t *in, uint8_t *out, uint32_t len,
                      bool encrypts)
{
    bool is_done = true;
    while (len > 0 && is_done) {
        uint32_t part = unit_len - address % unit_len;
        part = part < len ? part : len;
        is_done = function(e, address, in, out, part, encrypts);
        address += part;
        in += part;
        out += part;
        len -= part;
    }
    return is_done;
}

static esp_err_t run_xts(struct flash_cipher *cipher, uint32_t address, const void *in, void *out,
                         uint32_t len, bool encrypts)
{
    struct flash_encryption *e = from_base(cipher);
    lock();
    bool is_done = CRYPTO->aes_set_key(e->data, e->key, e->key_len / 2, encrypts) &&
                   CRYPTO->aes_set_key(e->tweak, e->key + e->key_len / 2, e->key_len / 2, true) &&
                   run_units(e, xts_unit, XTS_UNIT, address, in, out, len, encrypts);
    unlock();
    return is_done ? ESP_OK : ESP_FAIL;
}

static esp_err_t encrypt_xts(struct flash_cipher *cipher, uint32_t address, const void *in,
                             void *out, uint32_t len)
{
    return run_xts(cipher, address, in, out, len, true);
}

static esp_err_t decrypt_xts(struct flash_cipher *cipher, uint32_t address, const void *in,
                             void *out, uint32_t len)
{
    return run_xts(cipher, address, in, out, len, false);
}

static esp_err_t run_esp32(struct flash_cipher *cipher, uint32_t address, const void *in, void *out,
                           uint32_t len, bool encrypts)
{
    struct flash_encryption *e = from_base(cipher);
    lock();
    bool is_done = run_units(e, esp32_unit, ESP32_UNIT, address, in, out, len, encrypts);
    unlock();
    return is_done ? ESP_OK : ESP_FAIL;
}

static esp_err_t encrypt_esp32(struct flash_cipher *cipher, uint32_t address, const void *in,
                               void *out, uint32_t len)
{
    return run_esp32(cipher, address, in, out, len, true);
}

static esp_err_t decrypt_esp32(struct flash_cipher *cipher, uint32_t address, const void *in,
                               void *out, uint32_t len)
{
    return run_esp32(cipher, address, in, out, len, false);
}

static const struct flash_cipher_ops XTS_CIPHER_OPS = {.encrypt = encrypt_xts,
                                                       .decrypt = decrypt_xts};
static const struct flash_cipher_ops ESP32_CIPHER_OPS = {.encrypt = encrypt_esp32,
                                                         .decrypt = decrypt_esp32};

// ----------------------------------------------------------------------- keys

enum flash_scheme flash_encryption_scheme_of(esp_chip_id_t chip_id)
{
    return chip_id == ESP_CHIP_ID_ESP32 ? FLASH_SCHEME_ESP32 : FLASH_SCHEME_XTS;
}

const char *flash_encryption_name(enum flash_scheme scheme, size_t key_len)
{
    if (scheme == FLASH_SCHEME_ESP32) {
        return key_len == 24 || key_len == 32 ? "ESP32 AES-256" : "no scheme";
    }
    return key_len == 16 || key_len == 32 ? "XTS-AES-128"
           : key_len == 64                ? "XTS-AES-256"
                                          : "no scheme";
}

static bool take_esp32_key(struct flash_encryption *e, const uint8_t *key, size_t key_len)
{
    if (key_len != 24 && key_len != ESP32_KEY) {
        return false;
    }
    memcpy(e->key, key, key_len);
    if (key_len == 24) {
        memcpy(e->key + 24, key + 8, 8); // fact: how 3/4 coding fills up the key
    }
    e->key_len = ESP32_KEY;
    return true;
}

static bool take_xts_key(struct flash_encryption *e, const uint8_t *key, size_t key_len)
{
    struct crypto_hash hash;
    switch (key_len) {
    case 16:
        esp_crypto.sha256_begin(&hash);
        esp_crypto.sha256_write(&hash, key, key_len);
        esp_crypto.sha256_end(&hash, e->key);
        e->key_len = CRYPTO_SHA256_LEN;
        CRYPTO->wipe(&hash, sizeof(hash));
        return true;
    case 32:
    case 64:
        memcpy(e->key, key, key_len);
        e->key_len = (uint32_t)key_len;
        return true;
    default:
        return false;
    }
}

esp_err_t flash_encryption_init(struct flash_encryption *encryption, enum flash_scheme scheme,
                                const uint8_t *key, size_t key_len, uint32_t crypt_config)
{
    struct flash_encryption *e = encryption;
    bool is_esp32 = scheme == FLASH_SCHEME_ESP32;
    memset(e, 0, sizeof(*e));
    if (crypt_config > 15) {
        return ESP_ERR_INVALID_ARG;
    }
    if (!(is_esp32 ? take_esp32_key(e, key, key_len) : take_xts_key(e, key, key_len))) {
        return ESP_ERR_INVALID_SIZE;
    }
    e->base.ops = is_esp32 ? &ESP32_CIPHER_OPS : &XTS_CIPHER_OPS;
    e->crypt_config = crypt_config;
    e->data = CRYPTO->aes_create();
    e->tweak = is_esp32 ? NULL : CRYPTO->aes_create();
    if (!e->data || (!is_esp32 && !e->tweak)) {
        flash_encryption_deinit(e);
        return ESP_ERR_NO_MEM;
    }
    return ESP_OK;
}

void flash_encryption_deinit(struct flash_encryption *encryption)
{
    CRYPTO->aes_free(encryption->data);
    CRYPTO->aes_free(encryption->tweak);
    encryption->data = NULL;
    encryption->tweak = NULL;
    CRYPTO->wipe(encryption->key, sizeof(encryption->key));
}
