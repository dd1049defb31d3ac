// The update as a state machine: CONNECTED -> WRITING -> COMPLETE, each perform call one step.
//
// Bytes go server -> buffer -> flash. The buffer is the only memory a session takes; the first bytes stay in it until
// the header has been judged, so that a wrong image is refused before the first erase.

#include "esp_https_ota.h"

#include <limits.h>
#include <string.h>

#include "boot_handover.h"
#include "chip_traits.h"
#include "esp_heap_caps.h"
#include "esp_log.h"
#include "image_verify.h"
#include "ota_download.h"

static const char *TAG = "esp_https_ota";

ESP_EVENT_DEFINE_BASE(ESP_HTTPS_OTA_EVENT);

#define HEADER_LEN        ESP_HTTPS_OTA_HEADER_LEN
#define DESCRIPTOR_OFFSET 0x20u // fact: image header and first segment header come before it
#define STALL_LIMIT                                                                                \
    12 // chosen: with the default timeout of 5 s a dead server is given up after a minute

enum session_state {
    STATE_CONNECTED, // the body can be read; flash is untouched
    STATE_WRITING,   // bytes are written
    STATE_COMPLETE,  // the whole body is written
};

struct session {
    enum session_state state;
    esp_http_client_handle_t client;
    bool erases_in_bulk;
    const esp_partition_t *partition;
    esp_ota_handle_t ota; // valid from STATE_WRITING on
    char *buffer;
    size_t buffer_size;
    size_t buffered;    // bytes in buffer that are not written yet
    bool has_ended;     // the body is complete
    unsigned stalls;    // timeouts in a row
    int64_t image_size; // announced by the server; -1: unknown
    int64_t written;
};

static bool s_allows_http; // a build option of ESP-IDF, so one a process

void esp_https_ota_allow_http(bool is_allowed)
{
    s_allows_http = is_allowed;
}

static void post_event(esp_https_ota_event_t event, const void *data, size_t size)
{
    if (!esp_event_default_loop_exists()) {
        return;
    }
    TickType_t ticks = pdMS_TO_TICKS(CONFIG_ESP_HTTPS_OTA_EVENT_POST_TIMEOUT);
    esp_err_t err = esp_event_post(ESP_HTTPS_OTA_EVENT, event, data, size, ticks);
    if (err != ESP_OK) {
        ESP_LOGW(TAG, "event %d was not posted: %s", (int)event, esp_err_to_name(err));
    }
}

// ----------------------------------------------------------------------- begin

static bool can_verify_server(const esp_http_client_config_t *config)
{
    return config->cert_pem || config->use_global_ca_store || config->crt_bundle_attach;
}

static esp_err_t check_config(const esp_https_ota_config_t *config)
{
    if (!config || !config->http_config) {
        ESP_LOGE(TAG, "no configuration given");
        return ESP_ERR_INVALID_ARG;
    }
    if (!can_verify_server(config->http_config) && !s_allows_http) {
        ESP_LOGE(TAG, "nothing to verify the server with: give cert_pem, use_global_ca_store or "
                      "crt_bundle_attach");
        return ESP_ERR_INVALID_ARG;
    }
    if (config->http_config->is_async) {
        ESP_LOGE(TAG, "is_async does not go with an update; leave it off");
        return ESP_ERR_INVALID_ARG;
    }
    if (config->decrypt_cb || config->partition.staging || config->partition.final) {
        ESP_LOGE(TAG, "decrypt_cb and partition.staging/final are not built yet");
        return ESP_ERR_NOT_SUPPORTED;
    }
    if (config->partial_http_download || config->ota_resumption) {
        ESP_LOGW(
            TAG,
            "ranged download and resumption are not built yet: the image comes in one request");
    }
    return ESP_OK;
}

static esp_err_t create_client(struct session *session, const esp_https_ota_config_t *config)
{
    session->client = esp_http_client_init(config->http_config);
    if (!session->client) {
        return ESP_FAIL;
    }
    return config->http_client_init_cb ? config->http_client_init_cb(session->client) : ESP_OK;
}

static esp_err_t create_buffer(struct session *session, const esp_https_ota_config_t *config)
{
    int wanted = config->http_config->buffer_size;
    session->buffer_size = wanted > HEADER_LEN ? (size_t)wanted : HEADER_LEN;
    session->buffer = config->buffer_caps
                          ? heap_caps_malloc(session->buffer_size, config->buffer_caps)
                          : malloc(session->buffer_size);
    return session->buffer ? ESP_OK : ESP_ERR_NO_MEM;
}

static esp_err_t choose_partition(struct session *session)
{
    session->partition = esp_ota_get_next_update_partition(NULL);
    if (!session->partition) {
        ESP_LOGE(
            TAG,
            "no OTA partition to update; the partition table needs one besides the running one");
        return ESP_FAIL;
    }
    return ESP_OK;
}

static void free_session(struct session *session)
{
    if (session->client) {
        ESP_IGNORE_ERROR(
            esp_http_client_cleanup(session->client)); // nothing is left to do about it
    }
    free(session->buffer);
    free(session);
}

static esp_err_t open_session(struct session *session, const esp_https_ota_config_t *config)
{
    esp_err_t err = choose_partition(session);
    if (err == ESP_OK) {
        err = create_buffer(session, config);
    }
    if (err == ESP_OK) {
        err = create_client(session, config);
    }
    if (err != ESP_OK) {
        return err;
    }
    struct ota_download_budget budget = ota_download_budget_of(config->http_config);
    err = ota_download_connect(session->client, &budget);
    if (err != ESP_OK) {
        return err;
    }
    int64_t len = esp_http_client_get_content_length(session->client);
    session->image_size =
        len >= 0 && !esp_http_client_is_chunked_response(session->client) ? len : -1;
    post_event(ESP_HTTPS_OTA_CONNECTED, NULL, 0);
    return ESP_OK;
}

esp_err_t esp_https_ota_begin(const esp_https_ota_config_t *ota_config,
                              esp_https_ota_handle_t *handle)
{
    post_event(ESP_HTTPS_OTA_START, NULL, 0);
    if (!handle) {
        return ESP_ERR_INVALID_ARG;
    }
    *handle = NULL;
    esp_err_t err = check_config(ota_config);
    if (err != ESP_OK) {
        return err;
    }
    struct session *session = calloc(1, sizeof(*session));
    if (!session) {
        return ESP_ERR_NO_MEM;
    }
    session->erases_in_bulk = ota_config->bulk_flash_erase;
    err = open_session(session, ota_config);
    if (err != ESP_OK) {
        free_session(session);
        return err;
    }
    *handle = session;
    return ESP_OK;
}

// ----------------------------------------------------------------------- reading

// Reads until the buffer holds wanted bytes or the body ends. ESP_ERR_HTTPS_OTA_IN_PROGRESS: a timeout, try again.
static esp_err_t fill_buffer(struct session *session, size_t wanted)
{
    while (session->buffered < wanted && !session->has_ended) {
        int len = esp_http_client_read(session->client, session->buffer + session->buffered,
                                       (int)(wanted - session->buffered));
        if (len == -ESP_ERR_HTTP_EAGAIN) {
            if (++session->stalls < STALL_LIMIT) {
                return ESP_ERR_HTTPS_OTA_IN_PROGRESS;
            }
            ESP_LOGE(TAG, "the server sent nothing for %d timeouts; giving up", STALL_LIMIT);
            return ESP_ERR_HTTP_READ_TIMEOUT;
        }
        session->stalls = 0;
        if (len < 0) {
            return ESP_FAIL; // the client has said why
        }
        if (len == 0) {
            if (!esp_http_client_is_complete_data_received(session->client)) {
                ESP_LOGE(TAG, "the body ended early, after %lld of %lld bytes",
                         (long long)(session->written + (int64_t)session->buffered),
                         (long long)session->image_size);
                return ESP_FAIL;
            }
            session->has_ended = true;
        }
        session->buffered += (size_t)len;
    }
    return ESP_OK;
}

static esp_err_t fill_header(struct session *session)
{
    esp_err_t err;
    do {
        err = fill_buffer(session, HEADER_LEN);
    } while (err == ESP_ERR_HTTPS_OTA_IN_PROGRESS);
    return err;
}

// ----------------------------------------------------------------------- header

static esp_err_t err_of_header_fault(enum image_fault fault)
{
    switch (fault) {
    case IMAGE_OK:
        return ESP_OK;
    case IMAGE_BAD_CHIP_ID:
    case IMAGE_BAD_MIN_CHIP_REV:
    case IMAGE_BAD_MAX_CHIP_REV:
    case IMAGE_BAD_MIN_BLK_REV:
    case IMAGE_BAD_MAX_BLK_REV:
        return ESP_ERR_INVALID_VERSION;
    case IMAGE_EXCEEDS_PARTITION:
        return ESP_ERR_INVALID_SIZE;
    default:
        return ESP_ERR_OTA_VALIDATE_FAILED;
    }
}

static void log_header_fault(const struct session *session, enum image_fault fault)
{
    const struct chip_identity *chip = &boot_handover_get()->chip;
    if (fault == IMAGE_BAD_CHIP_ID) {
        esp_image_header_t header;
        memcpy(&header, session->buffer, sizeof(header));
        ESP_LOGE(TAG, "the image is made for %s (chip id %u), this device is %s",
                 chip_name(header.chip_id), header.chip_id, chip_name(chip->chip_id));
    } else if (fault == IMAGE_EXCEEDS_PARTITION) {
        ESP_LOGE(TAG, "the image has %lld bytes, %s has room for %" PRIu32,
                 (long long)session->image_size, session->partition->label,
                 session->partition->size);
    } else if (fault == IMAGE_BAD_MAGIC && session->buffer[0] == '<') {
        ESP_LOGE(TAG, "the server sent a web page instead of an image; check the URL");
    } else {
        ESP_LOGE(TAG, "the image is refused: %s", image_fault_text(fault));
    }
}

static void post_header_events(const esp_image_header_t *header)
{
    esp_chip_id_t chip_id = header->chip_id;
    uint16_t revision = header->min_chip_rev_full;
    post_event(ESP_HTTPS_OTA_VERIFY_CHIP_ID, &chip_id, sizeof(chip_id));
    post_event(ESP_HTTPS_OTA_VERIFY_CHIP_REVISION, &revision, sizeof(revision));
}

static esp_err_t check_fits_running_app(const struct session *session,
                                        const esp_image_header_t *header)
{
    esp_app_desc_t desc;
    bool has_desc = session->buffered >= DESCRIPTOR_OFFSET + sizeof(desc);
    if (has_desc) {
        memcpy(&desc, session->buffer + DESCRIPTOR_OFFSET, sizeof(desc));
        has_desc = desc.magic_word == ESP_APP_DESC_MAGIC_WORD;
    }
    return esp_ota_check_image_validity(session->partition->type, header, has_desc ? &desc : NULL);
}

static esp_err_t check_header(const struct session *session)
{
    esp_image_header_t header;
    if (session->buffered < sizeof(header)) {
        ESP_LOGE(TAG, "the server sent %zu bytes: too short for an image", session->buffered);
        return session->buffered > 0 ? ESP_ERR_OTA_VALIDATE_FAILED : ESP_FAIL;
    }
    memcpy(&header, session->buffer, sizeof(header));
    post_header_events(&header);
    struct image_rules rules = {.chip = boot_handover_get()->chip,
                                .flash_offset = session->partition->address,
                                .partition_size = session->partition->size};
    uint64_t total = session->image_size > 0 ? (uint64_t)session->image_size : 0;
    enum image_fault fault = image_check_header(session->buffer, session->buffered, total, &rules);
    if (fault != IMAGE_OK) {
        log_header_fault(session, fault);
        return err_of_header_fault(fault);
    }
    return check_fits_running_app(session, &header);
}

// ----------------------------------------------------------------------- perform

static esp_err_t write_buffer(struct session *session)
{
    if (session->buffered == 0) {
        return ESP_OK;
    }
    esp_err_t err = esp_ota_write(session->ota, session->buffer, session->buffered);
    if (err != ESP_OK) {
        return err;
    }
    session->written += (int64_t)session->buffered;
    session->buffered = 0;
    int written = session->written < INT_MAX ? (int)session->written : INT_MAX;
    post_event(ESP_HTTPS_OTA_WRITE_FLASH, &written, sizeof(written));
    return ESP_OK;
}

static esp_err_t erase_for_image(const struct session *session)
{
    uint32_t capacity = session->partition->size;
    uint32_t unit = session->partition->erase_size;
    uint32_t len = session->image_size > 0 ? (uint32_t)session->image_size : capacity;
    return esp_partition_erase_range(session->partition, 0, (len + unit - 1) / unit * unit);
}

// differs: opened as a resumption from 0, which leaves the records alone. ESP-IDF erases the record of the passive slot here;
// then a refused image would change otadata, if not the boot choice.
static esp_err_t open_transaction(struct session *session)
{
    size_t erase_size = session->erases_in_bulk ? 0 : OTA_WITH_SEQUENTIAL_WRITES;
    esp_err_t err = esp_ota_resume(session->partition, erase_size, 0, &session->ota);
    if (err == ESP_OK && session->erases_in_bulk) {
        err = erase_for_image(session);
        if (err != ESP_OK) {
            ESP_IGNORE_ERROR(esp_ota_abort(session->ota)); // the handle is ours
        }
    }
    return err;
}

static esp_err_t start_writing(struct session *session)
{
    esp_err_t err = fill_header(session);
    if (err == ESP_OK) {
        err = check_header(session);
    }
    if (err != ESP_OK) {
        return err;
    }
    err = open_transaction(session);
    if (err == ESP_OK) {
        session->state = STATE_WRITING;
    }
    return err;
}

static esp_err_t move_one_buffer(struct session *session)
{
    esp_err_t err = fill_buffer(session, session->buffer_size);
    if (err == ESP_OK) {
        err = write_buffer(session);
    }
    if (err != ESP_OK) {
        return err;
    }
    if (!session->has_ended) {
        return ESP_ERR_HTTPS_OTA_IN_PROGRESS;
    }
    session->state = STATE_COMPLETE;
    return ESP_OK;
}

esp_err_t esp_https_ota_perform(esp_https_ota_handle_t https_ota_handle)
{
    struct session *session = https_ota_handle;
    if (!session) {
        return ESP_ERR_INVALID_ARG;
    }
    if (session->state == STATE_COMPLETE) {
        ESP_LOGE(TAG, "the image is complete; call esp_https_ota_finish()");
        return ESP_FAIL;
    }
    if (session->state == STATE_CONNECTED) {
        esp_err_t err = start_writing(session);
        if (err != ESP_OK) {
            return err;
        }
    }
    return move_one_buffer(session);
}

// ----------------------------------------------------------------------- end of a session

static esp_err_t activate(const struct session *session)
{
    esp_err_t err = esp_ota_set_boot_partition(session->partition);
    if (err == ESP_OK) {
        esp_partition_subtype_t subtype = session->partition->subtype;
        post_event(ESP_HTTPS_OTA_UPDATE_BOOT_PARTITION, &subtype, sizeof(subtype));
    }
    return err;
}

esp_err_t esp_https_ota_finish(esp_https_ota_handle_t https_ota_handle)
{
    struct session *session = https_ota_handle;
    if (!session) {
        return ESP_ERR_INVALID_ARG;
    }
    esp_err_t err = session->state == STATE_CONNECTED ? ESP_OK : esp_ota_end(session->ota);
    if (err == ESP_OK && session->state == STATE_COMPLETE) {
        err = activate(session);
    }
    free_session(session);
    post_event(ESP_HTTPS_OTA_FINISH, NULL, 0);
    return err;
}

esp_err_t esp_https_ota_abort(esp_https_ota_handle_t https_ota_handle)
{
    struct session *session = https_ota_handle;
    post_event(ESP_HTTPS_OTA_ABORT, NULL, 0);
    if (!session) {
        return ESP_ERR_INVALID_ARG;
    }
    esp_err_t err = session->state == STATE_CONNECTED ? ESP_OK : esp_ota_abort(session->ota);
    free_session(session);
    return err;
}

// ----------------------------------------------------------------------- questions

// Copies bytes from the start of the image, wherever they are by now.
static esp_err_t read_start(struct session *session, void *out, size_t offset, size_t len)
{
    if (session->written >= (int64_t)(offset + len)) {
        return esp_partition_read(session->partition, offset, out, len);
    }
    esp_err_t err = fill_header(session);
    if (err != ESP_OK) {
        return err;
    }
    if (session->buffered < offset + len) {
        ESP_LOGE(TAG, "the body is too short for a descriptor");
        return ESP_FAIL;
    }
    memcpy(out, session->buffer + offset, len);
    return ESP_OK;
}

esp_err_t esp_https_ota_get_img_desc(esp_https_ota_handle_t https_ota_handle,
                                     esp_app_desc_t *new_app_info)
{
    post_event(ESP_HTTPS_OTA_GET_IMG_DESC, NULL, 0);
    if (!https_ota_handle || !new_app_info) {
        return ESP_ERR_INVALID_ARG;
    }
    esp_app_desc_t desc;
    esp_err_t err = read_start(https_ota_handle, &desc, DESCRIPTOR_OFFSET, sizeof(desc));
    if (err != ESP_OK) {
        return err;
    }
    if (desc.magic_word != ESP_APP_DESC_MAGIC_WORD) {
        ESP_LOGE(TAG, "the image holds no application descriptor");
        return ESP_FAIL;
    }
    *new_app_info = desc;
    return ESP_OK;
}

esp_err_t esp_https_ota_get_bootloader_img_desc(esp_https_ota_handle_t https_ota_handle,
                                                esp_bootloader_desc_t *new_img_info)
{
    post_event(ESP_HTTPS_OTA_GET_IMG_DESC, NULL, 0);
    const struct session *session = https_ota_handle;
    if (!session || !new_img_info) {
        return ESP_ERR_INVALID_ARG;
    }
    if (session->partition->type != ESP_PARTITION_TYPE_BOOTLOADER) {
        return ESP_FAIL;
    }
    esp_bootloader_desc_t desc;
    esp_err_t err = read_start(https_ota_handle, &desc, DESCRIPTOR_OFFSET, sizeof(desc));
    if (err == ESP_OK && desc.magic_byte != ESP_BOOTLOADER_DESC_MAGIC_BYTE) {
        err = ESP_FAIL;
    }
    if (err == ESP_OK) {
        *new_img_info = desc;
    }
    return err;
}

static int as_int(int64_t value)
{
    return value < INT_MAX ? (int)value : INT_MAX;
}

int esp_https_ota_get_image_len_read(esp_https_ota_handle_t https_ota_handle)
{
    const struct session *session = https_ota_handle;
    return session && session->state != STATE_CONNECTED ? as_int(session->written) : -1;
}

int esp_https_ota_get_image_size(esp_https_ota_handle_t https_ota_handle)
{
    const struct session *session = https_ota_handle;
    return session ? as_int(session->image_size) : -1;
}

int esp_https_ota_get_status_code(esp_https_ota_handle_t https_ota_handle)
{
    const struct session *session = https_ota_handle;
    return session ? esp_http_client_get_status_code(session->client) : -1;
}

bool esp_https_ota_is_complete_data_received(esp_https_ota_handle_t https_ota_handle)
{
    const struct session *session = https_ota_handle;
    return session && esp_http_client_is_complete_data_received(session->client);
}

// ----------------------------------------------------------------------- one call

esp_err_t esp_https_ota_run(const esp_https_ota_config_t *ota_config)
{
    esp_https_ota_handle_t handle = NULL;
    if (!ota_config || !ota_config->http_config) {
        return ESP_ERR_INVALID_ARG;
    }
    esp_err_t err = esp_https_ota_begin(ota_config, &handle);
    if (err != ESP_OK) {
        return err;
    }
    do {
        err = esp_https_ota_perform(handle);
    } while (err == ESP_ERR_HTTPS_OTA_IN_PROGRESS);
    if (err != ESP_OK) {
        ESP_IGNORE_ERROR(esp_https_ota_abort(handle)); // the error of perform is the one to report
        return err;
    }
    return esp_https_ota_finish(handle);
}

esp_err_t(esp_https_ota)(const esp_http_client_config_t *config)
{
    esp_https_ota_config_t ota_config = {.http_config = config};
    return esp_https_ota_run(&ota_config);
}
