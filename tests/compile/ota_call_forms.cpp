// Every way in which C++ applications hand a configuration to esp_https_ota(), and C++ that relies on error codes being ints.
#include <algorithm>
#include <cstdio>
#include <type_traits>

extern "C" {
#include "esp_err.h"
#include "esp_https_ota.h"
}

static_assert(std::is_same<decltype(ESP_OK), int>::value,
              "auto err = ESP_OK; takes any code later");
static_assert(std::is_same<decltype(ESP_FAIL), int>::value, "");

using OldUpdate = esp_err_t (*)(const esp_http_client_config_t *);
using NewUpdate = esp_err_t (*)(const esp_https_ota_config_t *);

struct Settings : esp_https_ota_config_t {
    int attempts = 1;
};

static esp_err_t worse(esp_err_t one, esp_err_t other)
{
    auto err = ESP_OK;
    err = std::max(one, other);
    return err == ESP_ERR_INVALID_ARG ? ESP_OK : err;
}

int main()
{
    esp_http_client_config_t http_config = {};
    http_config.url =
        "https://localhost/a.bin"; // no way to verify the server: refused before any traffic
    Settings settings = {};
    settings.http_config = &http_config;
    esp_https_ota_config_t *variable = &settings;
    const esp_https_ota_config_t &reference = settings;
    const OldUpdate old_update = esp_https_ota;
    const NewUpdate new_update = &esp_https_ota;
    const esp_err_t results[] = {
        esp_https_ota(&http_config),
        esp_https_ota(static_cast<const esp_http_client_config_t *>(&http_config)),
        esp_https_ota(variable),
        esp_https_ota(&reference),
        esp_https_ota(&settings),
        esp_https_ota(nullptr),
        esp_https_ota(NULL),
        ::esp_https_ota(&reference),
        old_update(&http_config),
        new_update(&settings),
    };
    for (esp_err_t result : results) {
        if (worse(result, ESP_OK) != ESP_OK) {
            std::printf("%s\n", esp_err_to_name(result));
            return 1;
        }
    }
    std::printf("application done\n");
    return 0;
}
