#include "esp_err.h"
#include "esp_idf_version.h"

#include <string.h>

struct err_entry {
    esp_err_t code;
    const char *name;
    const char *text;
};

#define ESP_ERR_IS_AS_LISTED(name, value, text)                                                    \
    _Static_assert((name) == (value), #name " differs from the list");
ESP_ERR_LIST(ESP_ERR_IS_AS_LISTED)
#undef ESP_ERR_IS_AS_LISTED

static const struct err_entry ERR_TABLE[] = {
#define ESP_ERR_ROW(name, value, text) {value, #name, text},
    ESP_ERR_LIST(ESP_ERR_ROW)
#undef ESP_ERR_ROW
};

static const struct err_entry *find_entry(esp_err_t code)
{
    for (size_t i = 0; i < sizeof(ERR_TABLE) / sizeof(ERR_TABLE[0]); i++) {
        if (ERR_TABLE[i].code == code) {
            return &ERR_TABLE[i];
        }
    }
    return NULL;
}

const char *esp_err_to_name(esp_err_t code)
{
    const struct err_entry *entry = find_entry(code);
    return entry ? entry->name : "ERROR";
}

const char *esp_err_to_text(esp_err_t code)
{
    const struct err_entry *entry = find_entry(code);
    return entry ? entry->text : "unknown error";
}

const char *esp_err_to_name_r(esp_err_t code, char *buf, size_t buflen)
{
    const struct err_entry *entry = find_entry(code);
    if (entry) {
        (void)snprintf(buf, buflen, "%s", entry->name); // cut short when it does not fit
    } else if (code > 0 && code < 134) {                // fact: Linux errno values end at 133
        (void)snprintf(buf, buflen, "%s", strerror(code));
    } else {
        (void)snprintf(buf, buflen, "ERROR 0x%x(%d)", (unsigned)code, code);
    }
    return buf;
}

void _esp_error_check_failed_without_abort(esp_err_t rc, const char *file, int line,
                                           const char *function, const char *expression)
{
    fprintf(stderr, "ESP_ERROR_CHECK failed: %s (0x%x), %s\n  at %s:%d, %s(): %s\n",
            esp_err_to_name(rc), (unsigned)rc, esp_err_to_text(rc), file, line, function,
            expression);
}

void _esp_error_check_failed(esp_err_t rc, const char *file, int line, const char *function,
                             const char *expression)
{
    _esp_error_check_failed_without_abort(rc, file, line, function, expression);
    abort();
}

const char *esp_get_idf_version(void)
{
    return "v6.1.0";
}
