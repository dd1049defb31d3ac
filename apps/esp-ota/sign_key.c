// Engines are how OpenSSL 3.0 reaches tokens on Debian 12; OpenSSL marks them as deprecated in favour of providers. A
// configured provider that knows "pkcs11:" is tried first.
#define OPENSSL_SUPPRESS_DEPRECATED
#define _DEFAULT_SOURCE

#include "sign_key.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/engine.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/store.h>
#include <openssl/x509.h>

#include "crypto_verify.h"
#include "ecdsa_nonce.h"

#define KEY_FILE_MAX   65536u // chosen: far above any key
#define PASSPHRASE_MAX 256u   // chosen: what people type
#define PKCS11         "pkcs11:"

struct sign_key {
    EVP_PKEY *pkey;
    struct signature_key numbers;
    char *name;
    bool is_in_token;
};

// ----------------------------------------------------------------------- messages

// OpenSSL's reasons name libraries and functions; they never hold bytes of a key.
static const char *last_reason(char *out, size_t size)
{
    unsigned long code = ERR_peek_last_error();
    const char *reason = code ? ERR_reason_error_string(code) : NULL;
    (void)snprintf(out, size, "%s", reason ? reason : "no reason given"); // cut when too long
    ERR_clear_error();
    return out;
}

// ----------------------------------------------------------------------- pass phrases

struct secret_request {
    const struct sign_secret *secret;
    const char *name;
    bool has_failed; // said why
};

static int read_secret_file(const char *path, char *out, int size)
{
    struct cli_bytes file;
    if (!cli_read_file(path, PASSPHRASE_MAX, &file)) {
        return -1;
    }
    size_t len = strcspn((const char *)file.bytes, "\r\n");
    if (len < (size_t)size) {
        memcpy(out, file.bytes, len);
        out[len] = 0;
    }
    OPENSSL_cleanse(file.bytes, file.len);
    free(file.bytes);
    if (len >= (size_t)size) {
        cli_report_failure("%s: the first line is too long for a pass phrase", path);
        return -1;
    }
    return (int)len;
}

static int ask_terminal(const char *name, char *out, int size, bool is_new)
{
    char prompt[128];
    int terminal = open("/dev/tty", O_RDWR | O_CLOEXEC);
    if (terminal < 0) {
        cli_report_failure("%s needs a pass phrase and there is no terminal to ask; give "
                           "--passphrase-file FILE",
                           name);
        return -1;
    }
    close(terminal);
    (void)snprintf(prompt, sizeof(prompt), "pass phrase of %.80s: ", name); // it fits
    if (EVP_read_pw_string(out, size, prompt, is_new) != 0) {
        cli_report_failure("%s: no pass phrase was given", name);
        return -1;
    }
    return (int)strlen(out);
}

static int get_secret(const struct sign_secret *secret, const char *name, char *out, int size,
                      bool is_new)
{
    return secret && secret->file ? read_secret_file(secret->file, out, size)
                                  : ask_terminal(name, out, size, is_new);
}

static int give_passphrase(char *out, int size, int is_writing, void *context)
{
    struct secret_request *request = context;
    int len = get_secret(request->secret, request->name, out, size, is_writing != 0);
    request->has_failed = len < 0;
    return len;
}

// ----------------------------------------------------------------------- numbers of a key

static bool get_number(const EVP_PKEY *pkey, const char *name, uint8_t *out, uint32_t len)
{
    BIGNUM *number = NULL;
    bool is_done = EVP_PKEY_get_bn_param(pkey, name, &number) == 1 &&
                   BN_bn2binpad(number, out, (int)len) == (int)len;
    BN_free(number);
    return is_done;
}

static bool read_rsa(const EVP_PKEY *pkey, struct signature_key *out)
{
    uint8_t exponent[4];
    out->scheme = SIGNATURE_RSA;
    if (EVP_PKEY_get_bits(pkey) != CRYPTO_RSA3072_LEN * 8 ||
        !get_number(pkey, OSSL_PKEY_PARAM_RSA_N, out->n, sizeof(out->n)) ||
        !get_number(pkey, OSSL_PKEY_PARAM_RSA_E, exponent, sizeof(exponent))) {
        return false;
    }
    out->e = (uint32_t)exponent[0] << 24 | (uint32_t)exponent[1] << 16 |
             (uint32_t)exponent[2] << 8 | exponent[3];
    return true;
}

static enum signature_scheme scheme_of_group(const char *group)
{
    static const struct {
        const char *group;
        enum signature_scheme scheme;
    } GROUPS[] = {{"prime192v1", SIGNATURE_P192},
                  {"prime256v1", SIGNATURE_P256},
                  {"secp384r1", SIGNATURE_P384}};
    for (size_t i = 0; i < sizeof(GROUPS) / sizeof(GROUPS[0]); i++) {
        if (strcmp(group, GROUPS[i].group) == 0) {
            return GROUPS[i].scheme;
        }
    }
    return SIGNATURE_NONE;
}

static bool read_ec(const EVP_PKEY *pkey, struct signature_key *out)
{
    char group[64];
    size_t len = 0;
    if (EVP_PKEY_get_utf8_string_param(pkey, OSSL_PKEY_PARAM_GROUP_NAME, group, sizeof(group),
                                       &len) != 1) {
        return false;
    }
    out->scheme = scheme_of_group(group);
    uint32_t number_len = signature_number_len(out->scheme);
    return out->scheme != SIGNATURE_NONE &&
           get_number(pkey, OSSL_PKEY_PARAM_EC_PUB_X, out->x, number_len) &&
           get_number(pkey, OSSL_PKEY_PARAM_EC_PUB_Y, out->y, number_len);
}

// Through its encoding, because a key in a token does not answer for its numbers.
static EVP_PKEY *public_half(EVP_PKEY *pkey)
{
    uint8_t *der = NULL;
    int len = i2d_PUBKEY(pkey, &der);
    const uint8_t *at = der;
    EVP_PKEY *half = len > 0 ? d2i_PUBKEY(NULL, &at, len) : NULL;
    OPENSSL_free(der);
    return half;
}

static bool read_numbers(EVP_PKEY *pkey, struct signature_key *out)
{
    EVP_PKEY *half = public_half(pkey);
    bool is_done = false;
    memset(out, 0, sizeof(*out));
    if (half && EVP_PKEY_is_a(half, "RSA")) {
        is_done = read_rsa(half, out);
    } else if (half && EVP_PKEY_is_a(half, "EC")) {
        is_done = read_ec(half, out);
    }
    EVP_PKEY_free(half);
    ERR_clear_error();
    return is_done;
}

// Takes over pkey; NULL: said why.
static struct sign_key *wrap(EVP_PKEY *pkey, const char *name)
{
    struct sign_key *key = calloc(1, sizeof(*key));
    if (!key || !(key->name = strdup(name))) {
        cli_report_failure("%s: not enough memory", name);
        EVP_PKEY_free(pkey);
        free(key);
        return NULL;
    }
    key->pkey = pkey;
    if (!read_numbers(pkey, &key->numbers)) {
        cli_report_failure(
            "%s: no scheme signs with this key; it takes RSA with 3072 bits, or EC on "
            "P-192, P-256 or P-384",
            name);
        sign_key_free(key);
        return NULL;
    }
    return key;
}

void sign_key_free(struct sign_key *key)
{
    if (key) {
        EVP_PKEY_free(key->pkey);
        free(key->name);
        free(key);
    }
}

const struct signature_key *sign_key_public(const struct sign_key *key)
{
    return &key->numbers;
}

// ----------------------------------------------------------------------- PEM files

static EVP_PKEY *parse_private(const char *name, const struct cli_bytes *file,
                               const struct sign_secret *secret)
{
    struct secret_request request = {.secret = secret, .name = name};
    char reason[128];
    BIO *bio = BIO_new_mem_buf(file->bytes, (int)file->len);
    EVP_PKEY *pkey = bio ? PEM_read_bio_PrivateKey(bio, NULL, give_passphrase, &request) : NULL;
    BIO_free(bio);
    if (!pkey && !request.has_failed) {
        cli_report_failure("%s: the private key cannot be read (%s); if it is encrypted, the pass "
                           "phrase may be wrong",
                           name, last_reason(reason, sizeof(reason)));
    }
    ERR_clear_error();
    return pkey;
}

static EVP_PKEY *parse_public(const char *name, const struct cli_bytes *file)
{
    char reason[128];
    BIO *bio = BIO_new_mem_buf(file->bytes, (int)file->len);
    EVP_PKEY *pkey = bio ? PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL) : NULL;
    BIO_free(bio);
    if (!pkey) {
        cli_report_failure("%s: the public key cannot be read (%s)", name,
                           last_reason(reason, sizeof(reason)));
    }
    return pkey;
}

static bool has_private(const struct cli_bytes *file)
{
    return strstr((const char *)file->bytes, "PRIVATE KEY-----") != NULL;
}

static bool has_public(const struct cli_bytes *file)
{
    return strstr((const char *)file->bytes, "PUBLIC KEY-----") != NULL;
}

static struct sign_key *load_private_file(const char *path, const struct sign_secret *secret)
{
    struct cli_bytes file;
    EVP_PKEY *pkey = NULL;
    if (!cli_read_file(path, KEY_FILE_MAX, &file)) {
        return NULL;
    }
    if (has_private(&file)) {
        pkey = parse_private(path, &file, secret);
    } else {
        cli_report_failure(has_public(&file)
                               ? "%s holds a public key; signing takes the private one"
                               : "%s is no PEM file with a private key",
                           path);
    }
    OPENSSL_cleanse(file.bytes, file.len);
    free(file.bytes);
    return pkey ? wrap(pkey, path) : NULL;
}

struct sign_key *sign_key_parse_public(const char *name, const struct cli_bytes *file,
                                       const struct sign_secret *secret)
{
    EVP_PKEY *pkey = NULL;
    if (has_public(file)) {
        pkey = parse_public(name, file);
    } else if (has_private(file)) {
        pkey = parse_private(name, file, secret);
    } else {
        cli_report_failure("%s is no PEM file with a key", name);
    }
    return pkey ? wrap(pkey, name) : NULL;
}

struct sign_key *sign_key_load_public(const char *name, const struct sign_secret *secret)
{
    struct cli_bytes file;
    if (strncmp(name, PKCS11, sizeof(PKCS11) - 1) == 0) {
        return sign_key_load(name, secret);
    }
    if (!cli_read_file(name, KEY_FILE_MAX, &file)) {
        return NULL;
    }
    struct sign_key *key = sign_key_parse_public(name, &file, secret);
    OPENSSL_cleanse(file.bytes, file.len);
    free(file.bytes);
    return key;
}

// ----------------------------------------------------------------------- tokens

static int open_prompt(UI *ui)
{
    (void)ui;
    return 1;
}

// The engine's question for a PIN is answered as a PEM file's for a pass phrase.
static int answer_prompt(UI *ui, UI_STRING *question)
{
    struct secret_request *request = UI_get0_user_data(ui);
    char pin[PASSPHRASE_MAX];
    if (!request || UI_get_string_type(question) != UIT_PROMPT) {
        return 1;
    }
    int len = get_secret(request->secret, request->name, pin, sizeof(pin), false);
    request->has_failed = len < 0;
    int is_taken = len >= 0 && UI_set_result(ui, question, pin) >= 0;
    OPENSSL_cleanse(pin, sizeof(pin));
    return is_taken;
}

static UI_METHOD *make_prompt(void)
{
    UI_METHOD *method = UI_create_method("esp-ota");
    if (method) {
        (void)UI_method_set_opener(method, open_prompt); // cannot fail for a valid method
        (void)UI_method_set_reader(method, answer_prompt);
    }
    return method;
}

static EVP_PKEY *load_from_store(const char *uri, const UI_METHOD *prompt, void *request)
{
    OSSL_STORE_CTX *store = OSSL_STORE_open(uri, prompt, request, NULL, NULL);
    EVP_PKEY *pkey = NULL;
    while (store && !pkey && !OSSL_STORE_eof(store)) {
        OSSL_STORE_INFO *info = OSSL_STORE_load(store);
        if (info && OSSL_STORE_INFO_get_type(info) == OSSL_STORE_INFO_PKEY) {
            pkey = OSSL_STORE_INFO_get1_PKEY(info);
        }
        OSSL_STORE_INFO_free(info);
    }
    OSSL_STORE_close(store);
    ERR_clear_error();
    return pkey;
}

// The engine stays open until the program ends: its keys need it.
static EVP_PKEY *load_from_engine(const char *uri, UI_METHOD *prompt,
                                  struct secret_request *request)
{
    char reason[128];
    ENGINE_load_builtin_engines();
    ENGINE *engine = ENGINE_by_id("pkcs11");
    if (engine) {
        (void)ENGINE_ctrl_cmd_string(engine, "QUIET", NULL, 1); // it says less; one without it too
    }
    if (!engine || ENGINE_init(engine) != 1) {
        cli_report_failure("OpenSSL has no engine \"pkcs11\" (%s); Debian's package is "
                           "libengine-pkcs11-openssl",
                           last_reason(reason, sizeof(reason)));
        ENGINE_free(engine);
        return NULL;
    }
    EVP_PKEY *pkey = ENGINE_load_private_key(engine, uri, prompt, request);
    if (!pkey && !request->has_failed) {
        cli_report_failure("the token has no such key, or refuses the PIN: %s",
                           last_reason(reason, sizeof(reason)));
    }
    ENGINE_free(engine);
    return pkey;
}

static struct sign_key *load_from_token(const char *uri, const struct sign_secret *secret)
{
    struct secret_request request = {.secret = secret, .name = "the token"};
    if (strstr(uri, "pin-value=")) {
        cli_report_failure(
            "a PIN in the URI is visible to other users; give --passphrase-file FILE");
        return NULL;
    }
    UI_METHOD *prompt = make_prompt();
    EVP_PKEY *pkey = load_from_store(uri, prompt, &request);
    if (!pkey && !request.has_failed) {
        pkey = load_from_engine(uri, prompt, &request);
    }
    struct sign_key *key = pkey ? wrap(pkey, uri) : NULL;
    if (key) {
        key->is_in_token = true;
    }
    UI_destroy_method(prompt);
    return key;
}

struct sign_key *sign_key_load(const char *name, const struct sign_secret *secret)
{
    return strncmp(name, PKCS11, sizeof(PKCS11) - 1) == 0 ? load_from_token(name, secret)
                                                          : load_private_file(name, secret);
}

// ----------------------------------------------------------------------- new keys

struct sign_key *sign_key_generate(enum signature_scheme scheme)
{
    EVP_PKEY *pkey = NULL;
    char reason[128];
    switch (scheme) {
    case SIGNATURE_RSA:
        pkey = EVP_RSA_gen(CRYPTO_RSA3072_LEN * 8);
        break;
    case SIGNATURE_P192:
        pkey = EVP_EC_gen("prime192v1");
        break;
    case SIGNATURE_P384:
        pkey = EVP_EC_gen("secp384r1");
        break;
    default:
        pkey = EVP_EC_gen("prime256v1");
        break;
    }
    if (!pkey) {
        cli_report_failure("no key can be made: %s", last_reason(reason, sizeof(reason)));
        return NULL;
    }
    return wrap(pkey, "the new key");
}

static bool take_pem(BIO *bio, bool is_written, struct cli_bytes *out)
{
    char *text = NULL;
    long len = is_written ? BIO_get_mem_data(bio, &text) : 0;
    out->bytes = len > 0 ? malloc((size_t)len) : NULL;
    if (out->bytes) {
        memcpy(out->bytes, text, (size_t)len);
        out->len = (size_t)len;
    }
    BIO_free(bio);
    return out->bytes != NULL;
}

bool sign_key_private_pem(const struct sign_key *key, const struct sign_secret *secret,
                          struct cli_bytes *out)
{
    struct secret_request request = {.secret = secret, .name = key->name};
    BIO *bio = BIO_new(BIO_s_secmem());
    const EVP_CIPHER *cipher = secret && secret->file ? EVP_aes_256_cbc() : NULL;
    bool is_written = bio && PEM_write_bio_PKCS8PrivateKey(bio, key->pkey, cipher, NULL, 0,
                                                           give_passphrase, &request) == 1;
    bool is_taken = take_pem(bio, is_written, out);
    if (!is_taken && !request.has_failed) {
        cli_report_failure("the private key cannot be encoded");
    }
    ERR_clear_error();
    return is_taken;
}

bool sign_key_public_pem(const struct sign_key *key, struct cli_bytes *out)
{
    BIO *bio = BIO_new(BIO_s_mem());
    bool is_written = bio && PEM_write_bio_PUBKEY(bio, key->pkey) == 1;
    bool is_taken = take_pem(bio, is_written, out);
    if (!is_taken) {
        cli_report_failure("%s: the public key cannot be encoded", key->name);
    }
    ERR_clear_error();
    return is_taken;
}

// ----------------------------------------------------------------------- signing

static bool sign_rsa(const struct sign_key *key, const uint8_t *digest, uint8_t *out)
{
    size_t len = CRYPTO_RSA3072_LEN;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key->pkey, NULL);
    bool is_done = context && EVP_PKEY_sign_init(context) == 1 &&
                   EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
                   EVP_PKEY_CTX_set_signature_md(context, EVP_sha256()) == 1 &&
                   EVP_PKEY_CTX_set_rsa_mgf1_md(context, EVP_sha256()) == 1 &&
                   EVP_PKEY_CTX_set_rsa_pss_saltlen(context, CRYPTO_SHA256_LEN) == 1 &&
                   EVP_PKEY_sign(context, out, &len, digest, CRYPTO_SHA256_LEN) == 1 &&
                   len == CRYPTO_RSA3072_LEN;
    EVP_PKEY_CTX_free(context);
    return is_done;
}

// A key in a token signs with the token's nonce.
static bool sign_ec_in_token(const struct sign_key *key, const uint8_t *digest, size_t digest_len,
                             BIGNUM *r, BIGNUM *s)
{
    uint8_t der[160]; // fact: a signature on P-384 takes at most 104 bytes
    size_t len = sizeof(der);
    const uint8_t *at = der;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key->pkey, NULL);
    ECDSA_SIG *pair = NULL;
    if (context && EVP_PKEY_sign_init(context) == 1 &&
        EVP_PKEY_sign(context, der, &len, digest, digest_len) == 1) {
        pair = d2i_ECDSA_SIG(NULL, &at, (long)len);
    }
    bool is_done = pair && BN_copy(r, ECDSA_SIG_get0_r(pair)) && BN_copy(s, ECDSA_SIG_get0_s(pair));
    ECDSA_SIG_free(pair);
    EVP_PKEY_CTX_free(context);
    return is_done;
}

static bool sign_ec(const struct sign_key *key, enum signature_scheme scheme, const uint8_t *digest,
                    struct signature_value *out)
{
    size_t digest_len = signature_digest_len(scheme);
    int len = (int)signature_number_len(scheme);
    BIGNUM *r = BN_new();
    BIGNUM *s = BN_new();
    bool is_done =
        r && s &&
        (key->is_in_token ? sign_ec_in_token(key, digest, digest_len, r, s)
                          : ecdsa_sign_deterministic(key->pkey, digest, digest_len, r, s)) &&
        BN_bn2binpad(r, out->r, len) == len && BN_bn2binpad(s, out->s, len) == len;
    BN_free(r);
    BN_free(s);
    return is_done;
}

static bool is_right(const struct sign_key *key, enum signature_scheme scheme,
                     const uint8_t *digest, const struct signature_value *value)
{
    const struct signature_key *numbers = &key->numbers;
    if (scheme == SIGNATURE_RSA) {
        return esp_crypto_verify.rsa3072_pss_verify(numbers->n, numbers->e, digest, value->rsa);
    }
    return esp_crypto_verify.ecdsa_verify(signature_curve(scheme), numbers->x, numbers->y, digest,
                                          signature_digest_len(scheme), value->r, value->s);
}

bool sign_key_sign(const struct sign_key *key, enum signature_scheme scheme, const uint8_t *digest,
                   struct signature_value *out)
{
    char reason[128];
    struct signature_value value = {0};
    bool is_signed = scheme == SIGNATURE_RSA ? sign_rsa(key, digest, value.rsa)
                                             : sign_ec(key, scheme, digest, &value);
    if (!is_signed) {
        cli_report_failure("%s: signing failed: %s", key->name,
                           last_reason(reason, sizeof(reason)));
        return false;
    }
    // a fault while signing gives the private key away if its result gets out
    if (!is_right(key, scheme, digest, &value)) {
        cli_report_failure("%s: the signature that was made does not verify; nothing is written",
                           key->name);
        return false;
    }
    *out = value;
    return true;
}
