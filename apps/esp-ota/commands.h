/** Every subcommand; see main.c for the list. */
#pragma once

#include "cli.h"

extern const struct cli_command flash_create_command;
extern const struct cli_command flash_info_command;
extern const struct cli_command flash_read_command;
extern const struct cli_command flash_write_command;
extern const struct cli_command flash_erase_command;
extern const struct cli_command flash_encrypt_command;
extern const struct cli_command flash_decrypt_command;
extern const struct cli_command partitions_gen_command;
extern const struct cli_command partitions_show_command;
extern const struct cli_command otadata_show_command;
extern const struct cli_command otadata_switch_command;
extern const struct cli_command otadata_erase_command;
extern const struct cli_command otadata_confirm_command;
extern const struct cli_command otadata_reject_command;
extern const struct cli_command otadata_healthy_command;
extern const struct cli_command update_command;
extern const struct cli_command boot_command;
extern const struct cli_command prove_command;
extern const struct cli_command rehearse_command;
extern const struct cli_command explain_command;
extern const struct cli_command nvs_dump_command;
extern const struct cli_command nvs_get_command;
extern const struct cli_command nvs_set_command;
extern const struct cli_command device_run_command;
extern const struct cli_command project_build_command;
extern const struct cli_command trust_show_command;
extern const struct cli_command trust_set_command;
extern const struct cli_command trust_add_command;
extern const struct cli_command trust_revoke_command;
extern const struct cli_command image_info_command;
extern const struct cli_command image_verify_command;
extern const struct cli_command image_build_command;
extern const struct cli_command image_sign_command;
extern const struct cli_command key_generate_command;
extern const struct cli_command key_public_command;
extern const struct cli_command key_digest_command;
extern const struct cli_command efuse_show_command;
extern const struct cli_command efuse_burn_digest_command;
extern const struct cli_command efuse_revoke_command;
extern const struct cli_command efuse_secure_version_command;
extern const struct cli_command efuse_enable_secure_boot_command;
extern const struct cli_command delta_create_command;
extern const struct cli_command delta_apply_command;
extern const struct cli_command delta_info_command;
extern const struct cli_command release_add_command;
extern const struct cli_command release_set_command;
extern const struct cli_command release_remove_command;
extern const struct cli_command release_prune_command;
extern const struct cli_command release_list_command;
extern const struct cli_command release_verify_command;
