#include "update_fixture.h"

#include <stdlib.h>
#include <string.h>

struct device_image g_image;
static uint64_t s_choice;

int update_start(void **state)
{
    (void)state;
    DEVICE_START(.running = "ota_0");
    device_put_image("ota_0", "1");
    device_put_record(0, 1, ESP_OTA_IMG_VALID);
    s_choice = device_choice();
    g_image = DEVICE_IMAGE(.len = IMAGE_LEN, .version = "2");
    esp_https_ota_allow_http(false);
    return 0;
}

int update_stop(void **state)
{
    free(g_image.bytes);
    assert_int_equal(g_server.open_count, 0);
    return device_stop(state);
}

esp_http_client_config_t update_http_config(void)
{
    return (esp_http_client_config_t){.url = "https://host.example/app.bin",
                                      .cert_pem = "certificate",
                                      .transport = server_transport()};
}

esp_err_t update_begin(const esp_http_client_config_t *http, esp_https_ota_handle_t *handle)
{
    esp_https_ota_config_t config = {.http_config = http};
    *handle = &config; // anything but NULL
    esp_err_t err = esp_https_ota_begin(&config, handle);
    assert_int_equal(err == ESP_OK, *handle != NULL);
    return err;
}

esp_err_t update_run(const esp_https_ota_config_t *config)
{
    esp_https_ota_handle_t handle = NULL;
    esp_err_t err = esp_https_ota_begin(config, &handle);
    if (err != ESP_OK) {
        assert_null(handle);
        return err;
    }
    do {
        err = esp_https_ota_perform(handle);
    } while (err == ESP_ERR_HTTPS_OTA_IN_PROGRESS);
    if (err == ESP_OK) {
        return esp_https_ota_finish(handle);
    }
    assert_int_equal(esp_https_ota_abort(handle), ESP_OK);
    return err;
}

esp_err_t update_usual(void)
{
    esp_http_client_config_t http = update_http_config();
    esp_https_ota_config_t config = {.http_config = &http};
    return update_run(&config);
}

void update_assert_unchanged(void)
{
    assert_true(device_choice() == s_choice);
    assert_string_equal(device_boot(), "ota_0");
}

void update_assert_installed(struct device_image image)
{
    assert_memory_equal(device_bytes(0x30000), image.bytes, image.len);
    assert_string_equal(device_boot(), "ota_1");
}
