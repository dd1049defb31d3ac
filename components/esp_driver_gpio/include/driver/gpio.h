/**
 * Pins, as the harmless host version. What is written to an output pin can be read back; an input pin reads 1 with its pull-up
 * enabled, else 0; the environment variable ESP_OTA_GPIO sets inputs from outside: "4=0,21=1".
 *
 * fact: names and values as in ESP-IDF, esp_driver_gpio: driver/gpio.h. All calls may be made by any thread.
 */
#pragma once

#include "esp_err.h"

#ifdef __cplusplus
extern "C" {
#endif

#define GPIO_PIN_COUNT 64 // chosen: the bits of pin_bit_mask

typedef int gpio_num_t;

#define GPIO_NUM_NC  (-1)
#define GPIO_NUM_0   0
#define GPIO_NUM_1   1
#define GPIO_NUM_2   2
#define GPIO_NUM_3   3
#define GPIO_NUM_4   4
#define GPIO_NUM_5   5
#define GPIO_NUM_12  12
#define GPIO_NUM_13  13
#define GPIO_NUM_14  14
#define GPIO_NUM_15  15
#define GPIO_NUM_16  16
#define GPIO_NUM_17  17
#define GPIO_NUM_18  18
#define GPIO_NUM_19  19
#define GPIO_NUM_21  21
#define GPIO_NUM_22  22
#define GPIO_NUM_23  23
#define GPIO_NUM_25  25
#define GPIO_NUM_26  26
#define GPIO_NUM_27  27
#define GPIO_NUM_32  32
#define GPIO_NUM_33  33
#define GPIO_NUM_MAX GPIO_PIN_COUNT

typedef enum {
    GPIO_MODE_DISABLE = 0,
    GPIO_MODE_INPUT = 1,
    GPIO_MODE_OUTPUT = 2,
    GPIO_MODE_INPUT_OUTPUT = 3,
} gpio_mode_t;

typedef enum {
    GPIO_PULLUP_DISABLE = 0,
    GPIO_PULLUP_ENABLE = 1,
} gpio_pullup_t;

typedef enum {
    GPIO_PULLDOWN_DISABLE = 0,
    GPIO_PULLDOWN_ENABLE = 1,
} gpio_pulldown_t;

typedef enum {
    GPIO_PULLUP_ONLY = 0,
    GPIO_PULLDOWN_ONLY = 1,
    GPIO_PULLUP_PULLDOWN = 2,
    GPIO_FLOATING = 3,
} gpio_pull_mode_t;

typedef enum {
    GPIO_INTR_DISABLE = 0,
    GPIO_INTR_POSEDGE = 1,
    GPIO_INTR_NEGEDGE = 2,
    GPIO_INTR_ANYEDGE = 3,
} gpio_int_type_t;

#define GPIO_PIN_INTR_DISABLE GPIO_INTR_DISABLE // name until v4.2

typedef struct {
    uint64_t pin_bit_mask;
    gpio_mode_t mode;
    gpio_pullup_t pull_up_en;
    gpio_pulldown_t pull_down_en;
    gpio_int_type_t intr_type;
} gpio_config_t;

/** Configures the pins of the mask. Interrupts never happen.
 *  @return ESP_OK; ESP_ERR_INVALID_ARG: NULL, or an empty mask */
esp_err_t gpio_config(const gpio_config_t *pGPIOConfig) ESP_MUST_CHECK;

/** Level of a pin, 0 or 1; 0 for pins that do not exist. */
int gpio_get_level(gpio_num_t gpio_num);

/** The rest: ESP_OK, or ESP_ERR_INVALID_ARG for a pin that does not exist. gpio_reset_pin(): input with pull-up. Holding a
 *  level has no effect, as no pin outlives the process. */
esp_err_t gpio_set_level(gpio_num_t gpio_num, uint32_t level) ESP_MUST_CHECK;
esp_err_t gpio_reset_pin(gpio_num_t gpio_num) ESP_MUST_CHECK;
esp_err_t gpio_set_direction(gpio_num_t gpio_num, gpio_mode_t mode) ESP_MUST_CHECK;
esp_err_t gpio_set_pull_mode(gpio_num_t gpio_num, gpio_pull_mode_t pull) ESP_MUST_CHECK;
esp_err_t gpio_hold_en(gpio_num_t gpio_num) ESP_MUST_CHECK;
esp_err_t gpio_hold_dis(gpio_num_t gpio_num) ESP_MUST_CHECK;
void gpio_deep_sleep_hold_en(void);
void gpio_deep_sleep_hold_dis(void);

#ifdef __cplusplus
}
#endif
