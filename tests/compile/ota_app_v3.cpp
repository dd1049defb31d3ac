// The same application as C++.
#include "ota_app_v3.c" // NOLINT: on purpose
