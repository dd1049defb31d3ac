/* Header values and chunk framing. Input: one byte that cuts the text into pieces, then the text. */
#include <stdlib.h>
#include <string.h>

#include "http_syntax.h"
#include "fuzz_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_values(const char *text, size_t len)
{
    char *encoded = malloc(4 * ((len + 2) / 3) + 1);
    FUZZ_CHECK(encoded != NULL);
    int64_t total = http_syntax_content_range_total(text);
    FUZZ_CHECK(total == -1 || total > 0);
    FUZZ_CHECK(http_syntax_number(text) >= -1);
    (void)http_syntax_list_has(text, "close");
    (void)http_syntax_has_challenge(text, "Digest");
    (void)http_syntax_is_token(text);
    (void)http_syntax_is_secret_name(text);
    http_syntax_base64(text, len, encoded);
    free(encoded);
}

/* However the bytes are cut into pieces, the same data must come out. */
static size_t unchunk(const char *text, size_t len, size_t piece, char *out)
{
    struct http_chunks chunks = {0};
    size_t out_len = 0;
    for (size_t at = 0; at < len;) {
        size_t used = 0;
        size_t data_len = 0;
        size_t given = len - at < piece ? len - at : piece;
        bool ok = http_syntax_unchunk(&chunks, text + at, given, &used, &data_len);
        FUZZ_CHECK(used <= given && data_len <= used && (used > 0 || !ok));
        memcpy(out + out_len, text + at + used - data_len, data_len);
        out_len += data_len;
        if (!ok) {
            break;
        }
        at += used;
    }
    return out_len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1) {
        return 0;
    }
    size_t len = size - 1;
    char *text = malloc(len + 1);
    char *whole = malloc(len + 1);
    char *pieces = malloc(len + 1);
    FUZZ_CHECK(text && whole && pieces);
    memcpy(text, data + 1, len);
    text[len] = '\0';
    check_values(text, strlen(text));
    size_t whole_len = unchunk(text, len, len, whole);
    size_t pieces_len = unchunk(text, len, data[0] % 16 + 1U, pieces);
    FUZZ_CHECK(whole_len == pieces_len && memcmp(whole, pieces, whole_len) == 0);
    free(text);
    free(whole);
    free(pieces);
    return 0;
}
