// The same application as C++.
#include "ota_app_v5.c" // NOLINT: on purpose
