# What the HTTP client and the curl port parse themselves.
set(client ${PROJECT_SOURCE_DIR}/components/esp_http_client)
foreach(name IN ITEMS fuzz_http_location fuzz_http_syntax fuzz_http_head
        fuzz_http_content_range fuzz_http_retry_after)
    ota_fuzz(${name} SRCS ${name}.c ${client}/test/scripted_transport.c REQUIRES esp_http_client log
        PORTS port_curl $<$<TARGET_EXISTS:port_posix>:port_posix>)
    target_link_libraries(${name} PRIVATE CURL::libcurl OpenSSL::SSL OpenSSL::Crypto)
    target_include_directories(${name} PRIVATE ${client}/test ${client}/src ${PROJECT_SOURCE_DIR}/port/curl/src)
    target_compile_definitions(${name} PRIVATE _DEFAULT_SOURCE=1)
endforeach()
