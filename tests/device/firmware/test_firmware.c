// Firmware for tests. What it does follows from the version in its descriptor, so that one program is every firmware:
//
//     "<anything>"        says hello, confirms itself, has nothing more to do
//     ...-update          confirms itself, updates itself from the URL in the file "url" and restarts
//     odd-loop, even-loop the same for ever, from "<url>/even.bin" and "<url>/odd.bin"
//     ...-restart         confirms itself and restarts
//     ...-crash           aborts          ...-segv    reads where nothing is
//     ...-hang            runs for ever without a sign of life
//     ...-feed            feeds the watchdog for a while without confirming, then confirms
//     ...-exit            leaves without confirming      ...-exit3   leaves with code 3
//     ...-forget          restarts without confirming    ...-sleep   goes to deep sleep, ...-coma for ever
//     ...-wait            confirms and waits for ever
//     ...-parent          starts a process, says its number, confirms and waits for ever
//     ...-orphan          starts a process, says its number, confirms and has nothing more to do

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "esp_app_desc.h"
#include "esp_https_ota.h"
#include "esp_log.h"
#include "esp_ota_ops.h"
#include "esp_sleep.h"
#include "esp_system.h"
#include "esp_task_wdt.h"
#include "freertos/FreeRTOS.h"
#include "freertos/task.h"

static const char *TAG = "firmware";

// ESP_ERROR_CHECK() of every build: with NDEBUG the macro lets errors pass.
static void must(esp_err_t err)
{
    if (err != ESP_OK) {
        ESP_LOGE(TAG, "%s", esp_err_to_name(err));
        abort();
    }
}

static char *read_text(const char *path)
{
    static char s_text[2][8192];
    static int s_used;
    char *text = s_text[s_used++ % 2];
    FILE *file = fopen(path, "r");
    if (!file) {
        ESP_LOGE(TAG, "no file %s", path);
        abort();
    }
    text[fread(text, 1, sizeof(s_text[0]) - 1, file)] = 0;
    (void)fclose(file);
    return text;
}

static void confirm(void)
{
    must(esp_ota_mark_app_valid_cancel_rollback());
    ESP_LOGI(TAG, "confirmed");
}

static void update(const char *file)
{
    char url[600];
    (void)snprintf(url, sizeof(url), "%.500s%.90s", read_text("url"), file);
    esp_http_client_config_t http = {
        .url = url, .cert_pem = read_text("ca.pem"), .timeout_ms = 10000};
    esp_https_ota_config_t config = {.http_config = &http};
    must(esp_https_ota(&config));
    ESP_LOGI(TAG, "updated");
    esp_restart();
}

static void feed_then_confirm(void)
{
    for (int i = 0; i < 15; i++) { // in all longer than the watchdog of the test
        must(esp_task_wdt_reset());
        vTaskDelay(pdMS_TO_TICKS(100));
    }
    confirm();
}

static void hang(void)
{
    for (;;) {
        vTaskDelay(pdMS_TO_TICKS(1000));
    }
}

static void start_process(void)
{
    pid_t child = fork();
    if (child == 0) {
        for (;;) {
            (void)pause(); // until somebody ends it
        }
    }
    ESP_LOGI(TAG, "started process %d", (int)child);
}

static void behave(const char *kind, bool is_odd)
{
    if (strcmp(kind, "crash") == 0) {
        abort();
    } else if (strcmp(kind, "segv") == 0) {
        raise(SIGSEGV);
    } else if (strcmp(kind, "hang") == 0) {
        hang();
    } else if (strcmp(kind, "exit") == 0) {
        exit(0);
    } else if (strcmp(kind, "exit3") == 0) {
        exit(3);
    } else if (strcmp(kind, "forget") == 0) {
        esp_restart();
    } else if (strcmp(kind, "feed") == 0) {
        feed_then_confirm();
        return;
    } else if (strcmp(kind, "parent") == 0 || strcmp(kind, "orphan") == 0) {
        start_process();
    }
    confirm();
    if (strcmp(kind, "update") == 0) {
        update("");
    } else if (strcmp(kind, "loop") == 0) {
        update(is_odd ? "/even.bin" : "/odd.bin");
    } else if (strcmp(kind, "restart") == 0) {
        esp_restart();
    } else if (strcmp(kind, "coma") == 0) {
        esp_deep_sleep_start();
    } else if (strcmp(kind, "sleep") == 0) {
        esp_deep_sleep(5000000);
    } else if (strcmp(kind, "wait") == 0 || strcmp(kind, "parent") == 0) {
        hang();
    }
}

void app_main(void)
{
    const esp_app_desc_t *app = esp_app_get_description();
    char version[33];
    (void)snprintf(version, sizeof(version), "%.32s", app->version);
    const char *dash = strrchr(version, '-');
    ESP_LOGI(TAG, "hello from %s in %s, reset reason %d", version,
             esp_ota_get_running_partition()->label, (int)esp_reset_reason());
    behave(dash ? dash + 1 : "", strncmp(version, "odd", 3) == 0);
}
