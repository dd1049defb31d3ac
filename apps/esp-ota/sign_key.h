/**
 * Keys that sign and keys that are trusted, through OpenSSL. Private parts stay inside; nothing of them is ever printed.
 */
#pragma once

#include "cli.h"
#include "signature_block.h"

struct sign_key;

/** Where a pass phrase or the PIN of a token comes from. Never the command line: other users see that. */
struct sign_secret {
    const char *file; // its first line; NULL: the terminal is asked, once it is needed
};

/**
 * Loads a private key: a PEM file (PKCS#8, PKCS#1 or SEC 1, encrypted or not), or a key in a token by a "pkcs11:" URI.
 * On failure says why and returns NULL. Keys that no scheme uses are refused.
 */
struct sign_key *sign_key_load(const char *name, const struct sign_secret *secret);

/** Loads the public half of a PEM file that holds a public or private key; NULL: said why. */
struct sign_key *sign_key_load_public(const char *name, const struct sign_secret *secret);

/** The same of bytes that were read already. */
struct sign_key *sign_key_parse_public(const char *name, const struct cli_bytes *file,
                                       const struct sign_secret *secret);

/** Makes a new key of a scheme other than none; NULL: said why. */
struct sign_key *sign_key_generate(enum signature_scheme scheme);

void sign_key_free(struct sign_key *key);

/** The public key; its scheme is that of v2. A key on P-256 also serves v1. */
const struct signature_key *sign_key_public(const struct sign_key *key);

/**
 * Signs a digest that is as long as the scheme asks for, and verifies the result.
 * ECDSA is deterministic (RFC 6979): the same bytes and key give the same signature. Keys in tokens use the token's nonces.
 * On failure says why and returns false.
 */
bool sign_key_sign(const struct sign_key *key, enum signature_scheme scheme, const uint8_t *digest,
                   struct signature_value *out);

/** PEM of the private key (PKCS#8) or of the public key (SubjectPublicKeyInfo). The caller frees out->bytes. */
bool sign_key_private_pem(const struct sign_key *key, const struct sign_secret *secret,
                          struct cli_bytes *out);
bool sign_key_public_pem(const struct sign_key *key, struct cli_bytes *out);
