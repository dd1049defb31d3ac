// The clock of the log: this boot began when the process did.
#include "esp_log.h"
#include "kernel.h"

uint32_t esp_log_timestamp(void)
{
    return (uint32_t)((kernel_now_ns() - kernel_start_ns()) / 1000000);
}
