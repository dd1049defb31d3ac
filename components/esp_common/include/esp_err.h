/**
 * Error codes and their names.
 *
 * fact: names, values and macro behaviour as in ESP-IDF, esp_common: esp_err.h.
 */
#pragma once

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "esp_compiler.h"
#include "esp_err_codes.h"
#include "esp_err_list.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef int esp_err_t;

/** Name of a code, e.g. "ESP_ERR_OTA_VALIDATE_FAILED"; "ERROR" when unknown. Never NULL; static storage. */
const char *esp_err_to_name(esp_err_t code);

/** One sentence for people, without a full stop; "unknown error" when unknown. Never NULL. Ours. */
const char *esp_err_to_text(esp_err_t code);

/**
 * Copies the name of a code into buf (at most buflen bytes with the terminator).
 * Unknown codes: the C library's text if it knows the number, else "ERROR 0x<hex>(<dec>)".
 * @return buf
 */
const char *esp_err_to_name_r(esp_err_t code, char *buf, size_t buflen);

/** Prints what failed and where, then aborts. Used by ESP_ERROR_CHECK. */
void _esp_error_check_failed(esp_err_t rc, const char *file, int line, const char *function,
                             const char *expression) ESP_NORETURN;

/** Prints what failed and where. Used by ESP_ERROR_CHECK_WITHOUT_ABORT. */
void _esp_error_check_failed_without_abort(esp_err_t rc, const char *file, int line,
                                           const char *function, const char *expression);

/** Aborts with a message unless x is ESP_OK. With NDEBUG x is still evaluated and its result ignored. */
#ifdef NDEBUG
#define ESP_ERROR_CHECK(x)                                                                         \
    do {                                                                                           \
        esp_err_t err_rc_ = (x);                                                                   \
        (void)err_rc_;                                                                             \
    } while (0)
#else
#define ESP_ERROR_CHECK(x)                                                                         \
    do {                                                                                           \
        esp_err_t err_rc_ = (x);                                                                   \
        if (unlikely(err_rc_ != ESP_OK)) {                                                         \
            _esp_error_check_failed(err_rc_, __FILE__, __LINE__, __func__, #x);                    \
        }                                                                                          \
    } while (0)
#endif

/** Prints a message unless x is ESP_OK; yields the code. */
#define ESP_ERROR_CHECK_WITHOUT_ABORT(x)                                                           \
    esp_err_check_report_((x), __FILE__, __LINE__, __func__, #x)

static inline esp_err_t esp_err_check_report_(esp_err_t rc, const char *file, int line,
                                              const char *function, const char *expression)
{
    if (unlikely(rc != ESP_OK)) {
        _esp_error_check_failed_without_abort(rc, file, line, function, expression);
    }
    return rc;
}

#ifdef __cplusplus
}
#endif
