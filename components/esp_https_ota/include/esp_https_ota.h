/**
 * Firmware updates over HTTPS: connect, check the header, write, verify, choose what boots.
 *
 * fact: names, values and contracts as in ESP-IDF (v3.3 to v6.2-dev), esp_https_ota: esp_https_ota.h. What differs on purpose
 * is marked "differs:" and listed in docs/differences.md.
 *
 * One session, one thread. All calls block for at most the HTTP client's timeout without progress.
 */
#pragma once

#include "bootloader_common.h"
#include "esp_app_desc.h"
#include "esp_bootloader_desc.h"
#include "esp_event.h"
#include "esp_http_client.h"
#include "esp_https_ota_ext.h"
#include "esp_ota_ops.h"
#include "esp_partition.h"
#include "sdkconfig.h"

#ifdef __cplusplus
extern "C" {
#endif

ESP_EVENT_DECLARE_BASE(ESP_HTTPS_OTA_EVENT);

/** Events on the default loop, if there is one. Values as since ESP-IDF v5.5: use the names. */
typedef enum {
    ESP_HTTPS_OTA_START,                 // no data
    ESP_HTTPS_OTA_CONNECTED,             // no data
    ESP_HTTPS_OTA_GET_IMG_DESC,          // no data
    ESP_HTTPS_OTA_VERIFY_CHIP_ID,        // esp_chip_id_t: of the image
    ESP_HTTPS_OTA_VERIFY_CHIP_REVISION,  // uint16_t: the image's minimum chip revision
    ESP_HTTPS_OTA_DECRYPT_CB,            // no data
    ESP_HTTPS_OTA_WRITE_FLASH,           // int: bytes written so far
    ESP_HTTPS_OTA_UPDATE_BOOT_PARTITION, // esp_partition_subtype_t: what boots next
    ESP_HTTPS_OTA_FINISH,                // no data
    ESP_HTTPS_OTA_ABORT,                 // no data
} esp_https_ota_event_t;

/** A session; NULL is no session. */
typedef void *esp_https_ota_handle_t;

/** Called once in begin, after the client was created and before any traffic; an error ends begin with that error. */
typedef esp_err_t (*http_client_init_cb_t)(esp_http_client_handle_t);

/** What a decrypt callback gets and gives. */
typedef struct {
    const char *data_in; // as received
    size_t data_in_len;  // bytes
    char *data_out;      // allocated by the callback, freed by the library
    size_t data_out_len; // bytes; 0: more input is needed
} decrypt_cb_arg_t;

typedef esp_err_t (*decrypt_cb_t)(decrypt_cb_arg_t *args, void *user_ctx);

/** Configuration of a session; zero is the default of every member. */
typedef struct {
    const esp_http_client_config_t
        *http_config; // required; certificates and keys in it must outlive the session
    http_client_init_cb_t http_client_init_cb;
    bool bulk_flash_erase;      // erase for the whole image at once instead of ahead of each write
    bool partial_http_download; // several requests over one kept connection, each for a range
    int max_http_request_size;  // bytes a range; 0: 65536
    uint32_t buffer_caps; // capabilities for heap_caps_malloc() of the upgrade buffer; 0: malloc()
    bool ota_resumption;  // continue what an earlier run began: see esp_https_ota_begin()
    size_t ota_image_bytes_written; // what the application knows to be written; 0: find it out
    decrypt_cb_t decrypt_cb;        // turns what the server sends into the image
    void *decrypt_user_ctx;
    uint16_t enc_img_header_size; // bytes the server sends more than the image has, with decrypt_cb
    struct {
        const esp_partition_t *staging; // written to; NULL: the next OTA slot
        const esp_partition_t *final;   // meant for, which decides the checks; NULL: staging
        bool finalize_with_copy;        // finish copies the verified image from staging to final
    } partition;
    const esp_https_ota_ext_t
        *ext; // ours: limits, retries, mirrors; NULL: ESP-IDF's behaviour. For the time of begin
} esp_https_ota_config_t;

#define ESP_HTTPS_OTA_HEADER_LEN 1024 // fact: bytes ESP-IDF fetches before it looks at the header

/**
 * Begins an update: connects, follows redirects, authenticates. Flash is not touched.
 *
 * With ota_resumption an update that an earlier run of any length left behind goes on where it ended, if the server still has
 * the same file and flash still holds its beginning; both are checked, and otherwise it begins anew and says so. How far it came
 * is kept in the last 8 KiB of the slot (esp_ota_ext.h); images that need those cannot be continued. An application may
 * give its own count in ota_image_bytes_written, as with ESP-IDF; it is used where the journal knows nothing.
 * @param[out] handle  set on success, NULL on every failure
 * @return ESP_OK; ESP_ERR_INVALID_ARG: NULL, no way to verify the server, or is_async; ESP_ERR_NO_MEM;
 *         ESP_ERR_HTTP_CONNECT, ESP_ERR_HTTP_WRITE_DATA: as the client says; ESP_ERR_HTTP_EAGAIN: no response in time;
 *         ESP_ERR_HTTP_NOT_MODIFIED: 304; ESP_ERR_HTTP_RANGE_NOT_SATISFIABLE: 416; ESP_ERR_HTTP_MAX_REDIRECT;
 *         ESP_ERR_HTTP_REDIRECT_DOWNGRADE: a redirect leads from https to http; the error of http_client_init_cb;
 *         ESP_ERR_TIMEOUT, ESP_ERR_NOT_FINISHED: a limit of ext, or cancelled; ESP_FAIL: any other status, an unusable
 *         response, or no such partition
 */
esp_err_t esp_https_ota_begin(const esp_https_ota_config_t *ota_config,
                              esp_https_ota_handle_t *handle) ESP_MUST_CHECK;

/**
 * Moves one buffer from the network to flash, or waits a little for the next attempt. The first call checks the image's header
 * before anything is erased. A connection that breaks or stays silent for the client's timeout is made again, behind the last byte
 * that arrived (esp_https_ota_ext.h); if the file has changed meanwhile, the update begins anew.
 * @return ESP_ERR_HTTPS_OTA_IN_PROGRESS: call again; ESP_OK: the whole image arrived, call esp_https_ota_finish();
 *         ESP_ERR_INVALID_ARG: NULL; ESP_ERR_INVALID_VERSION: made for another chip or revision;
 *         ESP_ERR_OTA_SMALL_SEC_VER: anti-rollback, a smaller secure version than the device's;
 *         ESP_ERR_OTA_VALIDATE_FAILED: not an image, or a damaged packed one; ESP_ERR_OTA_SPI_MODE_MISMATCH;
 *         ESP_ERR_INVALID_SIZE: larger than the partition, or than max_bytes; ESP_ERR_HTTP_READ_TIMEOUT, ESP_ERR_HTTP_CONNECT,
 *         ESP_FAIL: retries are used up, the connection breaks off each time and the server serves no ranges, or called after the
 *         image was complete; ESP_ERR_INVALID_RESPONSE: the file keeps changing; ESP_ERR_TIMEOUT: the deadline;
 *         ESP_ERR_NOT_FINISHED: cancelled; or the error of decrypt_cb, esp_ota_resume() or esp_ota_write(). After an error
 *         call esp_https_ota_abort().
 * Cut: the boot choice is as before.
 */
esp_err_t esp_https_ota_perform(esp_https_ota_handle_t https_ota_handle) ESP_MUST_CHECK;

/** Whether the server sent all it announced. false for NULL. */
bool esp_https_ota_is_complete_data_received(esp_https_ota_handle_t https_ota_handle);

/**
 * Ends a session: verifies the image and, if its body was complete, makes it boot next. Frees the handle in every case.
 * @return ESP_OK; ESP_ERR_INVALID_ARG: NULL, or nothing was written; ESP_ERR_OTA_VALIDATE_FAILED: the image is damaged;
 *         or the error of esp_ota_set_boot_partition()
 * Cut: the old boot choice or the new one.
 */
esp_err_t esp_https_ota_finish(esp_https_ota_handle_t https_ota_handle) ESP_MUST_CHECK;

/** Ends a session and leaves the boot choice alone. @return ESP_OK; ESP_ERR_INVALID_ARG: NULL */
esp_err_t esp_https_ota_abort(esp_https_ota_handle_t https_ota_handle) ESP_MUST_CHECK;

/**
 * Descriptor of the new application; fetches the first bytes if perform was not called yet. May be called repeatedly.
 * @return ESP_OK; ESP_ERR_INVALID_ARG: NULL; ESP_FAIL: the body is too short or holds no descriptor; or the flash error
 */
esp_err_t esp_https_ota_get_img_desc(esp_https_ota_handle_t https_ota_handle,
                                     esp_app_desc_t *new_app_info) ESP_MUST_CHECK;

/** The same for a bootloader image. @return as esp_https_ota_get_img_desc; ESP_FAIL also for an application update */
esp_err_t esp_https_ota_get_bootloader_img_desc(esp_https_ota_handle_t https_ota_handle,
                                                esp_bootloader_desc_t *new_img_info) ESP_MUST_CHECK;

/** Bytes written so far; -1: NULL, or perform was not called yet. At most INT_MAX. */
int esp_https_ota_get_image_len_read(esp_https_ota_handle_t https_ota_handle);

/** Bytes the server announced; -1: NULL or unknown. At most INT_MAX. */
int esp_https_ota_get_image_size(esp_https_ota_handle_t https_ota_handle);

/** Last HTTP status; -1: NULL. */
int esp_https_ota_get_status_code(esp_https_ota_handle_t https_ota_handle);

/**
 * Accepts configurations without any server verification from now on. Ours: what CONFIG_ESP_HTTPS_OTA_ALLOW_HTTP is to
 * ESP-IDF; defining that option before this header is included calls it at start-up.
 */
void esp_https_ota_allow_http(bool is_allowed);

/** esp_https_ota() for ESP-IDF v5 and later; call it by that name. */
esp_err_t esp_https_ota_run(const esp_https_ota_config_t *ota_config) ESP_MUST_CHECK;

/**
 * A whole update in one call; on success restart into the new firmware with esp_restart().
 *
 * Takes either configuration: esp_http_client_config_t (ESP-IDF v3.3 to v4.4, and the signature of this symbol) or
 * esp_https_ota_config_t (v5 and later), chosen by the argument's type, in C and in C++.
 * @return ESP_OK: the new image is verified and boots next; else as begin, perform and finish. The boot choice changes on
 *         ESP_OK only.
 */
esp_err_t esp_https_ota(const esp_http_client_config_t *config) ESP_MUST_CHECK;

#ifdef __cplusplus
} // extern "C"

// Applications include this header inside an extern "C" block of their own, too. Only what is a configuration of v5 or derived from
// one finds this overload, so NULL, nullptr and assignments to function pointers of either kind mean one function.
extern "C++" {
template <typename Config> auto esp_https_ota(Config *config) -> decltype(esp_https_ota_run(config))
{
    return esp_https_ota_run(config);
}
}
#else
// Variadic, because the commas of a compound literal's initialiser separate arguments of a macro.
#define esp_https_ota(...)                                                                         \
    _Generic((__VA_ARGS__),                                                                        \
        const esp_https_ota_config_t *: esp_https_ota_run,                                         \
        esp_https_ota_config_t *: esp_https_ota_run,                                               \
        default: esp_https_ota)(__VA_ARGS__)
#endif

#if defined(CONFIG_ESP_HTTPS_OTA_ALLOW_HTTP) || defined(CONFIG_OTA_ALLOW_HTTP)
__attribute__((constructor)) static void esp_https_ota_honour_allow_http_(void)
{
    esp_https_ota_allow_http(true);
}
#endif
