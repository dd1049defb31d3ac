// What happens before the first byte: configuration, partitions, buffer, and the way to the server.

#include "esp_heap_caps.h"
#include "esp_http_client_ext.h"
#include "esp_log.h"
#include "ota_events.h"
#include "ota_update.h"

static const char *TAG = "esp_https_ota";

#define RANGE_SIZE_DEFAULT 65536 // fact: ESP-IDF's max_http_request_size of 0
// Where the transport has no wish of its own. chosen: one sector, the least that can be compared with what stands there.
// measured: W25Q32JV at 500 KB/s, 10 ms, window of 5760 bytes: 6.2 s for 1 MiB, 7.2 s with portions of 16 KiB
#define PORTION_DEFAULT 4096
#define PAGE_LEN        256 // fact: pages of NOR flash; whole ones are programmed

static bool s_allows_http; // a build option of ESP-IDF, so one a process

void esp_https_ota_allow_http(bool is_allowed)
{
    s_allows_http = is_allowed;
}

static bool can_verify_server(const esp_http_client_config_t *config)
{
    return config->cert_pem || config->use_global_ca_store || config->crt_bundle_attach;
}

esp_err_t ota_open_check_config(const esp_https_ota_config_t *config)
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

// What the application says was written, rounded down to whole sectors: the last one may have been torn.
static void take_application_s_word(struct ota_update *update, size_t written)
{
    struct ota_entity unknown = {.total = -1};
    uint32_t offset = (uint32_t)(written - written % update->staging->erase_size);
    if (written < HEADER_LEN || offset == 0 || written > update->staging->size ||
        update->decrypt_cb) {
        return;
    }
    ota_source_expect(&update->source, &unknown, offset);
    update->source.is_verified_here = true; // fact: ESP-IDF has nothing to compare with either
    update->source.is_pieced = false;       // and does not fetch the file again
    update->resume.is_over = true; // and without its beginning the file has no identity to note
    update->state = STATE_RESUMING;
    update->written = offset;
}

static void find_progress(struct ota_update *update, const esp_https_ota_config_t *config)
{
    ota_resume_init(&update->resume, update->staging, update->source.home_url, !update->decrypt_cb);
    struct ota_stage_output output = ota_fill_output(update);
    if (ota_resume_find(&update->resume, &update->source, &update->stream, &output)) {
        update->state = STATE_RESUMING;
        update->written = update->resume.progress.image_offset;
        update->to_skip = ota_keep_has_more(&update->stream.keep) ? update->written : 0;
    } else {
        take_application_s_word(update, config->ota_image_bytes_written);
    }
    if (update->state == STATE_RESUMING) {
        update->resumed_from = update->source.position;
        ESP_LOGI(TAG, "resuming at byte %lld of %lld", (long long)update->source.position,
                 (long long)update->source.entity.total);
    }
}

static esp_err_t create_buffer(struct ota_update *update, const esp_https_ota_config_t *config)
{
    size_t preferred = esp_http_client_get_preferred_read_len(update->source.client);
    size_t portion =
        preferred > PORTION_DEFAULT ? preferred / PAGE_LEN * PAGE_LEN : PORTION_DEFAULT;
    size_t wanted =
        config->http_config->buffer_size > 0 ? (size_t)config->http_config->buffer_size : preferred;
    update->step_len = wanted > HEADER_LEN ? wanted / PAGE_LEN * PAGE_LEN : HEADER_LEN;
    update->buffer_size = update->step_len < portion ? update->step_len : portion;
    update->buffer = config->buffer_caps
                         ? heap_caps_malloc(update->buffer_size, config->buffer_caps)
                         : malloc(update->buffer_size);
    return update->buffer ? ESP_OK : ESP_ERR_NO_MEM;
}

// Called while there is nothing to read.
static bool erase_while_waiting(void *context)
{
    const struct ota_update *update = context;
    return update->ota && update->state != STATE_COMPLETE &&
           esp_ota_erase_ahead(update->ota) == ESP_OK;
}

static esp_err_t open_transaction_early(struct ota_update *update)
{
    bool is_wanted = update->source.limits.erase_before_header > 0 && !update->erases_in_bulk;
    return is_wanted && update->state == STATE_CONNECTED ? ota_transaction_open(update) : ESP_OK;
}

static esp_err_t open_source(struct ota_update *update, const esp_https_ota_config_t *config)
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
    esp_err_t err = ota_source_init(&update->source, client, &source);
    if (err == ESP_OK) {
        err = esp_http_client_set_idle_work(client, erase_while_waiting, update);
    }
    if (err == ESP_OK && config->http_client_init_cb) {
        err = config->http_client_init_cb(client);
    }
    if (err == ESP_OK && config->ota_resumption) {
        find_progress(update, config);
    }
    if (err == ESP_OK) {
        err = create_buffer(update, config);
    }
    if (err == ESP_OK) {
        err = open_transaction_early(update);
    }
    if (err == ESP_OK) {
        err = ota_source_open(&update->source);
    }
    if (err == ESP_ERR_INVALID_RESPONSE) { // not the file that was begun
        ota_update_start_over(update);
        err = ota_source_open(&update->source);
    }
    return err == ESP_ERR_INVALID_RESPONSE ? ESP_FAIL : err; // what begin promises: unusable
}

static const esp_partition_t *find_partition(const esp_partition_t *wanted, const char *role)
{
    const esp_partition_t *found = esp_partition_verify(wanted);
    if (!found) {
        ESP_LOGE(TAG, "the %s partition is not in the partition table", role);
    }
    return found;
}

static esp_err_t choose_partitions(struct ota_update *update, const esp_https_ota_config_t *config)
{
    update->staging = config->partition.staging
                          ? find_partition(config->partition.staging, "staging")
                          : esp_ota_get_next_update_partition(NULL);
    update->final = config->partition.final ? find_partition(config->partition.final, "final")
                                            : update->staging;
    update->copies_to_final = config->partition.finalize_with_copy;
    if (!update->staging && !config->partition.staging) {
        ESP_LOGE(
            TAG,
            "no OTA partition to update; the partition table needs one besides the running one");
    }
    return update->staging && update->final ? ESP_OK : ESP_FAIL;
}

esp_err_t ota_open(struct ota_update *update, const esp_https_ota_config_t *config)
{
    update->erases_in_bulk = config->bulk_flash_erase;
    update->keeps_compression = config->ext && config->ext->keeps_compression;
    update->decrypt_cb = config->decrypt_cb;
    update->decrypt_user_ctx = config->decrypt_user_ctx;
    update->enc_header_size = config->enc_img_header_size;
    ota_stream_init(&update->stream, &update->source);
    esp_err_t err = choose_partitions(update, config);
    if (err == ESP_OK) {
        err = open_source(update, config);
    }
    if (err == ESP_OK) {
        ota_events_post(ESP_HTTPS_OTA_CONNECTED, NULL, 0);
    }
    return err;
}
