// esp-ota update with the URL of a release folder: the index, whether it counts, which file, and what if that one fails.

#include "update.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "chip_traits.h"
#include "esp_log.h"
#include "esp_ota_ops.h"
#include "image_policy.h"
#include "nvs_flash.h"
#include "ota_stage_registry.h"

static const char *TAG = "update";

#define URL_LEN_MAX 4096 // fact: buffer_size_tx of update_session.c, which must hold a request line

#define NVS_NAMESPACE "ota_release"
#define NVS_SERIAL    "serial"

struct follow {
    struct update *u;
    const esp_partition_t *running;
    esp_app_desc_t desc; // of what runs
    bool has_desc;
    char index[ESP_OTA_RELEASE_INDEX_MAX];
    struct esp_ota_release release;
    struct esp_ota_release_plan plan;
    char url[URL_LEN_MAX];
    const struct esp_ota_release_file *taken; // what the last session fetched; NULL: none
    bool is_waiting;                          // the rollout has not reached this device
};

// ----------------------------------------------------------------------- URLs

static size_t path_len(const char *url)
{
    return strcspn(url, "?#");
}

static size_t last_slash(const char *url, size_t len)
{
    while (len > 0 && url[len - 1] != '/') {
        len--;
    }
    return len;
}

bool update_is_folder(const char *url)
{
    const char *host = strstr(url, "://");
    size_t begin = host ? (size_t)(host + 3 - url) : 0;
    size_t len = path_len(url);
    size_t name = last_slash(url, len);
    if (name <= begin) {
        return false; // no path at all
    }
    return len == name || (len - name == strlen(ESP_OTA_RELEASE_INDEX_NAME) &&
                           strncmp(url + name, ESP_OTA_RELEASE_INDEX_NAME, len - name) == 0);
}

// The URL of a file of the folder; a query goes along, as it may be what the server lets in by.
static esp_err_t url_of(const char *folder, const char *name, char out[URL_LEN_MAX])
{
    size_t len = path_len(folder);
    int made = snprintf(out, URL_LEN_MAX, "%.*s%s%.*s", (int)last_slash(folder, len), folder, name,
                        (int)strcspn(folder + len, "#"), folder + len);
    if (made < 0 || made >= URL_LEN_MAX) {
        ESP_LOGE(TAG, "the URL of the folder is too long");
        return ESP_ERR_INVALID_SIZE;
    }
    return ESP_OK;
}

// ----------------------------------------------------------------------- the serial that was seen

static esp_err_t open_serial(bool is_writing, nvs_handle_t *handle)
{
    const esp_partition_t *found = esp_partition_find_first(
        ESP_PARTITION_TYPE_DATA, ESP_PARTITION_SUBTYPE_DATA_NVS, NVS_DEFAULT_PART_NAME);
    if (!found) {
        return ESP_ERR_NOT_FOUND;
    }
    esp_partition_t view = *found;
    view.readonly = view.readonly || !is_writing;
    esp_err_t err = nvs_flash_init_partition_ptr(&view);
    if (err != ESP_OK) {
        return err;
    }
    return nvs_open(NVS_NAMESPACE, is_writing ? NVS_READWRITE : NVS_READONLY, handle);
}

// 0: none was seen, or the device has nowhere to keep it.
static uint64_t load_serial(void)
{
    nvs_handle_t handle;
    uint64_t serial = 0;
    if (open_serial(false, &handle) == ESP_OK) {
        if (nvs_get_u64(handle, NVS_SERIAL, &serial) != ESP_OK) {
            serial = 0;
        }
        nvs_close(handle);
    }
    ESP_IGNORE_ERROR(nvs_flash_deinit_partition(NVS_DEFAULT_PART_NAME)); // it may not be open
    cli_forget_log();
    return serial;
}

static void save_serial(uint64_t serial)
{
    nvs_handle_t handle;
    esp_err_t err = open_serial(true, &handle);
    if (err == ESP_OK) {
        err = nvs_set_u64(handle, NVS_SERIAL, serial);
        if (err == ESP_OK) {
            err = nvs_commit(handle);
        }
        nvs_close(handle);
    }
    ESP_IGNORE_ERROR(nvs_flash_deinit_partition(NVS_DEFAULT_PART_NAME)); // it may not be open
    cli_forget_log();
    if (err != ESP_OK) {
        cli_warn("the device has no NVS partition that can be used, so an older index could be "
                 "played again later (%s)",
                 esp_err_to_name(err));
    }
}

// ----------------------------------------------------------------------- whether the index counts

static esp_err_t check_trust(struct follow *f)
{
    struct update *u = f->u;
    if (u->trust.count == 0) {
        if (f->release.signed_len > 0) {
            progress_say(&u->progress,
                         "the index is signed, but nobody asked by whom: --trust KEY");
        }
        return ESP_OK;
    }
    enum image_fault fault = esp_ota_release_verify(&f->release, &u->policy);
    if (fault == IMAGE_SIGNATURE_MISSING) {
        ESP_LOGE(TAG, "the folder's index is not signed, and --trust asks for that");
        return ESP_ERR_OTA_VALIDATE_FAILED;
    }
    if (fault != IMAGE_OK) {
        ESP_LOGE(TAG, "the folder's index is refused: %s", image_fault_text(fault));
        return ESP_ERR_OTA_VALIDATE_FAILED;
    }
    uint64_t last = u->takes_older_index ? 0 : load_serial();
    esp_err_t err = esp_ota_release_check_age(&f->release, last, (uint64_t)time(NULL));
    if (err == ESP_OK && !u->only_looks && f->release.serial != last) {
        save_serial(f->release.serial);
    }
    return err;
}

static esp_err_t check_kind(const struct follow *f, const struct device *device)
{
    char project[33];
    const char *chip = chip_name((uint16_t)device->chip.chip_id);
    if (strcmp(chip, f->release.chip) != 0) {
        ESP_LOGE(TAG, "the folder is for %s, this device is %s", f->release.chip, chip);
        return ESP_ERR_INVALID_VERSION;
    }
    if (f->has_desc &&
        strcmp(cli_clean_text(f->desc.project_name, sizeof(f->desc.project_name), project),
               f->release.project) != 0) {
        ESP_LOGE(
            TAG,
            "the folder is of project %s, this device runs %s; to change to it, update with the "
            "URL of the image",
            f->release.project, project);
        return ESP_ERR_INVALID_VERSION;
    }
    return ESP_OK;
}

static bool is_number(const char *version)
{
    version += *version == 'v' || *version == 'V';
    return *version >= '0' && *version <= '9';
}

// Versions are compared only where both are numbers; a release that there is a patch to is newer by what its publisher said.
static bool is_step_back(const struct follow *f)
{
    char version[33];
    if (f->plan.is_withdrawn) {
        return true;
    }
    if (f->plan.has_patch || !f->has_desc) {
        return false;
    }
    cli_clean_text(f->desc.version, sizeof(f->desc.version), version);
    return f->release.secure_version < f->desc.secure_version ||
           (is_number(version) && is_number(f->release.app_version) &&
            image_policy_compare_versions(f->release.app_version, version) < 0);
}

static esp_err_t check_direction(const struct follow *f)
{
    if (f->u->allows_downgrade || !is_step_back(f)) {
        return ESP_OK;
    }
    ESP_LOGE(TAG,
             "the folder offers %s, which is older than what runs%s; --allow-downgrade if that "
             "is meant",
             f->release.version, f->plan.is_withdrawn ? " (that was withdrawn)" : "");
    return ESP_ERR_INVALID_VERSION;
}

// ----------------------------------------------------------------------- which file

static esp_err_t read_running(void *context, uint32_t offset, uint8_t *out, uint32_t len)
{
    return esp_partition_read(context, offset, out, len);
}

static esp_err_t make_plan(struct follow *f)
{
    struct update *u = f->u;
    struct esp_ota_release_base base = {.context = (void *)f->running, // only read
                                        .size = f->running->size,
                                        .read = read_running};
    struct esp_ota_release_limits limits = {.memory = u->memory,
                                            .slot_size = u->target->size,
                                            .max_bytes = u->limits.max_bytes,
                                            .takes_gzip = ota_stage_is_registered(OTA_STAGE_GZIP),
                                            .takes_zstd = ota_stage_is_registered(OTA_STAGE_ZSTD),
                                            .patches_only = u->patches_only};
    return esp_ota_release_plan(&f->release, &base, &limits, &f->plan);
}

// No file fits: says which would have, and what keeps it away.
static esp_err_t refuse_plan(const struct follow *f)
{
    const struct esp_ota_release_plan *plan = &f->plan;
    const struct update *u = f->u;
    char full[32];
    char patch[80] = "there is no patch from what runs";
    if (plan->has_patch) {
        (void)snprintf(patch, sizeof(patch), "the patch has %u bytes and takes %u of memory",
                       (unsigned)plan->patch_size, (unsigned)plan->patch_memory); // it fits
    }
    cli_size_text(plan->full_size, full);
    if (u->patches_only && u->limits.max_bytes == 0) {
        ESP_LOGE(TAG, "%s; the whole image would be %s, which --no-full-fallback forbids", patch,
                 full);
    } else {
        ESP_LOGE(TAG, "%s; the whole image would be %s; --max-bytes allows %llu%s", patch, full,
                 (unsigned long long)u->limits.max_bytes,
                 u->patches_only ? ", and --no-full-fallback only patches" : "");
    }
    return ESP_ERR_INVALID_SIZE;
}

static bool is_reached(const struct follow *f)
{
    const char *name = strrchr(f->u->flash, '/');
    const char *id = f->u->device_id ? f->u->device_id : name ? name + 1 : f->u->flash;
    return esp_ota_release_is_offered(&f->release, id, strlen(id));
}

static esp_err_t fetch_index(struct follow *f)
{
    size_t len = 0;
    esp_err_t err = url_of(f->u->url, ESP_OTA_RELEASE_INDEX_NAME, f->url);
    if (err == ESP_OK) {
        err = update_fetch(f->u, f->url, (uint8_t *)f->index, sizeof(f->index), &len);
    }
    return err == ESP_OK ? esp_ota_release_parse(f->index, len, &f->release) : err;
}

static esp_err_t decide(struct follow *f, const struct device *device)
{
    esp_err_t err = fetch_index(f);
    if (err == ESP_OK) {
        err = check_trust(f);
    }
    if (err == ESP_OK) {
        err = check_kind(f, device);
    }
    if (err == ESP_OK) {
        err = make_plan(f);
    }
    if (err != ESP_OK || f->plan.is_current) {
        return err;
    }
    err = check_direction(f);
    if (err != ESP_OK) {
        return err;
    }
    f->is_waiting = !is_reached(f);
    return f->plan.count > 0 || f->is_waiting ? ESP_OK : refuse_plan(f);
}

// ----------------------------------------------------------------------- fetching

static const char *kind_of(const struct esp_ota_release_file *file)
{
    static const char *const names[] = {"image", "gzip", "zstd", "patch"};
    return names[file->kind];
}

// Whether another file may do better: this one is missing, damaged, or not what this device can apply.
static bool is_file_at_fault(const struct update *u, esp_err_t err)
{
    if (update_session_is_interrupted()) {
        return false;
    }
    switch (err) {
    case ESP_ERR_OTA_VALIDATE_FAILED:
    case ESP_ERR_INVALID_VERSION:
    case ESP_ERR_INVALID_SIZE:
    case ESP_ERR_INVALID_RESPONSE:
    case ESP_ERR_INVALID_CRC:
    case ESP_ERR_INVALID_STATE:
    case ESP_ERR_NO_MEM:
        return true;
    case ESP_FAIL: // a status; or a file that ends early, which a broken connection looks like
        return u->status == 403 || u->status == 404 || u->status == 410 ||
               (u->status == 200 && u->progress.total < 0);
    default:
        return false;
    }
}

static esp_err_t fetch_file(struct follow *f, const struct esp_ota_release_file *file)
{
    struct update *u = f->u;
    const char *folder = u->url;
    esp_err_t err = url_of(folder, file->name, f->url);
    if (err != ESP_OK) {
        return err;
    }
    f->taken = file;
    u->wanted_size = f->release.image_size;
    u->wanted_digest_len = sizeof(f->release.image_sha256);
    memcpy(u->wanted_digest, f->release.image_sha256, sizeof(f->release.image_sha256));
    u->file_size = file->size;
    u->patch_sha256 = file->kind == ESP_OTA_RELEASE_PATCH ? file->sha256 : NULL;
    u->url = f->url;
    err = update_session_transfer(u);
    u->url = folder;
    return err;
}

static bool is_in_budget(const struct follow *f, uint64_t received,
                         const struct esp_ota_release_file *file)
{
    uint64_t max = f->u->limits.max_bytes;
    return max == 0 || (received < max && file->size <= max - received);
}

static esp_err_t fetch_files(struct follow *f)
{
    struct update *u = f->u;
    uint64_t budget = u->limits.max_bytes;
    uint64_t received = 0;
    esp_err_t err = ESP_FAIL;
    for (uint32_t i = 0; i < f->plan.count; i++) {
        const struct esp_ota_release_file *file = &f->plan.files[i];
        if (!is_in_budget(f, received, file)) {
            continue;
        }
        if (i > 0) {
            cli_warn("%s cannot be used: %s; trying the %s (%u bytes)", f->taken->name,
                     cli_logged(esp_err_to_text(err)), kind_of(file), (unsigned)file->size);
            cli_forget_log();
        }
        u->limits.max_bytes = budget > 0 ? budget - received : 0;
        err = fetch_file(f, file);
        received += u->stats.received;
        u->limits.max_bytes = budget;
        if (err == ESP_OK || !is_file_at_fault(u, err)) {
            break;
        }
    }
    u->stats.received = received;
    return err;
}

// ----------------------------------------------------------------------- words

static json_t *file_to_json(const struct esp_ota_release_file *file)
{
    json_t *object = json_object();
    json_object_set_new(object, "kind", json_string(kind_of(file)));
    json_object_set_new(object, "name", json_string(file->name));
    json_object_set_new(object, "size", json_integer(file->size));
    return object;
}

static void add_release(json_t *root, const struct follow *f)
{
    const struct esp_ota_release *release = &f->release;
    json_t *plan = json_array();
    for (uint32_t i = 0; i < f->plan.count; i++) {
        json_array_append_new(plan, file_to_json(&f->plan.files[i]));
    }
    json_t *object = json_object();
    json_object_set_new(object, "serial", json_integer((json_int_t)release->serial));
    json_object_set_new(object, "version",
                        cli_json_text(release->version, strlen(release->version)));
    json_object_set_new(object, "trusted", json_boolean(f->u->trust.count > 0));
    json_object_set_new(object, "current", json_boolean(f->plan.is_current));
    json_object_set_new(object, "waiting", json_boolean(f->is_waiting));
    json_object_set_new(object, "plan", plan);
    json_object_set_new(object, "taken", f->taken ? file_to_json(f->taken) : json_null());
    json_object_set_new(root, "release", object);
}

static void name_release(const struct follow *f, char out[80])
{
    char version[ESP_OTA_RELEASE_TEXT_MAX];
    char project[ESP_OTA_RELEASE_TEXT_MAX];
    const struct esp_ota_release *release = &f->release;
    (void)snprintf(out, 80, "%s %s",
                   cli_clean_text(release->project, strlen(release->project), project),
                   cli_clean_text(release->version, strlen(release->version), version)); // it fits
}

// Nothing to fetch: the release runs already, or is not for this device yet, or only the plan was asked for.
static int report_rest(const struct follow *f)
{
    char slot[8];
    char name[80];
    update_name_slot(f->running, slot);
    name_release(f, name);
    if (cli_is_json()) {
        json_t *root = update_session_json(f->u, ESP_OK);
        json_object_set_new(root, "slot", json_null());
        add_release(root, f);
        cli_print_json(root);
        return CLI_DONE;
    }
    if (f->plan.is_current) {
        printf("up to date: %s runs %s, which is what the folder offers\n", slot, name);
    } else if (f->is_waiting) {
        printf("%s is offered to %u %% of the devices so far, and not to this one; nothing was "
               "fetched\n",
               name, (unsigned)f->release.rollout);
    } else {
        printf("the folder offers %s (index %llu%s)\n", name, (unsigned long long)f->release.serial,
               f->u->trust.count > 0 ? ", signed by a trusted key" : "");
        for (uint32_t i = 0; i < f->plan.count; i++) {
            const struct esp_ota_release_file *file = &f->plan.files[i];
            printf("  %-12s %-5s %9u bytes  %s\n", i == 0 ? "would fetch" : "else", kind_of(file),
                   (unsigned)file->size, file->name);
        }
    }
    return CLI_DONE;
}

static int report_failure(struct follow *f, const struct device *device, esp_err_t err)
{
    if (f->taken || !cli_is_json()) {
        int code = update_session_report(f->u, device, err);
        if (f->taken && (f->u->status == 404 || f->u->status == 410)) {
            cli_say("the index names files that the server does not have: it may be in the middle "
                    "of publishing, or a cache holds an old index; try again later");
        }
        return code;
    }
    int code = cli_fail_with(err, "the update failed: %s", esp_err_to_text(err));
    json_t *root = update_session_json(f->u, err);
    json_object_set_new(root, "release", json_null());
    cli_print_json(root);
    return code;
}

static int report_taken(const struct follow *f, const struct device *device)
{
    if (!cli_is_json()) {
        return update_session_report(f->u, device, ESP_OK);
    }
    json_t *root = update_session_json(f->u, ESP_OK);
    add_release(root, f);
    cli_print_json(root);
    return CLI_DONE;
}

int update_release_run(struct update *u, struct device *device)
{
    static struct follow follow; // one process, one update; its index is too large for the stack
    struct follow *f = &follow;
    f->u = u;
    f->running = esp_ota_get_running_partition();
    f->has_desc = f->running && esp_ota_get_partition_description(f->running, &f->desc) == ESP_OK;
    cli_forget_log();
    progress_begin(&u->progress, u->is_quiet || cli_is_json());
    if (!f->running || !u->target) {
        return cli_fail("%s: what runs, or where an update would go, cannot be told", u->flash);
    }
    esp_err_t err = decide(f, device);
    bool is_at_rest = f->plan.is_current || f->is_waiting || u->only_looks;
    if (err == ESP_OK && is_at_rest) {
        return report_rest(f);
    }
    if (err == ESP_OK) {
        progress_say(&u->progress, "the folder offers %s: fetching the %s, %u bytes",
                     f->release.version, kind_of(&f->plan.files[0]),
                     (unsigned)f->plan.files[0].size);
        err = fetch_files(f);
    }
    return err == ESP_OK ? report_taken(f, device) : report_failure(f, device, err);
}
