// One request and what its status means: redirects followed, credentials given.
#pragma once

#include "esp_http_client.h"

// Limits of one session's way to the file.
struct ota_download_budget {
    int redirects;      // hops left
    int authorizations; // answers to 401 left
};

// Takes the limits from a configuration, with ESP-IDF's defaults.
struct ota_download_budget ota_download_budget_of(const esp_http_client_config_t *config);

// Connects if needed and sends the request. Errors as esp_https_ota_begin() promises.
esp_err_t ota_download_send(esp_http_client_handle_t client) ESP_MUST_CHECK;

// Sends the request (unless it is_sent already), follows redirects and authenticates. ESP_OK: the status is 200, 206 or 416.
// Other errors as esp_https_ota_begin() promises.
esp_err_t ota_download_connect(esp_http_client_handle_t client,
                               const struct ota_download_budget *budget,
                               bool is_sent) ESP_MUST_CHECK;

// Whether the last status, or its absence, may be another one later (408, 425, 429, 500, 502, 503, 504).
bool ota_download_can_heal(esp_http_client_handle_t client);
