/** Keys and certificates made for a test run. */
#pragma once

#include <stddef.h>

/** A certificate with its key; texts end with NUL. */
struct test_certificate {
    char pem[2048];
    char key_pem[1024];
    char encrypted_key_pem[2048]; // password "secret"
    unsigned char der[1024];
    size_t der_len;
    unsigned char key_der[256];
    size_t key_der_len;
};

/**
 * Makes a key pair and a certificate for it.
 * @param alt_name subjectAltName, e.g. "DNS:localhost,IP:127.0.0.1"; NULL makes a CA
 * @param issuer NULL: self-signed
 * @param first_day,last_day validity in days from now
 */
void test_certificate_make(struct test_certificate *certificate, const char *name,
                           const char *alt_name, const struct test_certificate *issuer,
                           int first_day, int last_day);
