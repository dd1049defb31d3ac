/** A header that does not stand alone: the check must notice. */
#pragma once

esp_err_t needs_esp_err(void);
