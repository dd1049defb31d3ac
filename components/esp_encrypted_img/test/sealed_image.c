#include "sealed_image.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

static void seal_key_with_rsa(EVP_PKEY *device, const uint8_t key[32], uint8_t *area)
{
    size_t len = 384;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(device, NULL);
    assert_int_equal(EVP_PKEY_encrypt_init(context), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING), 1);
    assert_int_equal(EVP_PKEY_encrypt(context, area, &len, key, 32), 1);
    EVP_PKEY_CTX_free(context);
}

static void derive_key(const uint8_t shared[32], const uint8_t salt[32], uint8_t key[32])
{
    size_t len = 32;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_id(EVP_PKEY_HKDF, NULL);
    assert_int_equal(EVP_PKEY_derive_init(context), 1);
    assert_int_equal(EVP_PKEY_CTX_set_hkdf_md(context, EVP_sha256()), 1);
    assert_int_equal(EVP_PKEY_CTX_set1_hkdf_salt(context, salt, 32), 1);
    assert_int_equal(EVP_PKEY_CTX_set1_hkdf_key(context, shared, 32), 1);
    assert_int_equal(
        EVP_PKEY_CTX_add1_hkdf_info(context, (const unsigned char *)"_esp_enc_img_ecc", 16), 1);
    assert_int_equal(EVP_PKEY_derive(context, key, &len), 1);
    EVP_PKEY_CTX_free(context);
}

static void agree_on_key(EVP_PKEY *device, uint8_t key[32], uint8_t *area)
{
    uint8_t point[65];
    uint8_t shared[32];
    size_t len = sizeof(point);
    EVP_PKEY *sender = EVP_EC_gen("P-256");
    assert_int_equal(EVP_PKEY_get_octet_string_param(sender, "encoded-pub-key", point, len, &len),
                     1);
    memcpy(area, point + 1, 64);
    memset(area + 64, 0x5A, 32);
    len = sizeof(shared);
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(sender, NULL);
    assert_int_equal(EVP_PKEY_derive_init(context), 1);
    assert_int_equal(EVP_PKEY_derive_set_peer(context, device), 1);
    assert_int_equal(EVP_PKEY_derive(context, shared, &len), 1);
    derive_key(shared, area + 64, key);
    EVP_PKEY_CTX_free(context);
    EVP_PKEY_free(sender);
}

static void seal_data(struct sealed_image *image, const uint8_t key[32])
{
    int done = 0;
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    assert_int_equal(EVP_EncryptInit_ex(context, EVP_aes_256_gcm(), NULL, NULL, NULL), 1);
    assert_int_equal(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_IVLEN, 16, NULL), 1);
    assert_int_equal(EVP_EncryptInit_ex(context, NULL, NULL, key, image->file + 388), 1);
    assert_int_equal(
        EVP_EncryptUpdate(context, image->file + 512, &done, image->plain, (int)image->plain_len),
        1);
    assert_int_equal(EVP_EncryptFinal_ex(context, image->file + 512 + done, &done), 1);
    assert_int_equal(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, 16, image->file + 408), 1);
    EVP_CIPHER_CTX_free(context);
}

void sealed_image_make(struct sealed_image *image, enum sealed_scheme scheme, size_t plain_len)
{
    uint8_t key[32] = {1, 2, 3};
    EVP_PKEY *device = scheme == SEALED_RSA ? EVP_RSA_gen(3072) : EVP_EC_gen("P-256");
    assert_non_null(device);
    memset(image, 0, sizeof(*image));
    image->plain_len = plain_len;
    image->file_len = 512 + plain_len;
    for (size_t i = 0; i < plain_len; i++) {
        image->plain[i] = (uint8_t)(i * 7 + i / 256);
    }
    BIO *bio = BIO_new(BIO_s_mem());
    assert_int_equal(PEM_write_bio_PrivateKey(bio, device, NULL, NULL, 0, NULL, NULL), 1);
    image->key_len = (size_t)BIO_read(bio, image->key, SEALED_KEY_MAX);
    BIO_free(bio);
    memcpy(image->file, "\xCF\xB6\x88\x07", 4);
    if (scheme == SEALED_RSA) {
        seal_key_with_rsa(device, key, image->file + 4);
    } else {
        agree_on_key(device, key, image->file + 4);
    }
    memset(image->file + 388, 0xA5, 16);
    for (unsigned i = 0; i < 4; i++) {
        image->file[404 + i] = (uint8_t)(plain_len >> 8 * i);
    }
    seal_data(image, key);
    EVP_PKEY_free(device);
}
