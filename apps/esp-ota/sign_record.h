/** Signature records, as patches and release folders carry them: made with keys, judged by trusted keys, shown. */
#pragma once

#include "sign_key.h"
#include "signature_record.h"
#include "trust.h"

/** Keys that sign; up to three, as a change of keys needs two at a time. */
struct record_signer {
    const char *names[SIGNATURE_RECORD_COUNT_MAX];
    uint32_t count;
    struct sign_secret secret;
    struct sign_key *keys[SIGNATURE_RECORD_COUNT_MAX]; // by record_signer_load
};

/** Takes the value of --key. @return an enum cli_exit */
int record_signer_add(struct record_signer *signer, const char *name);

/** Loads the keys. @return false: said why; free it all the same */
bool record_signer_load(struct record_signer *signer);
void record_signer_free(struct record_signer *signer);

/** Signs message with key i into SIGNATURE_RECORD_MAX bytes. @return false: said why */
bool record_signer_sign(const struct record_signer *signer, uint32_t i, const void *message,
                        size_t len, uint8_t *record, size_t *record_len);

/** What --trust asks of signature records. @return false: a key that has no digest; said so */
bool record_policy(const struct trust *trust, struct signature_policy *policy);

/** Prints what the signatures of a message are worth, or adds them to object as "signatures". trust NULL: nobody is asked for. */
void record_report(const void *message, size_t len, const struct signature_record *records,
                   uint32_t count, const struct trust *trust, json_t *object);
