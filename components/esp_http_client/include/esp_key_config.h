/**
 * Where a private key comes from.
 *
 * fact: names, values and members as in ESP-IDF master, esp_key_config.h.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    ESP_KEY_SOURCE_NONE = 0,
    ESP_KEY_SOURCE_BUFFER = 1,
    ESP_KEY_SOURCE_PSA = 2, // differs: refused when connecting, there is no PSA key store here
} esp_key_source_t;

typedef enum {
    ESP_KEY_FORMAT_AUTO = 0,
    ESP_KEY_FORMAT_PEM = 1,
    ESP_KEY_FORMAT_DER = 2,
    ESP_KEY_FORMAT_RAW = 3, // differs: refused when connecting
} esp_key_format_t;

/** A private key; everything it points at is borrowed. */
typedef struct {
    esp_key_source_t source;
    union {
        struct {
            const void *data;     // PEM or DER
            size_t len;           // bytes; 0: PEM that ends with NUL
            const char *password; // NULL: the key is not encrypted
            size_t password_len;  // without terminator
            esp_key_format_t format;
        } buffer;
        struct {
            uint32_t key_id;
        } psa;
    };
} esp_key_config_t;

#ifdef __cplusplus
}
#endif
