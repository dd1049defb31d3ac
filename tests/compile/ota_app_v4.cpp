// The same application as C++.
#include "ota_app_v4.c" // NOLINT: on purpose
