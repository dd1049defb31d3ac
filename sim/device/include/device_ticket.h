/**
 * What the one who powers a device tells the firmware program that is its next boot: the contract between two processes.
 *
 *   environment   DEVICE_TICKET_VARIABLE holds a ticket as text
 *   flash         an inherited descriptor of the flash file, locked: the lock belongs to the open file, so that the flash
 *                 is never free between two boots. Who powers the device leaves the flash alone while a program runs
 *   eFuses        "<flash>.efuse", opened by the program
 *   key           of an encrypted flash: the file that the ticket names, else "<flash>.key", opened by the program
 *   line          an inherited pipe for short messages to the one who powers the device: see port/posix supervisor_line.h
 *   console       standard input, output and error as they are
 *   processes     the program leads a session of its own; what it starts and leaves there ends with it
 *   end           the exit codes of system_port.h; a signal or any other code but 0 is a crash
 *   SIGINT        ignored: who presses Ctrl-C means the power switch, which is SIGKILL
 */
#pragma once

#include "device.h"
#include "esp_system.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DEVICE_TICKET_VARIABLE  "ESP_DEVICE_BOOT"
#define DEVICE_TICKET_PATH_SIZE 4096 // fact: PATH_MAX of Linux
#define DEVICE_TICKET_TEXT_SIZE (2 * DEVICE_TICKET_PATH_SIZE + 128)

struct device_ticket {
    int flash_fd;             // the flash file, open and locked
    int line_fd;              // messages to the supervisor; -1: nobody listens
    uint32_t app_address;     // of the partition whose image runs
    uint32_t table_offset;    // of the partition table
    esp_reset_reason_t reset; // why this boot happened
    bool rollback;            // the bootloader was built with rollback
    bool anti_rollback;       // and counts secure versions; then rollback is true
    char chip[16];            // name; "": as the eFuse file or the images say
    char flash_key
        [DEVICE_TICKET_PATH_SIZE]; // file with the key of the flash encryption; "": as device_open() finds it
    char path
        [DEVICE_TICKET_PATH_SIZE]; // of the flash file: for messages, and for the eFuse file beside it
};

/** Ticket as text. out: DEVICE_TICKET_TEXT_SIZE bytes. @return out */
const char *device_ticket_encode(const struct device_ticket *ticket, char *out);

/** @return ESP_OK; ESP_ERR_INVALID_ARG: text is NULL or no ticket of a known version */
esp_err_t device_ticket_parse(const char *text, struct device_ticket *out) ESP_MUST_CHECK;

/**
 * Makes this process the boot that a ticket describes: opens the device, hands over what the bootloader hands over, tells
 * which image runs and why. For the start of a firmware program, before anything else of the stack is called.
 * The ticket's flash descriptor is used up.
 * @param[out] out  give it to device_close(), or let it live as long as the process
 * @return as device_open()
 */
esp_err_t device_enter(const struct device_ticket *ticket, struct device **out) ESP_MUST_CHECK;

#ifdef __cplusplus
}
#endif
