/**
 * A release folder on the publisher's disk: its index, kept as JSON, and the order in which changes reach readers.
 *
 * Files have the digest of their bytes in their names and never change; the index is replaced by rename, last. A file
 * that the index no longer names is retired, not deleted: who read the old index may still be fetching it.
 */
#pragma once

#include "esp_ota_release.h"
#include "sign_record.h"

struct release_folder {
    const char *dir;
    int lock;
    json_t *index;  // without signatures; a new folder: only "releases" and "retired", both empty
    bool is_signed; // as it was loaded
    struct cli_bytes text;     // as it was loaded
    struct esp_ota_release is; // the same, as a device reads it; not of a new folder
};

/**
 * Opens a folder and keeps others from changing it until release_folder_close().
 * @param creates  a folder that is missing or without index is begun
 * @return false: said why; close it all the same
 */
bool release_folder_open(struct release_folder *folder, const char *dir, bool creates);
void release_folder_close(struct release_folder *folder);

/** Opens it only to be read; a folder without index is a failure. */
bool release_folder_read(struct release_folder *folder, const char *dir);

/** Whether the index may be replaced by one that these keys sign: it is not signed, or by one of them. @return false: said why not */
bool release_folder_may_sign(const struct release_folder *folder,
                             const struct record_signer *signer);

/** Writes a file of the folder unless it is there already. @return false: said why */
bool release_folder_put(const struct release_folder *folder, const char *name, const void *bytes,
                        size_t len);

/** Reads a file of the folder and holds it against size and digest. @return false: said why */
bool release_folder_get(const struct release_folder *folder, const char *name, uint64_t size,
                        const char *sha256, struct cli_bytes *out);

/**
 * Gives the index a new serial, retires what it no longer names, signs and publishes it.
 * @param serial  0: the next one
 * Cut: the old index or the new one.
 */
bool release_folder_publish(struct release_folder *folder, const struct record_signer *signer,
                            uint64_t serial);

/** Deletes files that were retired before `before`. @param[out] count, bytes  what is gone. @return false: said why */
bool release_folder_prune(struct release_folder *folder, int64_t before, uint64_t *count,
                          uint64_t *bytes);

/** 64 hexadecimal digits of the SHA-256 of bytes. out holds 65 bytes. @return out */
const char *release_sha256(const void *bytes, size_t len, char out[65]);

/** A member of an object of the index that is text; "" if there is none. */
const char *release_text(const json_t *object, const char *name);
