// The update's use of esp_ota_ops: one transaction on the staging partition.

#include "ota_update.h"

void ota_transaction_abort(struct ota_update *update)
{
    if (update->ota) {
        ESP_IGNORE_ERROR(esp_ota_abort(update->ota)); // the handle is ours
        update->ota = 0;
    }
}

static esp_err_t erase_for_image(const struct ota_update *update)
{
    uint32_t unit = update->staging->erase_size;
    int64_t size = ota_fill_image_size(update);
    uint32_t len = size > 0 ? (uint32_t)size : update->staging->size;
    return esp_partition_erase_range(update->staging, 0, (len + unit - 1) / unit * unit);
}

void ota_transaction_tune(const struct ota_update *update)
{
    const esp_https_ota_ext_t *ext = &update->source.limits;
    int64_t size = ota_fill_image_size(update);
    bool is_known = size > 0 && size <= update->staging->size;
    esp_ota_tuning_t tuning = {.image_size = is_known ? (uint32_t)size : 0,
                               .erase_ahead = ext->erase_before_header,
                               .erase_size_max = ext->erase_size_max,
                               .is_settled = ext->slot_is_settled,
                               .yield = ext->flash_yield,
                               .yield_context = ext->flash_yield_context};
    ESP_IGNORE_ERROR(esp_ota_tune(update->ota, &tuning)); // the handle is ours
}

// differs: opened as a resumption from 0, which leaves the records alone. ESP-IDF erases the record of the passive slot here;
// then a refused image would change otadata, if not the boot choice.
esp_err_t ota_transaction_open(struct ota_update *update)
{
    size_t erase_size = update->erases_in_bulk ? 0 : OTA_WITH_SEQUENTIAL_WRITES;
    esp_err_t err = esp_ota_resume(update->staging, erase_size, 0, &update->ota);
    if (err != ESP_OK) {
        return err;
    }
    if (update->erases_in_bulk) {
        err = erase_for_image(update);
    }
    if (err == ESP_OK && update->final != update->staging) {
        err = esp_ota_set_final_partition(update->ota, update->final, update->copies_to_final);
    }
    if (err == ESP_OK) {
        ota_transaction_tune(update);
    } else {
        ota_transaction_abort(update);
    }
    return err;
}
