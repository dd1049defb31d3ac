/**
 * Log lines: "<letter> (<ms since boot>) <tag>: <message>".
 *
 * Where a line goes is a hook (esp_log_set_vprintf); by default to standard error, so that a program's own output stays
 * clean. Thread safe. fact: macro names, levels and line form as in ESP-IDF, log: esp_log.h.
 */
#pragma once

#include <inttypes.h>
#include <stdarg.h>

#include "esp_err.h"
#include "sdkconfig.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    ESP_LOG_NONE = 0,
    ESP_LOG_ERROR = 1,
    ESP_LOG_WARN = 2,
    ESP_LOG_INFO = 3,
    ESP_LOG_DEBUG = 4,
    ESP_LOG_VERBOSE = 5,
    ESP_LOG_MAX = 6,
} esp_log_level_t;

typedef int (*vprintf_like_t)(const char *format, va_list args);

/** Colours for a terminal, as applications put them around text of their own. */
#define LOG_COLOR_BLACK  "30"
#define LOG_COLOR_RED    "31"
#define LOG_COLOR_GREEN  "32"
#define LOG_COLOR_BROWN  "33"
#define LOG_COLOR_BLUE   "34"
#define LOG_COLOR_PURPLE "35"
#define LOG_COLOR_CYAN   "36"
#define LOG_COLOR(COLOR) "\033[0;" COLOR "m"
#define LOG_BOLD(COLOR)  "\033[1;" COLOR "m"
#define LOG_RESET_COLOR  "\033[0m"
#define LOG_COLOR_E      LOG_COLOR(LOG_COLOR_RED)
#define LOG_COLOR_W      LOG_COLOR(LOG_COLOR_BROWN)
#define LOG_COLOR_I      LOG_COLOR(LOG_COLOR_GREEN)
#define LOG_COLOR_D
#define LOG_COLOR_V

/** Clock seam of the log: milliseconds since this boot. Implemented by the port. */
uint32_t esp_log_timestamp(void);

/** Early boot variant; the same clock here. */
uint32_t esp_log_early_timestamp(void);

/** Sets the run-time limit of one tag; "*" sets the default and clears individual limits. At most 32 tags. */
void esp_log_level_set(const char *tag, esp_log_level_t level);

/** Run-time limit that applies to tag. */
esp_log_level_t esp_log_level_get(const char *tag);

/** Sends all lines to func from now on. @return the previous sink */
vprintf_like_t esp_log_set_vprintf(vprintf_like_t func);

/** Writes one line if level is within the tag's limit. The format carries no prefix and no newline. */
void esp_log_line(esp_log_level_t level, const char *tag, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/** Writes exactly what the format says if level is within the tag's limit. */
void esp_log_write(esp_log_level_t level, const char *tag, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void esp_log_writev(esp_log_level_t level, const char *tag, const char *format, va_list args)
    __attribute__((format(printf, 3, 0)));

/** 16 bytes a line: hex; characters; or address, hex and characters. */
void esp_log_buffer_hex_internal(const char *tag, const void *buffer, uint16_t len,
                                 esp_log_level_t level);
void esp_log_buffer_char_internal(const char *tag, const void *buffer, uint16_t len,
                                  esp_log_level_t level);
void esp_log_buffer_hexdump_internal(const char *tag, const void *buffer, uint16_t len,
                                     esp_log_level_t level);

#ifndef LOG_LOCAL_LEVEL
#define LOG_LOCAL_LEVEL CONFIG_LOG_MAXIMUM_LEVEL
#endif

/** Calls above the compile-time limit cost nothing but are still type checked. */
#define ESP_LOG_LEVEL_LOCAL(level, tag, ...)                                                       \
    do {                                                                                           \
        if ((int)LOG_LOCAL_LEVEL >= (int)(level)) {                                                \
            esp_log_line(level, tag, __VA_ARGS__);                                                 \
        }                                                                                          \
    } while (0)
#define ESP_LOG_LEVEL(level, tag, ...) esp_log_line(level, tag, __VA_ARGS__)

#define ESP_LOGE(tag, ...) ESP_LOG_LEVEL_LOCAL(ESP_LOG_ERROR, tag, __VA_ARGS__)
#define ESP_LOGW(tag, ...) ESP_LOG_LEVEL_LOCAL(ESP_LOG_WARN, tag, __VA_ARGS__)
#define ESP_LOGI(tag, ...) ESP_LOG_LEVEL_LOCAL(ESP_LOG_INFO, tag, __VA_ARGS__)
#define ESP_LOGD(tag, ...) ESP_LOG_LEVEL_LOCAL(ESP_LOG_DEBUG, tag, __VA_ARGS__)
#define ESP_LOGV(tag, ...) ESP_LOG_LEVEL_LOCAL(ESP_LOG_VERBOSE, tag, __VA_ARGS__)

#define ESP_EARLY_LOGE ESP_LOGE
#define ESP_EARLY_LOGW ESP_LOGW
#define ESP_EARLY_LOGI ESP_LOGI
#define ESP_EARLY_LOGD ESP_LOGD
#define ESP_EARLY_LOGV ESP_LOGV
#define ESP_DRAM_LOGE  ESP_LOGE
#define ESP_DRAM_LOGW  ESP_LOGW
#define ESP_DRAM_LOGI  ESP_LOGI
#define ESP_DRAM_LOGD  ESP_LOGD
#define ESP_DRAM_LOGV  ESP_LOGV

#define ESP_LOG_BUFFER_HEX_LEVEL(tag, buffer, len, level)                                          \
    esp_log_buffer_hex_internal(tag, buffer, len, level)
#define ESP_LOG_BUFFER_CHAR_LEVEL(tag, buffer, len, level)                                         \
    esp_log_buffer_char_internal(tag, buffer, len, level)
#define ESP_LOG_BUFFER_HEXDUMP(tag, buffer, len, level)                                            \
    esp_log_buffer_hexdump_internal(tag, buffer, len, level)
#define ESP_LOG_BUFFER_HEX(tag, buffer, len)                                                       \
    ESP_LOG_BUFFER_HEX_LEVEL(tag, buffer, len, ESP_LOG_INFO)
#define ESP_LOG_BUFFER_CHAR(tag, buffer, len)                                                      \
    ESP_LOG_BUFFER_CHAR_LEVEL(tag, buffer, len, ESP_LOG_INFO)

/** Defines a tag for this file. */
#define ESP_LOG_ATTR_TAG(name, text) static const char name[] = text

#ifdef __cplusplus
}
#endif
