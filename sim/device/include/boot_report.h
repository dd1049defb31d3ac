/** What a bootloader would say on the serial port about a power-on, line by line. */
#pragma once

#include "device.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Takes a line without its end; level is 'I' or 'E', as in a log. */
typedef void (*boot_report_line)(void *context, char level, const char *text);

/** The slots of the partition table. */
void boot_report_slots(const struct device *device, boot_report_line line, void *context);

/** Every entry of the partition table. */
void boot_report_table(const struct device *device, boot_report_line line, void *context);

/** Records before and after, what does not load, and what starts, if anything. */
void boot_report_decision(const struct boot_decision *decision, boot_report_line line,
                          void *context);

#ifdef __cplusplus
}
#endif
