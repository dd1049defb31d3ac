// esp-ota nvs: the values in an NVS partition, by hand.

#include "commands.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nvs_flash.h"
#include "open_device.h"

#define SHOWN_BYTES 32u // of a blob, for people

enum { OPT_FLASH = 256, OPT_PARTITION, OPT_OFFSET };

static const struct option OPTIONS[] = {
    {"flash", required_argument, NULL, OPT_FLASH},
    {"partition", required_argument, NULL, OPT_PARTITION},
    {"offset", required_argument, NULL, OPT_OFFSET},
    {"json", no_argument, NULL, CLI_OPTION_JSON},
    {0},
};

struct request {
    const char *flash;
    const char *label;
    uint32_t table_offset;
    char **arguments;
};

static int parse(int argc, char **argv, int argument_count, struct request *out)
{
    uint64_t offset = 0;
    int option;
    *out = (struct request){.label = NVS_DEFAULT_PART_NAME};
    while ((option = cli_next_option(argc, argv, OPTIONS)) != CLI_END) {
        if (option == CLI_WRONG) {
            return CLI_USAGE;
        }
        if (option == OPT_FLASH) {
            out->flash = optarg;
        } else if (option == OPT_PARTITION) {
            out->label = optarg;
        } else if (!cli_parse_size(optarg, UINT32_MAX, &offset)) {
            return cli_usage("--offset wants an address such as 0x8000, not \"%s\"", optarg);
        }
    }
    if (!cli_check_arguments(argc, argument_count, argument_count)) {
        return CLI_USAGE;
    }
    out->table_offset = (uint32_t)offset;
    out->arguments = argv + optind;
    return out->flash ? CLI_DONE : cli_usage("--flash FLASH is needed");
}

// Takes the partition into use; to read only, nothing on flash is repaired. NULL: said why.
static struct device *open_nvs(const struct request *request, bool read_only)
{
    struct device_options options = {
        .read_only = read_only, .is_chip_optional = true, .table_offset = request->table_offset};
    struct device *device = open_device(request->flash, &options);
    if (!device) {
        return NULL;
    }
    const esp_partition_t *found = esp_partition_find_first(
        ESP_PARTITION_TYPE_DATA, ESP_PARTITION_SUBTYPE_DATA_NVS, request->label);
    if (!found) {
        cli_report_failure("%s has no NVS partition \"%s\"; esp-ota flash info lists what it has, "
                           "--partition names another",
                           request->flash, request->label);
    } else {
        esp_partition_t view = *found;
        view.readonly = view.readonly || read_only;
        esp_err_t err = nvs_flash_init_partition_ptr(&view);
        if (err == ESP_OK) {
            return device;
        }
        cli_report_error(err, "%s: partition %s cannot be used as NVS", request->flash,
                         request->label);
    }
    device_close(device);
    return NULL;
}

static void close_nvs(const struct request *request, struct device *device)
{
    ESP_IGNORE_ERROR(nvs_flash_deinit_partition(request->label)); // it is in use
    device_close(device);
}

// ----------------------------------------------------------------------- values

struct type_name {
    const char *name;
    nvs_type_t type;
};

static const struct type_name TYPES[] = {
    {"u8", NVS_TYPE_U8},   {"i8", NVS_TYPE_I8},     {"u16", NVS_TYPE_U16}, {"i16", NVS_TYPE_I16},
    {"u32", NVS_TYPE_U32}, {"i32", NVS_TYPE_I32},   {"u64", NVS_TYPE_U64}, {"i64", NVS_TYPE_I64},
    {"str", NVS_TYPE_STR}, {"blob", NVS_TYPE_BLOB},
};
#define TYPE_COUNT (sizeof(TYPES) / sizeof(TYPES[0]))

static const char *type_name(nvs_type_t type)
{
    for (size_t i = 0; i < TYPE_COUNT; i++) {
        if (TYPES[i].type == type) {
            return TYPES[i].name;
        }
    }
    return "unknown";
}

struct value {
    nvs_type_t type;
    uint64_t number; // of an integer; sign-extended if it has a sign
    uint8_t *bytes;  // of a string or blob; free it
    size_t len;      // of bytes
};

static esp_err_t get_integer(nvs_handle_t handle, const char *key, struct value *out)
{
    switch (out->type) {
#define GET(suffix, name, c_type)                                                                  \
    case NVS_TYPE_##name: {                                                                        \
        c_type found;                                                                              \
        esp_err_t err = nvs_get_##suffix(handle, key, &found);                                     \
        if (err == ESP_OK) {                                                                       \
            out->number = (uint64_t)found;                                                         \
        }                                                                                          \
        return err;                                                                                \
    }
        GET(u8, U8, uint8_t)
        GET(i8, I8, int8_t)
        GET(u16, U16, uint16_t)
        GET(i16, I16, int16_t)
        GET(u32, U32, uint32_t)
        GET(i32, I32, int32_t)
        GET(u64, U64, uint64_t)
        GET(i64, I64, int64_t)
#undef GET
    default:
        return ESP_ERR_NOT_SUPPORTED;
    }
}

static esp_err_t get_bytes(nvs_handle_t handle, const char *key, struct value *out)
{
    bool is_text = out->type == NVS_TYPE_STR;
    size_t len = 0;
    esp_err_t err =
        is_text ? nvs_get_str(handle, key, NULL, &len) : nvs_get_blob(handle, key, NULL, &len);
    uint8_t *bytes = err == ESP_OK ? malloc(len + 1) : NULL;
    if (err == ESP_OK && !bytes) {
        err = ESP_ERR_NO_MEM;
    }
    if (err == ESP_OK) {
        err = is_text ? nvs_get_str(handle, key, (char *)bytes, &len)
                      : nvs_get_blob(handle, key, bytes, &len);
    }
    if (err != ESP_OK) {
        free(bytes);
        return err;
    }
    out->bytes = bytes;
    out->len = is_text ? len - 1 : len;
    return ESP_OK;
}

static esp_err_t get_value(nvs_handle_t handle, const char *key, struct value *out)
{
    *out = (struct value){0};
    esp_err_t err = nvs_find_key(handle, key, &out->type);
    if (err != ESP_OK) {
        return err;
    }
    return out->type == NVS_TYPE_STR || out->type == NVS_TYPE_BLOB ? get_bytes(handle, key, out)
                                                                   : get_integer(handle, key, out);
}

static bool has_sign(nvs_type_t type)
{
    return (type & 0xF0) == 0x10;
}

// Text of a value, to be freed; NULL without memory. max: bytes of a blob.
static char *value_text(const struct value *value, size_t max)
{
    size_t shown = value->len < max ? value->len : max;
    char *text = malloc(value->len * 2 + 64);
    if (!text) {
        return NULL;
    }
    if (value->type == NVS_TYPE_STR) {
        cli_clean_text(value->bytes, value->len, text);
    } else if (value->type == NVS_TYPE_BLOB) {
        text[0] = '\0';
        for (size_t i = 0; i < shown; i++) {
            (void)sprintf(text + 2 * i, "%02x", value->bytes[i]);
        }
        if (shown < value->len) {
            (void)sprintf(text + 2 * shown, "... (%zu bytes)", value->len);
        }
    } else if (has_sign(value->type)) {
        (void)sprintf(text, "%" PRId64, (int64_t)value->number);
    } else {
        (void)sprintf(text, "%" PRIu64, value->number);
    }
    return text;
}

static json_t *value_to_json(const struct value *value)
{
    bool is_integer = value->type != NVS_TYPE_STR && value->type != NVS_TYPE_BLOB;
    if (is_integer && (has_sign(value->type) || value->number <= INT64_MAX)) {
        return json_integer((json_int_t)value->number);
    }
    char *text = value_text(value, SIZE_MAX); // also of numbers above what JSON readers take
    json_t *json = json_string(text ? text : "");
    free(text);
    return json;
}

// ----------------------------------------------------------------------- dump

static esp_err_t dump_entry(const char *label, const nvs_entry_info_t *info, json_t *list)
{
    nvs_handle_t handle;
    struct value value = {0};
    esp_err_t err = nvs_open_from_partition(label, info->namespace_name, NVS_READONLY, &handle);
    if (err != ESP_OK) {
        return err;
    }
    err = get_value(handle, info->key, &value);
    nvs_close(handle);
    char ns[NVS_NS_NAME_MAX_SIZE + 1];
    char key[NVS_KEY_NAME_MAX_SIZE + 1];
    cli_clean_text(info->namespace_name, strlen(info->namespace_name), ns);
    cli_clean_text(info->key, strlen(info->key), key);
    char *text = err == ESP_OK ? value_text(&value, SHOWN_BYTES) : NULL;
    const char *shown = text ? text : esp_err_to_text(err);
    if (list) {
        json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:o}", "namespace", ns, "key", key,
                                              "type", type_name(info->type), "value",
                                              err == ESP_OK ? value_to_json(&value) : json_null()));
    } else {
        printf("  %-15s %-15s %-4s  %s\n", ns, key, type_name(info->type), shown);
    }
    free(text);
    free(value.bytes);
    return ESP_OK;
}

static int dump(const struct request *request)
{
    json_t *list = cli_is_json() ? json_array() : NULL;
    nvs_iterator_t it = NULL;
    nvs_stats_t stats;
    esp_err_t err = nvs_entry_find(request->label, NULL, NVS_TYPE_ANY, &it);
    while (err == ESP_OK) {
        nvs_entry_info_t info;
        err = nvs_entry_info(it, &info);
        if (err == ESP_OK) {
            err = dump_entry(request->label, &info, list);
        }
        if (err == ESP_OK) {
            err = nvs_entry_next(&it);
        }
    }
    nvs_release_iterator(it);
    if (err == ESP_ERR_NVS_NOT_FOUND) {
        err = nvs_get_stats(request->label, &stats);
    }
    if (err != ESP_OK) {
        json_decref(list);
        return cli_fail_with(err, "%s: partition %s cannot be read", request->flash,
                             request->label);
    }
    if (list) {
        cli_print_json(json_pack("{s:s, s:o, s:I, s:I, s:I, s:I}", "partition", request->label,
                                 "values", list, "namespaces", (json_int_t)stats.namespace_count,
                                 "used_entries", (json_int_t)stats.used_entries,
                                 "available_entries", (json_int_t)stats.available_entries,
                                 "total_entries", (json_int_t)stats.total_entries));
    } else {
        printf("%zu namespaces, %zu of %zu entries used\n", stats.namespace_count,
               stats.used_entries, stats.total_entries);
    }
    return CLI_DONE;
}

static int run_dump(int argc, char **argv)
{
    struct request request;
    int code = parse(argc, argv, 0, &request);
    struct device *device = code == CLI_DONE ? open_nvs(&request, true) : NULL;
    if (!device) {
        return code == CLI_DONE ? CLI_FAILED : code;
    }
    code = dump(&request);
    close_nvs(&request, device);
    return code;
}

const struct cli_command nvs_dump_command = {
    .name = "nvs dump",
    .summary = "all values of an NVS partition",
    .usage = "nvs dump --flash FLASH [--partition LABEL] [--json]",
    .help = "Lists namespace, key, type and value. Nothing is changed, also not what a power cut "
            "left to be repaired.\n\n"
            "  --flash FLASH      the device's flash file\n"
            "  --partition LABEL  which NVS partition; nvs if not given\n"
            "  --offset N         where the partition table stands; 0x8000 if not given\n"
            "  --json             values (blobs as hex), and how full the partition is\n\n"
            "example:  esp-ota nvs dump --flash dev.bin\n",
    .run = run_dump,
};

// ----------------------------------------------------------------------- get

static int get(const struct request *request)
{
    const char *ns = request->arguments[0];
    const char *key = request->arguments[1];
    nvs_handle_t handle;
    struct value value = {0};
    esp_err_t err = nvs_open_from_partition(request->label, ns, NVS_READONLY, &handle);
    if (err == ESP_OK) {
        err = get_value(handle, key, &value);
        nvs_close(handle);
    }
    char *text = err == ESP_OK ? value_text(&value, SIZE_MAX) : NULL;
    if (!text) {
        return cli_fail_with(err == ESP_OK ? ESP_ERR_NO_MEM : err,
                             "%s: partition %s has no value %s in namespace %s", request->flash,
                             request->label, key, ns);
    }
    if (cli_is_json()) {
        cli_print_json(json_pack("{s:s, s:s, s:s, s:o}", "namespace", ns, "key", key, "type",
                                 type_name(value.type), "value", value_to_json(&value)));
    } else {
        printf("%s\n", text);
    }
    free(text);
    free(value.bytes);
    return CLI_DONE;
}

static int run_get(int argc, char **argv)
{
    struct request request;
    int code = parse(argc, argv, 2, &request);
    struct device *device = code == CLI_DONE ? open_nvs(&request, true) : NULL;
    if (!device) {
        return code == CLI_DONE ? CLI_FAILED : code;
    }
    code = get(&request);
    close_nvs(&request, device);
    return code;
}

const struct cli_command nvs_get_command = {
    .name = "nvs get",
    .summary = "one value of an NVS partition",
    .usage = "nvs get --flash FLASH [--partition LABEL] NAMESPACE KEY [--json]",
    .help = "Prints the value alone; a blob as hex.\n\n"
            "  --flash FLASH      the device's flash file\n"
            "  --partition LABEL  which NVS partition; nvs if not given\n"
            "  --offset N         where the partition table stands; 0x8000 if not given\n"
            "  --json             with its type\n\n"
            "example:  esp-ota nvs get --flash dev.bin app url\n",
    .run = run_get,
};

// ----------------------------------------------------------------------- set

static bool parse_blob(const char *text, struct value *out)
{
    size_t digits = strlen(text);
    out->bytes = malloc(digits / 2 + 1);
    out->len = digits / 2;
    bool is_hex = out->bytes && digits % 2 == 0 && strspn(text, "0123456789abcdefABCDEF") == digits;
    for (size_t i = 0; is_hex && i < out->len; i++) {
        const char pair[3] = {text[2 * i], text[2 * i + 1], '\0'};
        out->bytes[i] = (uint8_t)strtoul(pair, NULL, 16);
    }
    return is_hex;
}

static bool parse_integer(const char *text, struct value *out)
{
    unsigned bits = (out->type & 0x0Fu) * 8;
    uint64_t most = UINT64_MAX >> (64 - bits);
    bool is_negative = has_sign(out->type) && text[0] == '-';
    most = has_sign(out->type) ? most / 2 + (is_negative ? 1 : 0) : most;
    if (!cli_parse_number(text + (is_negative ? 1 : 0), most, &out->number)) {
        return false;
    }
    out->number = is_negative ? 0 - out->number : out->number;
    return true;
}

// Fills out from "TYPE VALUE"; free out->bytes.
static int parse_value(const char *type, const char *text, struct value *out)
{
    size_t i = 0;
    while (i < TYPE_COUNT && strcmp(TYPES[i].name, type) != 0) {
        i++;
    }
    if (i == TYPE_COUNT) {
        return cli_usage("TYPE is u8, i8, u16, i16, u32, i32, u64, i64, str or blob, not \"%s\"",
                         type);
    }
    out->type = TYPES[i].type;
    if (out->type == NVS_TYPE_STR) {
        return CLI_DONE;
    }
    if (out->type == NVS_TYPE_BLOB) {
        return parse_blob(text, out)
                   ? CLI_DONE
                   : cli_usage("a blob is given as pairs of hex digits, not \"%s\"", text);
    }
    return parse_integer(text, out) ? CLI_DONE : cli_usage("\"%s\" is no %s", text, type);
}

static esp_err_t set_value(nvs_handle_t handle, const char *key, const struct value *value,
                           const char *text)
{
    switch (value->type) {
    case NVS_TYPE_U8:
        return nvs_set_u8(handle, key, (uint8_t)value->number);
    case NVS_TYPE_I8:
        return nvs_set_i8(handle, key, (int8_t)value->number);
    case NVS_TYPE_U16:
        return nvs_set_u16(handle, key, (uint16_t)value->number);
    case NVS_TYPE_I16:
        return nvs_set_i16(handle, key, (int16_t)value->number);
    case NVS_TYPE_U32:
        return nvs_set_u32(handle, key, (uint32_t)value->number);
    case NVS_TYPE_I32:
        return nvs_set_i32(handle, key, (int32_t)value->number);
    case NVS_TYPE_U64:
        return nvs_set_u64(handle, key, value->number);
    case NVS_TYPE_I64:
        return nvs_set_i64(handle, key, (int64_t)value->number);
    case NVS_TYPE_STR:
        return nvs_set_str(handle, key, text);
    default:
        return nvs_set_blob(handle, key, value->bytes, value->len);
    }
}

static int set(const struct request *request, const struct value *value)
{
    char **arguments = request->arguments;
    nvs_handle_t handle;
    esp_err_t err = nvs_open_from_partition(request->label, arguments[0], NVS_READWRITE, &handle);
    if (err == ESP_OK) {
        err = set_value(handle, arguments[1], value, arguments[3]);
        if (err == ESP_OK) {
            err = nvs_commit(handle);
        }
        nvs_close(handle);
    }
    if (err != ESP_OK) {
        return cli_fail_with(err, "%s: %s in namespace %s of partition %s cannot be set",
                             request->flash, arguments[1], arguments[0], request->label);
    }
    if (cli_is_json()) {
        cli_print_json(json_pack("{s:s, s:s, s:s}", "namespace", arguments[0], "key", arguments[1],
                                 "type", arguments[2]));
    }
    return CLI_DONE;
}

static int run_set(int argc, char **argv)
{
    struct request request;
    struct value value = {0};
    int code = parse(argc, argv, 4, &request);
    if (code == CLI_DONE) {
        code = parse_value(request.arguments[2], request.arguments[3], &value);
    }
    struct device *device = code == CLI_DONE ? open_nvs(&request, false) : NULL;
    if (device) {
        code = set(&request, &value);
        close_nvs(&request, device);
    } else if (code == CLI_DONE) {
        code = CLI_FAILED;
    }
    free(value.bytes);
    return code;
}

const struct cli_command nvs_set_command = {
    .name = "nvs set",
    .summary = "set one value of an NVS partition",
    .usage = "nvs set --flash FLASH [--partition LABEL] NAMESPACE KEY TYPE VALUE [--json]",
    .help = "Sets a value as firmware would with nvs_set_...(), in place of whatever the key has. "
            "TYPE is u8, i8, u16,\n"
            "i16, u32, i32, u64, i64, str or blob (VALUE in hex). Put -- before a negative "
            "number.\n\n"
            "  --flash FLASH      the device's flash file\n"
            "  --partition LABEL  which NVS partition; nvs if not given\n"
            "  --offset N         where the partition table stands; 0x8000 if not given\n"
            "  --json             what was set, as JSON\n\n"
            "example:  esp-ota nvs set --flash dev.bin app url str https://example.com/v2.bin\n",
    .run = run_set,
};
