// esp-ota: one program, many commands. Finds the command, prints help, turns its answer into an exit code.

#include "commands.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "esp_idf_version.h"

// clang-format off: one a line
static const struct cli_command *const COMMANDS[] = {
    &flash_create_command,
    &flash_info_command,
    &flash_read_command,
    &flash_write_command,
    &flash_erase_command,
    &flash_encrypt_command,
    &flash_decrypt_command,
    &partitions_gen_command,
    &partitions_show_command,
    &otadata_show_command,
    &otadata_switch_command,
    &otadata_erase_command,
    &otadata_confirm_command,
    &otadata_reject_command,
    &otadata_healthy_command,
    &update_command,
    &boot_command,
    &explain_command,
    &prove_command,
    &image_info_command,
    &image_verify_command,
    &image_build_command,
    &device_run_command,
    &project_build_command,
    &rehearse_command,
    &image_sign_command,
    &key_generate_command,
    &key_public_command,
    &key_digest_command,
    &efuse_show_command,
    &efuse_burn_digest_command,
    &efuse_revoke_command,
    &efuse_secure_version_command,
    &efuse_enable_secure_boot_command,
    &trust_show_command,
    &trust_set_command,
    &trust_add_command,
    &trust_revoke_command,
    &nvs_dump_command,
    &nvs_get_command,
    &nvs_set_command,
    &delta_create_command,
    &delta_apply_command,
    &delta_info_command,
    &release_add_command,
    &release_set_command,
    &release_remove_command,
    &release_prune_command,
    &release_list_command,
    &release_verify_command,
};
// clang-format on

#define COMMAND_COUNT (sizeof(COMMANDS) / sizeof(COMMANDS[0]))

static const struct cli_command TOP = {.name = "", .usage = "COMMAND ..."};

static void print_overview(FILE *to)
{
    fputs("usage: esp-ota COMMAND ...\n\n"
          "Virtual ESP devices in flash files: create them, update them over HTTPS, boot them.\n\n",
          to);
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        fprintf(to, "  %-24s %s\n", COMMANDS[i]->name, COMMANDS[i]->summary);
    }
    fputs("\nesp-ota COMMAND --help tells more, with an example. Results go to standard output, "
          "messages to\n"
          "standard error; --json makes results readable for programs.\n"
          "Exit codes: 0 done, 1 failed, 2 wrong usage.\n",
          to);
}

// How many words of the command line name this command; 0: another one.
static int count_words(const struct cli_command *command, int argc, char **argv)
{
    const char *space = strchr(command->name, ' ');
    size_t first = space ? (size_t)(space - command->name) : strlen(command->name);
    if (argc < 2 || strncmp(argv[1], command->name, first) != 0 || argv[1][first]) {
        return 0;
    }
    if (!space) {
        return 1;
    }
    return argc > 2 && strcmp(argv[2], space + 1) == 0 ? 2 : 0;
}

static bool is_group(const char *word)
{
    size_t len = strlen(word);
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (strncmp(COMMANDS[i]->name, word, len) == 0 && COMMANDS[i]->name[len] == ' ') {
            return true;
        }
    }
    return false;
}

static bool is_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

static bool asks_for_help(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (is_help(argv[i])) {
            return true;
        }
    }
    return false;
}

static void print_group(FILE *to, const char *group)
{
    size_t len = strlen(group);
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (strncmp(COMMANDS[i]->name, group, len) == 0 && COMMANDS[i]->name[len] == ' ') {
            fprintf(to, "  esp-ota %s\n", COMMANDS[i]->usage);
        }
    }
}

static int run_without_command(int argc, char **argv)
{
    cli_begin(&TOP);
    if (argc < 2) {
        print_overview(stderr);
        return CLI_USAGE;
    }
    if (is_help(argv[1]) || strcmp(argv[1], "help") == 0) {
        print_overview(stdout);
        return CLI_DONE;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("esp-ota %s (ESP-IDF interfaces up to %d.%d)\n", ESP_OTA_VERSION,
               ESP_IDF_VERSION_MAJOR, ESP_IDF_VERSION_MINOR);
        return CLI_DONE;
    }
    if (is_group(argv[1])) {
        bool is_asked = asks_for_help(argc, argv);
        FILE *to = is_asked ? stdout : stderr;
        if (!is_asked) {
            fprintf(to,
                    argc > 2 ? "error: esp-ota %s has no command \"%s\"\n"
                             : "error: esp-ota %s needs a command\n",
                    argv[1], argc > 2 ? argv[2] : "");
        }
        fputs("usage:\n", to);
        print_group(to, argv[1]);
        return is_asked ? CLI_DONE : CLI_USAGE;
    }
    fprintf(stderr, "error: unknown %s %s\nesp-ota --help lists the commands\n",
            argv[1][0] == '-' ? "option" : "command", argv[1]);
    return CLI_USAGE;
}

static int run(int argc, char **argv)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        int words = count_words(COMMANDS[i], argc, argv);
        if (words == 0) {
            continue;
        }
        cli_begin(COMMANDS[i]);
        if (asks_for_help(argc - words, argv + words)) {
            cli_print_help(COMMANDS[i]);
            return CLI_DONE;
        }
        return COMMANDS[i]->run(argc - words, argv + words);
    }
    return run_without_command(argc, argv);
}

int main(int argc, char **argv)
{
    // A closed pipe and a file size limit are answered by the call that meets them, with a sentence.
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGXFSZ, SIG_IGN);
    cli_capture_log();
    return cli_finish(run(argc, argv));
}
