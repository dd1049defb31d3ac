/** One update of one device: what the command line asks for, what was loaded, what is known so far. */
#pragma once

#include "cli.h"
#include "device.h"
#include "esp_app_desc.h"
#include "esp_http_client.h"
#include "esp_https_ota_ext.h"
#include "esp_ota_release.h"
#include "esp_partition.h"
#include "progress.h"
#include "sign_record.h"

#define UPDATE_MIRROR_MAX 16 // chosen: more than anyone keeps
#define UPDATE_HEADER_MAX 32 // chosen: more than any server asks for

struct update {
    const char *flash;
    const char *url;
    const char *chip;
    const char *ca_file;
    const char *crl_file;
    const char *cert_file;
    const char *key_file;
    const char *key_password_file;
    const char *user;
    const char *headers[UPDATE_HEADER_MAX]; // "Name: value"
    int header_count;
    bool uses_system_ca;
    bool allows_http;
    bool offers_http2;
    bool rollback;
    bool anti_rollback;
    bool is_quiet;
    int timeout_ms;
    bool starts_afresh;                         // --no-resume
    int range_size;                             // 0: the whole file in one request
    const char *mirrors[UPDATE_MIRROR_MAX + 1]; // NULL-terminated
    int mirror_count;
    const char *proxy; // NULL: as the environment says; empty: none
    const char *decrypt_key_file;
    esp_https_ota_ext_t limits;
    struct trust trust;     // --trust: whose patches and release folders count
    uint32_t memory;        // --ram, in bytes
    bool patches_only;      // --no-full-fallback
    bool only_looks;        // --dry-run
    bool allows_downgrade;  // --allow-downgrade
    bool takes_older_index; // --older-index
    const char *device_id;  // NULL: the flash file's name
    // loaded
    struct cli_bytes decrypt_key;
    struct cli_bytes ca;
    struct cli_bytes crl;
    struct cli_bytes cert;
    struct cli_bytes key;
    struct cli_bytes key_password;
    struct cli_bytes user_file;
    char *password; // behind the colon of the credentials
    char *username;
    struct signature_policy policy; // of trust
    // under way
    const uint8_t *patch_sha256; // of the file under way, from a release index; NULL: not known
    int64_t file_size;           // the same; 0: not known
    uint32_t wanted_size;        // of the new image, from whom is trusted; 0: not known
    uint8_t wanted_digest[CRYPTO_SHA256_LEN];
    size_t wanted_digest_len; // leading bytes that are known; 0: nobody said what the image must be
    const esp_partition_t *target;
    esp_app_desc_t desc;
    bool has_desc;
    int64_t bytes;
    int status;
    double seconds;
    esp_https_ota_stats_t stats;
    uint32_t chosen; // sequence number of the record that decides; OTADATA_SEQ_EMPTY: none
    struct progress progress;
};

/** Options that update_take_limit() understands. */
enum {
    UPDATE_OPT_TIMEOUT = 512,
    UPDATE_OPT_RETRIES,
    UPDATE_OPT_RETRY_DELAY,
    UPDATE_OPT_DEADLINE,
    UPDATE_OPT_MIN_RATE,
    UPDATE_OPT_RATE_WINDOW,
    UPDATE_OPT_MAX_BYTES,
    UPDATE_OPT_RANGE_SIZE,
    UPDATE_OPT_MIRROR,
};

/** Takes optarg for one of these options. @return an enum cli_exit */
int update_take_limit(int option, struct update *u);

/** Lets the device update itself and reports the outcome. @return an enum cli_exit */
int update_session_run(struct update *u, struct device *device);

/** From now on patches are applied to what the device runs, if they are trusted as u asks for; u is borrowed. */
void update_delta_enable(struct update *u);

/** Whether a URL means a release folder: its path ends with "/" or with the name of the index. */
bool update_is_folder(const char *url);

/** Takes what a release folder offers, or tells what that would be. @return an enum cli_exit */
int update_release_run(struct update *u, struct device *device);

/** One session with u->url. The reason of a failure is in the log, the boot choice then as before. */
esp_err_t update_session_transfer(struct update *u);

/**
 * Fetches a small file into memory, with the retries of u->limits.
 * @param[out] len  bytes, at most size
 * @return ESP_OK; ESP_ERR_INVALID_SIZE: more than size bytes; ESP_ERR_NOT_FOUND: a status other than 200, which is in
 *         u->status; ESP_ERR_NOT_FINISHED: interrupted; or as esp_http_client_perform() (all logged)
 */
esp_err_t update_fetch(struct update *u, const char *url, uint8_t *bytes, size_t size, size_t *len);

/** What u asks of a connection; borrows from u and url. */
esp_http_client_config_t update_session_http(struct update *u, const char *url);

/** Gives a new client proxy, headers and revocation lists. */
esp_err_t update_session_prepare(esp_http_client_handle_t client);

/** Prints the outcome of the session. @return an enum cli_exit */
int update_session_report(const struct update *u, const struct device *device, esp_err_t err);

/** Whether the user asked to stop. */
bool update_session_is_interrupted(void);

/** What update --json prints, for a session that ended with err. @return a new reference */
json_t *update_session_json(const struct update *u, esp_err_t err);

/** Name of a slot, "ota_0" or "factory". */
void update_name_slot(const esp_partition_t *partition, char out[8]);
