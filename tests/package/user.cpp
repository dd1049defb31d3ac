// The same from C++.
#include <cstdio>
#include <string>

#include "device.h"
#include "esp_event.h"
#include "esp_https_ota.h"
#include "ota_stage_registry.h"

int main(int argc, char **argv)
{
    struct device *device = nullptr;
    struct device_options options = {};
    options.read_only = true;
    if (!ota_stage_is_registered(OTA_STAGE_GZIP) || argc < 2 ||
        device_open(argv[1], &options, &device) != ESP_OK ||
        device_start_application(device, nullptr) != ESP_OK) {
        return 1;
    }
    esp_http_client_config_t http = {};
    std::string url = "https://localhost:1/x.bin";
    http.url = url.c_str();
    http.cert_pem = "";
    esp_https_ota_config_t ota = {};
    ota.http_config = &http;
    std::printf("update: %s\n", esp_err_to_name(esp_https_ota(&ota)));
    device_close(device);
    return 0;
}
