// The same application as C++.
#include "ota_app_native.c" // NOLINT: on purpose
