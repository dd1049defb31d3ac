/**
 * The eFuses that concern updates. fact: names and contracts as in ESP-IDF, efuse: esp_efuse.h.
 *
 * They work on efuse_default (efuse_ops.h). One call at a time.
 */
#pragma once

#include "esp_err.h"
#include "sdkconfig.h"

#ifdef __cplusplus
extern "C" {
#endif

#ifdef CONFIG_BOOTLOADER_APP_SEC_VER_SIZE_EFUSE_FIELD
#define EFUSE_SECURE_VERSION_BITS_BUILD CONFIG_BOOTLOADER_APP_SEC_VER_SIZE_EFUSE_FIELD
#else
#define EFUSE_SECURE_VERSION_BITS_BUILD 0
#endif

/** How many bits of the eFuse field the firmware counts versions with, as CONFIG_BOOTLOADER_APP_SEC_VER_SIZE_EFUSE_FIELD
 *  does; what is above them does not count. 0, or more than the chip has: all of them. Set by whoever starts the boot. */
extern uint32_t efuse_secure_version_bits;

/** Highest secure version that this device can count to: the smaller of the field's width and efuse_secure_version_bits. */
uint32_t efuse_secure_version_max(void);

/** Smallest secure version that may boot: the number of version bits set. 0 without eFuses.
 *  If they cannot be read: UINT32_MAX, so that nothing passes for new enough. */
uint32_t esp_efuse_read_secure_version(void);

/** Whether an image of this secure version may boot: it is not below the device's. */
bool esp_efuse_check_secure_version(uint32_t secure_version);

/**
 * Raises the device's secure version; never lowers it, a smaller or equal one is ESP_OK without effect.
 * Errors: ESP_ERR_INVALID_ARG (above efuse_secure_version_max()), ESP_ERR_NOT_SUPPORTED (the device has no eFuses),
 * ESP_FAIL (they could not be read or written, or do not read back).
 * Cut: the version is anything from the old to the new one; the same call completes it.
 */
esp_err_t esp_efuse_update_secure_version(uint32_t secure_version) ESP_MUST_CHECK;

/** Whether key slot num_digest, 0 .. 2, of Secure Boot is revoked; true also when that cannot be told. */
bool esp_efuse_get_digest_revoke(unsigned num_digest);

/** Revokes key slot num_digest, 0 .. 2, for ever. Errors and Cut: as efuse_key_revoke() (efuse_keys.h). */
esp_err_t esp_efuse_set_digest_revoke(unsigned num_digest) ESP_MUST_CHECK;

/** Whether the eFuses say that flash is encrypted: an odd number of the bits of FLASH_CRYPT_CNT (SPI_BOOT_CRYPT_CNT) is set. */
bool esp_efuse_is_flash_encryption_enabled(void);

/**
 * Sets, once and for all, where the ROM finds a second bootloader when the primary one fails.
 * @param offset  in bytes from the start of flash, a multiple of 4096, 0x1000 .. 0xFFE000
 * Errors: ESP_ERR_INVALID_ARG (offset), ESP_ERR_NOT_SUPPORTED (the chip has no such field),
 * ESP_ERR_NOT_ALLOWED (switched off for ever), ESP_FAIL (another offset is set; not readable or writable).
 * Cut: some bits of the sector number may be set, which is another offset; the same call again completes them.
 * differs: an offset inside a sector is refused, where ESP-IDF burns the sector and then fails; and where the bits set so
 * far are a part of the wanted ones, they are completed, where ESP-IDF fails: that is what a cut leaves.
 */
esp_err_t esp_efuse_set_recovery_bootloader_offset(const uint32_t offset) ESP_MUST_CHECK;

#ifdef __cplusplus
}
#endif
