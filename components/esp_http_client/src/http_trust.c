/* Whom a connection trusts: the bundle, the global store or the client's own certificates. */
#include "http_client.h"

#include <stdlib.h>
#include <string.h>

#include "esp_crt_bundle.h"

/* What crt_bundle_attach gets as its argument. */
struct bundle_choice {
    bool attached;
};

// ESP-IDF's interface makes the stores single.
static struct http_blob s_global_store;
static struct http_blob s_bundle;
static struct http_blob s_beside_system;

static void drop(struct http_blob *blob)
{
    free((void *)blob->data);
    *blob = (struct http_blob){0};
}

static esp_err_t keep(struct http_blob *blob, const void *data, size_t len)
{
    void *copy = malloc(len);
    if (!copy) {
        return ESP_ERR_NO_MEM;
    }
    memcpy(copy, data, len);
    drop(blob);
    *blob = (struct http_blob){copy, len};
    return ESP_OK;
}

esp_err_t esp_tls_init_global_ca_store(void)
{
    return ESP_OK;
}

esp_err_t esp_tls_set_global_ca_store(const unsigned char *cacert_pem_buf,
                                      const unsigned int cacert_pem_bytes)
{
    if (!cacert_pem_buf || cacert_pem_bytes == 0) {
        return ESP_ERR_INVALID_ARG;
    }
    return keep(&s_global_store, cacert_pem_buf, cacert_pem_bytes);
}

void esp_tls_free_global_ca_store(void)
{
    drop(&s_global_store);
}

esp_err_t esp_tls_get_and_clear_last_error(esp_tls_error_handle_t h, int *error_code,
                                           int *error_flags)
{
    if (!h) {
        return ESP_ERR_INVALID_STATE;
    }
    esp_err_t last = h->last_error;
    if (error_code) {
        *error_code = h->esp_tls_error_code;
    }
    if (error_flags) {
        *error_flags = h->esp_tls_flags;
    }
    *h = (struct esp_tls_last_error){0};
    return last;
}

esp_err_t esp_crt_bundle_attach(void *conf)
{
    struct bundle_choice *choice = conf;
    if (!choice) {
        return ESP_ERR_INVALID_ARG;
    }
    choice->attached = true;
    return ESP_OK;
}

void esp_crt_bundle_detach(mbedtls_ssl_config *conf)
{
    struct bundle_choice *choice = (struct bundle_choice *)(void *)conf;
    if (choice) {
        choice->attached = false;
    }
}

static bool is_certificate(const uint8_t *bytes, size_t size)
{
    static const char PEM[] = "-----BEGIN";
    bool is_pem = bytes && size >= sizeof(PEM) && memcmp(bytes, PEM, sizeof(PEM) - 1) == 0;
    bool is_der = bytes && size > 4 && bytes[0] == 0x30; // fact: ASN.1 SEQUENCE
    return is_pem || is_der;
}

esp_err_t esp_crt_bundle_set(const uint8_t *x509_bundle, size_t bundle_size)
{
    return is_certificate(x509_bundle, bundle_size) ? keep(&s_bundle, x509_bundle, bundle_size)
                                                    : ESP_ERR_INVALID_ARG;
}

esp_err_t esp_crt_bundle_add(const uint8_t *certificates, size_t size)
{
    return is_certificate(certificates, size) ? keep(&s_beside_system, certificates, size)
                                              : ESP_ERR_INVALID_ARG;
}

static void trust_bundle(struct esp_http_client *client, struct http_transport_settings *settings)
{
    struct bundle_choice choice = {0};
    esp_err_t err = client->config.crt_bundle_attach(&choice);
    if (err != ESP_OK || !choice.attached) {
        settings->setup_failure = "crt_bundle_attach did not attach a certificate bundle; "
                                  "use esp_crt_bundle_attach";
        settings->setup_code = ESP_ERR_MBEDTLS_SSL_SETUP_FAILED;
        return;
    }
    settings->ca = s_bundle.data ? s_bundle : s_beside_system;
    settings->trust = s_bundle.data ? HTTP_TRUST_CERTIFICATES : HTTP_TRUST_SYSTEM;
}

static void choose_trust(struct esp_http_client *client, struct http_transport_settings *settings)
{
    const esp_http_client_config_t *config = &client->config;
    if (config->crt_bundle_attach) {
        trust_bundle(client, settings);
    } else if (config->use_global_ca_store) {
        settings->trust = HTTP_TRUST_CERTIFICATES;
        settings->ca = s_global_store;
        if (!s_global_store.data) {
            settings->setup_failure = "use_global_ca_store is set but the store is empty; "
                                      "call esp_tls_set_global_ca_store first";
            settings->setup_code = ESP_ERR_MBEDTLS_SSL_SETUP_FAILED;
        }
    } else if (config->cert_pem) {
        settings->trust = HTTP_TRUST_CERTIFICATES;
        settings->ca = (struct http_blob){config->cert_pem, config->cert_len};
    }
}

static void choose_key(const esp_http_client_config_t *config,
                       struct http_transport_settings *settings)
{
    const esp_key_config_t *key = config->client_key;
    if (!key) {
        settings->key = (struct http_blob){config->client_key_pem, config->client_key_len};
        if (config->client_key_password_len > 0) {
            settings->key_password =
                (struct http_blob){config->client_key_password, config->client_key_password_len};
        }
    } else if (key->source == ESP_KEY_SOURCE_BUFFER && key->buffer.format != ESP_KEY_FORMAT_RAW) {
        settings->key = (struct http_blob){key->buffer.data, key->buffer.len};
        settings->key_password = (struct http_blob){key->buffer.password, key->buffer.password_len};
    } else if (key->source != ESP_KEY_SOURCE_NONE) {
        settings->setup_failure = "client_key: only PEM and DER keys in memory are supported here";
        settings->setup_code = ESP_ERR_MBEDTLS_PK_PARSE_KEY_FAILED;
    }
}

void http_trust_settings(struct esp_http_client *client, struct http_transport_settings *settings)
{
    const esp_http_client_config_t *config = &client->config;
    *settings = (struct http_transport_settings){
        .cert = {config->client_cert_pem, config->client_cert_len},
        .common_name = config->common_name,
        .skip_name_check = config->skip_cert_common_name_check,
        .tls_version = config->tls_version == ESP_HTTP_CLIENT_TLS_VER_TLS_1_2   ? 12
                       : config->tls_version == ESP_HTTP_CLIENT_TLS_VER_TLS_1_3 ? 13
                                                                                : 0,
        .alpn = (const char *const *)config->alpn_protos,
        .save_session = config->save_client_session,
        .interface = client->interface,
        .ip_version = config->addr_type == HTTP_ADDR_TYPE_INET    ? 4
                      : config->addr_type == HTTP_ADDR_TYPE_INET6 ? 6
                                                                  : 0,
        .keep_alive = config->keep_alive_enable,
        .keep_alive_idle = config->keep_alive_idle ? config->keep_alive_idle : 5,
        .keep_alive_interval = config->keep_alive_interval ? config->keep_alive_interval : 5,
        .keep_alive_count = config->keep_alive_count ? config->keep_alive_count : 3,
        .buffer_size = (size_t)client->buffer_size,
    };
    choose_key(config, settings);
    choose_trust(client, settings);
}
