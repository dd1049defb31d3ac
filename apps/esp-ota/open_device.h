/** Opening the device of a command, and what is said about its boot. */
#pragma once

#include "cli.h"
#include "device.h"

/** Opens a device, with the key of --flash-key; on failure says why and returns NULL. */
struct device *open_device(const char *path, const struct device_options *options);

/** Label of the partition a boot index means; out holds 17 bytes. @return out, "" when there is none */
const char *boot_label(const struct device *device, int index, char out[17]);

/** Slot name and state of both records as JSON. */
json_t *records_to_json(const struct device *device,
                        const esp_ota_select_entry_t records[OTADATA_RECORD_COUNT]);

/** Prints both records, one line each. */
void records_print(const struct device *device,
                   const esp_ota_select_entry_t records[OTADATA_RECORD_COUNT]);

/** Adds slot, reason, project, version, tries, records to object. */
void decision_to_json(json_t *object, const struct device *device,
                      const struct boot_decision *decision);

/**
 * Explains the next power-ons of the device in a file, to standard output; changes nothing. The command "explain" without
 * --repair. @return an enum cli_exit
 */
int explain_device(const char *path, const struct device_options *options);

/** Prints what boots and why. */
void decision_print(const struct device *device, const struct boot_decision *decision);
