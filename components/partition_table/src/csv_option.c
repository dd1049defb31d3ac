// The command line of Espressif's generator, so that every program of ours understands the same words.

#include <string.h>

#include "csv_value.h"
#include "partition_csv.h"

/** The front of a command line. */
struct words {
    const char *const *at;
    size_t count;
    struct csv_slice inline_value; // of "--name=value"; at is NULL when there is none
};

static struct csv_slice slice_of(const char *string)
{
    return (struct csv_slice){string, strlen(string)};
}

/** The value of the first word and how many words option and value take. @return false: there is none */
static bool take_value(const struct words *words, struct csv_slice *value, size_t *taken)
{
    if (words->inline_value.at) {
        *value = words->inline_value;
        *taken = 1;
        return true;
    }
    if (words->count < 2) {
        return false;
    }
    *value = slice_of(words->at[1]);
    *taken = 2;
    return true;
}

static esp_err_t read_offset_option(const struct words *words, int64_t *offset, size_t *taken,
                                    struct partition_csv_problem *problem)
{
    struct csv_slice value;
    int64_t number;
    if (!take_value(words, &value, taken) || !csv_value_parse_plain(value, &number) || number < 0 ||
        number > UINT32_MAX) {
        return csv_text_refuse(problem, 0, NULL,
                               "%s needs a flash address such as 0x8000, from 0 to 0xffffffff.",
                               words->at[0]);
    }
    *offset = number;
    return ESP_OK;
}

static esp_err_t read_flash_size(const struct words *words, uint64_t *size, size_t *taken,
                                 struct partition_csv_problem *problem)
{
    // fact: the sizes that the generator offers
    static const char *const SIZES[] = {"1MB",  "2MB",  "4MB",  "8MB",
                                        "16MB", "32MB", "64MB", "128MB"};
    struct csv_slice value;
    if (take_value(words, &value, taken)) {
        for (size_t i = 0; i < sizeof(SIZES) / sizeof(SIZES[0]); i++) {
            if (csv_text_equals_string(value, SIZES[i])) {
                *size = UINT64_C(0x100000) << i;
                return ESP_OK;
            }
        }
    }
    return csv_text_refuse(problem, 0, NULL,
                           "--flash-size needs 1MB, 2MB, 4MB, 8MB, 16MB, 32MB, 64MB or 128MB.");
}

static esp_err_t read_secure(const struct words *words, enum partition_csv_secure *secure,
                             size_t *taken, struct partition_csv_problem *problem)
{
    struct csv_slice value;
    *secure = PARTITION_CSV_SECURE_V1;
    bool has_value = take_value(words, &value, taken);
    if (has_value && csv_text_equals_string(value, "v2")) {
        *secure = PARTITION_CSV_SECURE_V2;
    } else if (words->inline_value.at && !csv_text_equals_string(value, "v1")) {
        return csv_text_refuse(problem, 0, NULL, "--secure needs v1, v2 or no value (v1).");
    } else if (!has_value || !csv_text_equals_string(value, "v1")) {
        *taken = 1; // the next word is something else
    }
    return ESP_OK;
}

/** A number in base 16, with or without 0x. */
static bool parse_hex(struct csv_slice text, int64_t *value)
{
    char prefixed[16] = "0x";
    bool has_prefix = text.len > 1 && text.at[0] == '0' && (text.at[1] | 0x20) == 'x';
    if (has_prefix || text.len == 0 || text.len > sizeof(prefixed) - 3) {
        return has_prefix && csv_value_parse_plain(text, value);
    }
    memcpy(prefixed + 2, text.at, text.len);
    return csv_value_parse_plain((struct csv_slice){prefixed, text.len + 2}, value);
}

static esp_err_t add_extra_subtype(struct csv_slice word, struct partition_csv_options *options,
                                   struct partition_csv_problem *problem)
{
    struct csv_slice rest = word;
    struct csv_slice type_name = csv_text_next_field(&rest);
    struct csv_slice name = csv_text_next_field(&rest);
    struct csv_slice value = csv_text_next_field(&rest);
    uint8_t type;
    int64_t subtype;
    if (!csv_value_find_type(type_name, &type) || name.len == 0 || !parse_hex(value, &subtype) ||
        subtype < 0 || subtype > UINT8_MAX) {
        return csv_text_refuse(problem, 0, NULL,
                               "\"%.*s\" is not an extra subtype. Write TYPE,NAME,HEX, for example "
                               "data,my_data,0x42.",
                               CSV_ARG(word));
    }
    struct csv_slice other = csv_value_subtype_name(type, (uint8_t)subtype, options);
    if (other.len > 0) {
        return csv_text_refuse(problem, 0, NULL,
                               "Extra subtype \"%.*s\": the value 0x%02x already means \"%.*s\". "
                               "Choose another.",
                               CSV_ARG(word), (unsigned)subtype, CSV_ARG(other));
    }
    if (options->extra_count == PARTITION_CSV_MAX_EXTRA) {
        return csv_text_refuse(problem, 0, NULL, "There are more than %d extra subtypes.",
                               PARTITION_CSV_MAX_EXTRA);
    }
    options->extra[options->extra_count++] = (struct partition_csv_subtype){
        .type = type, .subtype = (uint8_t)subtype, .name = name.at, .name_len = name.len};
    return ESP_OK;
}

static esp_err_t read_extra_subtypes(const struct words *words,
                                     struct partition_csv_options *options, size_t *taken,
                                     struct partition_csv_problem *problem)
{
    *taken = 1;
    if (words->inline_value.at) {
        return add_extra_subtype(words->inline_value, options, problem);
    }
    while (*taken < words->count && strchr(words->at[*taken], ',') && words->at[*taken][0] != '-') {
        esp_err_t err = add_extra_subtype(slice_of(words->at[*taken]), options, problem);
        if (err != ESP_OK) {
            return err;
        }
        (*taken)++;
    }
    return ESP_OK;
}

static esp_err_t read_table_offset(const struct words *words, struct partition_csv_options *options,
                                   size_t *taken, struct partition_csv_problem *problem)
{
    int64_t offset = 0;
    esp_err_t err = read_offset_option(words, &offset, taken, problem);
    if (err == ESP_OK) {
        options->table_offset = (uint32_t)offset;
    }
    return err;
}

esp_err_t partition_csv_read_option(const char *const *words, size_t count,
                                    struct partition_csv_options *options, size_t *taken,
                                    struct partition_csv_problem *problem)
{
    *taken = 0;
    if (count == 0) {
        return ESP_OK;
    }
    struct words given = {.at = words, .count = count};
    struct csv_slice name = slice_of(words[0]);
    const char *equals = strchr(words[0], '=');
    if (equals) {
        name.len = (size_t)(equals - words[0]);
        given.inline_value = slice_of(equals + 1);
    }
    if (csv_text_equals_string(name, "--offset") || csv_text_equals_string(name, "-o")) {
        return read_table_offset(&given, options, taken, problem);
    }
    if (csv_text_equals_string(name, "--primary-bootloader-offset")) {
        return read_offset_option(&given, &options->primary_bootloader_offset, taken, problem);
    }
    if (csv_text_equals_string(name, "--recovery-bootloader-offset")) {
        return read_offset_option(&given, &options->recovery_bootloader_offset, taken, problem);
    }
    if (csv_text_equals_string(name, "--flash-size")) {
        return read_flash_size(&given, &options->flash_size, taken, problem);
    }
    if (csv_text_equals_string(name, "--secure")) {
        return read_secure(&given, &options->secure, taken, problem);
    }
    if (csv_text_equals_string(name, "--extra-partition-subtypes")) {
        return read_extra_subtypes(&given, options, taken, problem);
    }
    if (strcmp(words[0], "--verify") == 0 || strcmp(words[0], "-v") == 0) {
        *taken = 1; // fact: the generator always verifies and keeps the word from the time before
        return ESP_OK;
    }
    bool *flag = strcmp(words[0], "--disable-md5sum") == 0 || strcmp(words[0], "--no-md5") == 0
                     ? &options->no_md5
                 : strcmp(words[0], "--no-verify") == 0 ? &options->no_verify
                                                        : NULL;
    if (flag) {
        *flag = true;
        *taken = 1;
    }
    return ESP_OK;
}
