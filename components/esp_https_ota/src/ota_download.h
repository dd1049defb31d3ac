// The server's side of an update: from a configuration to a body that can be read.
#pragma once

#include "esp_http_client.h"

// Limits of one session's way to the image.
struct ota_download_budget {
    int redirects;      // hops left
    int authorizations; // answers to 401 left
};

// Takes the limits from a configuration, with ESP-IDF's defaults.
struct ota_download_budget ota_download_budget_of(const esp_http_client_config_t *config);

// Sends the request, follows redirects and authenticates until a body with the image can be read.
// Errors as esp_https_ota_begin() promises.
esp_err_t ota_download_connect(esp_http_client_handle_t client,
                               struct ota_download_budget *budget) ESP_MUST_CHECK;
