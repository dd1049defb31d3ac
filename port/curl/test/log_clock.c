/* Time stands still for the log unless a port brings a clock. */
#include "esp_log.h"

__attribute__((weak)) uint32_t esp_log_timestamp(void)
{
    return 0;
}
