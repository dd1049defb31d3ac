/**
 * The eFuse seam: bits of the chip that can be set once and never cleared. Implemented by sim/efuse, later by MCU drivers.
 *
 * Fields are named, not addressed: where a field stands differs between chips and concerns only the driver.
 */
#pragma once

#include "esp_err.h"

#ifdef __cplusplus
extern "C" {
#endif

enum efuse_field {
    EFUSE_SECURE_VERSION, // anti-rollback: as many bits are set as the version says
    EFUSE_RECOVERY_SECTOR, // flash sector of the recovery bootloader; 0: not set, all bits: switched off
    EFUSE_IGNORE_MAX_CHIP_REV, // 1 bit: an image's maximum chip revision is not looked at
    EFUSE_IGNORE_MAX_BLK_REV,  // 1 bit: an image's maximum eFuse block revision is not looked at
    EFUSE_SECURE_BOOT,         // 1 bit: only signed bootloaders and images run
    EFUSE_KEY_PRESENT,         // 1 bit for each key digest that has been written
    EFUSE_KEY_REVOKED,         // 1 bit for each key digest that is no longer trusted
    EFUSE_KEY_DIGEST_0,        // SHA-256 of a public key, 256 bits
    EFUSE_KEY_DIGEST_1,
    EFUSE_KEY_DIGEST_2,
    EFUSE_FLASH_CRYPT_CNT,    // flash encryption is on when an odd number of these bits is set
    EFUSE_FLASH_CRYPT_CONFIG, // ESP32: which ranges of the key are tweaked
    EFUSE_FIELD_COUNT,
};

struct efuse;

/** eFuses of a chip. All calls block; the caller sees to it that only one is made at a time. */
struct efuse_ops {
    /** Width of a field in bits; 0 if this chip has no such field. */
    uint32_t (*bit_count)(const struct efuse *efuse, enum efuse_field field);

    /** Reads a field into bits[0 .. (bit_count + 7) / 8): bit i of the field is bit i % 8 of byte i / 8; the rest of the
     *  last byte is 0. Errors: ESP_FAIL (the store cannot be read). */
    esp_err_t (*read)(struct efuse *efuse, enum efuse_field field, uint8_t *bits);

    /** Sets the bits that are 1 in `bits` (the form of read) and leaves the others as they are; durable on return.
     *  Errors: ESP_FAIL (the store cannot be written; some of the bits may be set).
     *  Cut: any part of these bits is set, no other bit changes. Burning the same again completes them. */
    esp_err_t (*burn)(struct efuse *efuse, enum efuse_field field, const uint8_t *bits);
};

/** A driver embeds this as its first member. */
struct efuse {
    const struct efuse_ops *ops;
};

/** eFuses of this device; NULL: it has none. Set by whoever starts the boot, before anything else is called. */
extern struct efuse *efuse_default;

/** Bytes a field takes in the form of efuse_ops.read. */
#define EFUSE_FIELD_BYTES(bit_count) (((bit_count) + 7u) / 8u)
#define EFUSE_FIELD_BYTES_MAX        32u

#ifdef __cplusplus
}
#endif
