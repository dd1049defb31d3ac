/**
 * What all subcommands share: the command line, messages, numbers, files and JSON.
 *
 * Results go to standard output, everything else to standard error. Exit codes: CLI_DONE, CLI_FAILED, CLI_USAGE.
 * One process runs one command, so the command under way, --json and the captured log are single.
 */
#pragma once

#include <getopt.h>
#include <jansson.h>

#include "esp_err.h"

enum cli_exit {
    CLI_DONE = 0,
    CLI_FAILED = 1,
    CLI_USAGE = 2,
};

struct cli_command {
    const char *name;                  // one or two words, e.g. "flash create"
    const char *summary;               // half a line for the list of commands
    const char *usage;                 // what follows the program's name
    const char *help;                  // options and an example; whole lines
    int (*run)(int argc, char **argv); // argv[0] is the name; returns an enum cli_exit
};

// ----------------------------------------------------------------------- command line

/** Makes command the one that messages name. */
void cli_begin(const struct cli_command *command);

/** Prints the help of a command to standard output. */
void cli_print_help(const struct cli_command *command);

#define CLI_OPTION_JSON 'j'
#define CLI_END         (-1)
#define CLI_WRONG       '?'

#define CLI_OPTION_FLASH_KEY 0x1000 // beyond the values that commands count up from 256

/**
 * Next option, as getopt_long(); arguments may stand before, between and behind options. --json is noted for
 * cli_is_json(), --flash-key for cli_flash_key(), and neither is returned. An option whose value is a letter has that letter as its short form.
 * @return the option's value; CLI_END: no more; CLI_WRONG: wrong usage, said so already: return CLI_USAGE
 */
int cli_next_option(int argc, char **argv, const struct option *options);

/** Long name, without dashes, of the first option with this value; "" if there is none. */
const char *cli_option_name(const struct option *options, int value);

/** Whether as many arguments as allowed stand behind the options; if not says so, and the caller returns CLI_USAGE. */
bool cli_check_arguments(int argc, int min, int max);

/** File that --flash-key names, or NULL. */
const char *cli_flash_key(void);

/** Whether --json was given. */
bool cli_is_json(void);

// ----------------------------------------------------------------------- messages

/** Prints "error: ..." and is CLI_FAILED. A macro, so that compilers and analysers see the value. */
#define cli_fail(...) (cli_report_failure(__VA_ARGS__), CLI_FAILED)
void cli_report_failure(const char *format, ...) __attribute__((format(printf, 1, 2)));

/**
 * Prints the sentence that the library logged, or the given one if it logged none, and the name of err; is CLI_FAILED.
 */
#define cli_fail_with(...) (cli_report_error(__VA_ARGS__), CLI_FAILED)
void cli_report_error(esp_err_t err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** Prints what is wrong with the command line and where help is; is CLI_USAGE. */
#define cli_usage(...) (cli_report_usage(__VA_ARGS__), CLI_USAGE)
void cli_report_usage(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** Tells whether a line without its end stands on standard error; the next message then ends it first. */
void cli_note_open_line(bool is_open);

/** Ends the line that is open, if one is. */
void cli_end_line(void);

/** Prints a line to standard error. */
void cli_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** Prints "warning: ..." to standard error. */
void cli_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** The sentence of the last cli_fail(), or NULL. */
const char *cli_failure(void);

/** From now on error lines of the log are kept for cli_fail_with(), warnings printed, the rest dropped. */
void cli_capture_log(void);

/** The sentence that the library logged since it was last forgotten, or otherwise if there is none. */
const char *cli_logged(const char *otherwise);

/** Forgets what the log said so far. */
void cli_forget_log(void);

// ----------------------------------------------------------------------- values

/** Decimal or 0x number. @return false: it is none, or above max */
bool cli_parse_number(const char *text, uint64_t max, uint64_t *out);

/** A number of bytes such as 4096, 0x1000, 64K, 4MB, 4 MiB written without space. */
bool cli_parse_size(const char *text, uint64_t max, uint64_t *out);

/** A revision such as 301, 3.1 or v3.1 as major * 100 + minor. */
bool cli_parse_revision(const char *text, uint16_t *out);

/** --attempts and --crash-limit of a bootloader with extensions. On failure says so and returns false. */
bool cli_parse_count(const char *option, const char *text, uint32_t *out);

/** "on" or "off". */
bool cli_parse_switch(const char *text, bool *out);

/** "4 MB", "1.5 KB", "17 bytes" for people; buf holds at least 32 bytes. @return buf */
const char *cli_size_text(uint64_t size, char buf[32]);

/** "v3.1" of a revision; buf holds at least 16 bytes. @return buf */
const char *cli_revision_text(uint16_t revision, char buf[16]);

/**
 * Copies a text field of at most size bytes, not necessarily terminated, so that it can be printed: what is no
 * printable UTF-8 becomes '?'. out holds size + 1 bytes. @return out
 */
const char *cli_clean_text(const void *field, size_t size, char *out);

// ----------------------------------------------------------------------- files

/** Bytes of a file, with a NUL behind them that len does not count; free bytes. */
struct cli_bytes {
    uint8_t *bytes;
    size_t len;
};

/** Reads a whole file of at most max bytes, "-" for standard input. On failure says so and returns false. */
bool cli_read_file(const char *path, size_t max, struct cli_bytes *out);

/** Whether both names lead to one file that is there. */
bool cli_is_same_file(const char *a, const char *b);

/**
 * Writes a whole file, "-" for standard output. On failure says so, leaves what was there and returns false.
 * Cut: the old file or the new one.
 */
bool cli_write_file(const char *path, const void *bytes, size_t len);

// ----------------------------------------------------------------------- results

/** Says that standard output cannot be written, and why (errno); once, however often it is found out. Is CLI_FAILED. */
#define cli_fail_output() (cli_report_lost_output(), CLI_FAILED)
void cli_report_lost_output(void);

/** Prints root to standard output and gives it up. */
void cli_print_json(json_t *root);

/** Prints root to standard output as one line, at once, and gives it up: for results that come one after another. */
void cli_print_json_line(json_t *root);

/** Clean text as JSON. @return a new reference */
json_t *cli_json_text(const void *field, size_t size);

/** Flushes standard output; on a full disk says so. @return code; CLI_FAILED; CLI_USAGE wherever wrong usage was found */
int cli_finish(int code);
