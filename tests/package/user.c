/* A program outside this tree: it opens a flash file and tells what would boot. */
#include <stdio.h>
#include <stdlib.h>

#include "device.h"
#include "esp_https_ota.h"
#include "ota_stage_registry.h"

/* Functions of the program's own, under names that the library has for private ones: neither side may meet the other's. */
int ota_open(const char *url);
int http_client_post(const char *url, const char *body);
int http_request_start(void);

int ota_open(const char *url)
{
    printf("the library called ota_open(%p)\n", (const void *)url);
    exit(1);
}

int http_client_post(const char *url, const char *body)
{
    printf("the library called http_client_post(%p, %p)\n", (const void *)url, (const void *)body);
    exit(1);
}

int http_request_start(void)
{
    printf("the library called http_request_start()\n");
    exit(1);
}

int main(int argc, char **argv)
{
    struct device *device = NULL;
    struct device_options options = {.read_only = true};
    struct boot_decision decision;
    if (!ota_stage_is_registered(OTA_STAGE_GZIP) || !ota_stage_is_registered(OTA_STAGE_ZSTD)) {
        printf("codecs are missing\n");
        return 1;
    }
    if (argc < 2 || device_open(argv[1], &options, &device) != ESP_OK ||
        device_start_application(device, &decision) != ESP_OK) {
        return 1;
    }
    esp_http_client_config_t http = {
        .url = "https://localhost:1/x.bin", .skip_cert_common_name_check = false, .cert_pem = ""};
    esp_https_ota_config_t ota = {.http_config = &http};
    printf("update: %s\n", esp_err_to_name(esp_https_ota(&ota)));
    device_close(device);
    return 0;
}
