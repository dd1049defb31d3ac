/**
 * The certificate bundle: here the operating system's store of trusted roots.
 *
 * fact: names as in ESP-IDF, mbedtls: esp_crt_bundle.h. differs: the default bundle is the system store that OpenSSL is
 * configured for (SSL_CERT_FILE and SSL_CERT_DIR are honoured), not a list compiled into the firmware.
 */
#pragma once

#include "esp_err.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mbedtls_ssl_config mbedtls_ssl_config;

/**
 * Lets a connection trust the bundle. For `esp_http_client_config_t.crt_bundle_attach`; the client calls it with its
 * own argument each time it prepares TLS. Errors: ESP_ERR_INVALID_ARG (conf NULL).
 */
esp_err_t esp_crt_bundle_attach(void *conf);

/** Takes back esp_crt_bundle_attach() for the same argument; nothing happens for NULL. */
void esp_crt_bundle_detach(mbedtls_ssl_config *conf);

/**
 * Replaces the bundle for connections made later by the certificates given: PEM (any number) or one DER certificate.
 * The bytes are copied. differs: ESP-IDF's own binary bundle (names and keys only) is not understood.
 * Errors: ESP_ERR_INVALID_ARG (NULL, size 0, or neither PEM nor DER), ESP_ERR_NO_MEM.
 */
esp_err_t esp_crt_bundle_set(const uint8_t *x509_bundle, size_t bundle_size);

/**
 * Ours: certificates that the bundle holds beside the system's store, as CONFIG_MBEDTLS_CUSTOM_CERTIFICATE_BUNDLE adds them to
 * ESP-IDF's; a second call replaces them. Without effect after esp_crt_bundle_set(). The bytes are copied. Errors: as there.
 */
esp_err_t esp_crt_bundle_add(const uint8_t *certificates, size_t size);

#ifdef __cplusplus
}
#endif
