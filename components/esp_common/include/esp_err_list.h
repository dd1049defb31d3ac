/**
 * Every error code of this stack: value, name and one sentence for people.
 *
 * The one list behind esp_err_to_name(), the numbers of esp_err_codes.h and the messages of the CLI.
 * fact: names and values as in ESP-IDF (esp_err.h, esp_ota_ops.h, esp_image_format.h, esp_http_client.h,
 * esp_https_ota.h, esp_flash.h, nvs.h, esp_tls_errors.h); the sentences are ours.
 *
 * Use: #define X(name, value, text) ... / ESP_ERR_LIST(X) / #undef X
 */
#pragma once

#define ESP_ERR_LIST(X)                                                                            \
    X(ESP_OK, 0, "done")                                                                           \
    X(ESP_FAIL, -1, "failed")                                                                      \
    X(ESP_ERR_NO_MEM, 0x101, "out of memory")                                                      \
    X(ESP_ERR_INVALID_ARG, 0x102, "invalid argument")                                              \
    X(ESP_ERR_INVALID_STATE, 0x103, "not possible in this state")                                  \
    X(ESP_ERR_INVALID_SIZE, 0x104, "size out of range")                                            \
    X(ESP_ERR_NOT_FOUND, 0x105, "not found")                                                       \
    X(ESP_ERR_NOT_SUPPORTED, 0x106, "not supported")                                               \
    X(ESP_ERR_TIMEOUT, 0x107, "timed out")                                                         \
    X(ESP_ERR_INVALID_RESPONSE, 0x108, "invalid response")                                         \
    X(ESP_ERR_INVALID_CRC, 0x109, "checksum does not match")                                       \
    X(ESP_ERR_INVALID_VERSION, 0x10A, "made for another chip, chip revision or version")           \
    X(ESP_ERR_INVALID_MAC, 0x10B, "invalid MAC address")                                           \
    X(ESP_ERR_NOT_FINISHED, 0x10C, "not finished yet")                                             \
    X(ESP_ERR_NOT_ALLOWED, 0x10D, "not allowed")                                                   \
    X(ESP_ERR_NVS_BASE, 0x1100, "first code of the NVS family")                                    \
    X(ESP_ERR_NVS_NOT_INITIALIZED, 0x1101, "NVS is not initialised")                               \
    X(ESP_ERR_NVS_NOT_FOUND, 0x1102, "no such NVS key or namespace")                               \
    X(ESP_ERR_NVS_TYPE_MISMATCH, 0x1103, "the NVS value has another type")                         \
    X(ESP_ERR_NVS_READ_ONLY, 0x1104, "the NVS handle is read-only")                                \
    X(ESP_ERR_NVS_NOT_ENOUGH_SPACE, 0x1105, "the NVS partition is full")                           \
    X(ESP_ERR_NVS_INVALID_NAME, 0x1106, "invalid NVS namespace name")                              \
    X(ESP_ERR_NVS_INVALID_HANDLE, 0x1107, "the NVS handle is closed or was never open")            \
    X(ESP_ERR_NVS_REMOVE_FAILED, 0x1108, "the old NVS value could not be removed")                 \
    X(ESP_ERR_NVS_KEY_TOO_LONG, 0x1109, "the NVS key is longer than 15 characters")                \
    X(ESP_ERR_NVS_PAGE_FULL, 0x110A, "the NVS page is full")                                       \
    X(ESP_ERR_NVS_INVALID_STATE, 0x110B, "NVS is in an inconsistent state")                        \
    X(ESP_ERR_NVS_INVALID_LENGTH, 0x110C, "the buffer for the NVS value is too small")             \
    X(ESP_ERR_NVS_NO_FREE_PAGES, 0x110D, "NVS has no empty page; erase the partition")             \
    X(ESP_ERR_NVS_VALUE_TOO_LONG, 0x110E, "the NVS value is too long")                             \
    X(ESP_ERR_NVS_PART_NOT_FOUND, 0x110F, "no such NVS partition")                                 \
    X(ESP_ERR_NVS_NEW_VERSION_FOUND, 0x1110, "the NVS partition has a newer format")               \
    X(ESP_ERR_NVS_XTS_ENCR_FAILED, 0x1111, "NVS encryption failed")                                \
    X(ESP_ERR_NVS_XTS_DECR_FAILED, 0x1112, "NVS decryption failed")                                \
    X(ESP_ERR_NVS_XTS_CFG_FAILED, 0x1113, "NVS encryption could not be configured")                \
    X(ESP_ERR_NVS_XTS_CFG_NOT_FOUND, 0x1114, "no NVS encryption keys found")                       \
    X(ESP_ERR_NVS_ENCR_NOT_SUPPORTED, 0x1115, "NVS encryption is not supported")                   \
    X(ESP_ERR_NVS_KEYS_NOT_INITIALIZED, 0x1116, "the NVS key partition is empty")                  \
    X(ESP_ERR_NVS_CORRUPT_KEY_PART, 0x1117, "the NVS key partition is damaged")                    \
    X(ESP_ERR_NVS_CONTENT_DIFFERS, 0x1118, "the NVS value differs from the expected one")          \
    X(ESP_ERR_NVS_WRONG_ENCRYPTION, 0x1119, "the NVS partition is encrypted in another way")       \
    X(ESP_ERR_ULP_BASE, 0x1200, "first code of the ULP family")                                    \
    X(ESP_ERR_OTA_BASE, 0x1500, "first code of the OTA family")                                    \
    X(ESP_ERR_OTA_PARTITION_CONFLICT, 0x1501, "the target is the running partition")               \
    X(ESP_ERR_OTA_SELECT_INFO_INVALID, 0x1502, "otadata holds no usable record")                   \
    X(ESP_ERR_OTA_VALIDATE_FAILED, 0x1503, "the image is not valid")                               \
    X(ESP_ERR_OTA_SMALL_SEC_VER, 0x1504, "the image's secure version is below the device's")       \
    X(ESP_ERR_OTA_ROLLBACK_FAILED, 0x1505, "there is no other bootable image to roll back to")     \
    X(ESP_ERR_OTA_ROLLBACK_INVALID_STATE, 0x1506, "the running image has not been confirmed yet")  \
    X(ESP_ERR_OTA_ALREADY_IN_PROGRESS, 0x1507, "another update is writing to this partition")      \
    X(ESP_ERR_OTA_SPI_MODE_MISMATCH, 0x1508, "the image was built for another SPI flash mode")     \
    X(ESP_ERR_EFUSE, 0x1600, "first code of the eFuse family")                                     \
    X(ESP_OK_EFUSE_CNT, 0x1601, "the eFuse field is full")                                         \
    X(ESP_ERR_EFUSE_CNT_IS_FULL, 0x1602, "all bits of the eFuse field are burnt")                  \
    X(ESP_ERR_EFUSE_REPEATED_PROG, 0x1603, "the eFuse bit is already burnt")                       \
    X(ESP_ERR_CODING, 0x1604, "eFuse coding error")                                                \
    X(ESP_ERR_IMAGE_BASE, 0x2000, "first code of the image family")                                \
    X(ESP_ERR_IMAGE_FLASH_FAIL, 0x2001, "the image could not be read from flash")                  \
    X(ESP_ERR_IMAGE_INVALID, 0x2002, "not a valid image")                                          \
    X(ESP_ERR_WIFI_BASE, 0x3000, "first code of the Wi-Fi family")                                 \
    X(ESP_ERR_MESH_BASE, 0x4000, "first code of the mesh family")                                  \
    X(ESP_ERR_ESP_NETIF_BASE, 0x5000, "first code of the network interface family")                \
    X(ESP_ERR_FLASH_BASE, 0x6000, "first code of the flash family")                                \
    X(ESP_ERR_FLASH_OP_FAIL, 0x6001, "a flash operation failed")                                   \
    X(ESP_ERR_FLASH_OP_TIMEOUT, 0x6002, "a flash operation timed out")                             \
    X(ESP_ERR_FLASH_NOT_INITIALISED, 0x6003, "the flash chip is not initialised")                  \
    X(ESP_ERR_FLASH_UNSUPPORTED_HOST, 0x6004, "not supported by the flash host")                   \
    X(ESP_ERR_FLASH_UNSUPPORTED_CHIP, 0x6005, "not supported by the flash chip")                   \
    X(ESP_ERR_FLASH_PROTECTED, 0x6006, "the flash region is protected")                            \
    X(ESP_ERR_HTTP_BASE, 0x7000, "first code of the HTTP family")                                  \
    X(ESP_ERR_HTTP_MAX_REDIRECT, 0x7001, "too many redirects")                                     \
    X(ESP_ERR_HTTP_CONNECT, 0x7002, "could not connect to the server")                             \
    X(ESP_ERR_HTTP_WRITE_DATA, 0x7003, "the request could not be sent")                            \
    X(ESP_ERR_HTTP_FETCH_HEADER, 0x7004, "no valid response header arrived")                       \
    X(ESP_ERR_HTTP_INVALID_TRANSPORT, 0x7005, "the URL scheme is not supported")                   \
    X(ESP_ERR_HTTP_CONNECTING, 0x7006, "still connecting")                                         \
    X(ESP_ERR_HTTP_EAGAIN, 0x7007, "nothing arrived before the timeout")                           \
    X(ESP_ERR_HTTP_CONNECTION_CLOSED, 0x7008, "the server closed the connection")                  \
    X(ESP_ERR_HTTP_NOT_MODIFIED, 0x7009, "not modified since the last download")                   \
    X(ESP_ERR_HTTP_RANGE_NOT_SATISFIABLE, 0x700A, "the server refuses the requested range")        \
    X(ESP_ERR_HTTP_READ_TIMEOUT, 0x700B, "the body stopped arriving")                              \
    X(ESP_ERR_HTTP_INCOMPLETE_DATA, 0x700C, "the body ended early")                                \
    X(ESP_ERR_HTTP_REDIRECT_DOWNGRADE, 0x700D, "redirect from https to http refused")              \
    X(ESP_ERR_HTTP_HEADER_TOO_LONG, 0x700E, "a request header is too long")                        \
    X(ESP_ERR_ESP_TLS_BASE, 0x8000, "first code of the TLS family")                                \
    X(ESP_ERR_ESP_TLS_CANNOT_RESOLVE_HOSTNAME, 0x8001, "the host name cannot be resolved")         \
    X(ESP_ERR_ESP_TLS_CANNOT_CREATE_SOCKET, 0x8002, "no socket could be created")                  \
    X(ESP_ERR_ESP_TLS_UNSUPPORTED_PROTOCOL_FAMILY, 0x8003, "unsupported address family")           \
    X(ESP_ERR_ESP_TLS_FAILED_CONNECT_TO_HOST, 0x8004, "the connection was refused")                \
    X(ESP_ERR_ESP_TLS_SOCKET_SETOPT_FAILED, 0x8005, "a socket option could not be set")            \
    X(ESP_ERR_ESP_TLS_CONNECTION_TIMEOUT, 0x8006, "connecting timed out")                          \
    X(ESP_ERR_ESP_TLS_SE_FAILED, 0x8007, "secure element failure")                                 \
    X(ESP_ERR_ESP_TLS_TCP_CLOSED_FIN, 0x8008, "the peer closed the connection")                    \
    X(ESP_ERR_ESP_TLS_SERVER_HANDSHAKE_TIMEOUT, 0x8009, "the TLS handshake timed out")             \
    X(ESP_ERR_MBEDTLS_CERT_PARTLY_OK, 0x8010, "the certificate chain was parsed in part")          \
    X(ESP_ERR_MBEDTLS_CTR_DRBG_SEED_FAILED, 0x8011, "the random generator has no seed")            \
    X(ESP_ERR_MBEDTLS_SSL_SET_HOSTNAME_FAILED, 0x8012, "the TLS server name could not be set")     \
    X(ESP_ERR_MBEDTLS_SSL_CONFIG_DEFAULTS_FAILED, 0x8013, "TLS defaults could not be set")         \
    X(ESP_ERR_MBEDTLS_SSL_CONF_ALPN_PROTOCOLS_FAILED, 0x8014, "ALPN could not be set")             \
    X(ESP_ERR_MBEDTLS_X509_CRT_PARSE_FAILED, 0x8015, "the certificate could not be parsed")        \
    X(ESP_ERR_MBEDTLS_SSL_CONF_OWN_CERT_FAILED, 0x8016, "the client certificate was refused")      \
    X(ESP_ERR_MBEDTLS_SSL_SETUP_FAILED, 0x8017, "TLS could not be set up")                         \
    X(ESP_ERR_MBEDTLS_SSL_WRITE_FAILED, 0x8018, "TLS write failed")                                \
    X(ESP_ERR_MBEDTLS_PK_PARSE_KEY_FAILED, 0x8019, "the private key could not be parsed")          \
    X(ESP_ERR_MBEDTLS_SSL_HANDSHAKE_FAILED, 0x801A, "the TLS handshake failed")                    \
    X(ESP_ERR_MBEDTLS_SSL_CONF_PSK_FAILED, 0x801B, "the pre-shared key was refused")               \
    X(ESP_ERR_MBEDTLS_SSL_TICKET_SETUP_FAILED, 0x801C, "session tickets could not be set up")      \
    X(ESP_ERR_MBEDTLS_SSL_READ_FAILED, 0x801D, "TLS read failed")                                  \
    X(ESP_ERR_HTTPS_OTA_BASE, 0x9000, "first code of the HTTPS OTA family")                        \
    X(ESP_ERR_HTTPS_OTA_IN_PROGRESS, 0x9001, "the update goes on; call perform again")             \
    X(ESP_ERR_PING_BASE, 0xA000, "first code of the ping family")                                  \
    X(ESP_ERR_HTTPD_BASE, 0xB000, "first code of the HTTP server family")                          \
    X(ESP_ERR_HW_CRYPTO_BASE, 0xC000, "first code of the crypto hardware family")                  \
    X(ESP_ERR_MEMPROT_BASE, 0xD000, "first code of the memory protection family")                  \
    X(ESP_ERR_TCP_TRANSPORT_BASE, 0xE000, "first code of the TCP transport family")                \
    X(ESP_ERR_TCP_TRANSPORT_CONNECTION_TIMEOUT, 0xE001, "connecting timed out")                    \
    X(ESP_ERR_TCP_TRANSPORT_CONNECTION_CLOSED_BY_FIN, 0xE002, "the peer closed the connection")    \
    X(ESP_ERR_TCP_TRANSPORT_CONNECTION_FAILED, 0xE003, "the connection failed")                    \
    X(ESP_ERR_TCP_TRANSPORT_NO_MEM, 0xE004, "out of memory")                                       \
    X(ESP_ERR_NVS_SEC_BASE, 0xF000, "first code of the NVS security family")
