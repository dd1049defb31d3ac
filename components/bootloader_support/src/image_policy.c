#include "image_policy.h"

#include <string.h>

#define FIELD_LEN 32u // fact: version and project_name of the application descriptor

void image_policy_set_running(struct image_policy *policy, const esp_app_desc_t *desc)
{
    policy->has_running = desc != NULL;
    if (desc) {
        memcpy(policy->project, desc->project_name, FIELD_LEN);
        memcpy(policy->version, desc->version, FIELD_LEN);
        policy->secure_version = desc->secure_version;
    }
}

// ----------------------------------------------------------------------- versions

/** A version as far as it is not compared yet. */
struct text {
    const char *at;
    const char *end;
};

static struct text text_of(const char field[FIELD_LEN])
{
    const char *end = memchr(field, 0, FIELD_LEN);
    const char *plus;
    struct text text = {field, end ? end : field + FIELD_LEN};
    plus = memchr(text.at, '+', (size_t)(text.end - text.at));
    if (plus) {
        text.end = plus; // build metadata does not count
    }
    if (text.at < text.end && (*text.at == 'v' || *text.at == 'V')) {
        text.at++;
    }
    return text;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/** Takes what stands before the next of the given separators, and the separator too if it is a dot. */
static struct text take_word(struct text *from)
{
    struct text word = {from->at, from->at};
    while (word.end < from->end && *word.end != '.') {
        word.end++;
    }
    from->at = word.end < from->end ? word.end + 1 : word.end;
    return word;
}

static bool is_number(struct text word)
{
    for (const char *at = word.at; at < word.end; at++) {
        if (!is_digit(*at)) {
            return false;
        }
    }
    return word.at < word.end;
}

static int compare_bytes(struct text a, struct text b)
{
    size_t a_len = (size_t)(a.end - a.at);
    size_t b_len = (size_t)(b.end - b.at);
    int order = memcmp(a.at, b.at, a_len < b_len ? a_len : b_len);
    if (order != 0) {
        return order;
    }
    return (a_len > b_len) - (a_len < b_len);
}

/** Numbers of any length: without leading zeros the longer one is larger. */
static int compare_numbers(struct text a, struct text b)
{
    while (a.at < a.end && *a.at == '0') {
        a.at++;
    }
    while (b.at < b.end && *b.at == '0') {
        b.at++;
    }
    ptrdiff_t longer = (a.end - a.at) - (b.end - b.at);
    return longer != 0 ? (longer > 0 ? 1 : -1) : compare_bytes(a, b);
}

static int compare_words(struct text a, struct text b)
{
    bool is_number_a = is_number(a);
    bool is_number_b = is_number(b);
    if (is_number_a && is_number_b) {
        return compare_numbers(a, b);
    }
    if (is_number_a != is_number_b) {
        return is_number_a ? -1 : 1; // fact: Semantic Versioning 2.0.0, 11.4.3
    }
    return compare_bytes(a, b);
}

/** Takes the numbers at the start: digits and dots. */
static struct text take_core(struct text *from)
{
    struct text core = {from->at, from->at};
    while (core.end < from->end && (is_digit(*core.end) || *core.end == '.')) {
        core.end++;
    }
    from->at = core.end;
    return core;
}

static int compare_cores(struct text a, struct text b)
{
    static const char ZERO[] = "0";
    const struct text nothing = {ZERO, ZERO + 1};
    int order = 0;
    while (order == 0 && (a.at < a.end || b.at < b.end)) {
        struct text word_a = a.at < a.end ? take_word(&a) : nothing;
        struct text word_b = b.at < b.end ? take_word(&b) : nothing;
        order = compare_numbers(word_a, word_b);
    }
    return order;
}

static int compare_prereleases(struct text a, struct text b)
{
    bool has_a = a.at < a.end;
    bool has_b = b.at < b.end;
    if (has_a != has_b) {
        return has_a ? -1 : 1; // a pre-release is below its release
    }
    while (a.at < a.end && b.at < b.end) {
        int order = compare_words(take_word(&a), take_word(&b));
        if (order != 0) {
            return order;
        }
    }
    return (a.at < a.end) - (b.at < b.end); // more words are more
}

int image_policy_compare_versions(const char a[FIELD_LEN], const char b[FIELD_LEN])
{
    struct text rest_a = text_of(a);
    struct text rest_b = text_of(b);
    struct text core_a = take_core(&rest_a);
    struct text core_b = take_core(&rest_b);
    int order = compare_cores(core_a, core_b);
    return order != 0 ? order : compare_prereleases(rest_a, rest_b);
}

// ----------------------------------------------------------------------- checks

enum image_fault image_policy_check_app(const struct image_policy *policy,
                                        const esp_app_desc_t *desc)
{
    if (!policy || !policy->has_running || !(policy->same_project || policy->no_version_down)) {
        return IMAGE_OK;
    }
    if (!desc) {
        return IMAGE_POLICY_NO_DESCRIPTOR;
    }
    if (policy->same_project &&
        strncmp(desc->project_name, policy->project, sizeof(policy->project)) != 0) {
        return IMAGE_POLICY_PROJECT;
    }
    if (!policy->no_version_down) {
        return IMAGE_OK;
    }
    if (image_policy_compare_versions(desc->version, policy->version) < 0) {
        return IMAGE_POLICY_VERSION;
    }
    return desc->secure_version < policy->secure_version ? IMAGE_POLICY_SECURE_VERSION : IMAGE_OK;
}

enum image_fault image_policy_check_len(const struct image_policy *policy, uint64_t len)
{
    if (policy && policy->max_len > 0 && len > policy->max_len) {
        return IMAGE_POLICY_TOO_LARGE;
    }
    return policy && len < policy->min_len ? IMAGE_POLICY_TOO_SMALL : IMAGE_OK;
}
