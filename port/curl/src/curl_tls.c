#include "curl_tls.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

struct curl_tls {
    enum http_trust trust;
    STACK_OF(X509) * cas;
    STACK_OF(X509_CRL) * crls; // NULL: revocation is not checked
    STACK_OF(X509) * chain;    // client certificate first
    EVP_PKEY *key;
    unsigned char *alpn; // wire form
    unsigned alpn_len;
};

struct password {
    const char *data;
    size_t len;
};

static size_t length_of(const struct http_blob *blob)
{
    return blob->len ? blob->len : strlen(blob->data);
}

/* OpenSSL must never ask the terminal, so a missing password is an empty one. */
static int give_password(char *buf, int size, int writing, void *user)
{
    const struct password *password = user;
    (void)writing;
    if (!password->data || size < 0 || password->len > (size_t)size) {
        return -1;
    }
    memcpy(buf, password->data, password->len);
    return (int)password->len;
}

static STACK_OF(X509) * parse_pem(BIO *bio, STACK_OF(X509) * list)
{
    struct password none = {0};
    X509 *cert;
    while ((cert = PEM_read_bio_X509(bio, NULL, give_password, &none)) != NULL) {
        if (!sk_X509_push(list, cert)) {
            X509_free(cert);
            break;
        }
    }
    ERR_clear_error(); // the end of the list looks like an error
    return list;
}

/* All certificates of a blob; NULL if there is none. Those that cannot be parsed are skipped if others can. */
static STACK_OF(X509) * parse_certificates(const struct http_blob *blob)
{
    size_t len = length_of(blob);
    const unsigned char *der = blob->data;
    STACK_OF(X509) *list = sk_X509_new_null();
    if (!list || len == 0 || len > INT_MAX) {
        sk_X509_free(list);
        return NULL;
    }
    X509 *cert = der[0] == 0x30 ? d2i_X509(NULL, &der, (long)len) : NULL; // fact: ASN.1 SEQUENCE
    if (cert && !sk_X509_push(list, cert)) {
        X509_free(cert);
    }
    BIO *bio = cert ? NULL : BIO_new_mem_buf(blob->data, (int)len);
    if (bio) {
        list = parse_pem(bio, list);
        BIO_free(bio);
    }
    ERR_clear_error();
    if (sk_X509_num(list) == 0) {
        sk_X509_free(list);
        return NULL;
    }
    return list;
}

static STACK_OF(X509_CRL) * read_crls(BIO *bio, bool is_der)
{
    STACK_OF(X509_CRL) *list = sk_X509_CRL_new_null();
    X509_CRL *crl = NULL;
    while (list && (crl = is_der ? d2i_X509_CRL_bio(bio, NULL)
                                 : PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL)) != NULL) {
        if (!sk_X509_CRL_push(list, crl)) {
            X509_CRL_free(crl);
            break;
        }
    }
    ERR_clear_error(); // the end of the list looks like an error
    return list;
}

/* All revocation lists of a blob; NULL if there is none. */
static STACK_OF(X509_CRL) * parse_crls(const struct http_blob *blob)
{
    size_t len = length_of(blob);
    BIO *bio = len > 0 && len <= INT_MAX ? BIO_new_mem_buf(blob->data, (int)len) : NULL;
    if (!bio) {
        return NULL;
    }
    STACK_OF(X509_CRL) *list = read_crls(bio, *(const unsigned char *)blob->data == 0x30);
    BIO_free(bio);
    if (sk_X509_CRL_num(list) <= 0) {
        sk_X509_CRL_free(list);
        return NULL;
    }
    return list;
}

static EVP_PKEY *parse_der_key(BIO *bio, struct password *password)
{
    EVP_PKEY *key = d2i_PrivateKey_bio(bio, NULL);
    if (!key) {
        (void)BIO_reset(bio);
        key = d2i_PKCS8PrivateKey_bio(bio, NULL, give_password, password);
    }
    return key;
}

static EVP_PKEY *parse_key(const struct http_blob *blob, const struct http_blob *key_password)
{
    struct password password = {key_password->data, key_password->len};
    size_t len = length_of(blob);
    BIO *bio = len > 0 && len <= INT_MAX ? BIO_new_mem_buf(blob->data, (int)len) : NULL;
    if (!bio) {
        return NULL;
    }
    EVP_PKEY *key = *(const unsigned char *)blob->data == 0x30
                        ? parse_der_key(bio, &password)
                        : PEM_read_bio_PrivateKey(bio, NULL, give_password, &password);
    BIO_free(bio);
    ERR_clear_error();
    return key;
}

static struct curl_tls_problem parse_client(struct curl_tls *tls,
                                            const struct http_transport_settings *settings)
{
    if (!settings->cert.data && !settings->key.data) {
        return (struct curl_tls_problem){ESP_OK, NULL};
    }
    if (!settings->cert.data || !settings->key.data) {
        return (struct curl_tls_problem){
            ESP_ERR_INVALID_STATE,
            "a client certificate needs its private key and the other way round; set both"};
    }
    tls->chain = parse_certificates(&settings->cert);
    if (!tls->chain) {
        return (struct curl_tls_problem){
            ESP_ERR_MBEDTLS_X509_CRT_PARSE_FAILED,
            "the client certificate cannot be parsed; check client_cert_pem and client_cert_len"};
    }
    tls->key = parse_key(&settings->key, &settings->key_password);
    if (!tls->key) {
        return (struct curl_tls_problem){
            ESP_ERR_MBEDTLS_PK_PARSE_KEY_FAILED,
            "the client key cannot be parsed; check client_key_pem, its length and its password"};
    }
    if (X509_check_private_key(sk_X509_value(tls->chain, 0), tls->key) != 1) {
        ERR_clear_error();
        return (struct curl_tls_problem){
            ESP_ERR_MBEDTLS_SSL_CONF_OWN_CERT_FAILED,
            "the client key does not belong to the client certificate"};
    }
    return (struct curl_tls_problem){ESP_OK, NULL};
}

static struct curl_tls_problem parse_trust(struct curl_tls *tls,
                                           const struct http_transport_settings *settings)
{
    tls->trust = settings->trust;
    if (settings->setup_failure) {
        return (struct curl_tls_problem){settings->setup_code, settings->setup_failure};
    }
    if (settings->trust == HTTP_TRUST_NONE) {
        return (struct curl_tls_problem){
            ESP_ERR_MBEDTLS_SSL_SETUP_FAILED,
            "nobody is trusted to vouch for the server; set cert_pem, use_global_ca_store or "
            "crt_bundle_attach"};
    }
    if (settings->trust == HTTP_TRUST_CERTIFICATES || settings->ca.data) {
        tls->cas = parse_certificates(&settings->ca);
        if (!tls->cas) {
            return (struct curl_tls_problem){
                ESP_ERR_MBEDTLS_X509_CRT_PARSE_FAILED,
                "the CA certificate cannot be parsed; check cert_pem and cert_len"};
        }
    }
    if (settings->crl.data) {
        tls->crls = parse_crls(&settings->crl);
        if (!tls->crls) {
            return (struct curl_tls_problem){ESP_ERR_MBEDTLS_X509_CRT_PARSE_FAILED,
                                             "the revocation list cannot be parsed; it must be a "
                                             "CRL in PEM or DER"};
        }
    }
    return (struct curl_tls_problem){ESP_OK, NULL};
}

/* List of names to wire form: length byte, name, ... (RFC 7301, 3.1) */
static struct curl_tls_problem encode_alpn(struct curl_tls *tls, const char *const *names)
{
    size_t total = 0;
    for (size_t i = 0; names && names[i]; i++) {
        size_t len = strlen(names[i]);
        if (len == 0 || len > 255) {
            return (struct curl_tls_problem){ESP_ERR_MBEDTLS_SSL_CONF_ALPN_PROTOCOLS_FAILED,
                                             "a name in alpn_protos is empty or too long"};
        }
        total += len + 1;
    }
    if (total == 0) {
        return (struct curl_tls_problem){ESP_OK, NULL};
    }
    tls->alpn = malloc(total);
    if (!tls->alpn) {
        return (struct curl_tls_problem){ESP_ERR_NO_MEM, "no memory for alpn_protos"};
    }
    for (size_t i = 0; names[i]; i++) {
        size_t len = strlen(names[i]);
        tls->alpn[tls->alpn_len++] = (unsigned char)len;
        memcpy(tls->alpn + tls->alpn_len, names[i], len);
        tls->alpn_len += (unsigned)len;
    }
    return (struct curl_tls_problem){ESP_OK, NULL};
}

struct curl_tls *curl_tls_create(const struct http_transport_settings *settings,
                                 struct curl_tls_problem *problem)
{
    struct curl_tls *tls = calloc(1, sizeof(*tls));
    if (!tls) {
        *problem = (struct curl_tls_problem){ESP_ERR_NO_MEM, "no memory for TLS"};
        return NULL;
    }
    struct curl_tls_problem found = parse_trust(tls, settings);
    if (found.code == ESP_OK) {
        found = parse_client(tls, settings);
    }
    if (found.code == ESP_OK) {
        found = encode_alpn(tls, settings->alpn);
    }
    if (found.code != ESP_OK) {
        curl_tls_free(tls);
        *problem = found;
        return NULL;
    }
    return tls;
}

void curl_tls_free(struct curl_tls *tls)
{
    if (tls) {
        sk_X509_pop_free(tls->cas, X509_free);
        sk_X509_CRL_pop_free(tls->crls, X509_CRL_free);
        sk_X509_pop_free(tls->chain, X509_free);
        EVP_PKEY_free(tls->key);
        free(tls->alpn);
        free(tls);
    }
}

static bool add_crls(X509_STORE *store, const struct curl_tls *tls)
{
    if (!tls->crls) {
        return true;
    }
    for (int i = 0; i < sk_X509_CRL_num(tls->crls); i++) {
        if (X509_STORE_add_crl(store, sk_X509_CRL_value(tls->crls, i)) != 1) {
            return false;
        }
    }
    return X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL) == 1;
}

static bool add_trust(SSL_CTX *context, const struct curl_tls *tls)
{
    X509_STORE *store = SSL_CTX_get_cert_store(context);
    if (tls->trust == HTTP_TRUST_SYSTEM && X509_STORE_set_default_paths(store) != 1) {
        return false;
    }
    if (!tls->cas) {
        return true; // the system's store alone
    }
    for (int i = 0; i < sk_X509_num(tls->cas); i++) {
        (void)X509_STORE_add_cert(store, sk_X509_value(tls->cas, i)); // a duplicate is fine
    }
    // fact: mbedtls accepts any certificate given as a trust anchor, not only self-signed roots.
    return X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN) == 1;
}

static bool add_client(SSL_CTX *context, const struct curl_tls *tls)
{
    if (!tls->key) {
        return true;
    }
    if (SSL_CTX_use_certificate(context, sk_X509_value(tls->chain, 0)) != 1 ||
        SSL_CTX_use_PrivateKey(context, tls->key) != 1) {
        return false;
    }
    for (int i = 1; i < sk_X509_num(tls->chain); i++) {
        if (SSL_CTX_add1_chain_cert(context, sk_X509_value(tls->chain, i)) != 1) {
            return false;
        }
    }
    return true;
}

// Where a context keeps its pointer; one number for the process, as OpenSSL hands them out.
static int s_goodbye_index = -1;
static CRYPTO_ONCE s_goodbye_once = CRYPTO_ONCE_STATIC_INIT;

static void make_goodbye_index(void)
{
    s_goodbye_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, NULL);
}

/* fact: SSL_CTX_set_info_callback(3): the alert's description is the low byte. */
static void watch_for_goodbye(const SSL *ssl, int where, int value)
{
    bool *said_goodbye = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), s_goodbye_index);
    if (said_goodbye && where == SSL_CB_READ_ALERT && (value & 0xff) == SSL_AD_CLOSE_NOTIFY) {
        *said_goodbye = true;
    }
}

CURLcode curl_tls_fill_context(const struct curl_tls *tls, void *ssl_context, bool *said_goodbye)
{
    SSL_CTX *context = ssl_context;
    if (CRYPTO_THREAD_run_once(&s_goodbye_once, make_goodbye_index) != 1 ||
        SSL_CTX_set_ex_data(context, s_goodbye_index, said_goodbye) != 1) {
        return CURLE_OUT_OF_MEMORY;
    }
    SSL_CTX_set_info_callback(context, watch_for_goodbye);
    if (!add_trust(context, tls) || !add_crls(SSL_CTX_get_cert_store(context), tls) ||
        !add_client(context, tls)) {
        return CURLE_SSL_CERTPROBLEM;
    }
    // fact: OpenSSL, SSL_CTX_set_alpn_protos: 0 is success.
    if (tls->alpn && SSL_CTX_set_alpn_protos(context, tls->alpn, tls->alpn_len) != 0) {
        return CURLE_SSL_CONNECT_ERROR;
    }
    return CURLE_OK;
}
