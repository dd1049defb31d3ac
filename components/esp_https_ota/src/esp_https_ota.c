// The update as a state machine: CONNECTED -> WRITING -> COMPLETE, each perform call one step.
//
// Bytes go source -> stages -> buffer -> flash. The first bytes stay in the buffer until the header has been judged, so that a
// wrong image is refused before the first erase. When the server's file changes in the middle, the session goes back to
// CONNECTED and begins anew. RESUMING takes the place of CONNECTED when an earlier run left something to continue.

#include "esp_https_ota.h"

#include <limits.h>
#include <string.h>

#include "esp_heap_caps.h"
#include "esp_http_client_ext.h"
#include "esp_log.h"
#include "ota_decrypt_cb.h"
#include "ota_events.h"
#include "ota_header.h"
#include "ota_resume.h"
#include "ota_stage_registry.h"

static const char *TAG = "esp_https_ota";

#define HEADER_LEN         ESP_HTTPS_OTA_HEADER_LEN
#define DESCRIPTOR_OFFSET  0x20u // fact: image header and first segment header come before it
#define RANGE_SIZE_DEFAULT 65536 // fact: ESP-IDF's max_http_request_size of 0
// Where the transport has no wish of its own. chosen: one sector, the least that can be compared with what stands there.
// measured: W25Q32JV at 500 KB/s, 10 ms, window of 5760 bytes: 6.2 s for 1 MiB, 7.2 s with portions of 16 KiB
#define PORTION_DEFAULT 4096
#define PAGE_LEN        256 // fact: pages of NOR flash; whole ones are programmed
#define RESTART_MAX     3   // chosen: a file that changes more often is not one to install
#define LAST_WRITTEN_LEN                                                                           \
    16 // fact: a block of flash encryption, which is written only when it is full

enum session_state {
    STATE_CONNECTED, // the body can be read; flash is untouched
    STATE_RESUMING,  // the rest of the body can be read; flash holds the beginning
    STATE_WRITING,   // bytes are written
    STATE_COMPLETE,  // the whole image is written
};

struct session {
    enum session_state state;
    struct ota_source source;
    struct ota_stream stream;
    struct ota_resume resume;
    bool erases_in_bulk;
    bool keeps_compression;
    const esp_partition_t *staging; // written to
    const esp_partition_t *final;   // meant for
    bool copies_to_final;
    decrypt_cb_t decrypt_cb;
    void *decrypt_user_ctx;
    uint16_t enc_header_size;
    esp_ota_handle_t
        ota;           // 0: no transaction is open; one is from STATE_WRITING on, until is_judged
    bool is_judged;    // esp_ota_end was called already
    esp_err_t verdict; // of it
    char *buffer;
    size_t step_len; // bytes that one perform call moves at most
    size_t buffer_size;
    size_t buffered; // bytes in buffer that are not written yet
    bool has_header; // the stages are in place and the first bytes of the image are in the buffer
    bool has_ended;  // the stream is complete
    int64_t written;
    int64_t to_skip; // of what the stage gives: on flash already
    uint8_t last_written
        [LAST_WRITTEN_LEN]; // the end of that; for encrypted slots not all of it is on flash yet
    uint32_t restarts;
    int64_t resumed_from; // position in the server's file
};

static bool s_allows_http; // a build option of ESP-IDF, so one a process

void esp_https_ota_allow_http(bool is_allowed)
{
    s_allows_http = is_allowed;
}

static bool has_image(const esp_partition_t *partition)
{
    return partition->type == ESP_PARTITION_TYPE_APP ||
           partition->type == ESP_PARTITION_TYPE_BOOTLOADER;
}

static bool is_ota_slot(const esp_partition_t *partition)
{
    return partition->type == ESP_PARTITION_TYPE_APP &&
           partition->subtype >= ESP_PARTITION_SUBTYPE_APP_OTA_MIN &&
           partition->subtype < ESP_PARTITION_SUBTYPE_APP_OTA_MAX;
}

// ----------------------------------------------------------------------- configuration

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
    return ESP_OK;
}

// Bytes of the image, if they can be told from what the server announced or a stage knows; -1: they cannot.
static int64_t image_size(const struct session *session)
{
    int64_t total = session->source.entity.total;
    bool is_decrypted = session->decrypt_cb && session->stream.level_count <= 1;
    if (!is_decrypted) {
        return ota_stream_output_len(&session->stream);
    }
    return total < session->enc_header_size ? total : total - session->enc_header_size;
}

// ----------------------------------------------------------------------- transaction

static void abort_transaction(struct session *session)
{
    if (session->ota) {
        ESP_IGNORE_ERROR(esp_ota_abort(session->ota)); // the handle is ours
        session->ota = 0;
    }
}

static esp_err_t erase_for_image(const struct session *session)
{
    uint32_t unit = session->staging->erase_size;
    int64_t size = image_size(session);
    uint32_t len = size > 0 ? (uint32_t)size : session->staging->size;
    return esp_partition_erase_range(session->staging, 0, (len + unit - 1) / unit * unit);
}

static void tune_transaction(const struct session *session)
{
    const esp_https_ota_ext_t *ext = &session->source.limits;
    int64_t size = image_size(session);
    bool is_known = size > 0 && size <= session->staging->size;
    esp_ota_tuning_t tuning = {.image_size = is_known ? (uint32_t)size : 0,
                               .erase_ahead = ext->erase_before_header,
                               .erase_size_max = ext->erase_size_max,
                               .yield = ext->flash_yield,
                               .yield_context = ext->flash_yield_context};
    ESP_IGNORE_ERROR(esp_ota_tune(session->ota, &tuning)); // the handle is ours
}

// differs: opened as a resumption from 0, which leaves the records alone. ESP-IDF erases the record of the passive slot here;
// then a refused image would change otadata, if not the boot choice.
static esp_err_t open_transaction(struct session *session)
{
    size_t erase_size = session->erases_in_bulk ? 0 : OTA_WITH_SEQUENTIAL_WRITES;
    esp_err_t err = esp_ota_resume(session->staging, erase_size, 0, &session->ota);
    if (err != ESP_OK) {
        return err;
    }
    if (session->erases_in_bulk) {
        err = erase_for_image(session);
    }
    if (err == ESP_OK && session->final != session->staging) {
        err = esp_ota_set_final_partition(session->ota, session->final, session->copies_to_final);
    }
    if (err == ESP_OK) {
        tune_transaction(session);
    } else {
        abort_transaction(session);
    }
    return err;
}

// ----------------------------------------------------------------------- begin

// What a stage has given is on flash, on its way there, or still in the buffer.
static esp_err_t read_output(void *context, uint32_t offset, uint8_t *out, uint32_t len)
{
    struct session *session = context;
    uint32_t written = (uint32_t)session->written;
    uint32_t from_flash = offset < written ? written - offset : 0;
    from_flash = from_flash < len ? from_flash : len;
    esp_err_t err =
        from_flash > 0 ? esp_partition_read(session->staging, offset, out, from_flash) : ESP_OK;
    for (uint32_t i = 0; i < len && err == ESP_OK; i++) {
        uint32_t at = offset + i;
        if (at >= written) {
            out[i] = (uint8_t)session->buffer[at - written];
        } else if (written - at <= LAST_WRITTEN_LEN) {
            out[i] = session->last_written[LAST_WRITTEN_LEN - (written - at)];
        }
    }
    return err;
}

// Nothing of what was written can be kept.
static void start_over(struct session *session)
{
    session->restarts++;
    ESP_LOGI(TAG, "starting again from the beginning");
    abort_transaction(session);
    ota_stream_clear(&session->stream);
    ota_source_restart(&session->source);
    ota_resume_forget(&session->resume);
    session->state = STATE_CONNECTED;
    session->is_judged = false;
    session->verdict = ESP_OK;
    session->buffered = 0;
    session->written = 0;
    session->to_skip = 0;
    session->resumed_from = 0;
    session->has_header = false;
    session->has_ended = false;
}

// What the application says was written, rounded down to whole sectors: the last one may have been torn.
static void take_application_s_word(struct session *session, size_t written)
{
    struct ota_entity unknown = {.total = -1};
    uint32_t offset = (uint32_t)(written - written % session->staging->erase_size);
    if (written < HEADER_LEN || offset == 0 || written > session->staging->size ||
        session->decrypt_cb) {
        return;
    }
    ota_source_expect(&session->source, &unknown, offset);
    session->source.is_verified_here = true; // fact: ESP-IDF has nothing to compare with either
    session->source.is_pieced = false;       // and does not fetch the file again
    session->resume.is_over = true; // and without its beginning the file has no identity to note
    session->state = STATE_RESUMING;
    session->written = offset;
}

static void find_progress(struct session *session, const esp_https_ota_config_t *config)
{
    ota_resume_init(&session->resume, session->staging, session->source.home_url,
                    !session->decrypt_cb);
    struct ota_stage_output output = {session, read_output};
    if (ota_resume_find(&session->resume, &session->source, &session->stream, &output)) {
        session->state = STATE_RESUMING;
        session->written = session->resume.progress.image_offset;
        session->to_skip = ota_keep_has_more(&session->stream.keep) ? session->written : 0;
    } else {
        take_application_s_word(session, config->ota_image_bytes_written);
    }
    if (session->state == STATE_RESUMING) {
        session->resumed_from = session->source.position;
        ESP_LOGI(TAG, "resuming at byte %lld of %lld", (long long)session->source.position,
                 (long long)session->source.entity.total);
    }
}

static esp_err_t create_buffer(struct session *session, const esp_https_ota_config_t *config)
{
    size_t preferred = esp_http_client_get_preferred_read_len(session->source.client);
    size_t portion =
        preferred > PORTION_DEFAULT ? preferred / PAGE_LEN * PAGE_LEN : PORTION_DEFAULT;
    size_t wanted =
        config->http_config->buffer_size > 0 ? (size_t)config->http_config->buffer_size : preferred;
    session->step_len = wanted > HEADER_LEN ? wanted / PAGE_LEN * PAGE_LEN : HEADER_LEN;
    session->buffer_size = session->step_len < portion ? session->step_len : portion;
    session->buffer = config->buffer_caps
                          ? heap_caps_malloc(session->buffer_size, config->buffer_caps)
                          : malloc(session->buffer_size);
    return session->buffer ? ESP_OK : ESP_ERR_NO_MEM;
}

// Called while there is nothing to read.
static bool erase_while_waiting(void *context)
{
    const struct session *session = context;
    return session->ota && session->state != STATE_COMPLETE &&
           esp_ota_erase_ahead(session->ota) == ESP_OK;
}

static esp_err_t open_transaction_early(struct session *session)
{
    bool is_wanted = session->source.limits.erase_before_header > 0 && !session->erases_in_bulk;
    return is_wanted && session->state == STATE_CONNECTED ? open_transaction(session) : ESP_OK;
}

static esp_err_t open_source(struct session *session, const esp_https_ota_config_t *config)
{
    int64_t range_size =
        config->max_http_request_size > 0 ? config->max_http_request_size : RANGE_SIZE_DEFAULT;
    struct ota_source_config source = {.http = config->http_config,
                                       .ext = config->ext,
                                       .range_size =
                                           config->partial_http_download ? range_size : 0};
    esp_http_client_config_t http = *config->http_config;
    http.save_client_session = true; // a connection that is made again costs less
    esp_http_client_handle_t client = esp_http_client_init(&http);
    if (!client) {
        return ESP_FAIL;
    }
    esp_err_t err = ota_source_init(&session->source, client, &source);
    if (err == ESP_OK) {
        err = esp_http_client_set_idle_work(client, erase_while_waiting, session);
    }
    if (err == ESP_OK && config->http_client_init_cb) {
        err = config->http_client_init_cb(client);
    }
    if (err == ESP_OK && config->ota_resumption) {
        find_progress(session, config);
    }
    if (err == ESP_OK) {
        err = create_buffer(session, config);
    }
    if (err == ESP_OK) {
        err = open_transaction_early(session);
    }
    if (err == ESP_OK) {
        err = ota_source_open(&session->source);
    }
    if (err == ESP_ERR_INVALID_RESPONSE) { // not the file that was begun
        start_over(session);
        err = ota_source_open(&session->source);
    }
    return err;
}

static const esp_partition_t *find_partition(const esp_partition_t *wanted, const char *role)
{
    const esp_partition_t *found = esp_partition_verify(wanted);
    if (!found) {
        ESP_LOGE(TAG, "the %s partition is not in the partition table", role);
    }
    return found;
}

static esp_err_t choose_partitions(struct session *session, const esp_https_ota_config_t *config)
{
    session->staging = config->partition.staging
                           ? find_partition(config->partition.staging, "staging")
                           : esp_ota_get_next_update_partition(NULL);
    session->final = config->partition.final ? find_partition(config->partition.final, "final")
                                             : session->staging;
    session->copies_to_final = config->partition.finalize_with_copy;
    if (!session->staging && !config->partition.staging) {
        ESP_LOGE(
            TAG,
            "no OTA partition to update; the partition table needs one besides the running one");
    }
    return session->staging && session->final ? ESP_OK : ESP_FAIL;
}

static void free_session(struct session *session)
{
    ota_stream_clear(&session->stream);
    ota_source_destroy(&session->source);
    free(session->buffer);
    free(session);
}

static esp_err_t open_session(struct session *session, const esp_https_ota_config_t *config)
{
    session->erases_in_bulk = config->bulk_flash_erase;
    session->keeps_compression = config->ext && config->ext->keeps_compression;
    session->decrypt_cb = config->decrypt_cb;
    session->decrypt_user_ctx = config->decrypt_user_ctx;
    session->enc_header_size = config->enc_img_header_size;
    ota_stream_init(&session->stream, &session->source);
    esp_err_t err = choose_partitions(session, config);
    if (err == ESP_OK) {
        err = open_source(session, config);
    }
    if (err == ESP_OK) {
        ota_events_post(ESP_HTTPS_OTA_CONNECTED, NULL, 0);
    }
    return err;
}

esp_err_t esp_https_ota_begin(const esp_https_ota_config_t *ota_config,
                              esp_https_ota_handle_t *handle)
{
    ota_events_post(ESP_HTTPS_OTA_START, NULL, 0);
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
    err = open_session(session, ota_config);
    if (err != ESP_OK) {
        abort_transaction(session);
        free_session(session);
        return err;
    }
    *handle = session;
    return ESP_OK;
}

// ----------------------------------------------------------------------- reading

// The file is another one than it was, or flash is not as it was left.
static esp_err_t note_change(struct session *session)
{
    if (session->restarts == RESTART_MAX) {
        ESP_LOGE(TAG, "the server's file keeps changing; giving up");
        return ESP_ERR_INVALID_RESPONSE;
    }
    start_over(session);
    return ESP_ERR_HTTPS_OTA_IN_PROGRESS;
}

// Reads until the buffer holds wanted bytes or the stream ends. IN_PROGRESS: call again.
static esp_err_t fill_buffer(struct session *session, size_t wanted)
{
    while (session->buffered < wanted && !session->has_ended) {
        size_t len = 0;
        esp_err_t err = ota_stream_read(&session->stream, session->buffer + session->buffered,
                                        wanted - session->buffered, &len);
        session->buffered += len;
        if (err == ESP_ERR_INVALID_RESPONSE) {
            return note_change(session);
        }
        if (err != ESP_OK) {
            return err;
        }
        session->has_ended = len == 0;
    }
    return ESP_OK;
}

// A patch is not continued from a stage's state but from its beginning, of which as much as there is room for is kept.
static void begin_keeping(struct session *session, enum ota_stage_kind kind)
{
    struct ota_keep *keep = &session->stream.keep;
    if (kind == OTA_STAGE_DELTA && session->resume.is_wanted &&
        session->final == session->staging) {
        ota_keep_begin(keep, session->staging, session->source.entity.total);
        ota_keep_take(keep, session->buffer, session->buffered);
    }
}

// The stage that the first bytes in the buffer ask for; NULL: none.
static struct ota_stage *next_stage(struct session *session)
{
    if (session->decrypt_cb && session->stream.level_count == 0) {
        return ota_decrypt_cb_create(session->decrypt_cb, session->decrypt_user_ctx);
    }
    if (session->keeps_compression || !has_image(session->final)) {
        return NULL;
    }
    enum ota_stage_kind kind =
        ota_stage_detect((const uint8_t *)session->buffer, session->buffered);
    struct ota_stage *stage = ota_stage_make(kind, session->staging->size);
    if (stage && session->stream.level_count == 0) {
        session->resume.stages = kind; // a journal keeps the state of this one
        begin_keeping(session, kind);
    }
    if (stage && stage->ops->attach) {
        struct ota_stage_output output = {session, read_output};
        stage->ops->attach(stage, &output);
    }
    return stage;
}

// Puts stages on the stream until the first bytes of the image itself are in the buffer.
static esp_err_t fill_header(struct session *session)
{
    while (!session->has_header) {
        esp_err_t err = fill_buffer(session, HEADER_LEN);
        if (err != ESP_OK) {
            return err;
        }
        struct ota_stage *stage = next_stage(session);
        if (!stage) {
            session->has_header = true;
            return ESP_OK;
        }
        ESP_LOGI(TAG, "unpacking: %s", stage->ops->name);
        err = ota_stream_push(&session->stream, stage, session->buffer, session->buffered);
        if (err != ESP_OK) {
            return err;
        }
        session->buffered = 0;
        session->has_ended = false;
    }
    return ESP_OK;
}

static esp_err_t wait_for_header(struct session *session)
{
    esp_err_t err;
    do {
        err = fill_header(session);
    } while (err == ESP_ERR_HTTPS_OTA_IN_PROGRESS);
    return err;
}

// ----------------------------------------------------------------------- perform

static void note_last_written(struct session *session)
{
    size_t len = session->buffered < LAST_WRITTEN_LEN ? session->buffered : LAST_WRITTEN_LEN;
    memmove(session->last_written, session->last_written + len, LAST_WRITTEN_LEN - len);
    memcpy(session->last_written + LAST_WRITTEN_LEN - len,
           session->buffer + session->buffered - len, len);
}

static esp_err_t read_last_written(struct session *session)
{
    return esp_partition_read(session->staging, (size_t)session->written - LAST_WRITTEN_LEN,
                              session->last_written, LAST_WRITTEN_LEN);
}

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
    note_last_written(session);
    session->buffered = 0;
    return ESP_OK;
}

static esp_err_t check_start(const struct session *session)
{
    struct ota_header header = {.bytes = session->buffer,
                                .len = session->buffered,
                                .image_size = image_size(session),
                                .staging = session->staging,
                                .final = session->final};
    return has_image(session->final) ? ota_header_check(&header) : ota_header_check_size(&header);
}

static void enter_writing(struct session *session)
{
    tune_transaction(session); // the size is known by now
    ota_keep_allow(&session->stream.keep, session->source.entity.total, image_size(session));
    session->state = STATE_WRITING;
}

static esp_err_t start_writing(struct session *session)
{
    esp_err_t err = fill_header(session);
    if (err == ESP_OK) {
        err = check_start(session);
    }
    if (err == ESP_OK && !session->ota) {
        err = open_transaction(session);
    }
    if (err == ESP_OK) {
        enter_writing(session);
    }
    return err;
}

static esp_err_t open_resumed(struct session *session)
{
    const struct esp_ota_journal_progress *progress = &session->resume.progress;
    esp_err_t err = session->resume.has_journal
                        ? esp_ota_resume_verified(session->staging, progress->image_offset,
                                                  progress->digest, &session->ota)
                        : esp_ota_resume(session->staging, OTA_WITH_SEQUENTIAL_WRITES,
                                         (size_t)session->written, &session->ota);
    if (err == ESP_ERR_INVALID_CRC) {
        ESP_LOGW(TAG, "flash does not hold what the earlier run wrote");
        return note_change(session);
    }
    if (err == ESP_OK && session->final != session->staging) {
        err = esp_ota_set_final_partition(session->ota, session->final, session->copies_to_final);
    }
    return err == ESP_OK ? read_last_written(session) : err;
}

// The stage makes once more what is on flash. Bytes of the buffer are not the next ones to be written meanwhile.
static esp_err_t skip_step(struct session *session)
{
    size_t left = session->step_len;
    while (left > 0 && session->to_skip > 0) {
        size_t len = session->to_skip < (int64_t)session->buffer_size ? (size_t)session->to_skip
                                                                      : session->buffer_size;
        size_t got = 0;
        esp_err_t err = ota_stream_read(&session->stream, session->buffer, len, &got);
        if (err == ESP_ERR_INVALID_RESPONSE) {
            return note_change(session);
        }
        if (err != ESP_OK) {
            return err;
        }
        if (got == 0) {
            ESP_LOGE(TAG, "the patch makes less than it did before");
            return ESP_ERR_OTA_VALIDATE_FAILED;
        }
        session->to_skip -= (int64_t)got;
        left -= got < left ? got : left;
    }
    return session->to_skip > 0 ? ESP_ERR_HTTPS_OTA_IN_PROGRESS : ESP_OK;
}

static esp_err_t resume_writing(struct session *session)
{
    esp_err_t err = session->ota ? ESP_OK : open_resumed(session);
    if (err == ESP_OK) {
        err = skip_step(session);
    }
    if (err == ESP_OK) {
        session->has_header = true;
        enter_writing(session);
    }
    return err;
}

// Pieces that nothing told apart may still be of several files. Whether a refused image is fetched again, all from one place.
static bool begins_alone(struct session *session, esp_err_t err)
{
    bool is_short = err == ESP_FAIL && ota_source_is_complete(&session->source);
    bool is_refused = err == ESP_ERR_OTA_VALIDATE_FAILED || is_short;
    if (!is_refused || !ota_source_go_alone(&session->source)) {
        return false;
    }
    ESP_LOGW(TAG, "the file came in pieces, which do not make an image; fetching it as a whole");
    start_over(session);
    return true;
}

// An image made of pieces is judged while it can still be fetched again, any other in finish. A copy is finish's, too.
static esp_err_t complete(struct session *session)
{
    session->state = STATE_COMPLETE;
    if (!session->source.is_pieced && session->source.alone_count == 0) {
        return ESP_OK;
    }
    if (session->final == session->staging) {
        session->verdict = esp_ota_end(session->ota);
        session->ota = 0; // good or bad, the transaction is over
        session->is_judged = true;
    }
    return session->is_judged && begins_alone(session, session->verdict)
               ? ESP_ERR_HTTPS_OTA_IN_PROGRESS
               : ESP_OK;
}

// Reads and writes one step, in portions that let the network go on while flash is busy.
static esp_err_t move_bytes(struct session *session, size_t wanted)
{
    int64_t end = session->written + (int64_t)wanted;
    esp_err_t err;
    do {
        size_t left = (size_t)(end - session->written);
        err = fill_buffer(session, left < session->buffer_size ? left : session->buffer_size);
        if (err == ESP_OK) {
            err = write_buffer(session);
            ota_keep_write(&session->stream.keep);
        }
    } while (err == ESP_OK && session->written < end && !session->has_ended);
    return err;
}

static esp_err_t move_one_step(struct session *session)
{
    size_t to_checkpoint =
        RESUME_CHECKPOINT_LEN - (size_t)(session->written % RESUME_CHECKPOINT_LEN);
    int64_t before = session->written;
    esp_err_t err =
        move_bytes(session, session->step_len < to_checkpoint ? session->step_len : to_checkpoint);
    if (err == ESP_OK && session->written > before) {
        int written = session->written < INT_MAX ? (int)session->written : INT_MAX;
        ota_events_post(ESP_HTTPS_OTA_WRITE_FLASH, &written, sizeof(written));
    }
    if (err == ESP_OK && session->written % RESUME_CHECKPOINT_LEN == 0 && !session->has_ended) {
        ota_resume_note(&session->resume, session->ota, &session->stream, image_size(session));
    }
    if (err != ESP_OK) {
        return err;
    }
    if (!session->has_ended) {
        return ESP_ERR_HTTPS_OTA_IN_PROGRESS;
    }
    return complete(session);
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
    esp_err_t err = ESP_OK;
    if (session->state == STATE_CONNECTED) {
        err = start_writing(session);
    } else if (session->state == STATE_RESUMING) {
        err = resume_writing(session);
    }
    if (err == ESP_OK) {
        err = move_one_step(session);
    }
    return begins_alone(session, err) ? ESP_ERR_HTTPS_OTA_IN_PROGRESS : err;
}

// ----------------------------------------------------------------------- end of a session

// differs: what boots is the final partition, and only if the image stands there
static esp_err_t activate(const struct session *session)
{
    bool is_in_place = session->final == session->staging || session->copies_to_final;
    if (!is_ota_slot(session->final) || !is_in_place) {
        return ESP_OK;
    }
    esp_err_t err = esp_ota_set_boot_partition(session->final);
    if (err == ESP_OK) {
        esp_partition_subtype_t subtype = session->final->subtype;
        ota_events_post(ESP_HTTPS_OTA_UPDATE_BOOT_PARTITION, &subtype, sizeof(subtype));
    }
    return err;
}

esp_err_t esp_https_ota_finish(esp_https_ota_handle_t https_ota_handle)
{
    struct session *session = https_ota_handle;
    if (!session) {
        return ESP_ERR_INVALID_ARG;
    }
    esp_err_t err = session->verdict;
    bool is_written = session->state == STATE_WRITING || session->state == STATE_COMPLETE;
    if (is_written && !session->is_judged) {
        err = esp_ota_end(session->ota);
    } else {
        abort_transaction(session);
    }
    if (err == ESP_OK && session->state == STATE_COMPLETE) {
        err = activate(session);
    }
    if (session->state == STATE_COMPLETE) { // good or bad, there is nothing to continue
        ota_resume_clear(
            &session->resume); // not earlier: it touches the slot, which would be verified again
    }
    free_session(session);
    ota_events_post(ESP_HTTPS_OTA_FINISH, NULL, 0);
    return err;
}

esp_err_t esp_https_ota_abort(esp_https_ota_handle_t https_ota_handle)
{
    struct session *session = https_ota_handle;
    ota_events_post(ESP_HTTPS_OTA_ABORT, NULL, 0);
    if (!session) {
        return ESP_ERR_INVALID_ARG;
    }
    esp_err_t err = session->ota ? esp_ota_abort(session->ota) : ESP_OK;
    free_session(session);
    return err;
}

// ----------------------------------------------------------------------- questions

// Copies bytes from the start of the image, wherever they are by now.
static esp_err_t read_start(struct session *session, void *out, size_t offset, size_t len)
{
    if (session->written >= (int64_t)(offset + len)) {
        return esp_partition_read(session->staging, offset, out, len);
    }
    esp_err_t err = wait_for_header(session);
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
    ota_events_post(ESP_HTTPS_OTA_GET_IMG_DESC, NULL, 0);
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
    ota_events_post(ESP_HTTPS_OTA_GET_IMG_DESC, NULL, 0);
    const struct session *session = https_ota_handle;
    if (!session || !new_img_info) {
        return ESP_ERR_INVALID_ARG;
    }
    if (session->final->type != ESP_PARTITION_TYPE_BOOTLOADER) {
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
    return session ? as_int(image_size(session)) : -1;
}

int esp_https_ota_get_status_code(esp_https_ota_handle_t https_ota_handle)
{
    const struct session *session = https_ota_handle;
    return session ? esp_http_client_get_status_code(session->source.client) : -1;
}

bool esp_https_ota_is_complete_data_received(esp_https_ota_handle_t https_ota_handle)
{
    const struct session *session = https_ota_handle;
    return session && ota_source_is_complete(&session->source);
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

// ----------------------------------------------------------------------- extension

esp_err_t esp_https_ota_get_stats(void *https_ota_handle, esp_https_ota_stats_t *stats)
{
    const struct session *session = https_ota_handle;
    if (!session || !stats) {
        return ESP_ERR_INVALID_ARG;
    }
    *stats = (esp_https_ota_stats_t){.received = session->source.received,
                                     .resumed_from = (uint64_t)session->resumed_from,
                                     .retries = session->source.retries,
                                     .restarts = session->restarts};
    return ESP_OK;
}
