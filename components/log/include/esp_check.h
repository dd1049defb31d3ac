/**
 * Checks that log and leave: for applications. fact: names and arguments as in ESP-IDF, esp_common: esp_check.h.
 *
 * Each evaluates its condition once. When the check fails it logs at error level under `tag`, with function and line in
 * front of the message, and leaves the function or goes to `label`. The forms with goto set the caller's variable `ret`.
 * The rest of the arguments is a printf format, also alone. The _ISR forms are the same here.
 * It stands in this component, not in esp_common, because it needs the log.
 */
#pragma once

#include "esp_err.h"
#include "esp_log.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Logs "function(line): message" at error level. For the macros below. */
void esp_check_log(const char *tag, const char *function, int line, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#ifdef __cplusplus
}
#endif

#define ESP_CHECK_LOG_(tag, ...)                                                                   \
    do {                                                                                           \
        if ((int)LOG_LOCAL_LEVEL >= (int)ESP_LOG_ERROR) {                                          \
            esp_check_log(tag, __func__, __LINE__, __VA_ARGS__);                                   \
        }                                                                                          \
    } while (0)

#define ESP_RETURN_ON_ERROR(x, tag, ...)                                                           \
    do {                                                                                           \
        esp_err_t err_rc_ = (x);                                                                   \
        if (unlikely(err_rc_ != ESP_OK)) {                                                         \
            ESP_CHECK_LOG_(tag, __VA_ARGS__);                                                      \
            return err_rc_;                                                                        \
        }                                                                                          \
    } while (0)

#define ESP_RETURN_VOID_ON_ERROR(x, tag, ...)                                                      \
    do {                                                                                           \
        esp_err_t err_rc_ = (x);                                                                   \
        if (unlikely(err_rc_ != ESP_OK)) {                                                         \
            ESP_CHECK_LOG_(tag, __VA_ARGS__);                                                      \
            return;                                                                                \
        }                                                                                          \
    } while (0)

#define ESP_GOTO_ON_ERROR(x, label, tag, ...)                                                      \
    do {                                                                                           \
        esp_err_t err_rc_ = (x);                                                                   \
        if (unlikely(err_rc_ != ESP_OK)) {                                                         \
            ESP_CHECK_LOG_(tag, __VA_ARGS__);                                                      \
            ret = err_rc_;                                                                         \
            goto label;                                                                            \
        }                                                                                          \
    } while (0)

#define ESP_RETURN_ON_FALSE(condition, err_code, tag, ...)                                         \
    do {                                                                                           \
        if (unlikely(!(condition))) {                                                              \
            ESP_CHECK_LOG_(tag, __VA_ARGS__);                                                      \
            return err_code;                                                                       \
        }                                                                                          \
    } while (0)

#define ESP_RETURN_VOID_ON_FALSE(condition, tag, ...)                                              \
    do {                                                                                           \
        if (unlikely(!(condition))) {                                                              \
            ESP_CHECK_LOG_(tag, __VA_ARGS__);                                                      \
            return;                                                                                \
        }                                                                                          \
    } while (0)

#define ESP_GOTO_ON_FALSE(condition, err_code, label, tag, ...)                                    \
    do {                                                                                           \
        if (unlikely(!(condition))) {                                                              \
            ESP_CHECK_LOG_(tag, __VA_ARGS__);                                                      \
            ret = err_code;                                                                        \
            goto label;                                                                            \
        }                                                                                          \
    } while (0)

#define ESP_RETURN_ON_ERROR_ISR      ESP_RETURN_ON_ERROR
#define ESP_RETURN_VOID_ON_ERROR_ISR ESP_RETURN_VOID_ON_ERROR
#define ESP_GOTO_ON_ERROR_ISR        ESP_GOTO_ON_ERROR
#define ESP_RETURN_ON_FALSE_ISR      ESP_RETURN_ON_FALSE
#define ESP_RETURN_VOID_ON_FALSE_ISR ESP_RETURN_VOID_ON_FALSE
#define ESP_GOTO_ON_FALSE_ISR        ESP_GOTO_ON_FALSE
