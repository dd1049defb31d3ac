/** Every subcommand; see main.c for the list. */
#pragma once

#include "cli.h"

extern const struct cli_command flash_create_command;
extern const struct cli_command flash_info_command;
extern const struct cli_command flash_read_command;
extern const struct cli_command flash_write_command;
extern const struct cli_command flash_erase_command;
extern const struct cli_command partitions_gen_command;
extern const struct cli_command partitions_show_command;
extern const struct cli_command otadata_show_command;
extern const struct cli_command otadata_switch_command;
extern const struct cli_command otadata_erase_command;
extern const struct cli_command otadata_confirm_command;
extern const struct cli_command otadata_reject_command;
extern const struct cli_command update_command;
extern const struct cli_command boot_command;
extern const struct cli_command image_info_command;
extern const struct cli_command image_verify_command;
extern const struct cli_command image_build_command;
extern const struct cli_command delta_create_command;
extern const struct cli_command delta_apply_command;
extern const struct cli_command delta_info_command;
