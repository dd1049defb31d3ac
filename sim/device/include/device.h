/**
 * A virtual device: a flash file, beside it the eFuse file and the options its firmware was built with, and one boot.
 *
 * When the eFuses say that flash is encrypted, the key is in "<path>.key", in the byte order of espsecure's key files. On a
 * chip it would be in the eFuses, where software cannot read it; here it is a file of its own that can be kept from others.
 *
 * One process is one boot of one device: device_open() fills the places that exist once (esp_flash_default_chip,
 * efuse_default, the boot handover), so open at most one device in a process, before anything else of the stack is
 * called. All calls block; one thread.
 */
#pragma once

#include "boot_select.h"
#include "efuse_ops.h"
#include "signature_policy.h"
#include "flash_encryption.h"

#ifdef __cplusplus
extern "C" {
#endif

/** How the device is opened; zero is the default of every member. */
struct device_options {
    bool read_only;   // the flash file is not changed; several readers may share it
    const char *chip; // name of the chip; NULL: as the eFuse file says, else as the images show
    bool is_chip_optional; // an unknown chip is no error: chip.chip_id is ESP_CHIP_ID_INVALID then
    bool rollback;         // as CONFIG_BOOTLOADER_APP_ROLLBACK_ENABLE, for the running application
    // as CONFIG_BOOTLOADER_APP_ANTI_ROLLBACK, which "<path>.sdkconfig" may have too; implies rollback, needs eFuses
    bool anti_rollback;
    uint32_t table_offset; // where the partition table stands; 0: 0x8000
    uint32_t attempts;     // of the bootloader, see struct boot_request; 0: as ESP-IDF
    uint32_t crash_limit;  // likewise
    const char *
        flash_key; // file with the key of the flash encryption; NULL: "<path>.key" where it is on. A device
                   // without eFuse file counts as encrypted when it is given
    int flash_fd; // the flash file, open and locked, see nor_flash_open_descriptor(); 0: open path
};

/** Where the chip's identity was found. */
enum device_chip_source {
    DEVICE_CHIP_UNKNOWN,
    DEVICE_CHIP_GIVEN, // by the options; revisions as DEVICE_CHIP_FROM_IMAGES
    DEVICE_CHIP_FROM_EFUSE,
    DEVICE_CHIP_FROM_IMAGES, // first known chip id; revisions are the highest minima of the images
};

/** An open device. The fields are for reading. */
struct device {
    esp_flash_t *flash;
    uint32_t flash_size; // bytes
    struct efuse *efuse; // NULL: there is no eFuse file
    struct chip_identity chip;
    enum device_chip_source chip_source;
    const char *encryption; // name of the scheme; NULL: flash encryption is off
    struct flash_encryption cipher;
    uint32_t table_offset;
    uint32_t attempts;
    uint32_t crash_limit;
    uint8_t table[ESP_PARTITION_TABLE_MAX_LEN];
    struct partition_table_check table_check; // its fault is PARTITION_TABLE_OK
    struct boot_slots slots;
    struct signature_settings signatures; // which signatures its firmware checks
    struct signature_policy boot_policy;  // whom the last decision believed
    bool anti_rollback;                   // by option, by its settings, or by the build
    uint32_t trust_address;               // of the trust store; BOOT_TRUST_ADDRESS_NONE: none
};

/**
 * Opens the flash file at path and, if they are there, "<path>.efuse" and "<path>.sdkconfig". Says what is wrong in one
 * logged sentence.
 * @param[out] out  give it to device_close(); NULL on every failure
 * @return ESP_OK; the errors of nor_flash_open() and sim_efuse_open(); ESP_ERR_INVALID_ARG: options->chip is no chip, or
 *         the settings make no sense;
 *         ESP_ERR_INVALID_STATE, ESP_ERR_INVALID_SIZE: no usable partition table (with the wrong key there is none);
 *         ESP_ERR_NOT_FOUND: also when the chip is not known, or there is no key file; ESP_ERR_INVALID_SIZE: also when the
 *         key has a length the chip has no scheme for; ESP_ERR_INVALID_STATE: also when a key is given and the eFuses say
 *         that flash is not encrypted; ESP_ERR_NOT_SUPPORTED: also when anti-rollback has no eFuses to count in;
 *         ESP_ERR_NO_MEM
 */
esp_err_t device_open(const char *path, const struct device_options *options,
                      struct device **out) ESP_MUST_CHECK;

/** Closes; NULL is harmless. What was written and not synced is made durable by the system in its own time. */
void device_close(struct device *device);

/**
 * One power-on: decides what boots and, unless dry_run, writes what the bootloader writes, durably. With anti-rollback
 * that includes the secure version of a confirmed image; a version that cannot be burnt is warned of and boots.
 * @return as boot_select(); ESP_OK also when nothing boots
 * Cut: as boot_select(), and of the eFuses as esp_efuse_update_secure_version(); the next boot completes both.
 */
esp_err_t device_boot(struct device *device, bool rollback, bool dry_run,
                      struct boot_decision *out) ESP_MUST_CHECK;

/**
 * What the device is asked to decide with; for boot_select(), boot_explain() and boot_repair().
 * @param[out] out  borrows from device; filled also on an error, and then no signature is believed
 * @return ESP_OK; as signature_policy_load()
 */
esp_err_t device_boot_request(struct device *device, bool rollback,
                              struct boot_request *out) ESP_MUST_CHECK;

/**
 * Lets the application run that the device would start now: what otadata selects, counting an unconfirmed image as the
 * running one. Writes nothing. With nothing bootable no application runs, which is how a first installation starts.
 * @param[out] out  the decision; may be NULL
 * @return as boot_select()
 */
esp_err_t device_start_application(struct device *device, struct boot_decision *out) ESP_MUST_CHECK;

/**
 * Whether the device's bootloader has rollback, as far as the selected image tells: a host program that was built without
 * it never confirms itself, so it is not put on trial. Every other image: true.
 */
bool device_wants_rollback(const struct device *device);

/** Index of the table entry with a label, or -1. */
int device_find_label(const struct device *device, const char *label);

/** Entry at index, below table_check.count. */
esp_partition_info_t device_entry(const struct device *device, int index);

#ifdef __cplusplus
}
#endif
