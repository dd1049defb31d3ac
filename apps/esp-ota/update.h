/** One update of one device: what the command line asks for, what was loaded, what is known so far. */
#pragma once

#include "cli.h"
#include "device.h"
#include "esp_app_desc.h"
#include "esp_https_ota_ext.h"
#include "esp_partition.h"
#include "progress.h"

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
    // under way
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

/** From now on patches are applied to what the device runs. */
void update_delta_enable(void);
