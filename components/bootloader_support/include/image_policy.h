/**
 * What a device may ask of an image beyond what its chip needs: project, version, size. Off unless its trust store says so.
 *
 * All of it can be judged before anything is erased: project and version stand in the first 288 bytes of an image, and a
 * server usually tells the length.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "esp_app_desc.h"
#include "image_fault.h"

#ifdef __cplusplus
extern "C" {
#endif

struct image_policy {
    bool same_project;    // the project name must be `project`
    bool no_version_down; // version and secure version must not be below these
    bool has_running;     // the three below are known; else what asks for them is not checked
    char project[32];     // of the running application; not terminated when it fills the field
    char version[32];
    uint32_t secure_version;
    uint32_t min_len; // bytes of an image, with the signature that the device asks for; 0: any
    uint32_t max_len; // 0: any
};

/** Takes over project and versions of the running application; desc NULL: none runs. */
void image_policy_set_running(struct image_policy *policy, const esp_app_desc_t *desc);

/** Judges a descriptor. @param policy  NULL: no policy  @param desc  NULL: the image has none */
enum image_fault image_policy_check_app(const struct image_policy *policy,
                                        const esp_app_desc_t *desc);

/** Judges a length. @param policy  NULL: no policy */
enum image_fault image_policy_check_len(const struct image_policy *policy, uint64_t len);

/**
 * Compares two versions by the rules of Semantic Versioning 2.0.0, section 11: numbers first, a pre-release is below its
 * release, build metadata does not count. Applied leniently, since projects name versions as they like: a leading "v" is
 * skipped, any count of numbers is taken, missing ones are 0, and other text is compared as one pre-release would be.
 * @param a, b  up to 32 bytes, ended by a zero or by the field
 * @return below, equal to or above 0 as a is older than, as old as or newer than b
 */
int image_policy_compare_versions(const char a[32], const char b[32]);

#ifdef __cplusplus
}
#endif
