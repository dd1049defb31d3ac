/** A device whose ota_0 runs and a server with an image for it, for the tests of this component. */
#pragma once

#include "esp_https_ota.h"
#include "ota_device.h"
#include "scripted_server.h"

#define IMAGE_LEN 10000u

/** The image that the server has, unless a test says otherwise; made by update_start(), freed by update_stop(). */
extern struct device_image g_image;

/** Starts the device: ota_0 (version "1") confirmed and running; and makes g_image (version "2"). */
int update_start(void **state);

/** Checks that nothing is left open; ends the device. */
int update_stop(void **state);

/** The usual answer: 200 with g_image. */
#define ANSWER_IMAGE                                                                               \
    {                                                                                              \
        .body = g_image.bytes, .len = g_image.len                                                  \
    }

/** https://host.example/app.bin, a certificate, the scripted server. */
esp_http_client_config_t update_http_config(void);

/** Begins with that configuration; handle must be NULL on failure. */
esp_err_t update_begin(const esp_http_client_config_t *http, esp_https_ota_handle_t *handle);

/** One attempt, no retries. */
extern const esp_https_ota_ext_t g_once;

/** begin, perform until it is over, then finish or abort; the result of the step that decided. */
esp_err_t update_run(const esp_https_ota_config_t *wanted);

/** update_run() with the usual configuration. */
esp_err_t update_usual(void);

/** Asserts that ota_0 still boots and that otadata is byte for byte as update_start() left it. */
void update_assert_unchanged(void);

/** Asserts that ota_1 holds image and boots. */
void update_assert_installed(struct device_image image);
