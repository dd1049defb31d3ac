#include "ota_response.h"

#include <ctype.h>
#include <string.h>

#include "esp_http_client_ext.h"
#include "esp_log.h"

static const char *TAG = "esp_https_ota";

#define LENGTH_DIGITS_MAX 18 // fact: what surely fits 63 bits

void ota_response_forget_entity(struct ota_source *s)
{
    memset(&s->entity, 0, sizeof(s->entity));
    s->entity.total = -1;
    esp_crypto.sha256_begin(&s->first_block_hash);
}

// ----------------------------------------------------------------------- request

// A weak validator does not promise the same bytes, so it cannot guard a range (RFC 9110, 13.1.5).
const char *ota_response_strong_validator(const struct ota_entity *entity)
{
    if (entity->etag[0] == '"') {
        return entity->etag;
    }
    return entity->etag[0] == '\0' && entity->last_modified[0] ? entity->last_modified : NULL;
}

void ota_response_copy_header(esp_http_client_handle_t client, const char *name, char *out,
                              size_t size)
{
    char *value = NULL;
    out[0] = '\0';
    if (esp_http_client_get_response_header(client, name, &value) == ESP_OK &&
        strlen(value) < size) {
        memcpy(out, value, strlen(value) + 1);
    }
}

esp_err_t ota_response_ask_for_range(struct ota_source *s, int64_t first, int64_t last,
                                     bool is_guarded)
{
    char range[64];
    if (last >= 0) {
        (void)snprintf(range, sizeof(range), "bytes=%lld-%lld", (long long)first, (long long)last);
    } else {
        (void)snprintf(range, sizeof(range), "bytes=%lld-", (long long)first);
    }
    const char *validator = is_guarded ? ota_response_strong_validator(&s->entity) : NULL;
    ESP_IGNORE_ERROR(esp_http_client_delete_header(s->client, "If-Range")); // it may not be there
    esp_err_t err = esp_http_client_set_header(s->client, "Range", range);
    if (err == ESP_OK && validator) {
        err = esp_http_client_set_header(s->client, "If-Range", validator);
    }
    return err;
}

esp_err_t ota_response_prepare(struct ota_source *s)
{
    if (s->position == 0 && s->range_size == 0) {
        ESP_IGNORE_ERROR(esp_http_client_delete_header(s->client, "Range")); // it may not be there
        ESP_IGNORE_ERROR(esp_http_client_delete_header(s->client, "If-Range"));
        return ESP_OK;
    }
    int64_t last = s->range_size > 0 ? s->position + s->range_size - 1 : -1;
    if (s->entity.total >= 0 && last >= s->entity.total) {
        last = s->entity.total - 1;
    }
    return ota_response_ask_for_range(s, s->position, last, s->position > 0);
}

static bool is_other_entity(const struct ota_entity *known, const struct ota_entity *seen)
{
    if (known->total >= 0 && seen->total >= 0 && known->total != seen->total) {
        return true;
    }
    if (known->etag[0] && seen->etag[0]) {
        return strcmp(known->etag, seen->etag) != 0;
    }
    return known->last_modified[0] && seen->last_modified[0] &&
           strcmp(known->last_modified, seen->last_modified) != 0;
}

struct ota_entity ota_response_entity(struct ota_source *s, int64_t total)
{
    struct ota_entity seen = {.total = total};
    ota_response_copy_header(s->client, "ETag", seen.etag, sizeof(seen.etag));
    ota_response_copy_header(s->client, "Last-Modified", seen.last_modified,
                             sizeof(seen.last_modified));
    return seen;
}

void ota_response_adopt(struct ota_source *s, const struct ota_entity *seen)
{
    if (s->entity.total < 0) {
        s->entity.total = seen->total;
    }
    if (seen->etag[0] || seen->last_modified[0]) {
        memcpy(s->entity.etag, seen->etag, sizeof(seen->etag));
        memcpy(s->entity.last_modified, seen->last_modified, sizeof(seen->last_modified));
    }
}

// 200: the whole file, from its first byte.
static esp_err_t accept_whole(struct ota_source *s)
{
    int64_t len = esp_http_client_get_content_length(s->client);
    bool is_known = len >= 0 && !esp_http_client_is_chunked_response(s->client);
    struct ota_entity seen = ota_response_entity(s, is_known ? len : -1);
    s->is_open = true;
    s->response_end = seen.total;
    s->is_at_start = true;
    if (s->position > 0) {
        s->lacks_ranges = !is_other_entity(&s->entity, &seen);
        ESP_LOGW(TAG,
                 "the server sends the whole file again: it has changed, or ranges are not served");
        return ESP_ERR_INVALID_RESPONSE;
    }
    ota_response_forget_entity(s);
    ota_response_adopt(s, &seen);
    return ESP_OK;
}

esp_err_t ota_response_content_range(struct ota_source *s, struct http_content_range *range)
{
    const char *text = NULL;
    esp_err_t err = esp_http_client_get_unique_response_header(s->client, "Content-Range", &text);
    return err == ESP_OK ? http_content_range_parse(text, range) : err;
}

// 206: a part, which must be the one asked for, of the same file.
static esp_err_t accept_part(struct ota_source *s)
{
    struct http_content_range range;
    if (ota_response_content_range(s, &range) != ESP_OK || range.first != s->position) {
        ESP_LOGW(TAG, "the server sends another range than asked for");
        return ESP_ERR_INVALID_RESPONSE;
    }
    int64_t len = esp_http_client_get_content_length(s->client);
    if (len >= 0 && len != range.last - range.first + 1) {
        ESP_LOGW(TAG, "the server's Content-Length and Content-Range contradict each other");
        return ESP_ERR_INVALID_RESPONSE;
    }
    struct ota_entity seen = ota_response_entity(s, range.total);
    if (is_other_entity(&s->entity, &seen)) {
        ESP_LOGW(TAG, "the server's file has changed");
        return ESP_ERR_INVALID_RESPONSE;
    }
    ota_response_adopt(s, &seen);
    s->is_open = true;
    s->is_at_start = false;
    s->response_end = range.last + 1;
    return ESP_OK;
}

// RFC 9112, 6.3: a message whose length cannot be told for certain must not be used. The transport forgives more.
static esp_err_t check_length_header(struct ota_source *s)
{
    const char *text = NULL;
    esp_err_t err = esp_http_client_get_unique_response_header(s->client, "Content-Length", &text);
    if (err == ESP_ERR_NOT_FOUND) {
        return ESP_OK;
    }
    size_t digits = err == ESP_OK ? strspn(text, "0123456789") : 0;
    if (digits == 0 || text[digits] != '\0' || digits > LENGTH_DIGITS_MAX) {
        ESP_LOGE(TAG, "the server's Content-Length is malformed or stands there twice");
        return ESP_ERR_NOT_ALLOWED;
    }
    return ESP_OK;
}

static bool is_same_word(const char *a, const char *b)
{
    while (*a && tolower((unsigned char)*a) == *b) {
        a++;
        b++;
    }
    return *a == '\0' && *b == '\0';
}

// A coding that is not undone would end up on flash. names: NULL-terminated, lower case.
static esp_err_t check_coding(struct ota_source *s, const char *header, const char *const *names,
                              const char *known)
{
    const char *text = NULL;
    esp_err_t err = esp_http_client_get_unique_response_header(s->client, header, &text);
    if (err == ESP_ERR_NOT_FOUND) {
        return ESP_OK;
    }
    for (size_t i = 0; err == ESP_OK && names[i]; i++) {
        if (is_same_word(text, names[i])) {
            return ESP_OK;
        }
    }
    ESP_LOGE(TAG, "the server's %s is not understood; it can be %s", header, known);
    return ESP_ERR_NOT_ALLOWED;
}

static esp_err_t check_codings(struct ota_source *s)
{
    static const char *const transfer[] = {"identity", "chunked", NULL};
    // The stages know gzip and zstd by their first bytes, whatever the server calls them.
    static const char *const content[] = {"identity", "gzip", "zstd", "x-gzip", "", NULL};
    esp_err_t err = check_coding(s, "Transfer-Encoding", transfer, "chunked");
    return err == ESP_OK ? check_coding(s, "Content-Encoding", content, "gzip, zstd or none") : err;
}

esp_err_t ota_response_accept(struct ota_source *s)
{
    esp_err_t err = check_length_header(s);
    if (err == ESP_OK) {
        err = check_codings(s);
    }
    if (err != ESP_OK) {
        return err;
    }
    bool has_asked_range = s->position > 0 || s->range_size > 0;
    switch (esp_http_client_get_status_code(s->client)) {
    case HttpStatus_Ok:
        return accept_whole(s);
    case HttpStatus_PartialContent:
        if (has_asked_range) {
            return accept_part(s);
        }
        ESP_LOGE(TAG, "the server sends a part of the file (206) although all of it was asked for");
        return ESP_ERR_NOT_ALLOWED;
    case HttpStatus_RangeNotSatisfiable:
        if (s->position == 0) { // whoever has the file has its beginning
            ESP_LOGE(TAG, "the server refuses the request (416)");
            return ESP_ERR_HTTP_RANGE_NOT_SATISFIABLE;
        }
        ESP_LOGW(TAG, "the server has no such range of the file any more (416)");
        return ESP_ERR_INVALID_RESPONSE;
    default:
        return ESP_FAIL; // ota_download_connect has judged and logged it
    }
}
