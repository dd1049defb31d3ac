#include "device_ticket.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "device_private.h"
#include "esp_app_desc.h"
#include "flash_ops.h"

// Both ends come from one source as a rule; a program packed long ago may not. So the second version, which names a key, is
// used only where there is one to name.
#define VERSION          1
#define VERSION_WITH_KEY 2

const char *device_ticket_encode(const struct device_ticket *ticket, char *out)
{
    // Paths are last because they may hold anything: the key's behind its length, the flash's to the end. "-" stands for no
    // name.
    char key[DEVICE_TICKET_PATH_SIZE + 32] = "";
    if (ticket->flash_key[0]) {
        (void)snprintf(key, sizeof(key), "%zu %.4095s ", strlen(ticket->flash_key),
                       ticket->flash_key); // it fits
    }
    (void)snprintf(
        out, DEVICE_TICKET_TEXT_SIZE, "%d %d %d 0x%" PRIx32 " 0x%" PRIx32 " %d %d %.15s %s%.4095s",
        key[0] ? VERSION_WITH_KEY : VERSION, ticket->flash_fd, ticket->line_fd, ticket->app_address,
        ticket->table_offset, (int)ticket->reset, ticket->rollback + 2 * ticket->anti_rollback,
        ticket->chip[0] ? ticket->chip : "-", key, ticket->path); // it fits
    return out;
}

static bool take_number(const char **at, long long min, long long max, long long *out)
{
    char *end;
    *out = strtoll(*at, &end, 0);
    bool is_good = end != *at && *end == ' ' && *out >= min && *out <= max;
    *at = is_good ? end + 1 : *at;
    return is_good;
}

static bool take_name(const char **at, char *out, size_t size)
{
    size_t len = strcspn(*at, " ");
    if (len == 0 || len >= size || (*at)[len] != ' ') {
        return false;
    }
    memset(out, 0, size);
    if (len != 1 || **at != '-') {
        memcpy(out, *at, len);
    }
    *at += len + 1;
    return true;
}

static bool take_path(const char **at, char *out, size_t size)
{
    long long len;
    if (!take_number(at, 1, (long long)size - 1, &len) || strnlen(*at, (size_t)len) < (size_t)len ||
        (*at)[len] != ' ') {
        return false;
    }
    memcpy(out, *at, (size_t)len);
    out[len] = 0;
    *at += len + 1;
    return true;
}

esp_err_t device_ticket_parse(const char *text, struct device_ticket *out)
{
    long long version;
    long long flash_fd;
    long long line_fd;
    long long app;
    long long table;
    long long reset;
    long long rollback;
    struct device_ticket ticket;
    ticket.flash_key[0] = 0;
    if (!text || !take_number(&text, VERSION, VERSION_WITH_KEY, &version) ||
        !take_number(&text, 0, INT32_MAX, &flash_fd) ||
        !take_number(&text, -1, INT32_MAX, &line_fd) || !take_number(&text, 0, UINT32_MAX, &app) ||
        !take_number(&text, 0, UINT32_MAX, &table) ||
        !take_number(&text, ESP_RST_UNKNOWN, ESP_RST_CPU_LOCKUP, &reset) ||
        !take_number(&text, 0, 3, &rollback) || rollback == 2 ||
        !take_name(&text, ticket.chip, sizeof(ticket.chip)) ||
        (version == VERSION_WITH_KEY &&
         !take_path(&text, ticket.flash_key, sizeof(ticket.flash_key))) ||
        !*text || strlen(text) >= sizeof(ticket.path)) {
        return ESP_ERR_INVALID_ARG;
    }
    ticket.flash_fd = (int)flash_fd;
    ticket.line_fd = (int)line_fd;
    ticket.app_address = (uint32_t)app;
    ticket.table_offset = (uint32_t)table;
    ticket.reset = (esp_reset_reason_t)reset;
    ticket.rollback = rollback & 1;
    ticket.anti_rollback = rollback & 2;
    (void)snprintf(ticket.path, sizeof(ticket.path), "%s", text); // it fits
    *out = ticket;
    return ESP_OK;
}

// The descriptor of the image that runs stands on flash; options of the packer may have changed the program's own.
static void tell_description(const struct device *device, uint32_t address)
{
    esp_app_desc_t desc;
    uint32_t at = address + sizeof(esp_image_header_t) + sizeof(esp_image_segment_header_t);
    if (flash_plain_read(device->flash, &desc, at, sizeof(desc)) == ESP_OK &&
        desc.magic_word == ESP_APP_DESC_MAGIC_WORD) {
        esp_app_set_description(&desc);
    }
}

esp_err_t device_enter(const struct device_ticket *ticket, struct device **out)
{
    struct device_options options = {
        .chip = ticket->chip[0] ? ticket->chip : NULL,
        .rollback = ticket->rollback,
        .anti_rollback = ticket->anti_rollback,
        .table_offset = ticket->table_offset,
        .flash_fd = ticket->flash_fd,
        .flash_key = ticket->flash_key[0] ? ticket->flash_key : NULL,
    };
    esp_err_t err = device_open(ticket->path, &options, out);
    if (err == ESP_OK) {
        device_hand_over(*out, ticket->app_address, ticket->rollback);
        esp_set_reset_reason(ticket->reset);
        tell_description(*out, ticket->app_address);
        (void)close(ticket->flash_fd); // the device has its own descriptor of the same open file
    }
    return err;
}
