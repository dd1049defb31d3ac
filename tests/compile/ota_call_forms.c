// Every way in which applications hand a configuration to esp_https_ota(), and C that relies on error codes being macros.
#include <stdio.h>
#include <string.h>

#include "esp_err.h"
#include "esp_https_ota.h"

#if !defined(ESP_OK) || !defined(ESP_ERR_NOT_ALLOWED) || ESP_ERR_HTTPS_OTA_BASE != 0x9000
#error error codes are macros
#endif

typedef esp_err_t (*update_function)(const esp_http_client_config_t *config);

struct updater {
    update_function update;
};

static const struct updater UPDATERS[] = {{esp_https_ota}, {&esp_https_ota}};

// Without a way to verify the server each of them is refused before any traffic; with no URL at all, too.
static const esp_http_client_config_t UNVERIFIED = {.url = "https://localhost/a.bin"};

static esp_err_t from_old(const esp_http_client_config_t *config)
{
    return esp_https_ota(config);
}

static esp_err_t from_new(const esp_https_ota_config_t *config)
{
    return esp_https_ota(config);
}

static esp_err_t from_variable(esp_https_ota_config_t *const config)
{
    return esp_https_ota(config);
}

static esp_err_t from_literals(const char *url)
{
    return esp_https_ota(&(esp_https_ota_config_t){
        .http_config = &(esp_http_client_config_t){.url = url, .timeout_ms = 1000},
        .bulk_flash_erase = true,
        .buffer_caps = MALLOC_CAP_8BIT | MALLOC_CAP_INTERNAL,
        .partition.finalize_with_copy = false,
    });
}

static esp_err_t from_old_literal(const char *url)
{
    return esp_https_ota(&(esp_http_client_config_t){.url = url, .timeout_ms = 1000});
}

static esp_err_t from_array(void)
{
    esp_https_ota_config_t configs[2] = {{.http_config = &UNVERIFIED}, {.http_config = NULL}};
    return esp_https_ota(configs) == ESP_ERR_INVALID_ARG ? esp_https_ota(configs + 1) : ESP_FAIL;
}

static esp_err_t once(esp_https_ota_config_t *config, int *count)
{
    return esp_https_ota(((*count)++, config));
}

int main(void)
{
    int count = 0;
    esp_https_ota_config_t config = {.http_config = &UNVERIFIED};
    esp_http_client_config_t http_config = UNVERIFIED;
    const esp_err_t results[] = {
        from_old(&UNVERIFIED),
        from_new(&config),
        from_variable(&config),
        from_literals("https://localhost/a.bin"),
        from_old_literal("https://localhost/a.bin"),
        from_array(),
        once(&config, &count),
        esp_https_ota(&http_config),
        esp_https_ota(NULL),
        (esp_https_ota)(&http_config),
        UPDATERS[0].update(&http_config),
        UPDATERS[1].update(&http_config),
    };
    for (size_t i = 0; i < sizeof(results) / sizeof(results[0]); i++) {
        if (results[i] != ESP_ERR_INVALID_ARG) {
            printf("form %zu: %s\n", i, esp_err_to_name(results[i]));
            return 1;
        }
    }
    printf("application done: evaluated %s\n", count == 1 ? "once" : "more than once");
    return count == 1 ? 0 : 1;
}
