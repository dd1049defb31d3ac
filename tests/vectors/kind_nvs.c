// Rows about NVS: a partition image holds the values of the CSV it was made from.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "boot_handover.h"
#include "esp_flash.h"
#include "nor_flash.h"
#include "nvs_flash.h"
#include "partition_table.h"
#include "vector.h"

#define NVS_AT    0x10000u
#define COLUMNS   4
#define VALUE_MAX (512 * 1024) // more than the longest blob

/** One line of the CSV. */
struct csv_value {
    const char *key;
    const char *type; // "data" or "namespace"
    const char *encoding;
    const char *text;
};

// ---- The device ------------------------------------------------------------------------------------

static bool put_image(const struct vector_bytes *image, char *why)
{
    const esp_partition_info_t entry = {
        .type = 1, .subtype = 2, .pos = {NVS_AT, (uint32_t)image->len}, .label = "nvs"};
    uint8_t table[ESP_PARTITION_TABLE_MAX_LEN];
    struct boot_handover handover = BOOT_HANDOVER_DEFAULT();
    boot_handover_set(&handover);
    esp_err_t err =
        nor_flash_open_in_memory(NVS_AT + (uint32_t)image->len, &esp_flash_default_chip);
    if (err == ESP_OK) {
        err = partition_table_encode(&entry, 1, true, table);
    }
    if (err == ESP_OK) {
        err = esp_flash_write(NULL, table, handover.table_offset, sizeof(table));
    }
    if (err == ESP_OK) {
        err = esp_flash_write(NULL, image->data, NVS_AT, (uint32_t)image->len);
    }
    if (err == ESP_OK) {
        err = nvs_flash_init();
    }
    (void)snprintf(why, VECTOR_WHY_LEN, "%s", esp_err_to_name(err));
    return err == ESP_OK;
}

static void put_away(void)
{
    ESP_IGNORE_ERROR(nvs_flash_deinit()); // not in use if the image was refused
    esp_partition_unload_all();
    nor_flash_close(esp_flash_default_chip);
    esp_flash_default_chip = NULL;
}

// ---- Values ----------------------------------------------------------------------------------------

static size_t parse_hex(const char *text, uint8_t *out)
{
    size_t len = 0;
    unsigned byte;
    for (; len < VALUE_MAX && sscanf(text, "%2x", &byte) == 1; text += 2) {
        out[len++] = (uint8_t)byte;
    }
    return len;
}

static esp_err_t get_number(nvs_handle_t handle, const struct csv_value *value, char *got)
{
    int64_t number = 0;
    uint64_t big = 0;
    esp_err_t err = ESP_ERR_NOT_SUPPORTED;
#define GET(name, c_type, printed)                                                                 \
    if (strcmp(value->encoding, #name) == 0) {                                                     \
        c_type found = 0;                                                                          \
        err = nvs_get_##name(handle, value->key, &found);                                          \
        printed = found + 0; /* of an int8_t a number, no character */                             \
    }
    GET(u8, uint8_t, number)
    GET(i8, int8_t, number)
    GET(u16, uint16_t, number)
    GET(i16, int16_t, number)
    GET(u32, uint32_t, number)
    GET(i32, int32_t, number)
    GET(i64, int64_t, number)
    GET(u64, uint64_t, big)
#undef GET
    if (strcmp(value->encoding, "u64") == 0) {
        (void)snprintf(got, VALUE_MAX, "%llu", (unsigned long long)big);
    } else {
        (void)snprintf(got, VALUE_MAX, "%lld", (long long)number);
    }
    return err;
}

static bool check_value(nvs_handle_t handle, const struct csv_value *value, char *why)
{
    static char got[VALUE_MAX];
    static uint8_t expected[VALUE_MAX];
    size_t len = sizeof(got);
    esp_err_t err;
    bool is_equal = false;
    if (strcmp(value->encoding, "string") == 0) {
        err = nvs_get_str(handle, value->key, got, &len);
        is_equal = err == ESP_OK && strcmp(got, value->text) == 0;
    } else if (strcmp(value->encoding, "hex2bin") == 0) {
        size_t expected_len = parse_hex(value->text, expected);
        err = nvs_get_blob(handle, value->key, got, &len);
        is_equal = err == ESP_OK && len == expected_len && memcmp(got, expected, len) == 0;
    } else {
        err = get_number(handle, value, got);
        is_equal = strcmp(got, value->text) == 0 && err == ESP_OK;
    }
    if (!is_equal) {
        (void)snprintf(why, VECTOR_WHY_LEN, "%s: %s", value->key, esp_err_to_name(err));
    }
    return is_equal;
}

// ---- The CSV ---------------------------------------------------------------------------------------

static struct csv_value split_line(char *line)
{
    const char *columns[COLUMNS];
    for (int i = 0; i < COLUMNS; i++) {
        columns[i] = line;
        line += strcspn(line, i < COLUMNS - 1 ? "," : "");
        if (*line) {
            *line++ = '\0';
        }
    }
    return (struct csv_value){columns[0], columns[1], columns[2], columns[3]};
}

static bool check_csv(char *text, char *why)
{
    nvs_handle_t handle = 0;
    bool is_heading = true;
    unsigned count = 0;
    while (*text) {
        char *line = text;
        text += strcspn(text, "\n");
        if (*text) {
            *text++ = '\0';
        }
        line[strcspn(line, "\r")] = '\0';
        if (is_heading || line[0] == '\0') {
            is_heading = false;
            continue;
        }
        struct csv_value value = split_line(line);
        if (strcmp(value.type, "namespace") == 0) {
            esp_err_t err = nvs_open(value.key, NVS_READONLY, &handle);
            if (err != ESP_OK) {
                (void)snprintf(why, VECTOR_WHY_LEN, "namespace %s: %s", value.key,
                               esp_err_to_name(err));
                return false;
            }
        } else if (!check_value(handle, &value, why)) {
            return false;
        }
        count++;
    }
    return count > 0;
}

bool check_nvs(const struct vector_row *row, char *why)
{
    char csv_path[256];
    struct vector_bytes image;
    struct vector_bytes csv;
    if (!vector_param(row, "csv", csv_path, sizeof(csv_path)) ||
        !vector_load(row, csv_path, &csv, why)) {
        return false;
    }
    if (!vector_load(row, row->path, &image, why)) {
        free(csv.data);
        return false;
    }
    bool is_right = put_image(&image, why) && check_csv((char *)csv.data, why);
    put_away();
    free(image.data);
    free(csv.data);
    return is_right;
}
