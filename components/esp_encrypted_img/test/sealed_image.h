/** Pre-encrypted images made with OpenSSL; for tests. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define SEALED_KEY_MAX   8192
#define SEALED_PLAIN_MAX 20000
#define SEALED_FILE_MAX  (512 + SEALED_PLAIN_MAX)

enum sealed_scheme {
    SEALED_RSA,
    SEALED_ECIES,
};

/** A device key as PEM, a file for it and what is inside. */
struct sealed_image {
    char key[SEALED_KEY_MAX];
    size_t key_len;
    uint8_t file[SEALED_FILE_MAX];
    size_t file_len;
    uint8_t plain[SEALED_PLAIN_MAX];
    size_t plain_len;
};

/** Makes a key of the scheme and a file of plain_len bytes, the same plaintext each time. Aborts when OpenSSL fails. */
void sealed_image_make(struct sealed_image *image, enum sealed_scheme scheme, size_t plain_len);
