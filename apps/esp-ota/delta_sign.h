/** Signed patches in files. */
#pragma once

#include "sign_record.h"

/**
 * Signs a patch of our kind with all keys of signer: its body digest and the signatures become the header's extension.
 * @param patch  malloc'ed, replaced by the signed one
 * @return false: said why; the patch is as it was
 */
bool delta_sign(const struct record_signer *signer, struct cli_bytes *patch);

/** Whether trusted keys have signed a whole patch, body included. @return false: said why, with the file's name */
bool delta_check_trust(const char *name, const struct cli_bytes *patch, const struct trust *trust);

/** Prints the signatures of a patch, or adds them to object. @return false: its extension is damaged; said so */
bool delta_report_signatures(const char *name, const struct cli_bytes *patch,
                             const struct trust *trust, json_t *object);
