#include "esp_log.h"

#include <stdatomic.h>
#include <string.h>

#define TAG_LIMIT_COUNT 32  // chosen: more tags than the stack has; a set beyond it is ignored
#define LINE_MAX        512 // chosen: one line on the caller's stack; longer messages are cut

struct tag_limit {
    char tag[24];
    esp_log_level_t level;
};

// One process has one log: limits and sink are single, as in ESP-IDF.
static struct tag_limit s_limits[TAG_LIMIT_COUNT];
static unsigned s_limit_count;
static esp_log_level_t s_default_level = (esp_log_level_t)CONFIG_LOG_DEFAULT_LEVEL;
static vprintf_like_t s_sink;
static atomic_flag s_lock = ATOMIC_FLAG_INIT;

static void lock(void)
{
    while (atomic_flag_test_and_set_explicit(&s_lock, memory_order_acquire)) {
    }
}

static void unlock(void)
{
    atomic_flag_clear_explicit(&s_lock, memory_order_release);
}

__attribute__((format(printf, 1, 0))) static int print_to_stderr(const char *format, va_list args)
{
    return vfprintf(stderr, format, args);
}

static struct tag_limit *find_limit(const char *tag)
{
    for (unsigned i = 0; i < s_limit_count; i++) {
        if (strncmp(s_limits[i].tag, tag, sizeof(s_limits[i].tag) - 1) == 0) {
            return &s_limits[i];
        }
    }
    return NULL;
}

void esp_log_level_set(const char *tag, esp_log_level_t level)
{
    lock();
    if (strcmp(tag, "*") == 0) {
        s_limit_count = 0;
        s_default_level = level;
    } else {
        struct tag_limit *limit = find_limit(tag);
        if (!limit && s_limit_count < TAG_LIMIT_COUNT) {
            limit = &s_limits[s_limit_count++];
            memset(limit, 0, sizeof(*limit));
            strncpy(limit->tag, tag, sizeof(limit->tag) - 1);
        }
        if (limit) {
            limit->level = level;
        }
    }
    unlock();
}

esp_log_level_t esp_log_level_get(const char *tag)
{
    lock();
    const struct tag_limit *limit = find_limit(tag);
    esp_log_level_t level = limit ? limit->level : s_default_level;
    unlock();
    return level;
}

vprintf_like_t esp_log_set_vprintf(vprintf_like_t func)
{
    lock();
    vprintf_like_t old = s_sink ? s_sink : print_to_stderr;
    s_sink = func;
    unlock();
    return old;
}

void esp_log_writev(esp_log_level_t level, const char *tag, const char *format, va_list args)
{
    if (level > esp_log_level_get(tag)) {
        return;
    }
    lock();
    vprintf_like_t sink = s_sink ? s_sink : print_to_stderr;
    unlock();
    (void)sink(format, args); // a log that cannot be written must not stop the device
}

void esp_log_write(esp_log_level_t level, const char *tag, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    esp_log_writev(level, tag, format, args);
    va_end(args);
}

void esp_log_line(esp_log_level_t level, const char *tag, const char *format, ...)
{
    static const char LETTERS[] = "NEWIDV";
    if (level > esp_log_level_get(tag)) {
        return;
    }
    char message[LINE_MAX];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(message, sizeof(message), format, args); // cut short when it does not fit
    va_end(args);
    esp_log_write(level, tag, "%c (%" PRIu32 ") %s: %s\n", LETTERS[level], esp_log_timestamp(), tag,
                  message);
}

#define BYTES_PER_LINE 16 // fact: line length of ESP-IDF's buffer dumps

static void format_hex(char *out, const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        (void)sprintf(out + i * 3, "%02x ", bytes[i]);
    }
    out[len ? len * 3 - 1 : 0] = '\0';
}

static void format_chars(char *out, const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        out[i] = bytes[i] >= 0x20 && bytes[i] < 0x7F ? (char)bytes[i] : '.';
    }
    out[len] = '\0';
}

void esp_log_buffer_hex_internal(const char *tag, const void *buffer, uint16_t len,
                                 esp_log_level_t level)
{
    const uint8_t *bytes = buffer;
    for (uint32_t at = 0; at < len; at += BYTES_PER_LINE) {
        char text[BYTES_PER_LINE * 3 + 1];
        format_hex(text, bytes + at, len - at < BYTES_PER_LINE ? len - at : BYTES_PER_LINE);
        esp_log_line(level, tag, "%s", text);
    }
}

void esp_log_buffer_char_internal(const char *tag, const void *buffer, uint16_t len,
                                  esp_log_level_t level)
{
    const uint8_t *bytes = buffer;
    for (uint32_t at = 0; at < len; at += BYTES_PER_LINE) {
        char text[BYTES_PER_LINE + 1];
        format_chars(text, bytes + at, len - at < BYTES_PER_LINE ? len - at : BYTES_PER_LINE);
        esp_log_line(level, tag, "%s", text);
    }
}

void esp_log_buffer_hexdump_internal(const char *tag, const void *buffer, uint16_t len,
                                     esp_log_level_t level)
{
    const uint8_t *bytes = buffer;
    for (uint32_t at = 0; at < len; at += BYTES_PER_LINE) {
        size_t part = len - at < BYTES_PER_LINE ? len - at : BYTES_PER_LINE;
        char hex[BYTES_PER_LINE * 3 + 1];
        char chars[BYTES_PER_LINE + 1];
        format_hex(hex, bytes + at, part);
        format_chars(chars, bytes + at, part);
        esp_log_line(level, tag, "%p   %-47s  |%s|", (const void *)(bytes + at), hex, chars);
    }
}

uint32_t esp_log_early_timestamp(void)
{
    return esp_log_timestamp();
}
