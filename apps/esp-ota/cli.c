#include "cli.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "esp_log.h"

#define SENTENCE_LEN 768 // chosen: a log line and a path

static const struct cli_command *s_command;
static bool s_is_json;
static const char *s_flash_key;
static char **s_argv;          // as getopt has ordered it
static bool s_is_line_open;    // a progress bar stands on the terminal, without its line end
static bool s_has_wrong_usage; // said so already
static bool s_has_lost_output; // said so already
static bool s_has_printed_json;
static char s_failure[SENTENCE_LEN];
static char s_logged[SENTENCE_LEN]; // first error the library logged that it did not overcome
static json_t *s_err_name;

// ----------------------------------------------------------------------- command line

void cli_begin(const struct cli_command *command)
{
    s_command = command;
}

void cli_print_help(const struct cli_command *command)
{
    printf("usage: esp-ota %s\n\n%s", command->usage, command->help);
}

void cli_note_open_line(bool is_open)
{
    s_is_line_open = is_open;
}

void cli_end_line(void)
{
    if (s_is_line_open) {
        fputc('\n', stderr);
        s_is_line_open = false;
    }
}

void cli_report_usage(const char *format, ...)
{
    va_list args;
    s_has_wrong_usage = true;
    va_start(args, format);
    fputs("error: ", stderr);
    (void)vfprintf(stderr, format, args); // nothing can be done about a closed standard error
    va_end(args);
    fprintf(stderr, "\nusage: esp-ota %s\nesp-ota %s --help tells more\n", s_command->usage,
            s_command->name);
}

// Short forms are the options whose value is a letter; --json has none.
static void list_letters(const struct option *options, char *out, size_t size)
{
    size_t len = 0;
    out[len++] = ':'; // tells a missing value from an unknown option
    for (; options->name && len + 3 < size; options++) {
        if (options->val > 0 && options->val < 128 && options->val != CLI_OPTION_JSON) {
            out[len++] = (char)options->val;
            if (options->has_arg == required_argument) {
                out[len++] = ':';
            }
        }
    }
    out[len] = 0;
}

int cli_next_option(int argc, char **argv, const struct option *options)
{
    char letters[32];
    s_argv = argv;
    list_letters(options, letters, sizeof(letters));
    opterr = 0;
    for (;;) {
        int at = optind > 0 ? optind : 1;
        int option = getopt_long(argc, argv, letters, options, NULL);
        if (option == CLI_OPTION_JSON) {
            s_is_json = true;
            continue;
        }
        if (option == CLI_OPTION_FLASH_KEY) {
            s_flash_key = optarg;
            continue;
        }
        if (option == ':') {
            cli_report_usage("option %s needs a value", argv[optind - 1]);
            return CLI_WRONG;
        }
        if (option == '?') {
            // getopt permutes: the word it stumbled over is the one before optind, or within it for -xyz.
            const char *word = argv[optind > at ? optind - 1 : optind];
            cli_report_usage("unknown option %s", word ? word : "");
            return CLI_WRONG;
        }
        return option;
    }
}

const char *cli_option_name(const struct option *options, int value)
{
    while (options->name && options->val != value) {
        options++;
    }
    return options->name ? options->name : "";
}

bool cli_check_arguments(int argc, int min, int max)
{
    int count = argc - optind;
    if (count < min) {
        cli_report_usage(count == 0 ? "arguments are missing" : "an argument is missing");
    } else if (count > max) {
        cli_report_usage("too many arguments, from \"%s\" on", s_argv[optind + max]);
    }
    return count >= min && count <= max;
}

const char *cli_flash_key(void)
{
    return s_flash_key;
}

bool cli_is_json(void)
{
    return s_is_json;
}

// ----------------------------------------------------------------------- messages

static void print_failure(void)
{
    cli_end_line();
    fprintf(stderr, "error: %s\n", s_failure);
}

void cli_report_failure(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(s_failure, sizeof(s_failure), format, args); // cut when too long
    va_end(args);
    print_failure();
}

void cli_report_error(esp_err_t err, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (s_logged[0]) {
        memcpy(s_failure, s_logged, sizeof(s_failure));
    } else {
        (void)vsnprintf(s_failure, sizeof(s_failure), format, args); // cut when too long
    }
    va_end(args);
    json_decref(s_err_name);
    s_err_name = json_string(esp_err_to_name(err));
    cli_end_line();
    fprintf(stderr, "error: %s (%s)\n", s_failure, esp_err_to_name(err));
}

void cli_say(const char *format, ...)
{
    va_list args;
    cli_end_line();
    va_start(args, format);
    (void)vfprintf(stderr, format, args); // nothing can be done about a closed standard error
    va_end(args);
    fputc('\n', stderr);
}

void cli_warn(const char *format, ...)
{
    va_list args;
    cli_end_line();
    va_start(args, format);
    fputs("warning: ", stderr);
    (void)vfprintf(stderr, format, args); // nothing can be done about a closed standard error
    va_end(args);
    fputc('\n', stderr);
}

const char *cli_failure(void)
{
    return s_failure[0] ? s_failure : NULL;
}

// A log line is "E (123) tag: message\n"; what else passes here is no sentence and dropped.
const char *cli_logged(const char *otherwise)
{
    return s_logged[0] ? s_logged : otherwise;
}

void cli_forget_log(void)
{
    s_logged[0] = 0;
}

__attribute__((format(printf, 1, 0))) static int take_log_line(const char *format, va_list args)
{
    char line[SENTENCE_LEN];
    (void)vsnprintf(line, sizeof(line), format, args); // cut when too long
    line[strcspn(line, "\n")] = 0;
    const char *tag = strstr(line, ") ");
    const char *message = tag ? strstr(tag, ": ") : NULL;
    if (!message || (line[0] != 'E' && line[0] != 'W')) {
        return 0;
    }
    message += 2;
    if (line[0] == 'W') {
        if (s_logged[0]) {
            cli_warn("%s", s_logged);
        }
        cli_forget_log(); // a warning means that it goes on: an error before it was overcome
        cli_warn("%s", message);
    } else if (!s_logged[0]) {
        (void)snprintf(s_logged, sizeof(s_logged), "%s", message); // shorter than line
    }
    return 0;
}

void cli_capture_log(void)
{
    (void)esp_log_set_vprintf(take_log_line); // the sink before is the default
}

// ----------------------------------------------------------------------- values

static bool parse_integer(const char *text, const char **end, uint64_t *out)
{
    if (!isdigit((unsigned char)text[0])) {
        return false;
    }
    bool is_hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
    char *stop;
    errno = 0;
    unsigned long long value = strtoull(text, &stop, is_hex ? 16 : 10);
    if (errno != 0 || stop == text) {
        return false;
    }
    *end = stop;
    *out = value;
    return true;
}

bool cli_parse_number(const char *text, uint64_t max, uint64_t *out)
{
    const char *end;
    uint64_t value;
    if (!parse_integer(text, &end, &value) || *end || value > max) {
        return false;
    }
    *out = value;
    return true;
}

static bool parse_unit(const char *text, uint64_t *factor)
{
    static const struct {
        char letter;
        uint64_t factor;
    } UNITS[] = {{'k', 1024}, {'m', 1024 * 1024}, {'g', 1024 * 1024 * 1024}};
    *factor = 1;
    if (!*text) {
        return true;
    }
    for (size_t i = 0; i < sizeof(UNITS) / sizeof(UNITS[0]); i++) {
        if (tolower((unsigned char)*text) == UNITS[i].letter) {
            *factor = UNITS[i].factor;
            text++;
            break;
        }
    }
    if (*factor > 1 && tolower((unsigned char)text[0]) == 'i') {
        text++;
    }
    return !*text || (tolower((unsigned char)text[0]) == 'b' && !text[1]);
}

bool cli_parse_size(const char *text, uint64_t max, uint64_t *out)
{
    const char *end;
    uint64_t value;
    uint64_t factor;
    if (!parse_integer(text, &end, &value) || !parse_unit(end, &factor) || value > max / factor) {
        return false;
    }
    *out = value * factor;
    return true;
}

bool cli_parse_revision(const char *text, uint16_t *out)
{
    const char *end;
    uint64_t major;
    uint64_t minor = 0;
    text += *text == 'v';
    if (!parse_integer(text, &end, &major)) {
        return false;
    }
    if (*end == '.') {
        if (major > 654 || !cli_parse_number(end + 1, 99, &minor)) {
            return false;
        }
        major *= 100;
    } else if (*end || major > UINT16_MAX) {
        return false;
    }
    *out = (uint16_t)(major + minor);
    return true;
}

bool cli_parse_count(const char *option, const char *text, uint32_t *out)
{
    uint64_t number;
    if (!cli_parse_number(text, 1000, &number)) {
        cli_report_usage("%s is a number up to 1000, not \"%s\"", option, text);
        return false;
    }
    *out = (uint32_t)number;
    return true;
}

bool cli_parse_switch(const char *text, bool *out)
{
    bool is_on = strcmp(text, "on") == 0;
    if (!is_on && strcmp(text, "off") != 0) {
        return false;
    }
    *out = is_on;
    return true;
}

const char *cli_size_text(uint64_t size, char buf[32])
{
    static const char *const NAMES[] = {"bytes", "KB", "MB", "GB"};
    unsigned unit = 0;
    uint64_t factor = 1;
    while (unit < 3 && size >= factor * 1024) {
        factor *= 1024;
        unit++;
    }
    if (size % factor == 0) {
        (void)snprintf(buf, 32, "%llu %s", (unsigned long long)(size / factor), NAMES[unit]);
    } else {
        (void)snprintf(buf, 32, "%.1f %s", (double)size / (double)factor, NAMES[unit]);
    }
    return buf;
}

const char *cli_revision_text(uint16_t revision, char buf[16])
{
    (void)snprintf(buf, 16, "v%u.%u", revision / 100u, revision % 100u); // at most "v655.35"
    return buf;
}

const char *cli_clean_text(const void *field, size_t size, char *out)
{
    size_t len = 0;
    for (const char *at = field; len < size && at[len]; len++) {
        unsigned char c = (unsigned char)at[len];
        out[len] = (char)(c < 0x20 || c == 0x7F ? '?' : c);
    }
    out[len] = 0;
    json_t *valid = json_string(out); // jansson knows what UTF-8 is
    for (size_t i = 0; !valid && i < len; i++) {
        if ((unsigned char)out[i] >= 0x80) {
            out[i] = '?';
        }
    }
    json_decref(valid);
    return out;
}

// ----------------------------------------------------------------------- results

void cli_print_json(json_t *root)
{
    s_has_printed_json = true;
    if (json_dumpf(root, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(9)) == 0) {
        putchar('\n');
    }
    json_decref(root);
}

void cli_print_json_line(json_t *root)
{
    s_has_printed_json = true;
    if (json_dumpf(root, stdout, JSON_COMPACT | JSON_REAL_PRECISION(9)) == 0) {
        putchar('\n');
    }
    (void)fflush(stdout); // what cannot be written is noticed at the end, by cli_finish()
    json_decref(root);
}

json_t *cli_json_text(const void *field, size_t size)
{
    char text[256];
    size_t len = size < sizeof(text) ? size : sizeof(text) - 1;
    return json_string(cli_clean_text(field, len, text));
}

// A command that failed before it had a result still answers JSON with JSON.
static void print_failure_as_json(void)
{
    json_t *root = json_object();
    if (s_err_name) {
        json_object_set(root, "result", s_err_name);
    }
    json_object_set_new(root, "error", cli_json_text(s_failure, sizeof(s_failure)));
    cli_print_json(root);
}

void cli_report_lost_output(void)
{
    if (!s_has_lost_output) {
        cli_report_failure("standard output cannot be written: %s", strerror(errno));
    }
    s_has_lost_output = true;
}

int cli_finish(int code)
{
    if (code == CLI_FAILED && s_is_json && !s_has_printed_json && s_failure[0]) {
        print_failure_as_json();
    }
    json_decref(s_err_name);
    s_err_name = NULL;
    if (fflush(stdout) != 0 || ferror(stdout)) {
        return cli_fail_output();
    }
    return s_has_wrong_usage ? CLI_USAGE : code;
}
