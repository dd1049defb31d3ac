/**
 * The line from a boot to the one who powers the device: a pipe that takes one short message a write.
 *
 *   "F\n"          fed: the application is alive, as it says with esp_task_wdt_reset()
 *   "S <us>\n"     goes to deep sleep for so many microseconds, 0: for ever; the process ends with ESP_EXIT_DEEP_SLEEP
 *   "X <errno>\n"  the program could not be executed; sent by the supervisor's own child
 */
#pragma once

#ifdef __cplusplus
extern "C" {
#endif

/** Messages go to fd from now on; -1: nowhere. The descriptor stays open for the life of the process. */
void supervisor_line_open(int fd);

/** Sends a message of less than 64 bytes; never blocks, and loses it if nobody reads. Any thread. */
void supervisor_line_send(const char *message);

#ifdef __cplusplus
}
#endif
