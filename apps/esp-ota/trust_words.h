/** What the trust commands share: reading and writing whom a device believes. */
#pragma once

#include "cli.h"
#include "device.h"
#include "trust_store.h"

/** A key digest by its words: 64 hexadecimal digits, a file of 32 bytes, or a PEM file. @return false: said why */
bool trust_words_digest(const char *word, uint8_t digest[SIGNATURE_KEY_DIGEST_LEN]);

/** 64 hexadecimal digits; out holds 65 bytes. @return out */
const char *trust_words_hex(const uint8_t digest[SIGNATURE_KEY_DIGEST_LEN], char out[65]);

/** The word for when signatures are checked: "none", "update", "boot" or "secure-boot". */
const char *trust_words_mode(const struct signature_settings *settings);

/** Sets when signatures are checked by such a word. @return false: it is none */
bool trust_words_take_mode(const char *word, struct signature_settings *settings);

/**
 * Writes the settings into "<flash>.sdkconfig"; lines of other options stay.
 * @param v1_key  file with the v1 key; NULL: as it was
 * @return false: said why
 */
bool trust_words_save(const char *flash, const struct signature_settings *settings,
                      const char *v1_key);

/** Prints all of it, or adds it to a JSON answer. @return an enum cli_exit */
int trust_words_report(const struct device *device, const char *flash);
