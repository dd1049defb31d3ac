#include "esp_check.h"

#define MESSAGE_MAX 256 // chosen: one message on the caller's stack; longer ones are cut

void esp_check_log(const char *tag, const char *function, int line, const char *format, ...)
{
    char message[MESSAGE_MAX];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(message, sizeof(message), format, args); // cut short when it does not fit
    va_end(args);
    esp_log_line(ESP_LOG_ERROR, tag, "%s(%d): %s", function, line, message);
}
