// The options that the device's firmware was built with, as far as they concern signatures: the lines of a project's sdkconfig.
// A chip has them compiled in; here they stand in "<flash>.sdkconfig", so that every command sees the same.

#include "device_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "esp_efuse.h"
#include "esp_log.h"

static const char *TAG = "device";

#define LINE_MAX_LEN 1024 // chosen: longer than any line of a generated sdkconfig

struct options {
    bool v1;
    bool rsa;
    bool ecdsa_v2;
    bool is_192;
    bool is_384;
    bool anti_rollback;
    uint32_t version_bits; // 0: all that the chip has
    char key_file[LINE_MAX_LEN];
    struct signature_settings settings;
};

/** The member that an option sets; NULL: it is none of ours. */
static bool *find_switch(struct options *options, const char *name)
{
    const struct {
        const char *name;
        bool *value;
    } SWITCHES[] = {
        {"CONFIG_SECURE_SIGNED_ON_UPDATE_NO_SECURE_BOOT", &options->settings.on_update},
        {"CONFIG_SECURE_SIGNED_ON_BOOT_NO_SECURE_BOOT", &options->settings.on_boot},
        {"CONFIG_SECURE_BOOT", &options->settings.secure_boot},
        {"CONFIG_SECURE_SIGNED_DATA_PARTITION", &options->settings.on_data},
        {"CONFIG_SECURE_SIGNED_APPS_ECDSA_SCHEME", &options->v1},
        {"CONFIG_SECURE_SIGNED_APPS_RSA_SCHEME", &options->rsa},
        {"CONFIG_SECURE_SIGNED_APPS_ECDSA_V2_SCHEME", &options->ecdsa_v2},
        {"CONFIG_SECURE_BOOT_ECDSA_KEY_LEN_192_BITS", &options->is_192},
        {"CONFIG_SECURE_BOOT_ECDSA_KEY_LEN_384_BITS", &options->is_384},
        {"CONFIG_BOOTLOADER_APP_ANTI_ROLLBACK", &options->anti_rollback},
    };
    for (size_t i = 0; i < sizeof(SWITCHES) / sizeof(SWITCHES[0]); i++) {
        if (strcmp(SWITCHES[i].name, name) == 0) {
            return SWITCHES[i].value;
        }
    }
    return NULL;
}

/** Takes one line: NAME=value; comments and options of other matters pass. */
static void take_line(struct options *options, char *line)
{
    line[strcspn(line, "\r\n")] = 0;
    char *value = strchr(line, '=');
    if (line[0] == '#' || !value) {
        return;
    }
    *value++ = 0;
    bool *is_on = find_switch(options, line);
    if (is_on) {
        *is_on = strcmp(value, "y") == 0;
    } else if (strcmp(line, "CONFIG_BOOTLOADER_APP_SEC_VER_SIZE_EFUSE_FIELD") == 0) {
        options->version_bits = (uint32_t)strtoul(value, NULL, 10); // no number: all
    } else if (strcmp(line, "CONFIG_SECURE_BOOT_VERIFICATION_KEY") == 0) {
        size_t len = strcspn(value + (value[0] == '"'), "\"");
        (void)snprintf(options->key_file, sizeof(options->key_file), "%.*s", (int)len,
                       value + (value[0] == '"'));
    }
}

static enum signature_scheme scheme_of(const struct options *options)
{
    if (options->v1) {
        return SIGNATURE_V1;
    }
    if (options->rsa) {
        return SIGNATURE_RSA;
    }
    if (!options->ecdsa_v2) {
        return SIGNATURE_NONE;
    }
    return options->is_192 ? SIGNATURE_P192 : options->is_384 ? SIGNATURE_P384 : SIGNATURE_P256;
}

/** Reads the key that is compiled in; a relative path counts from the folder of the settings. */
static esp_err_t read_key(const char *settings_path, const char *name,
                          uint8_t key[SIGNATURE_V1_KEY_LEN])
{
    char path[2 * LINE_MAX_LEN];
    const char *slash = strrchr(settings_path, '/');
    int folder_len = slash && name[0] != '/' ? (int)(slash - settings_path) + 1 : 0;
    (void)snprintf(path, sizeof(path), "%.*s%s", folder_len, settings_path, name);
    FILE *file = fopen(path, "rb");
    size_t len = file ? fread(key, 1, SIGNATURE_V1_KEY_LEN, file) : 0;
    bool has_more = file && fgetc(file) != EOF;
    if (file) {
        (void)fclose(file); // opened for reading
    }
    if (len != SIGNATURE_V1_KEY_LEN || has_more) {
        ESP_LOGE(TAG, "%s names the v1 key %s, which is no file of 64 bytes (X, Y)", settings_path,
                 path);
        return ESP_ERR_INVALID_ARG;
    }
    return ESP_OK;
}

static esp_err_t check(const struct signature_settings *settings, const char *path)
{
    if ((settings->on_update || settings->on_boot || settings->on_data) &&
        settings->scheme == SIGNATURE_NONE) {
        ESP_LOGE(TAG, "%s asks for signatures but names no scheme (CONFIG_SECURE_SIGNED_APPS_...)",
                 path);
        return ESP_ERR_INVALID_ARG;
    }
    return ESP_OK;
}

esp_err_t device_settings_load(const char *path, struct signature_settings *settings,
                               bool *anti_rollback, uint32_t *version_bits)
{
    struct options options = {.settings = {.scheme = SIGNATURE_NONE}};
    char line[LINE_MAX_LEN];
    FILE *file = fopen(path, "r");
    if (!file && errno == ENOENT) {
        *settings = (struct signature_settings)SIGNATURE_SETTINGS_OF_BUILD();
        *anti_rollback = BOOT_ANTI_ROLLBACK_BUILD;
        *version_bits = EFUSE_SECURE_VERSION_BITS_BUILD;
        return ESP_OK;
    }
    if (!file) {
        ESP_LOGE(TAG, "%s cannot be read: %s", path, strerror(errno));
        return ESP_FAIL;
    }
    while (fgets(line, sizeof(line), file)) {
        take_line(&options, line);
    }
    bool is_read = !ferror(file);
    (void)fclose(file); // opened for reading
    if (!is_read) {
        ESP_LOGE(TAG, "%s cannot be read", path);
        return ESP_FAIL;
    }
    options.settings.scheme = scheme_of(&options);
    esp_err_t err = check(&options.settings, path);
    if (err == ESP_OK && options.settings.scheme == SIGNATURE_V1) {
        err = read_key(path, options.key_file, options.settings.v1_key);
    }
    if (err == ESP_OK) {
        *settings = options.settings;
        *anti_rollback = options.anti_rollback;
        *version_bits = options.version_bits;
    }
    return err;
}
