// One request of a source and the response to it: which range is asked for, and whether the answer is the same file.
#pragma once

#include "http_content_range.h"
#include "ota_source.h"

// Forgets which file it was.
void ota_response_forget_entity(struct ota_source *s);

// The validator that may guard a range; NULL: none.
const char *ota_response_strong_validator(const struct ota_entity *entity);

// Copies a response header; empty when it is missing or does not fit.
void ota_response_copy_header(esp_http_client_handle_t client, const char *name, char *out,
                              size_t size);

// Asks for bytes first to last (-1: to the end); is_guarded: only of the file known so far.
esp_err_t ota_response_ask_for_range(struct ota_source *s, int64_t first, int64_t last,
                                     bool is_guarded) ESP_MUST_CHECK;

// Asks for what comes next.
esp_err_t ota_response_prepare(struct ota_source *s) ESP_MUST_CHECK;

// The one Content-Range. ESP_ERR_NOT_FOUND, ESP_ERR_INVALID_RESPONSE: missing, malformed or several.
esp_err_t ota_response_content_range(struct ota_source *s,
                                     struct http_content_range *range) ESP_MUST_CHECK;

// What the response says about the file; total: its length, -1 unknown.
struct ota_entity ota_response_entity(struct ota_source *s, int64_t total);

// Adds to what is known about the file.
void ota_response_adopt(struct ota_source *s, const struct ota_entity *seen);

// Judges the response. ESP_OK: it can be read, from s->position on; ESP_ERR_INVALID_RESPONSE: another file, or another part;
// ESP_ERR_NOT_ALLOWED: not a response to use; ESP_ERR_HTTP_RANGE_NOT_SATISFIABLE; ESP_FAIL.
esp_err_t ota_response_accept(struct ota_source *s) ESP_MUST_CHECK;
