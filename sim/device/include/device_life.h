/**
 * One life of a device: the program in the chosen slot runs as a process until it ends or is ended.
 *
 * The caller is the power supply and the bootloader; see device_ticket.h for what it and the program owe each other.
 * Linux only: memory files, pidfd.
 */
#pragma once

#include "device.h"
#include "esp_system.h"

#ifdef __cplusplus
extern "C" {
#endif

/** How a life ended. */
enum device_end {
    DEVICE_END_RESTART, // esp_restart()
    DEVICE_END_PANIC, // a signal, an exit code without meaning, or the program could not be executed
    DEVICE_END_WATCHDOG, // on trial and silent for too long, or a task watchdog inside the program
    DEVICE_END_INT_WATCHDOG, // ESP_EXIT_INT_WDT
    DEVICE_END_BROWNOUT,     // ESP_EXIT_BROWNOUT
    DEVICE_END_POWER_CUT,    // ESP_EXIT_POWER_CUT, or somebody else's SIGKILL
    DEVICE_END_DEEP_SLEEP,   // sleep_us says for how long
    DEVICE_END_IDLE,         // exit code 0: nothing is left to run
    DEVICE_END_SWITCHED_OFF, // stop_fd became readable; the program was killed
};

struct device_life_options {
    const char *path;         // of the flash file
    const char *chip;         // as it was given to device_open()
    const char *flash_key;    // as it was given to device_open()
    esp_reset_reason_t reset; // why this life begins
    bool rollback;            // as the bootloader decided
    uint32_t
        watchdog_ms; // an image on trial that neither confirms nor feeds for so long is ended; 0: it may take its time
    int stop_fd; // when it becomes readable the power is switched off; -1: nothing does
    bool is_console_on_stderr; // the program's standard output goes to standard error
};

struct device_death {
    enum device_end end;
    int signal;          // that killed it, or 0
    int exit_code;       // when no signal did
    int exec_errno;      // why it could not be executed, or 0
    uint64_t sleep_us;   // asked for by deep sleep; 0: for ever
    uint32_t lived_ms;   // from start to end
    bool was_on_trial;   // began as PENDING_VERIFY
    bool is_unconfirmed; // was PENDING_VERIFY still at its end
};

/**
 * Starts what decision says and waits for its end. device stays open; its flash and its eFuse file may have changed,
 * partition table included. Processes that the program started and that stayed in its session end with it. Call it from a
 * process with one thread.
 * @return ESP_OK; ESP_ERR_NOT_SUPPORTED: the image is for another chip, or carries no program; ESP_ERR_INVALID_CRC: the
 *         flash changed since the decision; ESP_ERR_NO_MEM; ESP_FAIL: the system refused (logged); or the flash error
 */
esp_err_t device_live(const struct device *device, const struct boot_decision *decision,
                      const struct device_life_options *options,
                      struct device_death *out) ESP_MUST_CHECK;

/** Reset reason of the life after such an end. */
esp_reset_reason_t device_reset_after(enum device_end end);

/** Word for JSON, e.g. "restart". Never NULL. */
const char *device_end_name(enum device_end end);

/** Name of a reset reason without its prefix, e.g. "POWERON". Never NULL. */
const char *device_reset_name(esp_reset_reason_t reason);

#ifdef __cplusplus
}
#endif
