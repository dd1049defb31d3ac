// esp-ota flash encrypt, decrypt: files that are to stand, or stood, at an address of an encrypted flash.

#include "commands.h"

#include <stdlib.h>
#include <string.h>

#include "chip_traits.h"
#include "flash_encrypt.h"

struct translation {
    const char *in;
    const char *out;
    const char *key_file;
    const struct chip_traits *chip;
    uint64_t address;
    uint64_t crypt_config;
    bool has_address;
    bool encrypts;
};

esp_err_t flash_encrypt_write(esp_flash_t *flash, uint32_t address, const uint8_t *bytes,
                              uint32_t len)
{
    uint8_t block[FLASH_CIPHER_BLOCK];
    uint32_t whole = len / FLASH_CIPHER_BLOCK * FLASH_CIPHER_BLOCK;
    esp_err_t err = esp_flash_write_encrypted(flash, address, bytes, whole);
    if (err == ESP_OK && whole < len) {
        memset(block, 0xFF, sizeof(block));
        memcpy(block, bytes + whole, len - whole);
        err = esp_flash_write_encrypted(flash, address + whole, block, sizeof(block));
    }
    return err;
}

// ----------------------------------------------------------------------- the work

// fact: espsecure fills up for ESP32 with random bytes and refuses for the others. chosen: 0xFF, so that the same file gives
// the same file.
static bool fill_up(const struct translation *t, struct cli_bytes *file)
{
    size_t missing = (FLASH_CIPHER_BLOCK - file->len % FLASH_CIPHER_BLOCK) % FLASH_CIPHER_BLOCK;
    if (missing == 0) {
        return true;
    }
    if (!t->encrypts || t->chip->id != ESP_CHIP_ID_ESP32) {
        cli_report_failure("%s has %zu bytes: not a multiple of 16, as the blocks of the flash "
                           "encryption are",
                           t->in, file->len);
        return false;
    }
    uint8_t *grown = realloc(file->bytes, file->len + missing);
    if (!grown) {
        cli_report_failure("%s: not enough memory", t->in);
        return false;
    }
    memset(grown + file->len, 0xFF, missing);
    file->bytes = grown;
    file->len += missing;
    return true;
}

static int translate(const struct translation *t, struct flash_encryption *encryption)
{
    struct cli_bytes file = {0};
    if (!cli_read_file(t->in, UINT32_MAX - (size_t)t->address, &file)) {
        return CLI_FAILED;
    }
    int code = fill_up(t, &file) ? CLI_DONE : CLI_FAILED;
    struct flash_cipher *cipher = &encryption->base;
    if (code == CLI_DONE && file.len > 0) {
        esp_err_t err = (t->encrypts ? cipher->ops->encrypt : cipher->ops->decrypt)(
            cipher, (uint32_t)t->address, file.bytes, file.bytes, (uint32_t)file.len);
        code = err == ESP_OK ? CLI_DONE : cli_fail_with(err, "%s cannot be translated", t->in);
    }
    if (code == CLI_DONE && !cli_write_file(t->out, file.bytes, file.len)) {
        code = CLI_FAILED;
    }
    free(file.bytes);
    return code;
}

static int run_translation(const struct translation *t)
{
    struct cli_bytes key = {0};
    struct flash_encryption encryption;
    enum flash_scheme scheme = flash_encryption_scheme_of(t->chip->id);
    if (!cli_read_file(t->key_file, FLASH_KEY_FILE_MAX, &key)) {
        return CLI_FAILED;
    }
    esp_err_t err =
        flash_encryption_init(&encryption, scheme, key.bytes, key.len, (uint32_t)t->crypt_config);
    size_t key_len = key.len;
    esp_crypto_secret.wipe(key.bytes, key.len);
    free(key.bytes);
    if (err == ESP_ERR_INVALID_SIZE) {
        return cli_fail("%s has %zu bytes; a key for the flash encryption of %s has %s",
                        t->key_file, key_len, t->chip->name, flash_key_lens_text(scheme));
    }
    if (err != ESP_OK) {
        return cli_fail_with(err, "%s cannot be used", t->key_file);
    }
    int code = translate(t, &encryption);
    flash_encryption_deinit(&encryption);
    return code;
}

// ----------------------------------------------------------------------- command line

enum { OPT_KEY = 256, OPT_ADDRESS, OPT_CHIP, OPT_CRYPT_CONFIG };

static const struct option OPTIONS[] = {
    {"key", required_argument, NULL, OPT_KEY},
    {"address", required_argument, NULL, OPT_ADDRESS},
    {"chip", required_argument, NULL, OPT_CHIP},
    {"crypt-config", required_argument, NULL, OPT_CRYPT_CONFIG},
    {0},
};

static int take_option(int option, struct translation *t)
{
    switch (option) {
    case OPT_KEY:
        t->key_file = optarg;
        return CLI_DONE;
    case OPT_ADDRESS:
        t->has_address = cli_parse_size(optarg, UINT32_MAX, &t->address);
        return t->has_address && t->address % FLASH_CIPHER_BLOCK == 0
                   ? CLI_DONE
                   : cli_usage("--address wants a multiple of 16 such as 0x10000, not \"%s\"",
                               optarg);
    case OPT_CHIP:
        t->chip = chip_traits_by_name(optarg);
        return t->chip ? CLI_DONE : cli_usage("--chip: \"%s\" is no chip known here", optarg);
    case OPT_CRYPT_CONFIG:
        return cli_parse_number(optarg, 15, &t->crypt_config)
                   ? CLI_DONE
                   : cli_usage("--crypt-config is 0 to 15, not \"%s\"", optarg);
    default:
        return CLI_USAGE;
    }
}

static int parse(int argc, char **argv, struct translation *t)
{
    int option;
    while ((option = cli_next_option(argc, argv, OPTIONS)) != CLI_END) {
        int code = take_option(option, t);
        if (code != CLI_DONE) {
            return code;
        }
    }
    if (!cli_check_arguments(argc, 2, 2)) {
        return CLI_USAGE;
    }
    if (!t->chip || !t->key_file || !t->has_address) {
        return cli_usage("--chip, --key and --address are needed");
    }
    t->in = argv[optind];
    t->out = argv[optind + 1];
    return CLI_DONE;
}

static int run(int argc, char **argv, bool encrypts)
{
    struct translation t = {.encrypts = encrypts, .crypt_config = FLASH_CRYPT_CONFIG_DEFAULT};
    int code = parse(argc, argv, &t);
    return code == CLI_DONE ? run_translation(&t) : code;
}

static int run_encrypt(int argc, char **argv)
{
    return run(argc, argv, true);
}

static int run_decrypt(int argc, char **argv)
{
    return run(argc, argv, false);
}

#define OPTIONS_HELP                                                                               \
    "  --chip CHIP       esp32 has a scheme of its own, the others have XTS-AES\n"                 \
    "  --key FILE        the key, in the byte order of espsecure: esp32 32 bytes (or 24), the "    \
    "others 32 or 64\n"                                                                            \
    "                    (or 16)\n"                                                                \
    "  --address N       where on flash the file stands\n"                                         \
    "  --crypt-config N  esp32: FLASH_CRYPT_CONFIG; 15 if not given\n\n"

const struct cli_command flash_encrypt_command = {
    .name = "flash encrypt",
    .summary = "encrypt a file for an address of an encrypted flash",
    .usage = "flash encrypt --chip CHIP --key FILE --address N IN OUT",
    .help =
        "Writes to OUT what an encrypted flash holds when it holds IN at that address, as "
        "espsecure encrypt-flash-data\n"
        "does. \"-\" is standard input or output. The length is a multiple of 16; for esp32 it is "
        "filled up with 0xFF.\n\n" OPTIONS_HELP
        "example:  esp-ota flash encrypt --chip esp32c3 --key key.bin --address 0x10000 v1.bin "
        "v1.enc\n",
    .run = run_encrypt,
};

const struct cli_command flash_decrypt_command = {
    .name = "flash decrypt",
    .summary = "decrypt what was read from an encrypted flash",
    .usage = "flash decrypt --chip CHIP --key FILE --address N IN OUT",
    .help = "The other way round: IN is what stood on flash at that address. A wrong key gives "
            "noise, not an error.\n\n" OPTIONS_HELP
            "example:  esp-ota flash decrypt --chip esp32 --key key.bin --address 0x8000 "
            "table.enc table.bin\n",
    .run = run_decrypt,
};
