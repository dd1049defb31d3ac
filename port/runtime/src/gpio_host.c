// Pins in memory. ESP_OTA_GPIO="4=0,21=1" is the hand that pulls them.
#include "driver/gpio.h"

#include <stdatomic.h>
#include <stdlib.h>

// One process is one device with one set of pins.
static _Atomic uint64_t s_pulled_up;
static _Atomic uint64_t s_is_output;
static _Atomic uint64_t s_written;

static bool exists(gpio_num_t pin)
{
    return pin >= 0 && pin < GPIO_PIN_COUNT;
}

static void assign(_Atomic uint64_t *bits, uint64_t mask, bool value)
{
    if (value) {
        atomic_fetch_or(bits, mask);
    } else {
        atomic_fetch_and(bits, ~mask);
    }
}

/** Level that the environment gives a pin: 0 or 1, -1 when it says nothing. */
static int level_from_outside(gpio_num_t pin)
{
    const char *at = getenv("ESP_OTA_GPIO");
    while (at && *at) {
        char *end;
        long number = strtol(at, &end, 10);
        if (end == at || *end != '=' || (end[1] != '0' && end[1] != '1')) {
            return -1; // not understood: what stands before it counts
        }
        if (number == pin) {
            return end[1] - '0';
        }
        at = end[2] == ',' ? end + 3 : NULL;
    }
    return -1;
}

esp_err_t gpio_config(const gpio_config_t *pGPIOConfig)
{
    if (!pGPIOConfig || pGPIOConfig->pin_bit_mask == 0) {
        return ESP_ERR_INVALID_ARG;
    }
    uint64_t mask = pGPIOConfig->pin_bit_mask;
    assign(&s_pulled_up, mask, pGPIOConfig->pull_up_en == GPIO_PULLUP_ENABLE);
    assign(&s_is_output, mask, ((unsigned)pGPIOConfig->mode & GPIO_MODE_OUTPUT) != 0);
    return ESP_OK;
}

int gpio_get_level(gpio_num_t gpio_num)
{
    if (!exists(gpio_num)) {
        return 0;
    }
    uint64_t mask = UINT64_C(1) << gpio_num;
    if (atomic_load(&s_is_output) & mask) {
        return (atomic_load(&s_written) & mask) != 0;
    }
    int given = level_from_outside(gpio_num);
    return given >= 0 ? given : (atomic_load(&s_pulled_up) & mask) != 0;
}

esp_err_t gpio_set_level(gpio_num_t gpio_num, uint32_t level)
{
    if (!exists(gpio_num)) {
        return ESP_ERR_INVALID_ARG;
    }
    assign(&s_written, UINT64_C(1) << gpio_num, level != 0);
    return ESP_OK;
}

esp_err_t gpio_reset_pin(gpio_num_t gpio_num)
{
    if (!exists(gpio_num)) {
        return ESP_ERR_INVALID_ARG;
    }
    assign(&s_is_output, UINT64_C(1) << gpio_num, false);
    assign(&s_pulled_up, UINT64_C(1) << gpio_num, true);
    return ESP_OK;
}

esp_err_t gpio_set_direction(gpio_num_t gpio_num, gpio_mode_t mode)
{
    if (!exists(gpio_num)) {
        return ESP_ERR_INVALID_ARG;
    }
    assign(&s_is_output, UINT64_C(1) << gpio_num, ((unsigned)mode & GPIO_MODE_OUTPUT) != 0);
    return ESP_OK;
}

esp_err_t gpio_set_pull_mode(gpio_num_t gpio_num, gpio_pull_mode_t pull)
{
    if (!exists(gpio_num)) {
        return ESP_ERR_INVALID_ARG;
    }
    assign(&s_pulled_up, UINT64_C(1) << gpio_num,
           pull == GPIO_PULLUP_ONLY || pull == GPIO_PULLUP_PULLDOWN);
    return ESP_OK;
}

esp_err_t gpio_hold_en(gpio_num_t gpio_num)
{
    return exists(gpio_num) ? ESP_OK : ESP_ERR_INVALID_ARG;
}

esp_err_t gpio_hold_dis(gpio_num_t gpio_num)
{
    return exists(gpio_num) ? ESP_OK : ESP_ERR_INVALID_ARG;
}

void gpio_deep_sleep_hold_en(void)
{
}

void gpio_deep_sleep_hold_dis(void)
{
}
