/**
 * What a device is and what its bootloader hands to the application.
 *
 * On a chip these facts come from silicon, eFuses, build options and the MMU. On a host whoever starts the boot sets
 * them, once, before anything else of the stack is called. One process is one boot of one device, hence one record.
 */
#pragma once

#include "esp_app_format.h"
#include "sdkconfig.h"
#include "signature_settings.h"

#ifdef __cplusplus
extern "C" {
#endif

/** The silicon an image must fit. */
struct chip_identity {
    esp_chip_id_t chip_id;
    uint16_t chip_rev;        // major * 100 + minor
    uint16_t blk_rev;         // eFuse block revision, the same form
    bool ignore_max_chip_rev; // eFuse: the image's maximum chip revision is not looked at
    bool ignore_max_blk_rev;  // eFuse: the image's maximum block revision is not looked at
};

#define BOOT_APP_ADDRESS_NONE   UINT32_MAX
#define BOOT_TRUST_ADDRESS_NONE 0u

struct boot_handover {
    struct chip_identity chip;
    uint32_t table_offset; // where the partition table stands
    uint32_t
        app_address; // start of the partition whose application runs; BOOT_APP_ADDRESS_NONE: none
    bool rollback;   // as CONFIG_BOOTLOADER_APP_ROLLBACK_ENABLE
    bool anti_rollback; // as CONFIG_BOOTLOADER_APP_ANTI_ROLLBACK; implies rollback
    struct signature_settings signatures; // what this firmware was built to check
    uint32_t trust_address; // start of the partition "ota_trust"; BOOT_TRUST_ADDRESS_NONE: none
};

#ifdef CONFIG_BOOTLOADER_APP_ANTI_ROLLBACK
#define BOOT_ANTI_ROLLBACK_BUILD true // every device of this build counts secure versions
#else
#define BOOT_ANTI_ROLLBACK_BUILD false
#endif

/** ESP32 v0.0, table at 0x8000, nothing runs, rollback, anti-rollback and signatures as the stack was built, no trust store. */
#define BOOT_HANDOVER_DEFAULT()                                                                    \
    {                                                                                              \
        .chip = {.chip_id = ESP_CHIP_ID_ESP32}, .table_offset = 0x8000,                            \
        .app_address = BOOT_APP_ADDRESS_NONE, .rollback = BOOT_ANTI_ROLLBACK_BUILD,                \
        .anti_rollback = BOOT_ANTI_ROLLBACK_BUILD, .signatures = SIGNATURE_SETTINGS_OF_BUILD()     \
    }

/** Copies the facts of this boot. Call before any other thread runs. */
void boot_handover_set(const struct boot_handover *handover);

/** The facts of this boot; BOOT_HANDOVER_DEFAULT() until set. Never NULL. */
const struct boot_handover *boot_handover_get(void);

#ifdef __cplusplus
}
#endif
