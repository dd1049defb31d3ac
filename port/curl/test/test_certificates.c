#include "test_certificates.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

static void require(int ok)
{
    if (!ok) {
        abort();
    }
}

static void copy_out(BIO *bio, char *text, size_t size)
{
    int len = BIO_read(bio, text, (int)size - 1);
    require(len > 0 && BIO_pending(bio) == 0);
    text[len] = '\0';
    BIO_free(bio);
}

static void export_key(struct test_certificate *certificate, EVP_PKEY *key)
{
    BIO *bio = BIO_new(BIO_s_mem());
    require(PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL));
    copy_out(bio, certificate->key_pem, sizeof(certificate->key_pem));
    bio = BIO_new(BIO_s_mem());
    require(PEM_write_bio_PKCS8PrivateKey(bio, key, EVP_aes_256_cbc(), "secret", 6, NULL, NULL));
    copy_out(bio, certificate->encrypted_key_pem, sizeof(certificate->encrypted_key_pem));
    unsigned char *der = NULL;
    int len = i2d_PrivateKey(key, &der);
    require(len > 0 && (size_t)len <= sizeof(certificate->key_der));
    memcpy(certificate->key_der, der, (size_t)len);
    certificate->key_der_len = (size_t)len;
    OPENSSL_free(der);
}

static void export_certificate(struct test_certificate *certificate, X509 *x509)
{
    BIO *bio = BIO_new(BIO_s_mem());
    require(PEM_write_bio_X509(bio, x509));
    copy_out(bio, certificate->pem, sizeof(certificate->pem));
    unsigned char *der = NULL;
    int len = i2d_X509(x509, &der);
    require(len > 0 && (size_t)len <= sizeof(certificate->der));
    memcpy(certificate->der, der, (size_t)len);
    certificate->der_len = (size_t)len;
    OPENSSL_free(der);
}

static X509 *parse(const char *pem)
{
    BIO *bio = BIO_new_mem_buf(pem, -1);
    X509 *x509 = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    BIO_free(bio);
    require(x509 != NULL);
    return x509;
}

static EVP_PKEY *parse_key(const char *pem)
{
    BIO *bio = BIO_new_mem_buf(pem, -1);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    BIO_free(bio);
    require(key != NULL);
    return key;
}

static void add_extension(X509 *x509, int nid, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
    require(extension && X509_add_ext(x509, extension, -1));
    X509_EXTENSION_free(extension);
}

static X509 *new_certificate(const char *name, const char *alt_name, int first_day, int last_day)
{
    static long serial = 1;
    X509 *x509 = X509_new();
    X509_NAME *subject = X509_get_subject_name(x509);
    require(X509_set_version(x509, X509_VERSION_3));
    require(ASN1_INTEGER_set(X509_get_serialNumber(x509), serial++));
    require(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1,
                                       -1, 0));
    X509_gmtime_adj(X509_getm_notBefore(x509), first_day * 86400L);
    X509_gmtime_adj(X509_getm_notAfter(x509), last_day * 86400L);
    if (alt_name) {
        add_extension(x509, NID_subject_alt_name, alt_name);
    } else {
        add_extension(x509, NID_basic_constraints, "critical,CA:TRUE");
    }
    return x509;
}

void test_certificate_make(struct test_certificate *certificate, const char *name,
                           const char *alt_name, const struct test_certificate *issuer,
                           int first_day, int last_day)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x509 = new_certificate(name, alt_name, first_day, last_day);
    X509 *issuer_x509 = issuer ? parse(issuer->pem) : NULL;
    EVP_PKEY *issuer_key = issuer ? parse_key(issuer->key_pem) : NULL;
    require(key && X509_set_pubkey(x509, key));
    require(X509_set_issuer_name(x509, X509_get_subject_name(issuer ? issuer_x509 : x509)));
    require(X509_sign(x509, issuer ? issuer_key : key, EVP_sha256()));
    export_key(certificate, key);
    export_certificate(certificate, x509);
    X509_free(issuer_x509);
    X509_free(x509);
    EVP_PKEY_free(issuer_key);
    EVP_PKEY_free(key);
}
