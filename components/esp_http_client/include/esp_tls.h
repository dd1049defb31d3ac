/**
 * The part of esp_tls.h that applications of the HTTP client use: the global CA store and the last TLS error.
 *
 * fact: names as in ESP-IDF, esp-tls: esp_tls.h. There is no esp_tls connection API here.
 */
#pragma once

#include "esp_err.h"

#ifdef __cplusplus
extern "C" {
#endif

/** What went wrong last on a connection. */
typedef struct esp_tls_last_error {
    esp_err_t last_error; // 0x80xx code, ESP_OK when nothing failed
    int esp_tls_error_code; // the TLS library's own code; here 0 or negative of the OpenSSL verification result
    int esp_tls_flags; // why a certificate was refused, see ESP_TLS_FLAG_*
} esp_tls_last_error_t;

typedef struct esp_tls_last_error *esp_tls_error_handle_t;

// fact: bits of mbedtls/x509.h, MBEDTLS_X509_BADCERT_*
#define ESP_TLS_FLAG_EXPIRED       0x01
#define ESP_TLS_FLAG_REVOKED       0x02
#define ESP_TLS_FLAG_NAME_MISMATCH 0x04
#define ESP_TLS_FLAG_NOT_TRUSTED   0x08
#define ESP_TLS_FLAG_OTHER         0x0100
#define ESP_TLS_FLAG_FUTURE        0x0200

/**
 * Copies and clears the last error; `error_code` and `error_flags` may be NULL.
 * @return the 0x80xx code, ESP_OK when nothing failed, ESP_ERR_INVALID_STATE for a NULL handle
 */
esp_err_t esp_tls_get_and_clear_last_error(esp_tls_error_handle_t h, int *error_code,
                                           int *error_flags);

/** Does nothing; the store is made by esp_tls_set_global_ca_store(). */
esp_err_t esp_tls_init_global_ca_store(void);

/**
 * Replaces the certificates trusted by clients with `use_global_ca_store`. Clients take them over when they
 * connect for the first time. The bytes are copied.
 * @param cacert_pem_buf   PEM certificates (the terminator counted or not) or one in DER
 * @param cacert_pem_bytes 1 or more
 * Errors: ESP_ERR_INVALID_ARG (NULL or no bytes), ESP_ERR_NO_MEM. differs: a certificate that cannot be parsed is
 * reported by the connection that wants to use it. Not to be called while another thread opens a connection.
 */
esp_err_t esp_tls_set_global_ca_store(const unsigned char *cacert_pem_buf,
                                      const unsigned int cacert_pem_bytes);

/** Empties the store; clients that are connected keep what they have. */
void esp_tls_free_global_ca_store(void);

#ifdef __cplusplus
}
#endif
