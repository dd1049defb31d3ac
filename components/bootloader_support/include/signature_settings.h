/** Which signatures a firmware was built to check. On a chip build options; on a host a setting of the device. */
#pragma once

#include "sdkconfig.h"
#include "signature_block.h"

#ifdef __cplusplus
extern "C" {
#endif

struct signature_settings {
    enum signature_scheme scheme; // the one it takes; SIGNATURE_NONE: nothing is checked
    bool on_update;               // as CONFIG_SECURE_SIGNED_ON_UPDATE_NO_SECURE_BOOT
    bool on_boot;                 // as CONFIG_SECURE_SIGNED_ON_BOOT_NO_SECURE_BOOT
    bool secure_boot;             // hardware Secure Boot: update and boot, keys from the eFuses
    bool on_data;                 // as CONFIG_SECURE_SIGNED_DATA_PARTITION
    uint8_t v1_key[SIGNATURE_V1_KEY_LEN]; // X, Y of the key compiled in; all 0: none
};

// fact: names of the options as in ESP-IDF, components/bootloader/Kconfig.projbuild
#if defined(CONFIG_SECURE_SIGNED_APPS_ECDSA_SCHEME)
#define SIGNATURE_BUILD_SCHEME SIGNATURE_V1
#elif defined(CONFIG_SECURE_SIGNED_APPS_RSA_SCHEME)
#define SIGNATURE_BUILD_SCHEME SIGNATURE_RSA
#elif defined(CONFIG_SECURE_SIGNED_APPS_ECDSA_V2_SCHEME) &&                                        \
    defined(CONFIG_SECURE_BOOT_ECDSA_KEY_LEN_192_BITS)
#define SIGNATURE_BUILD_SCHEME SIGNATURE_P192
#elif defined(CONFIG_SECURE_SIGNED_APPS_ECDSA_V2_SCHEME) &&                                        \
    defined(CONFIG_SECURE_BOOT_ECDSA_KEY_LEN_384_BITS)
#define SIGNATURE_BUILD_SCHEME SIGNATURE_P384
#elif defined(CONFIG_SECURE_SIGNED_APPS_ECDSA_V2_SCHEME)
#define SIGNATURE_BUILD_SCHEME SIGNATURE_P256
#else
#define SIGNATURE_BUILD_SCHEME SIGNATURE_NONE
#endif

#ifdef CONFIG_SECURE_SIGNED_ON_UPDATE_NO_SECURE_BOOT
#define SIGNATURE_BUILD_ON_UPDATE true
#else
#define SIGNATURE_BUILD_ON_UPDATE false
#endif

#ifdef CONFIG_SECURE_SIGNED_ON_BOOT_NO_SECURE_BOOT
#define SIGNATURE_BUILD_ON_BOOT true
#else
#define SIGNATURE_BUILD_ON_BOOT false
#endif

#ifdef CONFIG_SECURE_BOOT
#define SIGNATURE_BUILD_SECURE_BOOT true
#else
#define SIGNATURE_BUILD_SECURE_BOOT false
#endif

#ifdef CONFIG_SECURE_SIGNED_DATA_PARTITION
#define SIGNATURE_BUILD_ON_DATA true
#else
#define SIGNATURE_BUILD_ON_DATA false
#endif

/** What this build was configured for; nothing is checked without those options. */
#define SIGNATURE_SETTINGS_OF_BUILD()                                                              \
    {                                                                                              \
        .scheme = SIGNATURE_BUILD_SCHEME, .on_update = SIGNATURE_BUILD_ON_UPDATE,                  \
        .on_boot = SIGNATURE_BUILD_ON_BOOT, .secure_boot = SIGNATURE_BUILD_SECURE_BOOT,            \
        .on_data = SIGNATURE_BUILD_ON_DATA,                                                        \
    }

#ifdef __cplusplus
}
#endif
