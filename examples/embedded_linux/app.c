// An application for embedded Linux that keeps itself up to date: plain main(), no FreeRTOS. It looks at itself first, then for
// an update, then does its work.
//
// Started by ab_launcher, which tells where it runs from (AB_RUNNING) and passes the three files on. UPDATE_URL and UPDATE_CA
// (a file) come from the environment, e.g. of a systemd unit.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ab_device.h"
#include "esp_app_desc.h"
#include "esp_https_ota.h"
#include "esp_log.h"
#include "esp_ota_ops.h"
#include "esp_system.h"

static const char *TAG = "app";

// What this product has to be able to do; here: to say so.
static bool is_healthy(void)
{
    const char *health = getenv("APP_HEALTH");
    return !health || strcmp(health, "bad") != 0;
}

static void confirm_or_go_back(void)
{
    esp_ota_img_states_t state;
    if (esp_ota_get_state_partition(esp_ota_get_running_partition(), &state) != ESP_OK ||
        state != ESP_OTA_IMG_PENDING_VERIFY) {
        return;
    }
    if (is_healthy()) {
        ESP_LOGI(TAG, "healthy, confirmed");
        ESP_ERROR_CHECK(esp_ota_mark_app_valid_cancel_rollback());
    } else {
        ESP_LOGE(TAG, "not healthy, going back");
        ESP_ERROR_CHECK(esp_ota_mark_app_invalid_rollback_and_reboot()); // ends this process
    }
}

static bool has_version(const esp_partition_t *partition, const char *version)
{
    esp_app_desc_t there;
    return partition && esp_ota_get_partition_description(partition, &there) == ESP_OK &&
           strcmp(there.version, version) == 0;
}

static esp_err_t take_if_wanted(esp_https_ota_handle_t ota)
{
    esp_app_desc_t offered;
    esp_err_t err = esp_https_ota_get_img_desc(ota, &offered);
    if (err != ESP_OK) {
        return err;
    }
    if (has_version(esp_ota_get_running_partition(), offered.version) ||
        has_version(esp_ota_get_last_invalid_partition(), offered.version)) {
        return ESP_ERR_INVALID_VERSION;
    }
    ESP_LOGI(TAG, "taking version %s", offered.version);
    do {
        err = esp_https_ota_perform(ota);
    } while (err == ESP_ERR_HTTPS_OTA_IN_PROGRESS);
    return err;
}

static esp_err_t update(const char *url, const char *ca)
{
    esp_http_client_config_t http_config = {
        .url = url, .cert_pem = ca, .timeout_ms = 10000, .buffer_size = 64 * 1024};
    esp_https_ota_config_t ota_config = {.http_config = &http_config};
    esp_https_ota_handle_t ota = NULL;
    esp_err_t err = esp_https_ota_begin(&ota_config, &ota);
    if (err != ESP_OK) {
        return err;
    }
    err = take_if_wanted(ota);
    if (err != ESP_OK) {
        (void)esp_https_ota_abort(
            ota); // slot and boot choice of the running application are as they were
        return err;
    }
    return esp_https_ota_finish(ota);
}

static char *read_text(const char *path)
{
    static char s_text[65536];
    FILE *file = path ? fopen(path, "r") : NULL;
    if (!file) {
        return NULL;
    }
    s_text[fread(s_text, 1, sizeof(s_text) - 1, file)] = 0;
    (void)fclose(file); // it was read
    return s_text;
}

static void look_for_update(void)
{
    const char *url = getenv("UPDATE_URL");
    const char *ca = read_text(getenv("UPDATE_CA"));
    if (!url || !ca) {
        return;
    }
    esp_err_t err = update(url, ca);
    if (err == ESP_OK) {
        esp_restart(); // ends this process; the launcher starts the new one
    }
    ESP_LOGI(TAG, "no update: %s", esp_err_to_name(err));
}

int main(int argc, char **argv)
{
    static struct ab_device s_device; // as long as the process
    const char *running = getenv("AB_RUNNING");
    if (argc != 4 || !running) {
        fprintf(stderr, "ab_launcher starts this program\n");
        return 2;
    }
    struct ab_paths paths = {.state = argv[1], .slot = {argv[2], argv[3]}};
    if (!ab_device_open(&paths, &s_device)) {
        return 1;
    }
    ab_device_hand_over((uint32_t)strtoul(running, NULL, 0), true);

    esp_app_desc_t self;
    ESP_ERROR_CHECK(esp_ota_get_partition_description(esp_ota_get_running_partition(), &self));
    ESP_LOGI(TAG, "version %s runs from slot %s", self.version,
             esp_ota_get_running_partition()->label);
    if (strstr(self.version, "crash")) {
        abort(); // for the tests: an application that does not get anywhere
    }
    confirm_or_go_back();
    look_for_update();
    ESP_LOGI(TAG, "at work");
    return 0;
}
