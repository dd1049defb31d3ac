/**
 * Build options under ESP-IDF's names, with the values this stack is built with.
 *
 * An application may put its own sdkconfig.h in front on the include path; the library itself reads the
 * options that change behaviour from the device's settings at run time (boot_handover.h), never from here. Whoever starts
 * a boot begins with BOOT_HANDOVER_DEFAULT(), and that looks at CONFIG_BOOTLOADER_APP_ANTI_ROLLBACK.
 */
#pragma once

#define CONFIG_IDF_TARGET       "linux"
#define CONFIG_IDF_TARGET_LINUX 1

#define CONFIG_LOG_DEFAULT_LEVEL 3
#define CONFIG_LOG_MAXIMUM_LEVEL 5
#define CONFIG_LOG_VERSION       1

#define CONFIG_FREERTOS_HZ                      100
#define CONFIG_ESP_SYSTEM_EVENT_QUEUE_SIZE      32
#define CONFIG_ESP_SYSTEM_EVENT_TASK_STACK_SIZE 2304
#define CONFIG_ESP_ERR_TO_NAME_LOOKUP           1
#define CONFIG_PARTITION_TABLE_OFFSET           0x8000
#define CONFIG_PARTITION_TABLE_MD5              1
#define CONFIG_BOOTLOADER_OFFSET_IN_FLASH       0x0
#define CONFIG_MBEDTLS_CERTIFICATE_BUNDLE       1

#define CONFIG_ESP_HTTP_CLIENT_ENABLE_HTTPS             1
#define CONFIG_ESP_HTTP_CLIENT_ENABLE_BASIC_AUTH        1
#define CONFIG_ESP_HTTP_CLIENT_ENABLE_DIGEST_AUTH       1
#define CONFIG_ESP_HTTP_CLIENT_ENABLE_GET_CONTENT_RANGE 1
#define CONFIG_ESP_HTTP_CLIENT_SAVE_RESPONSE_HEADERS    1
#define CONFIG_ESP_HTTP_CLIENT_EVENT_POST_TIMEOUT       2000
#define CONFIG_ESP_TLS_CLIENT_SESSION_TICKETS           1

#define CONFIG_ESP_HTTPS_OTA_EVENT_POST_TIMEOUT      2000
#define CONFIG_ESP_HTTPS_OTA_VERIFY_SPI_MODE         1
#define CONFIG_ESP_HTTPS_OTA_ENABLE_PARTIAL_DOWNLOAD 1
